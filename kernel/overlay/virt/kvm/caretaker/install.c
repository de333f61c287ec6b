// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: KVM_SET_CARETAKER and the calls from KVM's run loop.
 *
 * A new payload or handler set is built completely before the vCPU is disturbed: load, verify,
 * compile, map. Then the vCPU leaves KVM_RUN for a moment, pointers are switched, and it goes on.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/caretaker.h>
#include <asm/tsc.h>

#include <trace/events/kvm_caretaker.h>

#include "caretaker.h"

#define CARETAKER_LOG_MAX	(64 * 1024)

struct kvm_caretaker *caretaker_of(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->caretaker);
}

static u64 caretaker_vm_id(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu *other;
	unsigned long i;

	kvm_for_each_vcpu(i, other, vcpu->kvm)
		if (other != vcpu && caretaker_of(other))
			return caretaker_of(other)->vm_id;
	return get_random_u64() | 1;
}

/**
 * caretaker_publish - give a vCPU its Caretaker
 * @ct:		the Caretaker, complete
 *
 * Return: 0, or -EEXIST when the vCPU has one already.
 */
int caretaker_publish(struct kvm_caretaker *ct)
{
	if (cmpxchg(&ct->vcpu->caretaker, NULL, ct))
		return -EEXIST;
	caretaker_iter_add(ct);
	return 0;
}

/* The first call for a vCPU creates the object, which then lives as long as the vCPU. */
static struct kvm_caretaker *caretaker_create(struct kvm_vcpu *vcpu)
{
	struct kvm_caretaker *ct = caretaker_of(vcpu);

	if (ct)
		return ct;
	ct = kzalloc_obj(*ct, GFP_KERNEL_ACCOUNT);
	if (!ct)
		return NULL;
	mutex_init(&ct->lock);
	ct->vcpu = vcpu;
	ct->vm_id = caretaker_vm_id(vcpu);
	if (!caretaker_publish(ct))
		return ct;
	kfree(ct);
	return caretaker_of(vcpu);
}

/**
 * caretaker_stop_ask - tell a vCPU to leave KVM_RUN
 * @ct:		its Caretaker
 *
 * To be followed by caretaker_stop_wait(). Apart from it so that several vCPUs leave at once.
 */
void caretaker_stop_ask(struct kvm_caretaker *ct)
{
	atomic_inc(&ct->stop);
	kvm_make_request(KVM_REQ_UNBLOCK, ct->vcpu);
	kvm_vcpu_kick(ct->vcpu);
}

static int stop_lock(struct kvm_vcpu *vcpu, struct mutex *nest)
{
	if (nest)
		return mutex_lock_killable_nest_lock(&vcpu->mutex, nest);
	return mutex_lock_killable(&vcpu->mutex);
}

/**
 * caretaker_stop_wait - wait until a vCPU is out of KVM_RUN and hold it
 * @ct:		its Caretaker, after caretaker_stop_ask()
 * @complete:	wait for user space to complete the I/O exit that it may be working on
 * @nest:	kvm->lock when the caller holds it, to take more than one vcpu->mutex; else NULL
 *
 * The thread in KVM_RUN leaves with EINTR. A vCPU in the middle of an I/O exit can be updated
 * but not carried.
 *
 * Context: may sleep; returns with vcpu->mutex held on success. After an error the vCPU may run.
 * Return: 0, -EAGAIN when user space does not complete its exit, -EINTR on a fatal signal.
 */
int caretaker_stop_wait(struct kvm_caretaker *ct, bool complete, struct mutex *nest)
{
	struct kvm_vcpu *vcpu = ct->vcpu;
	unsigned int tries;

	for (tries = 0; tries < 500; tries++) {
		if (stop_lock(vcpu, nest)) {
			atomic_dec(&ct->stop);
			return -EINTR;
		}
		if (!complete || !vcpu->arch.complete_userspace_io)
			return 0;
		mutex_unlock(&vcpu->mutex);
		usleep_range(500, 1000);
		kvm_make_request(KVM_REQ_UNBLOCK, vcpu);
		kvm_vcpu_kick(vcpu);
	}
	atomic_dec(&ct->stop);
	return -EAGAIN;
}

