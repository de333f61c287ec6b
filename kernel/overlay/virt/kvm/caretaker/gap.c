// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the handshake between kernel and payload.
 *
 * Every step is synchronous: write, wait for the payload's answer, give up after a time limit.
 * Before the doorbell nothing has happened to the vCPU, so a failure means "still in KVM". After
 * it the guest runs in the Caretaker, and a failure to get it back means "still running there".
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>

#include <asm/caretaker.h>
#include <asm/msr.h>

#include <trace/events/kvm_caretaker.h>

#include "caretaker.h"

#define ARM_TIMEOUT_MS		5000
#define RING_TIMEOUT_MS		2000
#define RING_KICK_AGAIN_MS	20
#define PARK_TIMEOUT_MS		2000
#define HALT_TIMEOUT_MS		5000
#define RETURN_DELAY		(HZ / 5)
/* A kick can hit the payload between its look at the state and VMRUN: repeat it. */
#define KICK_INTERVAL_US	200

/* Handlers that this kernel did not verify are not asked any more once it has the vCPU. */
static bool forward_only;
module_param_named(caretaker_forward_only, forward_only, bool, 0644);

/**
 * caretaker_move - make a move of the state machine
 * @b:		the block
 * @from:	state that it must be in
 * @to:		new state
 *
 * Return: 0, -EBUSY when the state is another one, -EINVAL for a move that is not the kernel's.
 */
int caretaker_move(struct caretaker_block *b, u32 from, u32 to)
{
	if (WARN_ON_ONCE(!KVM_CARETAKER_MAY_MOVE(KVM_CARETAKER_KERNEL_MOVES, from, to)))
		return -EINVAL;
	return cmpxchg(&b->ccb->state, from, to) == from ? 0 : -EBUSY;
}

static int wait_pcpu(struct caretaker_block *b, u32 want, unsigned int ms)
{
	ktime_t end = ktime_add_ms(ktime_get(), ms);

	/* Pairs with the payload's release: what it wrote before is visible. */
	while (smp_load_acquire(&b->ccb->pcpu) != want) {
		if (ktime_after(ktime_get(), end))
			return -ETIMEDOUT;
		usleep_range(50, 200);
	}
	return 0;
}

/**
 * caretaker_arm - take the pCPU out of the host and into the payload, empty
 * @b:		the block
 *
 * Context: may sleep, takes the CPU hotplug locks; without vcpu->mutex: the vCPU runs on.
 * Return: 0; -EBUSY while the pCPU is still on its way back from the last time; -ETIMEDOUT or
 * an error of the hotplug core.
 */
int caretaker_arm(struct caretaker_block *b)
{
	struct caretaker_cpu_entry to = {
		.entry = caretaker_block_va(b, (void *)b->ccb) + b->ccb->entry_detached,
		.ccb = caretaker_block_va(b, (void *)b->ccb),
	};
	int r;

	flush_delayed_work(&b->online);
	if (b->ccb->pcpu != KVM_CARETAKER_PCPU_NONE)
		return -EBUSY;
	b->ccb->doorbell = KVM_CARETAKER_BELL_NONE;
	b->ccb->kicked = 0;
	WRITE_ONCE(b->ccb->pcpu, KVM_CARETAKER_PCPU_COMING);
	caretaker_block_get(b);
	r = caretaker_cpu_offline(b->pcpu, &to);
	if (r) {
		WRITE_ONCE(b->ccb->pcpu, KVM_CARETAKER_PCPU_NONE);
		caretaker_block_put(b);
		return r;
	}
	/* A CPU that does not answer is lost; the block stays, it may be in there. */
	return wait_pcpu(b, KVM_CARETAKER_PCPU_ARMED, ARM_TIMEOUT_MS);
}

/**
 * caretaker_disarm - send an armed pCPU back without having run a guest
 * @b:		the block
 */
