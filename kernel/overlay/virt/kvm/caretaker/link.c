// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the link of a handler set moves on to another set, and with it the vCPUs that
 * have been given handlers by this link.
 *
 * All of them or none. What can fail is done before anything changes, in this order: no one else
 * may change or preserve these vCPUs (@updating), each gets a set of its own verified and
 * compiled; then they leave KVM_RUN, each maps its set, and when all have, each has the new table
 * by one store and goes on. A vCPU that is detached cannot be changed: then none is. One that is
 * lost never runs again and is left alone.
 *
 * Context of all: bpf_struct_ops' update_mutex is held. No wait is longer than
 * CARETAKER_SET_WAIT_MS or until a signal kills the caller, and none comes after the first vCPU
 * has changed.
 */
#define pr_fmt(fmt) "kvm_caretaker: " fmt

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <trace/events/kvm_caretaker.h>

#include "caretaker.h"

#define LINK_LOG_BYTES	1024

/* Nests the vcpu->mutex of all vCPUs. Taken under update_mutex alone. */
static DEFINE_MUTEX(link_lock);

/**
 * struct link_vcpu - a vCPU on its way to the new set
 * @node:	in the list of all
 * @ct:		its Caretaker; the VM is held
 * @begun:	no one else changes it
 * @stopped:	its vcpu->mutex is held
 * @h:		its new set, until it is in use
 * @va:		where that is mapped, NULL while it is not
 */
struct link_vcpu {
	struct list_head node;
	struct kvm_caretaker *ct;
	bool begun;
	bool stopped;
	struct caretaker_handlers *h;
	void *va;
};

static void link_vcpu_go(struct link_vcpu *v)
{
	if (v->va)
		caretaker_block_unmap_handlers(v->ct->block, v->h, v->va);
	v->va = NULL;
	if (v->stopped)
		caretaker_go(v->ct);
	v->stopped = false;
}

static void link_vcpu_free(struct link_vcpu *v)
{
	caretaker_handlers_destroy(v->h);
	if (v->begun)
		caretaker_set_end(v->ct);
	list_del(&v->node);
	kvm_put_kvm(v->ct->vcpu->kvm);
	kfree(v);
}

/* For caretaker_iter_linked() */
static int link_collect(struct kvm_caretaker *ct, void *data)
{
	struct list_head *all = data;
	struct link_vcpu *v;

	v = kzalloc_obj(*v, GFP_KERNEL_ACCOUNT);
	if (!v)
		return -ENOMEM;
	/* A VM that ends needs no new handlers. */
	if (!kvm_get_kvm_safe(ct->vcpu->kvm)) {
		kfree(v);
		return 0;
	}
	v->ct = ct;
	list_add_tail(&v->node, all);
	return 0;
}

static int link_begin(struct link_vcpu *v, ktime_t end, struct caretaker_log *log)
{
	int r = caretaker_set_begin_wait(v->ct, end);

	v->begun = !r;
	if (r == -EBUSY)
		caretaker_log_printf(log, "detached: cancel or adopt it first\n");
	if (r != -ETIMEDOUT)
		return r;
	caretaker_log_printf(log, "another change of it does not end: try again\n");
	return -EBUSY;
}

static int link_build(struct link_vcpu *v, struct kvm_caretaker_ops *ops, u64 link,
		      struct caretaker_log *log)
{
	struct caretaker_handlers *h;

	log->used = 0;
	h = caretaker_handlers_build(ops, v->ct->budget, log);
	if (IS_ERR(h))
		return PTR_ERR(h);
	v->h = h;
	h->link = link;
	h->map_id = bpf_struct_ops_id(ops);
	h->budget = v->ct->budget;
	/* That it was accepted is of no interest now. */
	log->used = 0;
	return caretaker_trust_check(v->ct->block, h, log);
}

static int link_map(struct link_vcpu *v, struct caretaker_log *log)
{
	int r;

	caretaker_stop_ask(v->ct);
	r = caretaker_stop_wait(v->ct, false, &link_lock);
	if (r)
		return r;
	v->stopped = true;
	if (v->ct->lost || v->ct->detached || v->ct->orphan) {
		caretaker_log_printf(log, "lost or detached: try again\n");
		return -EBUSY;
	}
	r = caretaker_block_map_handlers(v->ct->block, v->h, &v->va);
	if (r)
		caretaker_log_printf(log, "mapping the handlers: error %d: install the payload once more\n",
				     r);
	return r;
}