/**
 * caretaker_go - let a vCPU run again after caretaker_stop_wait()
 * @ct:		its Caretaker
 */
void caretaker_go(struct kvm_caretaker *ct)
{
	atomic_dec(&ct->stop);
	mutex_unlock(&ct->vcpu->mutex);
}

static int set_check(const struct kvm_caretaker_set *set, struct caretaker_log *log)
{
	bool handlers_only = set->flags & KVM_CARETAKER_HANDLERS_ONLY;
	bool remove = set->flags & KVM_CARETAKER_REMOVE;

	if (set->flags & ~KVM_CARETAKER_SET_FLAGS || set->reserved) {
		caretaker_log_printf(log, "KVM_SET_CARETAKER: unknown flag or field not zero\n");
		return -EINVAL;
	}
	if (hweight32(set->flags & (KVM_CARETAKER_HANDLERS_ONLY | KVM_CARETAKER_REMOVE)) > 1 ||
	    ((handlers_only || remove) && set->payload_fd != -1) ||
	    (remove && (set->handlers_fd != -1 || set->flags & KVM_CARETAKER_ISOLATE))) {
		caretaker_log_printf(log, "KVM_SET_CARETAKER: these flags and fds exclude each other\n");
		return -EINVAL;
	}
	return 0;
}

static int set_check_pcpu(struct kvm_caretaker *ct, u32 pcpu, struct caretaker_log *log)
{
	int r = caretaker_cpu_claim(pcpu, ct);

	if (r == -ENODEV)
		caretaker_log_printf(log, "pCPU %u: not a present CPU, or the boot CPU, which cannot leave: name another\n",
				     pcpu);
	else if (r)
		caretaker_log_printf(log, "pCPU %u: belongs to another vCPU: name another\n", pcpu);
	return r;
}

static void block_name(struct caretaker_block *b, struct kvm_caretaker *ct, u32 flags)
{
	struct kvm_vcpu *vcpu = ct->vcpu;

	b->ccb->exit.vcpu = vcpu->vcpu_id;
	b->telemetry->vcpu = vcpu->vcpu_id;
	b->telemetry->tsc_khz = tsc_khz;
	b->telemetry->vm_id = ct->vm_id;
	b->ring->vcpu = vcpu->vcpu_id;
	b->ring->tsc_khz = tsc_khz;
	b->ring->vm_id = ct->vm_id;
	b->ser->vcpu_id = vcpu->vcpu_id;
	b->ser->vm_id = ct->vm_id;
	b->ser->tsc_khz = tsc_khz;
	b->pcpu = ct->pcpu;
	b->owner = ct;
	b->apic_id = caretaker_cpu_apic_id(ct->pcpu);
	b->ser->apic_id = b->apic_id;
	if (flags & KVM_CARETAKER_ISOLATE)
		b->ccb->flags |= KVM_CARETAKER_CCB_ISOLATE;
}

/* Counters and time stamps belong to the vCPU, not to one payload. */
static void block_inherit(struct caretaker_block *b, struct caretaker_block *old)
{
	if (old)
		memcpy(b->telemetry, old->telemetry, sizeof(*b->telemetry));
}

static void set_switch(struct kvm_caretaker *ct, struct caretaker_block *b, u32 flags)
{
	struct caretaker_block *old = ct->block;

	block_inherit(b, old);
	block_name(b, ct, flags);
	if (old)
		caretaker_remote_move(b, old);
	else
		caretaker_remote_add(b);
	caretaker_svm_attach(ct->vcpu, b);
	caretaker_move(b, KVM_CARETAKER_EMPTY, KVM_CARETAKER_ATTACHED);
	mutex_lock(&ct->lock);
	ct->block = b;
	ct->adopted = false;
	ct->generation++;
	mutex_unlock(&ct->lock);
	ct->attached = true;
	trace_caretaker_install(ct->vm_id, ct->vcpu->vcpu_id, ct->pcpu, ct->generation,
				b->handlers);
	caretaker_block_put(old);
}