void caretaker_disarm(struct caretaker_block *b)
{
	/* Pairs with the acquire of the armed payload, which the kick wakes. */
	smp_store_release(&b->ccb->doorbell, KVM_CARETAKER_BELL_HALT);
	caretaker_cpu_kick(b->apic_id);
	caretaker_pcpu_return_later(b);
}

/* One more kick when the last one is some time ago. */
static void kick_again(struct caretaker_block *b, ktime_t *last)
{
	ktime_t now = ktime_get();

	if (ktime_before(now, ktime_add_us(*last, KICK_INTERVAL_US)))
		return;
	caretaker_cpu_kick(b->apic_id);
	*last = now;
}

/**
 * caretaker_ring - hand the copied vCPU over
 * @b:		the block, state DETACHING
 *
 * To be followed by caretaker_ring_wait(). Apart from it so that several vCPUs go on at once.
 */
void caretaker_ring(struct caretaker_block *b)
{
	/* Pairs with the acquire of the armed payload: it sees the whole copied vCPU. */
	smp_store_release(&b->ccb->doorbell, KVM_CARETAKER_BELL_RUN);
	caretaker_cpu_kick(b->apic_id);
}

/**
 * caretaker_ring_wait - wait until the Caretaker has taken its vCPU
 * @b:		the block, after caretaker_ring()
 *
 * Context: vcpu->mutex held; busy-waits, because the guest stands still.
 * Return: 0: the guest runs in the Caretaker. -ETIMEDOUT, -EIO: it does not and has not run,
 * state is ATTACHED again.
 */
int caretaker_ring_wait(struct caretaker_block *b)
{
	ktime_t end = ktime_add_ms(ktime_get(), RING_TIMEOUT_MS);
	/* One kick should do; a second one that comes late would count as stray. */
	ktime_t last = ktime_add_ms(ktime_get(), RING_KICK_AGAIN_MS);

	/* Pairs with the release of the payload's move. */
	while (smp_load_acquire(&b->ccb->state) == KVM_CARETAKER_DETACHING) {
		bool dead = READ_ONCE(b->ccb->pcpu) == KVM_CARETAKER_PCPU_HALTED;

		if ((dead || ktime_after(ktime_get(), end)) &&
		    !caretaker_move(b, KVM_CARETAKER_DETACHING, KVM_CARETAKER_ATTACHED))
			return dead ? -EIO : -ETIMEDOUT;
		kick_again(b, &last);
		cpu_relax();
	}
	/* The payload makes the state RUNNING before its first VMRUN: FAULTED here lost nothing. */
	if (READ_ONCE(b->telemetry->tsc_run) == 0 &&
	    !caretaker_move(b, KVM_CARETAKER_FAULTED, KVM_CARETAKER_EMPTY)) {
		caretaker_move(b, KVM_CARETAKER_EMPTY, KVM_CARETAKER_ATTACHED);
		return -EIO;
	}
	return 0;
}

/* Asks for the vCPU from whichever detached state it is in. */
static int reclaim_move(struct caretaker_block *b)
{
	if (!caretaker_move(b, KVM_CARETAKER_RUNNING, KVM_CARETAKER_ADOPTING) ||
	    !caretaker_move(b, KVM_CARETAKER_STALLED, KVM_CARETAKER_ADOPTING) ||
	    !caretaker_move(b, KVM_CARETAKER_RUNNING, KVM_CARETAKER_ADOPTING))
		return 0;
	/* An earlier attempt may have asked already and run out of time. */
	switch (READ_ONCE(b->ccb->state)) {
	case KVM_CARETAKER_ADOPTING:
	case KVM_CARETAKER_PARKED:
		return 0;
	case KVM_CARETAKER_FAULTED:
		return -EIO;
	}
	return -EBUSY;
}

/**
 * caretaker_reclaim_ask - ask a detached Caretaker for its vCPU
 * @b:		the block
 *
 * To be followed by caretaker_reclaim_wait(). Apart from it so that several vCPUs stop at once.
 *
 * Return: 0; -EIO when the Caretaker has FAULTED; -EBUSY when the vCPU is not detached.
 */
