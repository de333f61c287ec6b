// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * CPUID of a vCPU: what KVM supports, less what the gap cannot serve, and a topology of our own:
 * one package, one core per vCPU, one thread per core, the vCPU's number as x2APIC id.
 * Layouts: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <asm/kvm_para.h>

#include "cvmm.h"

#define MAX_CPUID		256
#define ECX_X2APIC		(1u << 21)	/* leaf 1 */
#define ECX_DEADLINE		(1u << 24)
#define ECX_HYPERVISOR		(1u << 31)
#define EDX_HTT			(1u << 28)
#define ECX_CMP_LEGACY		(1u << 1)	/* leaf 0x80000001 */
#define ECX_SVM			(1u << 2)	/* a guest that uses it cannot be carried */
#define CACHE_LEVEL(eax)	((eax) >> 5 & 7)
#define CACHE_SHARED_MASK	0x03ffc000u
#define CACHE_CORES_MASK	0xfc000000u
#define LEVEL_SMT		1
#define LEVEL_CORE		2

/* Paravirt features that need the host at unforeseen times: not in the gap. */
#define KVM_FEATURES_OFF						\
	(1u << KVM_FEATURE_ASYNC_PF | 1u << KVM_FEATURE_STEAL_TIME |	\
	 1u << KVM_FEATURE_PV_EOI | 1u << KVM_FEATURE_PV_UNHALT |	\
	 1u << KVM_FEATURE_PV_TLB_FLUSH | 1u << KVM_FEATURE_ASYNC_PF_VMEXIT |	\
	 1u << KVM_FEATURE_PV_SEND_IPI | 1u << KVM_FEATURE_POLL_CONTROL |	\
	 1u << KVM_FEATURE_PV_SCHED_YIELD | 1u << KVM_FEATURE_ASYNC_PF_INT |	\
	 1u << KVM_FEATURE_MIGRATION_CONTROL)

/**
 * struct topology - place of one vCPU
 * @id: x2APIC id
 * @nr: number of cores
 * @shift: bits of the x2APIC id that name the core
 * @amd: the vendor is AMD or Hygon
 */
struct topology {
	uint32_t id;
	uint32_t nr;
	uint32_t shift;
	bool amd;
};

static uint32_t shift_for(uint32_t nr)
{
	uint32_t shift = 0;

	while ((1u << shift) < nr)
		shift++;
	return shift;
}

static bool vendor_is_amd(const struct kvm_cpuid2 *c)
{
	uint32_t i;

	for (i = 0; i < c->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (!e->function)	/* AuthenticAMD, HygonGenuine */
			return e->ecx == 0x444d4163 || e->ecx == 0x656e6975;
	}
	return false;
}

static void fix_leaf_1(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	e->ecx |= ECX_X2APIC | ECX_DEADLINE | ECX_HYPERVISOR;
	e->ebx = (e->ebx & 0xffff) | t->nr << 16 | t->id << 24;
	e->edx &= ~EDX_HTT;
	if (t->nr > 1)
		e->edx |= EDX_HTT;
}

/* The last level is shared by all cores, those below are each core's own. */
static void fix_cache(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	uint32_t share = CACHE_LEVEL(e->eax) >= 3 ? (1u << t->shift) - 1 : 0;

	if (!(e->eax & 0x1f))
		return;
	e->eax = (e->eax & ~CACHE_SHARED_MASK) | share << 14;
	if (e->function == 4)
		e->eax = (e->eax & ~CACHE_CORES_MASK) | ((1u << t->shift) - 1) << 26;
}

static void fix_entry(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	switch (e->function) {
	case 1:
		fix_leaf_1(e, t);
		break;
	case 4:
	case 0x8000001d:
		fix_cache(e, t);
		break;
	case 0x80000001:
		e->ecx &= ~(ECX_CMP_LEGACY | ECX_SVM);
		if (t->amd && t->nr > 1)
			e->ecx |= ECX_CMP_LEGACY;
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xf0ffu) | t->shift << 12 | (t->nr - 1);
		break;
	case 0x8000000a:		/* features of SVM */
		e->eax = 0;
		e->ebx = 0;
		e->ecx = 0;
		e->edx = 0;
		break;
	case 0x8000001e:
		e->eax = t->id;
		e->ebx = t->id & 0xff;	/* core id, one thread per core */
		e->ecx = 0;		/* node 0, one node */
		break;
	case KVM_CPUID_FEATURES:
		e->eax &= ~KVM_FEATURES_OFF;
		break;
	}
}

static int add_level(struct kvm_cpuid2 *c, uint32_t leaf, uint32_t index, uint32_t type,
		     const struct topology *t)
{
	struct kvm_cpuid_entry2 *e = &c->entries[c->nent];

	if (c->nent == MAX_CPUID) {
		err("CPUID: more than %d entries", MAX_CPUID);
		return -E2BIG;
	}
	memset(e, 0, sizeof(*e));
	e->function = leaf;
	e->index = index;
	e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	e->eax = type == LEVEL_CORE ? t->shift : 0;
	e->ebx = type == LEVEL_CORE ? t->nr : type == LEVEL_SMT;
	e->ecx = index | type << 8;
	e->edx = t->id;
	c->nent++;
	return 0;
}

/* Replaces what KVM says of an extended topology leaf, if the CPU has it. */
static int replace_levels(struct kvm_cpuid2 *c, uint32_t leaf, const struct topology *t)
{
	uint32_t i, kept = 0, nent = c->nent;
	int ret;

	for (i = 0; i < nent; i++) {
		if (c->entries[i].function != leaf)
			c->entries[kept++] = c->entries[i];
	}
	c->nent = kept;
	if (kept == nent)
		return 0;
	ret = add_level(c, leaf, 0, LEVEL_SMT, t);
	if (!ret)
		ret = add_level(c, leaf, 1, LEVEL_CORE, t);
	if (!ret)
		ret = add_level(c, leaf, 2, 0, t);
	return ret;
}

/**
 * cpuid_make() - what the CPUID instruction of a vCPU is to say
 * @vm: VM
 * @id: the vCPU's number, its x2APIC id
 * @out: set to memory that the caller frees
 *
 * Return: 0 or a negative errno.
 */
int cpuid_make(struct vm *vm, unsigned int id, struct kvm_cpuid2 **out)
{
	struct topology t = { .id = id, .nr = vm->nr_vcpus, .shift = shift_for(vm->nr_vcpus) };
	struct kvm_cpuid2 *c;
	uint32_t i;
	int ret;

	c = calloc(1, sizeof(*c) + MAX_CPUID * sizeof(c->entries[0]));
	if (!c)
		return -ENOMEM;
	c->nent = MAX_CPUID;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0) {
		err("KVM: supported CPUID: %s", strerror(errno));
		free(c);
		return -EIO;
	}
	t.amd = vendor_is_amd(c);
	for (i = 0; i < c->nent; i++)
		fix_entry(&c->entries[i], &t);
	ret = replace_levels(c, 0xb, &t);
	if (!ret)
		ret = replace_levels(c, 0x1f, &t);
	if (ret) {
		free(c);
		return ret;
	}
	*out = c;
	return 0;
}