static int set_commit_block(struct kvm_caretaker *ct, struct caretaker_block *b,
			    struct caretaker_handlers *h, u32 flags)
{
	int r;

	if (h) {
		r = caretaker_block_set_handlers(b, h, &ct->lock);
		if (r)
			return r;
	} else {
		caretaker_block_set_handlers(b, NULL, &ct->lock);
	}
	set_switch(ct, b, flags);
	return 0;
}

static int set_commit_handlers(struct kvm_caretaker *ct, struct caretaker_handlers *h)
{
	int r = caretaker_block_set_handlers(ct->block, h, &ct->lock);

	if (r)
		return r;
	ct->generation++;
	trace_caretaker_install(ct->vm_id, ct->vcpu->vcpu_id, ct->pcpu, ct->generation, h);
	return 0;
}

static void set_remove(struct kvm_caretaker *ct)
{
	struct caretaker_block *b = ct->block;

	ct->attached = false;
	caretaker_move(b, KVM_CARETAKER_ATTACHED, KVM_CARETAKER_EMPTY);
	mutex_lock(&ct->lock);
	ct->block = NULL;
	mutex_unlock(&ct->lock);
	caretaker_cpu_unclaim(ct->pcpu, ct);
	caretaker_block_put(b);
}

/**
 * caretaker_set_end - the change that began with caretaker_set_begin_wait() is over
 * @ct:		the Caretaker
 */
void caretaker_set_end(struct kvm_caretaker *ct)
{
	mutex_lock(&ct->lock);
	ct->updating = false;
	mutex_unlock(&ct->lock);
}

/* Preserve and update exclude each other. */
static int set_try_begin(struct kvm_caretaker *ct)
{
	guard(mutex)(&ct->lock);
	if (ct->preserved)
		return -EBUSY;
	if (ct->updating)
		return -EAGAIN;
	ct->updating = true;
	return 0;
}

/**
 * caretaker_set_begin_wait - no one else may change or preserve a vCPU from now on
 * @ct:		its Caretaker
 * @end:	until when someone else who is changing it is waited for
 *
 * Context: may sleep; without vcpu->mutex, which who is waited for may need.
 * Return: 0, -EBUSY when it is preserved, -ETIMEDOUT, -EINTR when the caller is killed.
 */
int caretaker_set_begin_wait(struct kvm_caretaker *ct, ktime_t end)
{
	int r;

	while ((r = set_try_begin(ct)) == -EAGAIN) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ktime_after(ktime_get(), end))
			return -ETIMEDOUT;
		msleep(20);
	}
	return r;
}

/* What the new set needs of the vCPU's present Caretaker. Called with vcpu->mutex. */
static int set_check_state(struct kvm_caretaker *ct, u32 flags, struct caretaker_log *log)
{
	if (ct->lost) {
		caretaker_log_printf(log, "vCPU %d: lost, its Caretaker faulted: make a new vCPU\n",
				     ct->vcpu->vcpu_id);
		return -EIO;
	}
	if (ct->detached || ct->orphan || ct->preserved) {
		caretaker_log_printf(log, "vCPU %d: detached: cancel or adopt it first\n",
				     ct->vcpu->vcpu_id);
		return -EBUSY;
	}
	if (flags & (KVM_CARETAKER_REMOVE | KVM_CARETAKER_HANDLERS_ONLY) && !ct->attached) {
		caretaker_log_printf(log, "vCPU %d: has no Caretaker: install one first\n",
				     ct->vcpu->vcpu_id);
		return -ENOENT;
	}
	return 0;
}

static int set_begin(struct kvm_caretaker *ct, u32 flags, struct caretaker_log *log)
{
	int r, why;

	r = caretaker_set_begin_wait(ct, ktime_add_ms(ktime_get(), CARETAKER_SET_WAIT_MS));
	if (r == -ETIMEDOUT) {
		caretaker_log_printf(log, "vCPU %d: another change of its Caretaker does not end: try again\n",
				     ct->vcpu->vcpu_id);
		return -EBUSY;
	}
	why = r == -EBUSY ? set_check_state(ct, flags, log) : 0;
	return why ? why : r;
}

