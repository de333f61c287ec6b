// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the vCPUs of a VM change hands together.
 *
 * A vCPU that runs in KVM cannot send an interrupt to one that runs detached, nor the other way
 * round. So preserve prepares them one by one, and the last one hands all of them over; a cancel
 * takes all back; and the first KVM_RUN of a vCPU in the next kernel waits for that of the
 * others. What the Caretakers have left for each other is collected when all have stopped.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/delay.h>
#include <linux/kvm_host.h>

#include <asm/msr.h>

#include "caretaker.h"

/* A vCPU may be in a state that lasts some instructions. */
#define EXPORT_TRIES		20
#define EXPORT_PAUSE_US		500

static int group_refuse(struct kvm_vcpu *vcpu, int r, const char *why)
{
	pr_err("vCPU %d: not handed over, the VM runs on in KVM: %s\n", vcpu->vcpu_id, why);
	return r;
}

static void group_go(struct kvm *kvm, unsigned long nr)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (i < nr)
			caretaker_go(caretaker_of(vcpu));
}

/* All vCPUs out of KVM_RUN, each vcpu->mutex taken. Called with kvm->lock. */
static int group_stop(struct kvm *kvm, bool last_try)
{
	struct kvm_vcpu *vcpu;
	unsigned long i, stopped = 0;
	int r = 0;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		caretaker_of(vcpu)->asked = rdtsc();
		caretaker_stop_ask(caretaker_of(vcpu));
	}
	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (r) {
			atomic_dec(&caretaker_of(vcpu)->stop);
			continue;
		}
		r = caretaker_stop_wait(caretaker_of(vcpu), true, &kvm->lock);
		if (!r)
			stopped++;
		else if (r != -EAGAIN || last_try)
			group_refuse(vcpu, r, "it does not stop: user space must complete its exit");
	}
	if (r)
		group_go(kvm, stopped);
	return r;
}

static void group_unexport(struct kvm *kvm, unsigned long nr)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (i < nr)
			caretaker_svm_unexport(vcpu, caretaker_of(vcpu)->block);
}

static void group_open_mailbox(struct caretaker_vm *vm, struct kvm_vcpu *vcpu, unsigned long i)
{
	struct kvm_caretaker_mailbox *box = &vm->peers->box[i];

	memset(box, 0, sizeof(*box));
	box->x2apic_id = vcpu->vcpu_id;
	box->host_apic_id = caretaker_of(vcpu)->block->apic_id;
	box->open = 1;
}

static int group_export_one(struct caretaker_vm *vm, struct kvm_vcpu *vcpu, unsigned long i,
			    const char **why)
{
	struct kvm_caretaker *ct = caretaker_of(vcpu);

	*why = "its Caretaker was removed";
	if (!ct->attached)
		return -EOPNOTSUPP;
	*why = "no room in the isolated page tables";
	if (caretaker_block_set_peers(ct->block, vm->peers, i))
		return -EOPNOTSUPP;
	group_open_mailbox(vm, vcpu, i);
	return caretaker_svm_export(vcpu, ct->block, vm->npt.root_pa, why);
}

static int group_export(struct caretaker_vm *vm, struct kvm_vcpu **who, const char **why)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;
	int r;

	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		*who = vcpu;
		r = group_export_one(vm, vcpu, i, why);
		if (r) {
			group_unexport(vm->kvm, i);
			return r;
		}
	}
	return 0;
}

/* After a failed ring: the vCPU continues in KVM. */
static void group_keep(struct kvm_caretaker *ct)
{
	caretaker_svm_unexport(ct->vcpu, ct->block);
	caretaker_svm_attach(ct->vcpu, ct->block);
	group_refuse(ct->vcpu, ct->reclaimed, "its pCPU does not take it");
}

