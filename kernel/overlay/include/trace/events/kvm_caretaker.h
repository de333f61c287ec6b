/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: tracepoints. A VM is named by its identity, which survives kexec, not by a pid.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_caretaker

#if !defined(_TRACE_KVM_CARETAKER_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_KVM_CARETAKER_H

#include <linux/tracepoint.h>

TRACE_EVENT(caretaker_install,
	TP_PROTO(u64 vm_id, u32 vcpu, u32 pcpu, u32 generation, bool handlers),
	TP_ARGS(vm_id, vcpu, pcpu, generation, handlers),
	TP_STRUCT__entry(
		__field(u64, vm_id)
		__field(u32, vcpu)
		__field(u32, pcpu)
		__field(u32, generation)
		__field(bool, handlers)
	),
	TP_fast_assign(
		__entry->vm_id = vm_id;
		__entry->vcpu = vcpu;
		__entry->pcpu = pcpu;
		__entry->generation = generation;
		__entry->handlers = handlers;
	),
	TP_printk("vm %016llx vcpu %u pcpu %u generation %u handlers %s", __entry->vm_id,
		  __entry->vcpu, __entry->pcpu, __entry->generation,
		  __entry->handlers ? "yes" : "no")
);

TRACE_EVENT(caretaker_preserve,
	TP_PROTO(u64 vm_id, u32 vcpus, u64 npt_pages),
	TP_ARGS(vm_id, vcpus, npt_pages),
	TP_STRUCT__entry(
		__field(u64, vm_id)
		__field(u64, npt_pages)
		__field(u32, vcpus)
	),
	TP_fast_assign(
		__entry->vm_id = vm_id;
		__entry->npt_pages = npt_pages;
		__entry->vcpus = vcpus;
	),
	TP_printk("vm %016llx vcpus %u npt_pages %llu", __entry->vm_id, __entry->vcpus,
		  __entry->npt_pages)
);

/* @pause_ns: how long the vCPU stood still. */
DECLARE_EVENT_CLASS(caretaker_move,
	TP_PROTO(u64 vm_id, u32 vcpu, u32 apic_id, u64 pause_ns),
	TP_ARGS(vm_id, vcpu, apic_id, pause_ns),
	TP_STRUCT__entry(
		__field(u64, vm_id)
		__field(u64, pause_ns)
		__field(u32, vcpu)
		__field(u32, apic_id)
	),
	TP_fast_assign(
		__entry->vm_id = vm_id;
		__entry->pause_ns = pause_ns;
		__entry->vcpu = vcpu;
		__entry->apic_id = apic_id;
	),
	TP_printk("vm %016llx vcpu %u apic_id %u pause_ns %llu", __entry->vm_id, __entry->vcpu,
		  __entry->apic_id, __entry->pause_ns)
);

DEFINE_EVENT(caretaker_move, caretaker_detach,
	TP_PROTO(u64 vm_id, u32 vcpu, u32 apic_id, u64 pause_ns),
	TP_ARGS(vm_id, vcpu, apic_id, pause_ns));
DEFINE_EVENT(caretaker_move, caretaker_cancel,
	TP_PROTO(u64 vm_id, u32 vcpu, u32 apic_id, u64 pause_ns),
	TP_ARGS(vm_id, vcpu, apic_id, pause_ns));
DEFINE_EVENT(caretaker_move, caretaker_adopt,
	TP_PROTO(u64 vm_id, u32 vcpu, u32 apic_id, u64 pause_ns),
	TP_ARGS(vm_id, vcpu, apic_id, pause_ns));

/* A stall of the gap: emitted when the vCPU is back, for no kernel was there when it happened. */
TRACE_EVENT(caretaker_stall,
	TP_PROTO(u64 vm_id, u32 vcpu, u64 reason, u64 info1, u64 rip, u64 ns),
	TP_ARGS(vm_id, vcpu, reason, info1, rip, ns),
	TP_STRUCT__entry(
		__field(u64, vm_id)
		__field(u64, reason)
		__field(u64, info1)
		__field(u64, rip)
		__field(u64, ns)
		__field(u32, vcpu)
	),
	TP_fast_assign(
		__entry->vm_id = vm_id;
		__entry->reason = reason;
		__entry->info1 = info1;
		__entry->rip = rip;
		__entry->ns = ns;
		__entry->vcpu = vcpu;
	),
	TP_printk("vm %016llx vcpu %u reason 0x%llx info1 0x%llx rip 0x%llx ns %llu",
		  __entry->vm_id, __entry->vcpu, __entry->reason, __entry->info1, __entry->rip,
		  __entry->ns)
);

TRACE_EVENT(caretaker_fault,
	TP_PROTO(u64 vm_id, u32 vcpu, u64 fault, u64 rip, u64 addr),
	TP_ARGS(vm_id, vcpu, fault, rip, addr),
	TP_STRUCT__entry(
		__field(u64, vm_id)
		__field(u64, fault)
		__field(u64, rip)
		__field(u64, addr)
		__field(u32, vcpu)
	),
	TP_fast_assign(
		__entry->vm_id = vm_id;
		__entry->fault = fault;
		__entry->rip = rip;
		__entry->addr = addr;
		__entry->vcpu = vcpu;
	),
	TP_printk("vm %016llx vcpu %u fault 0x%llx rip 0x%llx addr 0x%llx", __entry->vm_id,
		  __entry->vcpu, __entry->fault, __entry->rip, __entry->addr)
);

#endif /* _TRACE_KVM_CARETAKER_H */

#include <trace/define_trace.h>