/* Holds vcpu->mutex on success. */
static int set_stop(struct kvm_caretaker *ct, u32 flags, struct caretaker_block *b,
		    struct caretaker_handlers *h, struct caretaker_log *log)
{
	int r;

	if (h && !caretaker_link_current(h)) {
		caretaker_log_printf(log, "handlers %.16s: their link has moved on to another map: create its link first\n",
				     h->name);
		return -EINVAL;
	}
	caretaker_stop_ask(ct);
	r = caretaker_stop_wait(ct, false, NULL);
	if (r)
		return r;
	r = set_check_state(ct, flags, log);
	if (!r)
		r = caretaker_trust_check(b ? b : ct->block, h, log);
	if (r)
		caretaker_go(ct);
	return r;
}

static int set_commit(struct kvm_caretaker *ct, const struct kvm_caretaker_set *set,
		      struct caretaker_block *b, struct caretaker_handlers *h)
{
	unsigned int old_pcpu = ct->pcpu;
	bool had_pcpu = ct->attached;
	int r = 0;

	if (set->flags & KVM_CARETAKER_REMOVE) {
		set_remove(ct);
	} else if (set->flags & KVM_CARETAKER_HANDLERS_ONLY) {
		r = set_commit_handlers(ct, h);
	} else {
		ct->pcpu = set->pcpu;
		r = set_commit_block(ct, b, h, set->flags);
		if (r)
			ct->pcpu = old_pcpu;
		else if (had_pcpu && old_pcpu != set->pcpu)
			caretaker_cpu_unclaim(old_pcpu, ct);
	}
	if (!r)
		ct->budget = h ? h->budget : 0;
	return r;
}

static int set_apply(struct kvm_caretaker *ct, const struct kvm_caretaker_set *set,
		     struct caretaker_block *b, struct caretaker_handlers *h,
		     struct caretaker_log *log)
{
	u64 link;
	int r;

	r = set_begin(ct, set->flags, log);
	if (r)
		return r;
	/* A link that moves now finds the vCPU by this, or has moved before: the set is refused. */
	link = ct->link;
	WRITE_ONCE(ct->link, h ? h->link : 0);
	r = set_stop(ct, set->flags, b, h, log);
	if (!r) {
		r = set_commit(ct, set, b, h);
		caretaker_go(ct);
	}
	if (r)
		WRITE_ONCE(ct->link, link);
	caretaker_set_end(ct);
	return r;
}

static struct caretaker_handlers *set_handlers(struct kvm_caretaker_set *set,
					       struct caretaker_log *log)
{
	struct caretaker_handlers *h;
	u64 start = ktime_get_ns();

	if (set->handlers_fd == -1)
		return NULL;
	h = caretaker_handlers_create(set->handlers_fd, set->budget, log);
	if (IS_ERR(h))
		return h;
	set->verify_ns = ktime_get_ns() - start;
	set->compile_ns = h->compile_ns;
	if (h->nr_pages > CARETAKER_MAX_HANDLER_PAGES) {
		caretaker_log_printf(log, "handlers: %u pages, the limit is %u: make their state smaller\n",
				     h->nr_pages, CARETAKER_MAX_HANDLER_PAGES);
		caretaker_handlers_destroy(h);
		return ERR_PTR(-E2BIG);
	}
	return h;
}

static bool set_needs_pcpu(const struct kvm_caretaker_set *set)
{
	return !(set->flags & (KVM_CARETAKER_REMOVE | KVM_CARETAKER_HANDLERS_ONLY));
}

/* Drops a claim that a failed call made, but not the one of the payload that is installed. */
static void set_unclaim(struct kvm_caretaker *ct, const struct kvm_caretaker_set *set)
{
	if (set_needs_pcpu(set) && !(ct->block && ct->pcpu == set->pcpu))
		caretaker_cpu_unclaim(set->pcpu, ct);
}

