// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: exits while attached, and what attached and detached share.
 *
 * While attached KVM owns LAPIC, timers and MMU of the vCPU. The payload serves only what needs
 * none of them; all else goes to KVM with VMCB and GPRs as the #VMEXIT left them.
 *
 * Speculation: the kernel's stub stuffs the return stack buffer and untrains returns for exits
 * that are forwarded. For exits served here that does not happen between #VMEXIT and the returns
 * of this code: a stated limit, the isolated page tables are what keeps host data out of reach.
 */
#include "cpuid.h"
#include "payload.h"
#include "ring.h"
#include "telemetry.h"

struct payload_call payload_call;

/**
 * struct payload_reason - static facts about an exit reason
 * @class:	exit class (that of MSR exits depends on EXITINFO1, too)
 * @length:	length of the instruction without prefixes, 0 if the payload must not finish it
 */
struct payload_reason {
	u8 class;
	u8 length;
};

/* By reason index. */
static const struct payload_reason payload_reasons[KVM_CARETAKER_NR_REASONS] = {
	[0 ... KVM_CARETAKER_NR_REASONS - 1] = { KVM_CARETAKER_CLASS_OTHER, 0 },
	[VMEXIT_RDTSC]		= { KVM_CARETAKER_CLASS_OTHER, 2 },
	[VMEXIT_RDPMC]		= { KVM_CARETAKER_CLASS_OTHER, 2 },
	[VMEXIT_CPUID]		= { KVM_CARETAKER_CLASS_CPUID, 2 },
	[VMEXIT_INVD]		= { KVM_CARETAKER_CLASS_OTHER, 2 },
	[VMEXIT_PAUSE]		= { KVM_CARETAKER_CLASS_PAUSE, 2 },
	[VMEXIT_HLT]		= { KVM_CARETAKER_CLASS_HLT, 1 },
	[VMEXIT_IOIO]		= { KVM_CARETAKER_CLASS_IO, 0 },
	[VMEXIT_MSR]		= { KVM_CARETAKER_CLASS_RDMSR, 2 },
	[VMEXIT_VMMCALL]	= { KVM_CARETAKER_CLASS_HYPERCALL, 3 },
	[VMEXIT_RDTSCP]		= { KVM_CARETAKER_CLASS_OTHER, 3 },
	[VMEXIT_WBINVD]		= { KVM_CARETAKER_CLASS_OTHER, 2 },
	[VMEXIT_MONITOR]	= { KVM_CARETAKER_CLASS_OTHER, 3 },
	[VMEXIT_MWAIT]		= { KVM_CARETAKER_CLASS_OTHER, 3 },
	[VMEXIT_XSETBV]		= { KVM_CARETAKER_CLASS_OTHER, 3 },
	[KVM_CARETAKER_REASON_NPF] = { KVM_CARETAKER_CLASS_MMIO, 0 },
};

static inline u64 next_rip(const struct vmcb *vmcb, u32 index)
{
	u32 length = payload_reasons[index].length;

	if (unlikely(!length))
		return index == VMEXIT_IOIO ? vmcb->info2 : 0;
	if (ccb.flags & KVM_CARETAKER_CCB_NRIPS)
		return vmcb->next_rip;
	return vmcb->rip + length;
}

/**
 * payload_next_rip() - guest RIP of the instruction after the exiting one
 * @vmcb:	VMCB in use
 * @index:	reason index
 *
 * For port I/O EXITINFO2 holds it (APM volume 2, 15.10.2); for other intercepted instructions
 * nRIP does, where the CPU has NRIPS (15.7.1). Without NRIPS the length of the plain encoding is
 * used. A prefixed instruction, such as REP CPUID, then continues in its own middle: the payload
 * cannot read guest memory to find prefixes. No CPU with nested paging and without NRIPS is sold;
 * this is for emulators, and compilers emit no such prefixes. For nested page faults, see mmio.c.
 *
 * Return: the RIP, or 0 when it is not known, and the instruction must not be skipped.
 */
u64 payload_next_rip(const struct vmcb *vmcb, u32 index)
{
	return next_rip(vmcb, index);
}

static inline u32 reason_class(const struct vmcb *vmcb, u32 index)
{
	u32 class = payload_reasons[index].class;

	if (class == KVM_CARETAKER_CLASS_RDMSR && (vmcb->info1 & VMCB_MSR_WRITE))
		class = KVM_CARETAKER_CLASS_WRMSR;
	return class;
}

/**
 * payload_handlers_begin() - what of the calls of handlers stays the same from one exit to the next
 * @vmcb:	VMCB in use
 *
 * Context: before the first VMRUN on that VMCB: at each attached entry, and when a gap begins. The
 * guest's TSC offset is KVM's to change while attached, nobody's in the gap.
 */
void payload_handlers_begin(const struct vmcb *vmcb)
{
	payload_call.exit = (u64)&ccb.exit;
	ccb.exit.tsc_offset = vmcb->tsc_offset;
}

