// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the link of a handler set moves on to another set, and with it the vCPUs that
 * have been given handlers by this link.
 *
 * All of them or none. What can fail is done before anything changes, in this order: no one else
 * may change or preserve these vCPUs (@updating), each gets a set of its own verified and compiled,
 * each maps it. Then each leaves KVM_RUN for a moment, one after the other, and has the new table
 * by one store. A vCPU that is detached cannot be changed: then none is.
 *
 * Context of all: bpf_struct_ops' update_mutex is held; vcpu->mutex is taken within, one at a time.
 */
#define pr_fmt(fmt) "kvm_caretaker: " fmt

#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/slab.h>

#include <trace/events/kvm_caretaker.h>

#include "caretaker.h"

/* How long another change of a vCPU may take. */
#define LINK_WAIT_MS	10000
#define LINK_LOG_BYTES	1024

/**
 * struct link_vcpu - a vCPU on its way to the new set
 * @node:	in the list of all
 * @ct:		its Caretaker; the VM is held
 * @begun:	no one else changes it
 * @h:		its new set, until it is in use
 * @va:		where that is mapped, NULL while it is not
 */
struct link_vcpu {
	struct list_head node;
	struct kvm_caretaker *ct;
	bool begun;
	struct caretaker_handlers *h;
	void *va;
};

static void link_vcpu_stop(struct link_vcpu *v)
{
	caretaker_stop_ask(v->ct);
	mutex_lock(&v->ct->vcpu->mutex);
}

static void link_vcpu_free(struct link_vcpu *v)
{
	if (v->va) {
		link_vcpu_stop(v);
		caretaker_block_unmap_handlers(v->ct->block, v->h, v->va);
		caretaker_go(v->ct);
	}
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

static int link_begin(struct link_vcpu *v, struct caretaker_log *log)
{
	unsigned int tries;
	int r = -EAGAIN;

	for (tries = 0; r == -EAGAIN && tries < LINK_WAIT_MS; tries++) {
		r = caretaker_set_begin(v->ct);
		if (r == -EAGAIN && msleep_interruptible(1))
			return -EINTR;
	}
	v->begun = !r;
	if (r == -EBUSY)
		caretaker_log_printf(log, "detached: cancel or adopt it first\n");
	else if (r)
		caretaker_log_printf(log, "another change of it does not end\n");
	return r;
}

static int link_build(struct link_vcpu *v, struct kvm_caretaker_ops *ops, u32 id,
		      struct caretaker_log *log)
{
	struct caretaker_handlers *h = caretaker_handlers_build(ops, v->ct->budget, log);

	if (IS_ERR(h))
		return PTR_ERR(h);
	v->h = h;
	h->link_id = id;
	h->budget = v->ct->budget;
	return caretaker_trust_check(v->ct->block, h, log);
}

static int link_map(struct link_vcpu *v, struct caretaker_log *log)
{
	int r;

	caretaker_stop_ask(v->ct);
	r = caretaker_stop_wait(v->ct, false, NULL);
	if (r)
		return r;
	if (v->ct->lost || v->ct->detached || v->ct->orphan) {
		caretaker_log_printf(log, "lost or detached\n");
		r = -EBUSY;
	} else {
		r = caretaker_block_map_handlers(v->ct->block, v->h, &v->va);
		if (r)
			caretaker_log_printf(log, "mapping the handlers: error %d\n", r);
	}
	caretaker_go(v->ct);
	return r;
}

/* Nothing of this can fail. */
static void link_switch(struct link_vcpu *v)
{
	struct kvm_caretaker *ct = v->ct;

	link_vcpu_stop(v);
	caretaker_block_use_handlers(ct->block, v->h, v->va);
	ct->generation++;
	trace_caretaker_install(ct->vm_id, ct->vcpu->vcpu_id, ct->pcpu, ct->generation, v->h);
	caretaker_go(ct);
	v->h = NULL;
	v->va = NULL;
}

/* What fails is told of *@bad. One that was given another set meanwhile is left alone. */
static int link_prepare(struct list_head *all, struct kvm_caretaker_ops *ops, u32 id,
			struct link_vcpu **bad, struct caretaker_log *log)
{
	struct link_vcpu *v, *next;
	int r;

	list_for_each_entry_safe(v, next, all, node) {
		r = link_begin(v, log);
		if (r)
			goto out;
		if (v->ct->link_id != id)
			link_vcpu_free(v);
	}
	list_for_each_entry(v, all, node) {
		log->used = 0;
		r = link_build(v, ops, id, log);
		if (r)
			goto out;
	}
	list_for_each_entry(v, all, node) {
		log->used = 0;
		r = link_map(v, log);
		if (r)
			goto out;
	}
	return 0;
out:
	*bad = v;
	return r;
}

static int link_swap(struct list_head *all, struct kvm_caretaker_ops *ops, u32 id,
		     struct caretaker_log *log)
{
	struct link_vcpu *v = NULL;
	int r;

	if (!capable(CAP_SYS_ADMIN)) {
		pr_notice_ratelimited("handlers %.16s: the link is not moved: vCPUs have been given handlers by it, and changing those needs CAP_SYS_ADMIN\n",
				      ops->name);
		return -EPERM;
	}
	r = link_prepare(all, ops, id, &v, log);
	if (r) {
		pr_notice_ratelimited("handlers %.16s: the link is not moved, VM %016llx vCPU %d: %s",
				      ops->name, v->ct->vm_id, v->ct->vcpu->vcpu_id,
				      log->used ? log->buf : "interrupted, or out of memory\n");
		return r;
	}
	list_for_each_entry(v, all, node)
		link_switch(v);
	return 0;
}

/**
 * caretaker_link_update - give another set to the vCPUs that were given theirs by a link
 * @id:		id of the link
 * @ops:	the kernel's copy of the value of the new map, which is held
 *
 * Context: process, may sleep; without any vcpu->mutex.
 * Return: 0; -EPERM without CAP_SYS_ADMIN; -EBUSY when one of the vCPUs is detached; what
 * caretaker_handlers_create() returns; -EINTR on a signal. After an error nothing has changed.
 */
int caretaker_link_update(u32 id, struct kvm_caretaker_ops *ops)
{
	struct caretaker_log log = { .size = LINK_LOG_BYTES };
	struct link_vcpu *v, *next;
	LIST_HEAD(all);
	int r;

	r = caretaker_iter_linked(id, link_collect, &all);
	if (!r && !list_empty(&all)) {
		log.buf = kzalloc(log.size, GFP_KERNEL_ACCOUNT);
		r = log.buf ? link_swap(&all, ops, id, &log) : -ENOMEM;
		kfree(log.buf);
	}
	list_for_each_entry_safe(v, next, &all, node)
		link_vcpu_free(v);
	return r;
}
