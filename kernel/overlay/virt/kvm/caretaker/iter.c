// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: typed data for BPF programs: iterators over vCPUs and over stall records, and
 * the tracepoints.
 *
 * Targets "caretaker_vcpu" (one element per vCPU that has or had a Caretaker) and
 * "caretaker_stall" (one per stall record that is kept). Live and after the gap they read alike.
 */
#include <linux/bpf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/ktime.h>
#include <linux/seq_file.h>

#include <asm/tsc.h>

#include "caretaker.h"

#define CREATE_TRACE_POINTS
#include <trace/events/kvm_caretaker.h>

/* For the stamp of a run that has begun */
#define TRACE_WAIT_MS	10

/* All Caretakers. The lock is outside of kvm_caretaker.lock. */
static LIST_HEAD(iter_list);
static DEFINE_MUTEX(iter_lock);

/**
 * caretaker_iter_add - let a Caretaker be seen by the iterators
 * @ct:		the Caretaker, complete
 */
void caretaker_iter_add(struct kvm_caretaker *ct)
{
	guard(mutex)(&iter_lock);
	list_add_tail(&ct->node, &iter_list);
}

/**
 * caretaker_iter_del - its vCPU goes away
 * @ct:		the Caretaker
 */
void caretaker_iter_del(struct kvm_caretaker *ct)
{
	guard(mutex)(&iter_lock);
	list_del(&ct->node);
}

/**
 * caretaker_iter_linked - call a function for each vCPU whose handlers came by a link
 * @link:	the link's number
 * @each:	the function; its vCPU cannot go away meanwhile
 * @data:	for it
 *
 * Return: 0, or what @each returned first.
 */
int caretaker_iter_linked(u64 link, int (*each)(struct kvm_caretaker *ct, void *data),
			  void *data)
{
	struct kvm_caretaker *ct;
	int r = 0;

	guard(mutex)(&iter_lock);
	list_for_each_entry(ct, &iter_list, node) {
		if (READ_ONCE(ct->link) == link)
			r = each(ct, data);
		if (r)
			break;
	}
	return r;
}

/* vCPUs. */

struct bpf_iter__caretaker_vcpu {
	__bpf_md_ptr(struct bpf_iter_meta *, meta);
	__bpf_md_ptr(struct kvm_caretaker_info *, info);
	__bpf_md_ptr(struct kvm_caretaker_telemetry *, telemetry);
};

DEFINE_BPF_ITER_FUNC(caretaker_vcpu, struct bpf_iter_meta *meta,
		     struct kvm_caretaker_info *info, struct kvm_caretaker_telemetry *telemetry)

static void *vcpu_seq_start(struct seq_file *seq, loff_t *pos)
{
	mutex_lock(&iter_lock);
	return seq_list_start(&iter_list, *pos);
}

static void *vcpu_seq_next(struct seq_file *seq, void *v, loff_t *pos)
{
	return seq_list_next(v, &iter_list, pos);
}

static int vcpu_run(struct seq_file *seq, struct kvm_caretaker_info *info,
		    struct kvm_caretaker_telemetry *t, bool in_stop)
{
	struct bpf_iter_meta meta = { .seq = seq };
	struct bpf_iter__caretaker_vcpu ctx = {
		.meta = &meta, .info = info, .telemetry = t,
	};
	struct bpf_prog *prog = bpf_iter_get_info(&meta, in_stop);

	return prog ? bpf_iter_run_prog(prog, &ctx) : 0;
}

static int vcpu_seq_show(struct seq_file *seq, void *v)
{
	struct kvm_caretaker *ct = list_entry(v, struct kvm_caretaker, node);
	struct kvm_caretaker_info info;

	guard(mutex)(&ct->lock);
	caretaker_info_fill(ct, &info);
	return vcpu_run(seq, &info, ct->block ? ct->block->telemetry : NULL, false);
}

static void vcpu_seq_stop(struct seq_file *seq, void *v)
{
	if (!v)
		vcpu_run(seq, NULL, NULL, true);
	mutex_unlock(&iter_lock);
}

static const struct seq_operations vcpu_seq_ops = {
	.start = vcpu_seq_start,
	.next = vcpu_seq_next,
	.stop = vcpu_seq_stop,
	.show = vcpu_seq_show,
};