/**
 * payload_enter_attached() - KVM gives the vCPU to the payload
 */
void payload_enter_attached(void)
{
	payload_handlers_begin(payload_vmcb());
	payload_exit_ends();
}

static inline void exit_fill(const struct vmcb *vmcb, const struct kvm_caretaker_telemetry *t)
{
	struct kvm_caretaker_exit *exit = &ccb.exit;

	exit->reason = vmcb->exit_code;
	exit->info1 = vmcb->info1;
	exit->info2 = vmcb->info2;
	exit->rip = vmcb->rip;
	exit->rflags = vmcb->rflags;
	exit->cr4 = vmcb->cr4;
	exit->tsc = t->tsc_last;
	exit->guest_tsc = t->ledger[KVM_CARETAKER_TIME_GUEST];
	exit->gpr[KVM_CARETAKER_RAX] = vmcb->rax;
	exit->gpr[KVM_CARETAKER_RSP] = vmcb->rsp;
}

static inline void handler_begins(const struct vmcb *vmcb, u64 class)
{
	/* In a register that holds no argument of what is called next */
	register struct kvm_caretaker_telemetry *t asm("r9") = payload_telemetry();
	u64 use = payload_hide(class * sizeof(*t->classes));

	asm("" : "+r" (t));
	payload_call.use = use;
	((struct kvm_caretaker_class_use *)((void *)t->classes + use))->calls++;
	exit_fill(vmcb, t);
}

/* The arguments are those of what it calls: the hot path moves none. */
static noinline u32
handler_call(const struct vmcb *vmcb, u32 index, u64 next, u64 class,
	     const struct kvm_caretaker_handlers *handlers)
{
	handler_begins(vmcb, class);
	return payload_handler_enter_attached(vmcb, index, next, class, handlers);
}

/**
 * payload_has_handler() - whether there is a handler for an exit
 * @vmcb:	VMCB in use
 * @index:	reason index
 */
bool payload_has_handler(const struct vmcb *vmcb, u32 index)
{
	return payload_handlers()->entry[reason_class(vmcb, index)];
}

/**
 * payload_handler() - while detached: give an exit to its handler
 * @vmcb:	VMCB in use
 * @index:	reason index, of an exit for which there is a handler
 * @next:	guest RIP after the exiting instruction, not 0
 *
 * A handler is only asked about exits whose instruction can be finished (@next is known): its
 * HANDLED could not be honoured otherwise, and what it did for the exit would be done twice.
 *
 * Return: what the function that acts on the verdict returns.
 */
u32 payload_handler(const struct vmcb *vmcb, u32 index, u64 next)
{
	u32 class = reason_class(vmcb, index);

	handler_begins(vmcb, class);
	return payload_handler_enter_detached(vmcb, index, next, class, payload_handlers());
}

static noinline u32 attached_forward(u32 index)
{
	if (payload_traces(EXIT))
		payload_ring_exit(payload_vmcb(), KVM_CARETAKER_KVM);
	payload_exit_pends(index, KVM_CARETAKER_KVM);
	ccb.seen = payload_handlers()->generation;
	return PAYLOAD_LEAVE;
}

/*
 * Not to be finished, or not before it is known how: apart from the hot path, which saves no
 * registers for it.
 */
static noinline u32 attached_unfinished(u32 index)
{
	const struct kvm_caretaker_handlers *handlers = payload_handlers();
	const struct vmcb *vmcb = payload_vmcb();
	u64 next = 0;

	if (index == KVM_CARETAKER_REASON_NPF && handlers->entry[KVM_CARETAKER_CLASS_MMIO] &&
	    !payload_must_not_finish(vmcb))
		next = payload_mmio_begin(vmcb);
	if (!next)
		return attached_forward(index);
	return handler_call(vmcb, index, next, KVM_CARETAKER_CLASS_MMIO, handlers);
}

/* What the guest sees of an exit that is served */
static inline void attached_finish(struct vmcb *vmcb, u64 next)
{
	payload_skip(vmcb, next);
	payload_reentry(vmcb, 0);
}

/* Reached by tail calls, so that the hot path saves no registers for the event. */
static noinline u32
attached_enter_traced(struct vmcb *vmcb, u64 index, u64 next, enum kvm_caretaker_server server)
{
	payload_ring_exit(vmcb, server);
	attached_finish(vmcb, next);
	return payload_exit_served(index, server, false);
}

static __always_inline u32
attached_enter(struct vmcb *vmcb, u64 index, u64 next, enum kvm_caretaker_server server)
{
	if (payload_traces(EXIT))
		return attached_enter_traced(vmcb, index, next, server);
	attached_finish(vmcb, next);
	return payload_exit_served(index, server, false);
}

/* For a reason with a fixed slot, served here */
static __always_inline u32 attached_enter_at(struct vmcb *vmcb, u32 index, u64 next, u32 slot)
{
	if (payload_traces(EXIT))
		return attached_enter_traced(vmcb, index, next, KVM_CARETAKER_NATIVE);
	attached_finish(vmcb, next);
	return payload_exit_served_at(slot, KVM_CARETAKER_NATIVE);
}