static void link_switch(struct link_vcpu *v)
{
	struct kvm_caretaker *ct = v->ct;

	caretaker_block_use_handlers(ct->block, v->h, v->va, &ct->lock);
	ct->generation++;
	trace_caretaker_install(ct->vm_id, ct->vcpu->vcpu_id, ct->pcpu, ct->generation, v->h);
	v->h = NULL;
	v->va = NULL;
	link_vcpu_go(v);
}

/* What fails is told of *@bad. One that was given another set meanwhile is left alone. */
static int link_prepare(struct list_head *all, struct kvm_caretaker_ops *ops, u64 link,
			struct link_vcpu **bad, struct caretaker_log *log)
{
	ktime_t end = ktime_add_ms(ktime_get(), CARETAKER_SET_WAIT_MS);
	struct link_vcpu *v, *next;
	int r;

	list_for_each_entry_safe(v, next, all, node) {
		r = READ_ONCE(v->ct->lost) ? 0 : link_begin(v, end, log);
		if (r)
			goto out;
		if (v->ct->link != link || !v->begun)
			link_vcpu_free(v);
	}
	list_for_each_entry(v, all, node) {
		r = link_build(v, ops, link, log);
		if (r)
			goto out;
	}
	return 0;
out:
	*bad = v;
	return r;
}

/* Return: 0 when all have changed */
static int link_change(struct list_head *all, struct link_vcpu **bad, struct caretaker_log *log)
{
	struct link_vcpu *v;
	int r = 0;

	mutex_lock(&link_lock);
	list_for_each_entry(v, all, node) {
		r = link_map(v, log);
		if (r)
			break;
	}
	if (r)
		*bad = v;
	list_for_each_entry(v, all, node) {
		if (r)
			link_vcpu_go(v);
		else
			link_switch(v);
	}
	mutex_unlock(&link_lock);
	return r;
}

static int link_swap(struct list_head *all, struct kvm_caretaker_ops *ops, u64 link,
		     struct caretaker_log *log)
{
	struct link_vcpu *v = NULL;
	int r;

	if (!capable(CAP_SYS_ADMIN)) {
		pr_notice_ratelimited("handlers %.16s: the link is not moved: vCPUs have been given handlers by it, and changing those needs CAP_SYS_ADMIN\n",
				      ops->name);
		return -EPERM;
	}
	r = link_prepare(all, ops, link, &v, log);
	if (!r)
		r = link_change(all, &v, log);
	if (r)
		pr_notice_ratelimited("handlers %.16s: the link is not moved, VM %016llx vCPU %d: %s",
				      ops->name, v->ct->vm_id, v->ct->vcpu->vcpu_id,
				      log->used ? log->buf : "interrupted, or out of memory\n");
	return r;
}

/**
 * caretaker_link_update - give another set to the vCPUs that were given theirs by a link
 * @link:	number of the link
 * @ops:	the kernel's copy of the value of the new map, which is held
 *
 * Context: process, may sleep; without any vcpu->mutex.
 * Return: 0; -EPERM without CAP_SYS_ADMIN; -EBUSY when one of the vCPUs is detached, or someone
 * else does not stop changing it; what caretaker_handlers_create() returns; -E2BIG when a payload
 * has no table left to map the set; -ENOMEM; -EINTR when the caller is killed. After an error no
 * vCPU has changed.
 */
int caretaker_link_update(u64 link, struct kvm_caretaker_ops *ops)
{
	struct caretaker_log log = { .size = LINK_LOG_BYTES };
	struct link_vcpu *v, *next;
	LIST_HEAD(all);
	int r;

	r = caretaker_iter_linked(link, link_collect, &all);
	if (!r && !list_empty(&all)) {
		log.buf = kzalloc(log.size, GFP_KERNEL_ACCOUNT);
		r = log.buf ? link_swap(&all, ops, link, &log) : -ENOMEM;
		kfree(log.buf);
	}
	list_for_each_entry_safe(v, next, &all, node)
		link_vcpu_free(v);
	return r;
}