static const struct bpf_iter_seq_info vcpu_seq_info = { .seq_ops = &vcpu_seq_ops };

static struct bpf_iter_reg vcpu_reg = {
	.target = "caretaker_vcpu",
	.ctx_arg_info_size = 2,
	.ctx_arg_info = {
		{ offsetof(struct bpf_iter__caretaker_vcpu, info),
		  PTR_TO_BTF_ID_OR_NULL | PTR_TRUSTED },
		{ offsetof(struct bpf_iter__caretaker_vcpu, telemetry),
		  PTR_TO_BTF_ID_OR_NULL | PTR_TRUSTED },
	},
	.seq_info = &vcpu_seq_info,
};

/* Stall records. */

/**
 * struct stall_iter - where an iteration over stall records is
 * @ct:		the vCPU
 * @index:	number of the record, as counted by telemetry.nr_stalls
 */
struct stall_iter {
	struct kvm_caretaker *ct;
	u64 index;
};

struct bpf_iter__caretaker_stall {
	__bpf_md_ptr(struct bpf_iter_meta *, meta);
	__bpf_md_ptr(struct kvm_caretaker_info *, info);
	__bpf_md_ptr(struct kvm_caretaker_stall *, stall);
};

DEFINE_BPF_ITER_FUNC(caretaker_stall, struct bpf_iter_meta *meta,
		     struct kvm_caretaker_info *info, struct kvm_caretaker_stall *stall)

/* Records that are kept, and the number of the first of them. */
static u64 stall_count(struct kvm_caretaker *ct, u64 *first)
{
	u64 nr;

	guard(mutex)(&ct->lock);
	nr = ct->block ? READ_ONCE(ct->block->telemetry->nr_stalls) : 0;
	*first = nr > KVM_CARETAKER_NR_STALLS ? nr - KVM_CARETAKER_NR_STALLS : 0;
	return nr - *first;
}

/* The record number @pos of all vCPUs. Called with iter_lock. */
static void *stall_find(struct stall_iter *it, loff_t pos)
{
	u64 nr, first;

	list_for_each_entry(it->ct, &iter_list, node) {
		nr = stall_count(it->ct, &first);
		if (pos < nr) {
			it->index = first + pos;
			return it;
		}
		pos -= nr;
	}
	return NULL;
}

static void *stall_seq_start(struct seq_file *seq, loff_t *pos)
{
	mutex_lock(&iter_lock);
	return stall_find(seq->private, *pos);
}

static void *stall_seq_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return stall_find(seq->private, *pos);
}

static int stall_run(struct seq_file *seq, struct kvm_caretaker_info *info,
		     struct kvm_caretaker_stall *stall, bool in_stop)
{
	struct bpf_iter_meta meta = { .seq = seq };
	struct bpf_iter__caretaker_stall ctx = { .meta = &meta, .info = info, .stall = stall };
	struct bpf_prog *prog = bpf_iter_get_info(&meta, in_stop);

	return prog ? bpf_iter_run_prog(prog, &ctx) : 0;
}

static int stall_seq_show(struct seq_file *seq, void *v)
{
	struct stall_iter *it = v;
	struct kvm_caretaker_info info;
	struct caretaker_block *b;

	guard(mutex)(&it->ct->lock);
	b = it->ct->block;
	if (!b)
		return 0;
	caretaker_info_fill(it->ct, &info);
	return stall_run(seq, &info,
			 &b->telemetry->stalls[it->index % KVM_CARETAKER_NR_STALLS], false);
}

static void stall_seq_stop(struct seq_file *seq, void *v)
{
	if (!v)
		stall_run(seq, NULL, NULL, true);
	mutex_unlock(&iter_lock);
}

static const struct seq_operations stall_seq_ops = {
	.start = stall_seq_start,
	.next = stall_seq_next,
	.stop = stall_seq_stop,
	.show = stall_seq_show,
};

static const struct bpf_iter_seq_info stall_seq_info = {
	.seq_ops = &stall_seq_ops,
	.seq_priv_size = sizeof(struct stall_iter),
};