/* The guest runs detached from here. Returns how many vCPUs were not taken. */
static unsigned int group_ring(struct kvm *kvm)
{
	unsigned int failed = 0;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		struct caretaker_block *b = caretaker_of(vcpu)->block;

		b->telemetry->tsc_run = 0;
		caretaker_ledger_stop(b, caretaker_of(vcpu)->asked);
		caretaker_of(vcpu)->reclaimed = caretaker_move(b, KVM_CARETAKER_ATTACHED,
							       KVM_CARETAKER_DETACHING);
		if (!caretaker_of(vcpu)->reclaimed)
			caretaker_ring(b);
	}
	kvm_for_each_vcpu(i, vcpu, kvm) {
		struct kvm_caretaker *ct = caretaker_of(vcpu);

		if (!ct->reclaimed)
			ct->reclaimed = caretaker_ring_wait(ct->block);
		if (ct->reclaimed) {
			group_keep(ct);
			failed++;
			continue;
		}
		ct->armed = false;
		ct->attached = false;
		WRITE_ONCE(ct->detached, true);
		caretaker_trace_detach(ct);
	}
	return failed;
}

static void group_ask(struct kvm *kvm, bool orphans)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		struct kvm_caretaker *ct = caretaker_of(vcpu);

		if (ct && (orphans ? ct->orphan : ct->detached))
			ct->reclaimed = caretaker_reclaim_ask(ct->block);
	}
	kvm_for_each_vcpu(i, vcpu, kvm) {
		struct kvm_caretaker *ct = caretaker_of(vcpu);

		if (ct && (orphans ? ct->orphan : ct->detached) && !ct->reclaimed)
			ct->reclaimed = caretaker_reclaim_wait(ct->block);
	}
}

/* Cancel of one vCPU, with vcpu->mutex; @ct->reclaimed says how it ended. */
static void group_take_back_one(struct kvm_caretaker *ct)
{
	struct caretaker_block *b = ct->block;

	if (!ct->reclaimed)
		ct->reclaimed = caretaker_svm_import(ct->vcpu, b);
	if (ct->reclaimed == -EIO)
		caretaker_give_up(ct);
	if (ct->reclaimed)
		return;
	caretaker_ledger_back(b);
	caretaker_svm_attach(ct->vcpu, b);
	caretaker_move(b, KVM_CARETAKER_PARKED, KVM_CARETAKER_ATTACHED);
	WRITE_ONCE(ct->detached, false);
	ct->attached = true;
	caretaker_trace_back(ct, true);
	caretaker_pcpu_return_later(b);
}

/* With every vcpu->mutex held. */
static void group_take_back(struct caretaker_vm *vm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	group_ask(vm->kvm, false);
	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		struct kvm_caretaker *ct = caretaker_of(vcpu);

		if (!ct || !ct->detached)
			continue;
		group_take_back_one(ct);
		if (ct->reclaimed && !ct->lost) {
			pr_err("vCPU %d: not taken back: error %d\n", vcpu->vcpu_id,
			       ct->reclaimed);
			vm->lost = true;
		}
	}
	vm->detached = false;
}

/* One attempt. Called with kvm->lock and without any vcpu->mutex. */
static int group_hand_over(struct caretaker_vm *vm, bool last_try)
{
	struct kvm_vcpu *who;
	const char *why;
	int r = group_stop(vm->kvm, last_try);

	if (r)
		return r;
	r = group_export(vm, &who, &why);
	if (!r) {
		vm->detached = true;
		if (group_ring(vm->kvm)) {
			group_take_back(vm);
			r = -EIO;
		}
	} else if (r != -EAGAIN || last_try) {
		group_refuse(who, r, why);
	}
	group_go(vm->kvm, vm->nr_vcpus);
	return r;
}

/**
 * caretaker_vm_hand_over - let all vCPUs of a VM run detached
 * @vm:		preserved VM, every vCPU of it armed
 *
 * Context: may sleep, takes kvm->lock and every vcpu->mutex.
 * Return: 0: all of them run detached. An error: all of them run in KVM, but for what is then
 * marked as lost; those that were handed over for a moment are not armed any more.
 */
int caretaker_vm_hand_over(struct caretaker_vm *vm)
{
	unsigned int i;
	int r = -EAGAIN;

	for (i = 1; r == -EAGAIN && i <= EXPORT_TRIES; i++) {
		if (i > 1)
			usleep_range(EXPORT_PAUSE_US, 2 * EXPORT_PAUSE_US);
		mutex_lock(&vm->kvm->lock);
		if (atomic_read(&vm->kvm->online_vcpus) != vm->nr_vcpus)
			r = -EBUSY;
		else
			r = group_hand_over(vm, i == EXPORT_TRIES);
		mutex_unlock(&vm->kvm->lock);
	}
	return r;
}