static int set_run(struct kvm_caretaker *ct, struct kvm_caretaker_set *set,
		   struct caretaker_log *log)
{
	struct caretaker_block *b = NULL;
	struct caretaker_handlers *h;
	int r;

	if (set_needs_pcpu(set)) {
		r = caretaker_svm_supported(ct->vcpu, log);
		if (!r)
			r = set_check_pcpu(ct, set->pcpu, log);
		if (r)
			return r;
	}
	h = set_handlers(set, log);
	if (IS_ERR(h)) {
		r = PTR_ERR(h);
		goto err_unclaim;
	}
	if (set_needs_pcpu(set)) {
		b = caretaker_payload_load(ct->vcpu, set->payload_fd, log);
		if (IS_ERR(b)) {
			r = PTR_ERR(b);
			goto err_handlers;
		}
	}
	r = set_apply(ct, set, b, h, log);
	if (r)
		goto err_block;
	return 0;

err_block:
	if (b)
		caretaker_block_put(b);
err_handlers:
	if (h)
		caretaker_handlers_destroy(h);
err_unclaim:
	set_unclaim(ct, set);
	return r;
}

static int set_copy_in(struct kvm_caretaker_set *set, struct kvm_caretaker_set __user *user)
{
	u32 size;

	if (get_user(size, &user->size))
		return -EFAULT;
	if (size < offsetofend(struct kvm_caretaker_set, verify_ns))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(set, sizeof(*set), user, size);
}

static int set_copy_out(const struct kvm_caretaker_set *set, const struct caretaker_log *log,
			struct kvm_caretaker_set __user *user)
{
	if (put_user(log->used, &user->log_used) || put_user(set->verify_ns, &user->verify_ns))
		return -EFAULT;
	if (set->size >= offsetofend(struct kvm_caretaker_set, compile_ns) &&
	    put_user(set->compile_ns, &user->compile_ns))
		return -EFAULT;
	if (log->size && copy_to_user(u64_to_user_ptr(set->log_buf), log->buf,
				      min(log->used + 1, log->size)))
		return -EFAULT;
	return 0;
}

/* What cannot be written later is found out before anything is changed. */
static int set_probe_out(const struct kvm_caretaker_set *set, const struct caretaker_log *log,
			 struct kvm_caretaker_set __user *user)
{
	if (put_user(0, &user->log_used) || put_user(0ULL, &user->verify_ns))
		return -EFAULT;
	if (log->size && copy_to_user(u64_to_user_ptr(set->log_buf), log->buf, log->size))
		return -EFAULT;
	return 0;
}

/**
 * caretaker_set - KVM_SET_CARETAKER
 * @vcpu:	the vCPU
 * @arg:	user address of struct kvm_caretaker_set
 *
 * Context: may sleep; without vcpu->mutex.
 * Return: 0 or a negative errno of uapi/linux/kvm_caretaker.h; after an error nothing changed.
 */
long caretaker_set(struct kvm_vcpu *vcpu, unsigned long arg)
{
	struct kvm_caretaker_set __user *user = (void __user *)arg;
	struct kvm_caretaker_set set = {};
	struct caretaker_log log = {};
	struct kvm_caretaker *ct;
	int r, copy;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	r = set_copy_in(&set, user);
	if (r)
		return r;
	set.verify_ns = 0;
	set.compile_ns = 0;
	if (set.log_size > CARETAKER_LOG_MAX)
		return -EINVAL;
	if (set.log_size) {
		log.buf = kvzalloc(set.log_size, GFP_KERNEL_ACCOUNT);
		if (!log.buf)
			return -ENOMEM;
		log.size = set.log_size;
	}
	r = set_probe_out(&set, &log, user);
	if (!r)
		r = set_check(&set, &log);
	if (r)
		goto out;
	r = -ENOMEM;
	ct = caretaker_create(vcpu);
	if (ct)
		r = set_run(ct, &set, &log);
out:
	copy = set_copy_out(&set, &log, user);
	kvfree(log.buf);
	return r ? r : copy;
}