static struct bpf_iter_reg stall_reg = {
	.target = "caretaker_stall",
	.ctx_arg_info_size = 2,
	.ctx_arg_info = {
		{ offsetof(struct bpf_iter__caretaker_stall, info),
		  PTR_TO_BTF_ID_OR_NULL | PTR_TRUSTED },
		{ offsetof(struct bpf_iter__caretaker_stall, stall),
		  PTR_TO_BTF_ID_OR_NULL | PTR_TRUSTED },
	},
	.seq_info = &stall_seq_info,
};

BTF_ID_LIST(iter_btf_ids)
BTF_ID(struct, kvm_caretaker_info)
BTF_ID(struct, kvm_caretaker_telemetry)
BTF_ID(struct, kvm_caretaker_stall)

static int __init caretaker_iter_init(void)
{
	int r;

	vcpu_reg.ctx_arg_info[0].btf_id = iter_btf_ids[0];
	vcpu_reg.ctx_arg_info[1].btf_id = iter_btf_ids[1];
	stall_reg.ctx_arg_info[0].btf_id = iter_btf_ids[0];
	stall_reg.ctx_arg_info[1].btf_id = iter_btf_ids[2];
	r = bpf_iter_reg_target(&vcpu_reg);
	return r ? r : bpf_iter_reg_target(&stall_reg);
}
late_initcall(caretaker_iter_init);

/* Tracepoints with some arithmetic. */

/* By the frequency that the telemetry names, as for all who read it: kernels measure their own. */
static u64 trace_ns(const struct kvm_caretaker_telemetry *t, u64 from, u64 to)
{
	return to > from ? mul_u64_u32_div(to - from, 1000000, max(t->tsc_khz, 1)) : 0;
}

/* The payload writes it a moment after it made the state RUNNING. */
static u64 trace_wait_run(const struct kvm_caretaker_telemetry *t)
{
	ktime_t end = ktime_add_ms(ktime_get(), TRACE_WAIT_MS);

	while (READ_ONCE(t->tsc_run) <= t->tsc_stop && ktime_before(ktime_get(), end))
		cpu_relax();
	return READ_ONCE(t->tsc_run);
}

/**
 * caretaker_trace_detach - a vCPU runs detached
 * @ct:		its Caretaker
 */
void caretaker_trace_detach(struct kvm_caretaker *ct)
{
	struct kvm_caretaker_telemetry *t = ct->block->telemetry;

	if (trace_caretaker_detach_enabled())
		trace_caretaker_detach(ct->vm_id, ct->vcpu->vcpu_id, ct->block->apic_id,
				       trace_ns(t, t->tsc_stop, trace_wait_run(t)));
}

/* No kernel was there to trace the stalls of the gap. */
static void trace_stalls(struct kvm_caretaker *ct)
{
	struct kvm_caretaker_telemetry *t = ct->block->telemetry;
	u64 i = t->nr_stalls > KVM_CARETAKER_NR_STALLS ? t->nr_stalls - KVM_CARETAKER_NR_STALLS : 0;

	if (!trace_caretaker_stall_enabled())
		return;
	for (; i < t->nr_stalls; i++) {
		struct kvm_caretaker_stall *s = &t->stalls[i % KVM_CARETAKER_NR_STALLS];

		if (s->tsc_start >= t->tsc_run)
			trace_caretaker_stall(ct->vm_id, ct->vcpu->vcpu_id, s->reason, s->info1,
					      s->rip, trace_ns(t, s->tsc_start, s->tsc_end));
	}
}

/**
 * caretaker_trace_back - a vCPU is back in KVM
 * @ct:		its Caretaker
 * @cancel:	in the kernel that it left, not in the next one
 */
void caretaker_trace_back(struct kvm_caretaker *ct, bool cancel)
{
	struct kvm_caretaker_telemetry *t = ct->block->telemetry;
	u64 ns = trace_ns(t, t->tsc_kick, t->tsc_adopt);

	trace_stalls(ct);
	if (cancel)
		trace_caretaker_cancel(ct->vm_id, ct->vcpu->vcpu_id, ct->block->apic_id, ns);
	else
		trace_caretaker_adopt(ct->vm_id, ct->vcpu->vcpu_id, ct->block->apic_id, ns);
}