int caretaker_reclaim_ask(struct caretaker_block *b)
{
	int r;

	b->telemetry->tsc_kick = rdtsc();
	r = reclaim_move(b);
	if (!r)
		caretaker_cpu_kick(b->apic_id);
	return r;
}

/**
 * caretaker_reclaim_wait - get the vCPU's state back from a detached Caretaker
 * @b:		the block, after caretaker_reclaim_ask() that gave 0
 *
 * Context: vcpu->mutex held; busy-waits, because the guest stands still.
 * Return: 0 with state PARKED; -EIO when the Caretaker has FAULTED; -ETIMEDOUT when it does not
 * answer: the vCPU is still its.
 */
int caretaker_reclaim_wait(struct caretaker_block *b)
{
	ktime_t end = ktime_add_ms(ktime_get(), PARK_TIMEOUT_MS);
	ktime_t last = ktime_get();
	int r = 0;

	/* PARKED is published with release, after all of the vCPU's state. */
	while (!r && smp_load_acquire(&b->ccb->state) != KVM_CARETAKER_PARKED) {
		if (READ_ONCE(b->ccb->state) == KVM_CARETAKER_FAULTED)
			r = -EIO;
		else if (ktime_after(ktime_get(), end))
			r = -ETIMEDOUT;
		else
			kick_again(b, &last);
		cpu_relax();
	}
	if (r)
		pr_err("vCPU %u: pCPU with APIC id %u does not give it back: error %d, state %u\n",
		       b->ser->vcpu_id, b->apic_id, r, READ_ONCE(b->ccb->state));
	return r;
}

/**
 * caretaker_pcpu_return_later - bring the pCPU back in the background
 * @b:		the block that it is in; the pCPU's reference goes with the work
 *
 * Not at once: the vCPU has just begun to run in KVM, and CPU hotplug is heavy work.
 */
void caretaker_pcpu_return_later(struct caretaker_block *b)
{
	queue_delayed_work(system_dfl_wq, &b->online, RETURN_DELAY);
}

/**
 * caretaker_pcpu_return - make the pCPU part of the host again
 * @b:		the block that it is in
 *
 * Drops the pCPU's reference to the block when it is out.
 *
 * Context: may sleep, takes the CPU hotplug locks.
 */
void caretaker_pcpu_return(struct caretaker_block *b)
{
	int r;

	/* One that was armed may have missed the kick of the disarm. */
	if (READ_ONCE(b->ccb->pcpu) == KVM_CARETAKER_PCPU_ARMED)
		caretaker_cpu_kick(b->apic_id);
	r = wait_pcpu(b, KVM_CARETAKER_PCPU_HALTED, HALT_TIMEOUT_MS);
	if (r) {
		pr_err("pCPU with APIC id %u does not halt: left offline, %u KiB stay in use\n",
		       b->apic_id, b->nr_pages * 4);
		caretaker_block_get(b);
		return;
	}
	if ((int)b->pcpu < 0) {
		pr_warn("pCPU with APIC id %u: not known to this kernel, left offline\n",
			b->apic_id);
		/* It halts in there, and may still get an NMI. */
		caretaker_block_get(b);
		return;
	}
	r = caretaker_cpu_online(b->pcpu);
	if (r) {
		pr_err("pCPU %u: cannot be brought online: error %d; try /sys/devices/system/cpu/cpu%u/online\n",
		       b->pcpu, r, b->pcpu);
		caretaker_block_get(b);
		return;
	}
	WRITE_ONCE(b->ccb->pcpu, KVM_CARETAKER_PCPU_NONE);
}

/**
 * caretaker_give_up - end a vCPU whose Caretaker has FAULTED
 * @ct:		its Caretaker; its block holds a reference for the pCPU
 *
 * The record of the fault stays readable, the pCPU goes back to the host, KVM_RUN gives EIO.
 *
 * Context: vcpu->mutex held.
 */
