/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: what its files share.
 *
 * One copy of the image, and so of all data here, belongs to one vCPU. Data is reached relative to
 * RIP alone: GS belongs to the guest, and the image has no relocations.
 *
 * Files that run no privileged instruction (dispatch.c, native.c, lapic.c, inject.c, timer.c,
 * apic.c, mc.c, ipi.c, hypercall.c, mmio.c, gap.c, telemetry.c) are also built hosted
 * (PAYLOAD_HOSTED) for the unit tests, which bring their own run.c, host.c and clock.
 */
#ifndef PAYLOAD_PAYLOAD_H
#define PAYLOAD_PAYLOAD_H

#include <linux/kvm_caretaker_ccb.h>
#include "types.h"
#include "vmcb.h"

/* What the benchmark compares with: exits that are served here neither counted, timed nor traced */
#ifdef PAYLOAD_UNCOUNTED
#define PAYLOAD_COUNTS		0
#else
#define PAYLOAD_COUNTS		1
#endif

#define PAYLOAD_VECTOR_NMI	2
#define PAYLOAD_VECTOR_PF	14
#define PAYLOAD_VECTOR_MC	18
#define PAYLOAD_VECTOR_SX	30	/* an INIT, redirected (AMD64 APM volume 2, 15.30.1) */

/* What an exit function tells the assembly loop. ENTER is 0: one test decides the common case. */
enum payload_action {
	PAYLOAD_ENTER	= 0,	/* VMRUN again */
	PAYLOAD_LEAVE	= 1,	/* attached: to KVM; detached: park */
};

/**
 * struct payload_call - an exit on its way through a handler
 * @exit:	address of ccb.exit: the handler's argument is the address of this
 * @entry:	address of the compiled handler
 * @next:	guest RIP of the instruction after the exiting one
 * @use:	telemetry of the handler's class: bytes from classes
 * @index:	index of the exit reason in the tables
 */
struct payload_call {
	u64 exit;
	u64 entry;
	u64 next;
	u64 use;
	u32 index;
};

extern struct kvm_caretaker_ccb ccb;
extern struct payload_call payload_call;

/* handler.S: calls the handler, undoes its GPR writes unless HANDLED, acts on its verdict. */
u32 payload_handler_enter_attached(const struct vmcb *vmcb, u32 index, u64 next, u64 class,
				   const struct kvm_caretaker_handlers *handlers);
u32 payload_handler_enter_detached(const struct vmcb *vmcb, u32 index, u64 next, u64 class,
				   const struct kvm_caretaker_handlers *handlers);

/* dispatch.c */
void payload_handlers_begin(const struct vmcb *vmcb);
void payload_enter_attached(void);
u32 payload_exit_attached(void);
u32 payload_handled_attached(void);
u32 payload_requests_attached(void);
u32 payload_verdict_attached(u32 verdict);
bool payload_has_handler(const struct vmcb *vmcb, u32 index);
u32 payload_handler(const struct vmcb *vmcb, u32 index, u64 next);
u64 payload_next_rip(const struct vmcb *vmcb, u32 index);

/* native.c */
void payload_cpuid_detached(struct vmcb *vmcb);
void payload_rdtsc_detached(struct vmcb *vmcb);
bool payload_rdtscp_detached(struct vmcb *vmcb);
bool payload_mwait_is_nop(void);
u64 payload_cr4_begin(struct vmcb *vmcb);
void payload_cr4_end(struct vmcb *vmcb);
bool payload_rdmsr(struct vmcb *vmcb, u32 may);
void payload_rdmsr_result(struct vmcb *vmcb, u64 value);

/* lapic.c */
bool payload_lapic_read(const struct vmcb *vmcb, u32 msr, u64 *value);
bool payload_lapic_write(struct vmcb *vmcb, u32 msr, u64 value);
void payload_lapic_park(const struct vmcb *vmcb);
u32 payload_lapic_deliverable(const struct vmcb *vmcb);
u32 payload_lapic_held_by_tpr(void);
void payload_lapic_accept(u32 vector);
void payload_lapic_raise(u32 vector);
void payload_lapic_timer_fires(void);
bool payload_lapic_deadline_mode(void);

/* inject.c */
void payload_inject_look(void);
void payload_inject(struct vmcb *vmcb);
void payload_inject_requested(void);
bool payload_inject_wakes(const struct vmcb *vmcb);
void payload_inject_begin(struct vmcb *vmcb);
void payload_inject_park(struct vmcb *vmcb);
void payload_nmi_raise(void);
void payload_nmi_iret(const struct vmcb *vmcb);
void payload_nmi_progress(const struct vmcb *vmcb);
void payload_unhalt(void);
bool payload_unhalt_take(void);

/* ipi.c */
bool payload_icr_write(u64 value);
bool payload_mail_waits(void);
void payload_mail_take(void);
void payload_mail_return(void);

/* hypercall.c */
bool payload_hypercall(struct vmcb *vmcb);

/* mmio.c */
u64 payload_mmio_begin(const struct vmcb *vmcb);
void payload_mmio_end(struct vmcb *vmcb, bool handled);