/**
 * caretaker_vm_take_back - cancel: all vCPUs of a VM go on in KVM
 * @vm:		preserved VM, handed over; @vm->lost is set when a vCPU does not come back
 *
 * Context: may sleep, takes kvm->lock and every vcpu->mutex.
 */
void caretaker_vm_take_back(struct caretaker_vm *vm)
{
	struct kvm *kvm = vm->kvm;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	mutex_lock(&kvm->lock);
	kvm_for_each_vcpu(i, vcpu, kvm)
		mutex_lock_nest_lock(&vcpu->mutex, &kvm->lock);
	group_take_back(vm);
	kvm_for_each_vcpu(i, vcpu, kvm)
		mutex_unlock(&vcpu->mutex);
	mutex_unlock(&kvm->lock);
}

/* The last one to arrive stops all Caretakers, and wakes the others. */
static void group_launch(struct caretaker_vm *vm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	group_ask(vm->kvm, true);
	spin_lock(&vm->lock);
	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		struct kvm_caretaker *ct = caretaker_of(vcpu);

		if (ct && ct->orphan && (!ct->reclaimed || ct->reclaimed == -EIO))
			vm->gone++;
	}
	vm->importing += vm->arrived;
	vm->arrived = 0;
	WRITE_ONCE(vm->round, vm->round + 1);
	spin_unlock(&vm->lock);
	wake_up_all(&vm->wait);
}

/* True when this vCPU is the last one. */
static bool group_arrive(struct caretaker_vm *vm, unsigned int *round)
{
	guard(spinlock)(&vm->lock);
	*round = vm->round;
	return ++vm->arrived + vm->gone == vm->nr_vcpus;
}

/* A signal came while waiting. Returns false when the others went ahead meanwhile. */
static bool group_leave(struct caretaker_vm *vm, unsigned int round)
{
	guard(spinlock)(&vm->lock);
	if (vm->round != round)
		return false;
	vm->arrived--;
	return true;
}

/*
 * No vCPU goes into the guest before the state of all is in KVM: an interrupt that it sends to one
 * whose LAPIC is being written would be lost. Not interruptible: the others come at once.
 */
static void group_imported(struct caretaker_vm *vm)
{
	bool last;

	spin_lock(&vm->lock);
	last = !--vm->importing;
	spin_unlock(&vm->lock);
	if (last)
		wake_up_all(&vm->wait);
	else
		wait_event(vm->wait, !READ_ONCE(vm->importing));
}

/**
 * caretaker_vm_adopt - take an orphaned vCPU into KVM, together with the others of its VM
 * @vm:		retrieved VM
 * @ct:		Caretaker of the vCPU
 *
 * Context: vcpu->mutex held, from the first KVM_RUN; sleeps until all vCPUs of the VM are here.
 * Return: 0; -EINVAL when the VMM has not restored the vCPU; -EINTR when a signal ended the
 * waiting; errors of caretaker_adopt(). After all of these but -EIO the guest runs on, orphaned.
 */
int caretaker_vm_adopt(struct caretaker_vm *vm, struct kvm_caretaker *ct)
{
	unsigned int round;
	const char *why;
	int r;

	r = caretaker_svm_can_import(ct->vcpu, ct->block, &why);
	if (r) {
		pr_err("vCPU %d: not adopted, it runs on: %s\n", ct->vcpu->vcpu_id, why);
		return r;
	}
	r = caretaker_svm_first_run(ct->vcpu);
	if (r)
		return r;
	if (group_arrive(vm, &round)) {
		group_launch(vm);
	} else {
		r = wait_event_interruptible(vm->wait, READ_ONCE(vm->round) != round);
		if (r && group_leave(vm, round))
			return -EINTR;
	}
	r = caretaker_adopt(ct);
	group_imported(vm);
	return r;
}