void caretaker_give_up(struct kvm_caretaker *ct)
{
	struct caretaker_block *b = ct->block;

	pr_err("vCPU %d: lost: its Caretaker faulted: code 0x%llx, rip 0x%llx, address 0x%llx\n",
	       ct->vcpu->vcpu_id, b->telemetry->fault, b->telemetry->fault_rip,
	       b->telemetry->fault_addr);
	trace_caretaker_fault(ct->vm_id, ct->vcpu->vcpu_id, b->telemetry->fault,
			      b->telemetry->fault_rip, b->telemetry->fault_addr);
	if (caretaker_move(b, KVM_CARETAKER_FAULTED, KVM_CARETAKER_EMPTY))
		caretaker_move(b, KVM_CARETAKER_PARKED, KVM_CARETAKER_EMPTY);
	caretaker_ledger_lost(b);
	WRITE_ONCE(ct->lost, true);
	WRITE_ONCE(ct->orphan, false);
	caretaker_pcpu_return_later(b);
}

/**
 * caretaker_adopt - end an orphan: its vCPU continues in this kernel's KVM
 * @ct:		its Caretaker; @ct->reclaimed says how taking it back ended
 *
 * Context: vcpu->mutex held, all Caretakers of the VM have stopped.
 * Return: 0; -EIO: the vCPU is lost; -ETIMEDOUT: it runs on, orphaned.
 */
int caretaker_adopt(struct kvm_caretaker *ct)
{
	struct caretaker_block *b = ct->block;
	int r = ct->reclaimed;

	if (!r)
		r = caretaker_svm_import(ct->vcpu, b);
	if (r == -EIO) {
		caretaker_block_get(b);
		caretaker_give_up(ct);
	}
	if (r)
		return r;
	caretaker_ledger_back(b);
	caretaker_move(b, KVM_CARETAKER_PARKED, KVM_CARETAKER_EMPTY);
	WRITE_ONCE(ct->adopted, true);
	WRITE_ONCE(ct->orphan, false);
	caretaker_trace_back(ct, false);
	caretaker_block_get(b);
	b->adopted = true;
	caretaker_pcpu_return_later(b);
	return 0;
}

/* Where the handler table in use is in a block of another kernel, 0 when it is not at its place. */
static u64 forward_table(const struct caretaker_block *b)
{
	u64 off = b->ser->telemetry_off + (b->ccb->handlers - b->ccb->telemetry);

	if (off >= (u64)b->nr_pages * PAGE_SIZE || !IS_ALIGNED(off, CARETAKER_HANDLERS_STRIDE) ||
	    offset_in_page(off) < PAGE_SIZE - 2 * CARETAKER_HANDLERS_STRIDE)
		return 0;
	return offset_in_page(off) == offset_in_page(b->ccb->handlers) ? off : 0;
}

/**
 * caretaker_forward - what becomes of the handlers of a vCPU that an earlier kernel left
 * @b:		its block; the guest runs in it
 *
 * They go on, as that kernel verified them, until the vCPU is adopted; with
 * kvm.caretaker_forward_only an empty table takes their place, by the same single store as when a
 * set is replaced: what they served blocks, or is native code's.
 */
void caretaker_forward(struct caretaker_block *b)
{
	u64 off = forward_table(b), other = off ^ CARETAKER_HANDLERS_STRIDE;
	struct kvm_caretaker_handlers *t = b->mem + other;

	if (!READ_ONCE(forward_only))
		return;
	if (!off) {
		pr_warn("vCPU %u: its handlers cannot be switched off\n", b->ser->vcpu_id);
		return;
	}
	memset(t, 0, sizeof(*t));
	t->generation = ((struct kvm_caretaker_handlers *)(b->mem + off))->generation + 1;
	/* Pairs with the acquire of the payload: it sees the empty table. */
	smp_store_release(&b->ccb->handlers, b->ccb->handlers ^ CARETAKER_HANDLERS_STRIDE);
}