/* timer.c */
bool payload_timer_check(void);
bool payload_timer_due(void);
void payload_timer_soon(void);
void payload_timer_arm(void);
bool payload_timer_lvt_write(u32 value);
bool payload_timer_count_write(u32 value);
bool payload_timer_count_read(u64 *value);
bool payload_timer_divider_write(u32 value);
u64 payload_deadline_read(void);
void payload_deadline_write(const struct vmcb *vmcb, u64 value);

/* apic.c */
void payload_apic_enable(void);
void payload_apic_disable(void);
void payload_apic_timer(u64 target);
void payload_apic_kick(u32 apic_id);
bool payload_apic_in_service(u32 vector);
void payload_apic_event(u32 vector);

/* mc.c */
bool payload_mc_came(void);
bool payload_mc_survived(u64 *addr);

/* gap.c */
void payload_prepare(struct vmcb *vmcb);
bool payload_wanted(void);
u32 payload_exit_detached(void);
u32 payload_handled_detached(void);
u32 payload_verdict_detached(u32 verdict);
void payload_halted(const struct vmcb *vmcb);
void payload_event_begin(const struct vmcb *vmcb);
void payload_event_park(struct vmcb *vmcb);

/* host.c; the unit tests bring their own */
u32 payload_host_read(u32 offset);
void payload_host_write(u32 offset, u32 value);
void payload_host_deadline(u64 tsc);
void payload_host_ipi(u32 apic_id, u32 vector);
u64 payload_host_msr(u32 msr);
void payload_host_msr_set(u32 msr, u64 value);

/* run.c; the unit tests bring their own */
void payload_window(void);
void payload_idle(void);
void payload_spin(void);
void payload_fault_exit(u64 fault, u64 rip, u64 addr) __noreturn;

/**
 * payload_tsc() - the host TSC
 *
 * Not ordered against other instructions: VMRUN and #VMEXIT, HLT and interrupts do that.
 */
#ifdef PAYLOAD_HOSTED
u64 payload_tsc(void);
#else
static inline u64 payload_tsc(void)
{
	u64 low, high;

	/* Clears the upper halves of both registers. */
	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | high << 32;
}
#endif

static inline struct vmcb *payload_vmcb(void)
{
	return (struct vmcb *)ccb.vmcb;
}

static inline struct kvm_caretaker_telemetry *payload_telemetry(void)
{
	return (struct kvm_caretaker_telemetry *)ccb.telemetry;
}

static inline const struct kvm_caretaker_meta *payload_meta(void)
{
	return (const struct kvm_caretaker_meta *)ccb.meta;
}

static inline const struct kvm_caretaker_handlers *payload_handlers(void)
{
	return (const struct kvm_caretaker_handlers *)load_acquire(&ccb.handlers);
}

/**
 * payload_reason_index() - index of an exit code in class, length and telemetry tables
 * @code:	SVM exit code
 *
 * Return: as described at KVM_CARETAKER_NR_REASONS.
 */
static inline u32 payload_reason_index(u64 code)
{
	if (likely(code < KVM_CARETAKER_REASON_NPF))
		return code;
	if (code - VMEXIT_NPF < KVM_CARETAKER_REASON_OTHER - KVM_CARETAKER_REASON_NPF)
		return KVM_CARETAKER_REASON_NPF + (code - VMEXIT_NPF);
	return KVM_CARETAKER_REASON_OTHER;
}

/* Single-stepped, or in the middle of event delivery: see the exit functions. */
static inline bool payload_must_not_finish(const struct vmcb *vmcb)
{
	return (vmcb->exit_int_info & VMCB_EVENT_VALID) || (vmcb->rflags & RFLAGS_TF);
}

/**
 * payload_skip() - finish the exiting instruction
 * @vmcb:	VMCB in use
 * @next:	guest RIP after it
 *
 * With the instruction ends the interrupt shadow of the one before it.
 */
static inline void payload_skip(struct vmcb *vmcb, u64 next)
{
	vmcb->rip = next;
	vmcb->int_state &= ~VMCB_INT_SHADOW;
}

/**
 * payload_reentry() - make a VMCB fit for one more VMRUN
 * @vmcb:	VMCB in use
 * @event:	value of EVENTINJ, 0 for none
 *
 * What KVM asked for once (TLB flush, event) must not happen twice. next_rip is zeroed because
 * hardware without NRIPS leaves a stale value in it.
 */
static inline void payload_reentry(struct vmcb *vmcb, u32 event)
{
	vmcb->flush &= VMCB_FLUSH_KEEP;
	vmcb->event_inj = event;
	vmcb->next_rip = 0;
	vmcb->clean = VMCB_CLEAN_REENTRY;
}

/*
 * The payload's only way to change ccb.state. A move that the table in the uapi header does not
 * give to the payload does not compile.
 */
#define payload_move(from, to) ({							\
	_Static_assert(KVM_CARETAKER_MAY_MOVE(KVM_CARETAKER_PAYLOAD_MOVES,		\
					      KVM_CARETAKER_##from, KVM_CARETAKER_##to),	\
		       "not a move of the payload: " #from " to " #to);			\
	payload_state_change(KVM_CARETAKER_##from, KVM_CARETAKER_##to);			\
})

static inline bool payload_state_change(u32 from, u32 to)
{
	return __atomic_compare_exchange_n(&ccb.state, &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline u32 payload_state(void)
{
	return load_acquire(&ccb.state);
}

#endif /* PAYLOAD_PAYLOAD_H */