/* All but CPUID; apart from it so that the hot path saves no registers. */
static noinline u32 attached_native(struct vmcb *vmcb, u32 index, u64 next)
{
	bool read = index == VMEXIT_MSR && !(vmcb->info1 & VMCB_MSR_WRITE);

	if (read && payload_rdmsr(vmcb, KVM_CARETAKER_MSR_READ))
		return attached_enter_at(vmcb, VMEXIT_MSR, next, KVM_CARETAKER_SLOT_MSR);
	if (index == VMEXIT_PAUSE)
		return attached_enter(vmcb, index, next, KVM_CARETAKER_NATIVE);
	return attached_forward(index);
}

static __always_inline u32 attached_serve(struct vmcb *vmcb, u32 index, u64 next)
{
	if (unlikely(index != VMEXIT_CPUID))
		return attached_native(vmcb, index, next);
	if (unlikely(!payload_cpuid(vmcb)))
		return attached_forward(index);
	return attached_enter_at(vmcb, VMEXIT_CPUID, next, KVM_CARETAKER_SLOT_CPUID);
}

/* One copy in the hot path, one for what a handler left to it. */
static noinline u32 attached_next(struct vmcb *vmcb, u32 index, u64 next)
{
	return attached_serve(vmcb, index, next);
}

/**
 * payload_exit_attached() - serve or forward one exit
 *
 * Called by the run loop after each #VMEXIT, GPRs stored, GIF=0. An exit in the middle of event
 * delivery (EXITINTINFO valid) is KVM's, and so is every exit of a guest that is single-stepped:
 * the #DB that follows a skipped instruction has to be emulated.
 *
 * Return: enum payload_action.
 */
u32 payload_exit_attached(void)
{
	struct vmcb *vmcb = payload_exit_begins();
	u32 index = payload_reason_index(vmcb->exit_code);
	const struct kvm_caretaker_handlers *handlers;
	u64 next = next_rip(vmcb, index);
	u32 class;

	if (unlikely(!next || payload_must_not_finish(vmcb)))
		return attached_unfinished(index);
	handlers = payload_handlers();
	class = reason_class(vmcb, index);
	if (unlikely(handlers->entry[class]))
		return handler_call(vmcb, index, next, class, handlers);
	return attached_serve(vmcb, index, next);
}

/*
 * The LAPIC is KVM's, and so are interrupts that a handler asked for: they stay where they are, and
 * after an exit that was served here there is one more for KVM, as by an interrupt of the host.
 */
static noinline u32 attached_requests(u32 action)
{
	payload_mmio_end(payload_vmcb(), false);
	payload_emit_requested();
	if (action != PAYLOAD_ENTER || !ccb.exit.requests)
		return action;
	payload_vmcb()->exit_code = VMEXIT_INTR;
	return attached_forward(VMEXIT_INTR);
}

static u32 attached_not_handled(u32 verdict)
{
	u32 index = payload_call.index;

	payload_verdict_edge();
	if (verdict == KVM_CARETAKER_NEXT)
		return attached_next(payload_vmcb(), index, payload_call.next);
	if (verdict == KVM_CARETAKER_FUEL)
		payload_telemetry()->fuel_out++;
	return attached_forward(index);
}

/**
 * payload_handled_attached() - the handler said HANDLED
 *
 * Context: after the handler, by payload_handler_enter_attached(). Of what it wrote the GPRs other
 * than RSP count; what it asked for by kfuncs counts with any verdict.
 * Return: PAYLOAD_ENTER.
 */
u32 payload_handled_attached(void)
{
	struct vmcb *vmcb = payload_vmcb();
	u64 index = payload_call.index;

	vmcb->rax = ccb.exit.gpr[KVM_CARETAKER_RAX];
	return attached_enter(vmcb, payload_hide(index), payload_call.next, KVM_CARETAKER_HANDLER);
}

/**
 * payload_requests_attached() - the handler said HANDLED, and there is more to do
 *
 * It asked for something by kfuncs, or the exit is an access to memory.
 *
 * Return: PAYLOAD_ENTER or PAYLOAD_LEAVE.
 */
u32 payload_requests_attached(void)
{
	payload_mmio_end(payload_vmcb(), true);
	return attached_requests(payload_handled_attached());
}

/**
 * payload_verdict_attached() - act on what the handler said when it is not HANDLED
 * @verdict:	enum kvm_caretaker_verdict, or any other value
 *
 * Context: as payload_handled_attached(). What the handler wrote to GPRs is undone.
 * Return: PAYLOAD_ENTER or PAYLOAD_LEAVE.
 */
u32 payload_verdict_attached(u32 verdict)
{
	u32 action = attached_not_handled(verdict);

	return ccb.exit.requests ? attached_requests(action) : action;
}
