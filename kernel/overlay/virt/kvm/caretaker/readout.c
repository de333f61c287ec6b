// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: KVM_GET_CARETAKER: what a Caretaker is doing, did in the gap, and what its
 * handlers keep. Reads disturb nothing: the vCPU may run, here or in the Caretaker.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include <asm/tsc.h>

#include "caretaker.h"

static u32 info_flags(const struct kvm_caretaker *ct)
{
	struct caretaker_block *b = ct->block;
	u32 flags = 0;

	if (b && b->ccb->flags & KVM_CARETAKER_CCB_ISOLATE)
		flags |= KVM_CARETAKER_INFO_ISOLATE;
	if (b && (b->handlers || (!b->va && b->ser->nr_handler_pages)))
		flags |= KVM_CARETAKER_INFO_HANDLERS;
	if (ct->adopted)
		flags |= KVM_CARETAKER_INFO_ADOPTED;
	if (ct->orphan)
		flags |= KVM_CARETAKER_INFO_ORPHAN;
	return flags;
}

static u64 info_preserved(const struct caretaker_block *b)
{
	u64 handler_pages = b->va ? (b->handlers ? b->handlers->nr_pages : 0) :
				    b->ser->nr_handler_pages;

	return (b->nr_pages + handler_pages) * PAGE_SIZE;
}

/**
 * caretaker_handlers_identity - what the handler set in use is called
 * @b:		the block
 * @name:	CARETAKER_HANDLERS_NAME bytes, get the name of the set, a string; empty for none
 * @digest:	32 bytes, get its digest; zeros for none, and when it cannot be told
 *
 * Of a set from an earlier kernel what that kernel wrote.
 *
 * Context: vcpu->mutex or kvm_caretaker.lock held.
 */
void caretaker_handlers_identity(const struct caretaker_block *b, char *name, u8 *digest)
{
	const struct caretaker_vcpu_ser *ser = b->va ? NULL : b->ser;
	const struct caretaker_handlers *h = b->handlers;

	memset(name, 0, CARETAKER_HANDLERS_NAME);
	memset(digest, 0, sizeof(h->digest));
	if (h) {
		strscpy(name, h->name, CARETAKER_HANDLERS_NAME);
		memcpy(digest, h->digest, sizeof(h->digest));
	} else if (ser && ser->nr_handler_pages) {
		strscpy(name, ser->handlers_name, CARETAKER_HANDLERS_NAME);
		memcpy(digest, ser->handlers_digest, sizeof(ser->handlers_digest));
	}
}

/**
 * caretaker_info_fill - what the kernel knows about one Caretaker
 * @ct:		the Caretaker
 * @info:	filled in
 *
 * Context: may sleep, kvm_caretaker.lock held.
 */
void caretaker_info_fill(struct kvm_caretaker *ct, struct kvm_caretaker_info *info)
{
	struct caretaker_block *b = ct->block;

	*info = (struct kvm_caretaker_info) {
		.size = sizeof(*info),
		.flags = info_flags(ct),
		.pcpu = ~0U,
		.vcpu_id = ct->vcpu->vcpu_id,
		.generation = ct->generation,
		.vm_id = ct->vm_id,
		.npt_bytes = caretaker_npt_bytes(ct->vcpu->kvm),
		.tsc_khz = tsc_khz,
	};
	if (!b)
		return;
	info->state = READ_ONCE(b->ccb->state);
	info->pcpu = b->pcpu;
	info->apic_id = b->apic_id;
	info->abi = b->ccb->abi;
	info->preserved_bytes = info_preserved(b);
	info->tsc_khz = b->telemetry->tsc_khz;
	caretaker_handlers_identity(b, info->handlers_name, info->handlers_digest);
}

/* Most bytes of one object */
#define GET_MAX	max_t(u64, CARETAKER_MAX_HANDLER_PAGES * PAGE_SIZE, \
			 sizeof(struct kvm_caretaker_telemetry))

/* Copies from a list of pages, as the writable handler state is one. */
static int get_copy_pages(const struct kvm_caretaker_get *get, struct caretaker_block *b,
			  void *buf, u64 *total, u64 *done)
{
	struct caretaker_handlers *h = b->handlers;
	unsigned int first, nr, i;
	u64 off, n;

	first = b->va ? (h ? h->nr_text + h->nr_ro : 0) : b->ser->state_first;
	nr = b->va ? (h ? h->nr_rw + h->nr_scratch : 0) : b->ser->nr_handler_pages - first;
	*total = (u64)nr * PAGE_SIZE;
	for (*done = 0; *done < get->len && get->offset + *done < *total; *done += n) {
		off = get->offset + *done;
		i = first + (off >> PAGE_SHIFT);
		n = min3(get->len - *done, *total - off, PAGE_SIZE - offset_in_page(off));
		memcpy(buf + *done, (b->va ? page_address(h->pages[i]) :
				     phys_to_virt(b->ser->handler_pa[i])) + offset_in_page(off),
		       n);
	}
	return 0;
}

static int get_copy(const struct kvm_caretaker_get *get, const void *obj, u64 size, void *buf,
		    u64 *total, u64 *done)
{
	*total = size;
	*done = 0;
	if (get->offset >= size)
		return 0;
	*done = min(get->len, size - get->offset);
	memcpy(buf, obj + get->offset, *done);
	return 0;
}

static int get_object(struct kvm_caretaker *ct, const struct kvm_caretaker_get *get, void *buf,
		      u64 *total, u64 *done)
{
	struct kvm_caretaker_info info;

	switch (get->what) {
	case KVM_CARETAKER_GET_INFO:
		caretaker_info_fill(ct, &info);
		return get_copy(get, &info, sizeof(info), buf, total, done);
	case KVM_CARETAKER_GET_TELEMETRY:
		if (!ct->block)
			return -ENOENT;
		return get_copy(get, ct->block->telemetry, sizeof(*ct->block->telemetry), buf,
				total, done);
	case KVM_CARETAKER_GET_STATE:
		if (!ct->block)
			return -ENOENT;
		return get_copy_pages(get, ct->block, buf, total, done);
	default:
		return -EINVAL;
	}
}

/**
 * caretaker_get - KVM_GET_CARETAKER
 * @vcpu:	the vCPU; it may be running
 * @arg:	user address of struct kvm_caretaker_get
 *
 * Context: may sleep; without vcpu->mutex.
 */
long caretaker_get(struct kvm_vcpu *vcpu, unsigned long arg)
{
	struct kvm_caretaker_get __user *user = (void __user *)arg;
	struct kvm_caretaker *ct = caretaker_of(vcpu);
	struct kvm_caretaker_get get;
	u64 total, done;
	void *buf;
	int r;

	if (copy_from_user(&get, user, sizeof(get)))
		return -EFAULT;
	if (get.size != sizeof(get) || get.offset + get.len < get.offset)
		return -EINVAL;
	if (!ct)
		return -ENOENT;
	/* No lock is held while memory of user space is waited for. */
	get.len = min(get.len, GET_MAX);
	buf = kvzalloc(max(get.len, 1), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&ct->lock);
	r = get_object(ct, &get, buf, &total, &done);
	mutex_unlock(&ct->lock);
	if (!r && copy_to_user(u64_to_user_ptr(get.buf), buf, done))
		r = -EFAULT;
	kvfree(buf);
	if (r)
		return r;
	if (put_user(done, &user->len) || put_user(total, &user->total))
		return -EFAULT;
	return 0;
}
