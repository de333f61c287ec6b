// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the preserved CPU set, and what kexec may do while CPUs run a Caretaker.
 *
 * The set is bound to the life of the vCPU files (LUO's file-lifecycle-bound data).
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/kexec.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>

#include <asm/caretaker.h>

#include "caretaker.h"

static int cpus_preserve(struct liveupdate_flb_op_args *args)
{
	struct caretaker_cpus_ser *cpus;

	cpus = kho_alloc_preserve(PAGE_SIZE);
	if (IS_ERR(cpus))
		return PTR_ERR(cpus);
	cpus->size = sizeof(*cpus);
	cpus->nr = ARRAY_SIZE(cpus->cpu);
	args->obj = cpus;
	args->data = __pa(cpus);
	return 0;
}

static void cpus_unpreserve(struct liveupdate_flb_op_args *args)
{
	kho_unpreserve_free(args->obj);
}

static int cpus_retrieve(struct liveupdate_flb_op_args *args)
{
	struct caretaker_cpus_ser *cpus = phys_to_virt(args->data);

	if (cpus->size < sizeof(*cpus) || cpus->nr > ARRAY_SIZE(cpus->cpu))
		return -EINVAL;
	args->obj = cpus;
	return 0;
}

static void cpus_finish(struct liveupdate_flb_op_args *args)
{
	kho_restore_free(args->obj);
}

static const struct liveupdate_flb_ops cpus_ops = {
	.preserve = cpus_preserve,
	.unpreserve = cpus_unpreserve,
	.retrieve = cpus_retrieve,
	.finish = cpus_finish,
	.owner = THIS_MODULE,
};

struct liveupdate_flb caretaker_cpus_flb = {
	.ops = &cpus_ops,
	.compatible = CARETAKER_CPUS_COMPATIBLE,
};

/**
 * caretaker_cpus_set - enter a CPU into the preserved set, or take it out
 * @apic_id:	physical APIC id
 * @block_pa:	block of its Caretaker, 0 to take it out
 *
 * Context: may sleep; while a vCPU file is preserved or being preserved.
 * Return: 0; -ENOSPC when the set is full or, taking out, has no such CPU; errors of LUO.
 */
int caretaker_cpus_set(u32 apic_id, u64 block_pa)
{
	struct caretaker_cpus_ser *cpus;
	unsigned int i;
	int r;

	r = liveupdate_flb_get_outgoing(&caretaker_cpus_flb, (void **)&cpus);
	if (r)
		return r;
	r = -ENOSPC;
	for (i = 0; r && i < cpus->nr; i++) {
		struct caretaker_cpu_ser *c = &cpus->cpu[i];

		if (block_pa ? c->used : !c->used || c->apic_id != apic_id)
			continue;
		c->apic_id = apic_id;
		c->block_pa = block_pa;
		c->used = !!block_pa;
		r = 0;
	}
	liveupdate_flb_put_outgoing(&caretaker_cpus_flb);
	return r;
}

int caretaker_incoming_cpus(u32 *apic_ids, unsigned int max)
{
	struct caretaker_cpus_ser *cpus;
	unsigned int i, nr = 0;
	int r;

	r = liveupdate_flb_get_incoming(&caretaker_cpus_flb, (void **)&cpus);
	if (r)
		return r;
	for (i = 0; i < cpus->nr && nr < max; i++)
		if (cpus->cpu[i].used)
			apic_ids[nr++] = cpus->cpu[i].apic_id;
	liveupdate_flb_put_incoming(&caretaker_cpus_flb);
	return nr;
}

static bool cpus_is_preserved(u32 apic_id)
{
	struct caretaker_cpus_ser *cpus;
	bool found = false;
	unsigned int i;

	if (liveupdate_flb_get_outgoing(&caretaker_cpus_flb, (void **)&cpus))
		return false;
	for (i = 0; i < cpus->nr; i++)
		found |= cpus->cpu[i].used && cpus->cpu[i].apic_id == apic_id;
	liveupdate_flb_put_outgoing(&caretaker_cpus_flb);
	return found;
}

/**
 * kvm_caretaker_kexec_check - would a kexec leave a CPU running in memory that nobody keeps?
 * @image:	the image to be started
 *
 * Context: may sleep, from kernel_kexec() before anything was shut down.
 * Return: 0, or -EBUSY and the reason is in the log.
 */
int kvm_caretaker_kexec_check(const struct kimage *image)
{
	static u32 ids[CARETAKER_MAX_CPUS];
	int i, nr = caretaker_cpus_owned(ids, ARRAY_SIZE(ids));

	for (i = 0; i < nr; i++) {
		if (!cpus_is_preserved(ids[i])) {
			pr_err("kexec refused: the CPU with APIC id %u runs a vCPU from an earlier kernel, or is on its way back: adopt the vCPU, wait, try again\n",
			       ids[i]);
			return -EBUSY;
		}
	}
	if (nr > 0 && !image->kho.fdt) {
		pr_err("kexec refused: %d CPU(s) run a Caretaker, and this image takes no handover data: load it by kexec_file_load with kho=on\n",
		       nr);
		return -EBUSY;
	}
	return 0;
}