/* ioctls that would change a vCPU whose state is not here. */
static bool ioctl_changes_vcpu(unsigned int ioctl)
{
	switch (ioctl) {
	case KVM_RUN:
	case KVM_SET_REGS:
	case KVM_SET_SREGS:
	case KVM_SET_SREGS2:
	case KVM_SET_MSRS:
	case KVM_SET_FPU:
	case KVM_SET_XSAVE:
	case KVM_SET_XCRS:
	case KVM_SET_LAPIC:
	case KVM_SET_MP_STATE:
	case KVM_SET_VCPU_EVENTS:
	case KVM_SET_DEBUGREGS:
	case KVM_SET_GUEST_DEBUG:
	case KVM_SET_NESTED_STATE:
	case KVM_SET_TSC_KHZ:
	case KVM_SET_DEVICE_ATTR:
	case KVM_ENABLE_CAP:
	case KVM_SET_CPUID:
	case KVM_SET_CPUID2:
	case KVM_INTERRUPT:
	case KVM_NMI:
	case KVM_SMI:
	case KVM_SET_ONE_REG:
	case KVM_SET_VAPIC_ADDR:
	case KVM_X86_SETUP_MCE:
	case KVM_X86_SET_MCE:
	case KVM_XEN_VCPU_SET_ATTR:
		return true;
	}
	return false;
}

static void caretaker_stale(struct kvm_caretaker *ct)
{
	mutex_lock(&ct->lock);
	if (ct->block)
		WRITE_ONCE(ct->block->stale, true);
	mutex_unlock(&ct->lock);
}

static long caretaker_before_run(struct kvm_caretaker *ct)
{
	struct caretaker_vm *vm;
	int r;

	if (!READ_ONCE(ct->orphan))
		return -ENOIOCTLCMD;
	if (mutex_lock_killable(&ct->vcpu->mutex))
		return -EINTR;
	vm = ct->orphan ? caretaker_vm_get(ct->vcpu->kvm) : NULL;
	r = vm ? caretaker_vm_adopt(vm, ct) : 0;
	caretaker_vm_put(vm);
	mutex_unlock(&ct->vcpu->mutex);
	return r ? r : -ENOIOCTLCMD;
}

long kvm_caretaker_vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned int ioctl, unsigned long arg)
{
	struct kvm_caretaker *ct = caretaker_of(vcpu);

	if (ioctl == KVM_SET_CARETAKER)
		return caretaker_set(vcpu, arg);
	if (ioctl == KVM_GET_CARETAKER)
		return caretaker_get(vcpu, arg);
	if (!ct)
		return -ENOIOCTLCMD;
	if ((READ_ONCE(ct->detached) || ct->lost) && ioctl_changes_vcpu(ioctl))
		return ct->lost ? -EIO : -EBUSY;
	/* A VMM may change what the metadata shows by these. */
	if (ioctl == KVM_SET_MSRS || ioctl == KVM_SET_CPUID || ioctl == KVM_SET_CPUID2)
		caretaker_stale(ct);
	return ioctl == KVM_RUN ? caretaker_before_run(ct) : -ENOIOCTLCMD;
}

int kvm_caretaker_pre_enter(struct kvm_vcpu *vcpu)
{
	struct kvm_caretaker *ct = vcpu->caretaker;

	if (likely(!ct))
		return 0;
	if (unlikely(ct->detached || ct->orphan || ct->lost))
		return ct->lost ? -EIO : -EBUSY;
	if (unlikely(atomic_read(&ct->stop))) {
		if (ct->block)
			ct->block->telemetry->tsc_stop = rdtsc();
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	if (ct->attached)
		caretaker_svm_refresh(vcpu, ct->block, false);
	return 0;
}

void kvm_caretaker_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	struct kvm_caretaker *ct = vcpu->caretaker;

	if (!ct)
		return;
	caretaker_iter_del(ct);
	vcpu->caretaker = NULL;
	if (ct->block && !ct->orphan)
		caretaker_cpu_unclaim(ct->pcpu, ct);
	/* An orphan's guest runs on in its block: never free that. */
	if (!ct->orphan)
		caretaker_block_put(ct->block);
	kfree(ct);
}
