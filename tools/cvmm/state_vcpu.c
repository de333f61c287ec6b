// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Saves and restores a vCPU through KVM's ordinary ioctls.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cvmm.h"
#include "state.h"

#define MSR_IA32_TSC		0x10
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_KVM_WALL_CLOCK	0x11
#define MSR_KVM_WALL_CLOCK_NEW	0x4b564d00

static int call(const struct vcpu *v, int fd, unsigned long req, void *arg, const char *what)
{
	if (ioctl(fd, req, arg) >= 0)
		return 0;
	err("state: vCPU %u: %s: %s", v->id, what, strerror(errno));
	return -EIO;
}

#define CALL(v, req, arg)						\
	do {								\
		int ret_ = call(v, (v)->fd, req, arg, #req);		\
									\
		if (ret_)						\
			return ret_;					\
	} while (0)

static bool msr_wanted(uint32_t index)
{
	/* The TSC goes by its offset; the deadline comes last; wall clock writes guest memory. */
	return index != MSR_IA32_TSC && index != MSR_TSC_DEADLINE &&
	       index != MSR_KVM_WALL_CLOCK && index != MSR_KVM_WALL_CLOCK_NEW;
}

/* Reads one MSR. Not all that KVM lists can be read with each CPUID. */
static void msr_save(struct vcpu *v, struct cvmm_state_vcpu *s, uint32_t index)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e.index = index };

	if (s->nr_msrs < CVMM_NR_MSRS && ioctl(v->fd, KVM_GET_MSRS, &m) == 1)
		s->msr[s->nr_msrs++] = m.e;
}

static int msrs_save(struct vcpu *v, struct cvmm_state_vcpu *s)
{
	struct kvm_msr_list *list, probe = { 0 };
	uint32_t i;
	int ret;

	/* With no room KVM says how much it needs. */
	if (ioctl(v->vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, &probe) < 0 && errno != E2BIG) {
		err("state: KVM_GET_MSR_INDEX_LIST: %s", strerror(errno));
		return -EIO;
	}
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return -ENOMEM;
	list->nmsrs = probe.nmsrs;
	ret = call(v, v->vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, list, "KVM_GET_MSR_INDEX_LIST");
	s->nr_msrs = 0;
	for (i = 0; !ret && i < list->nmsrs; i++) {
		if (msr_wanted(list->indices[i]))
			msr_save(v, s, list->indices[i]);
	}
	free(list);
	msr_save(v, s, MSR_TSC_DEADLINE);
	if (!ret && s->nr_msrs == CVMM_NR_MSRS) {
		err("state: KVM has more MSRs than cvmm can save (%d)", CVMM_NR_MSRS);
		ret = -E2BIG;
	}
	return ret;
}

static int msrs_restore(struct vcpu *v, const struct cvmm_state_vcpu *s)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1 };
	uint32_t i;

	for (i = 0; i < s->nr_msrs; i++) {
		m.e = s->msr[i];
		if (ioctl(v->fd, KVM_SET_MSRS, &m) == 1)
			continue;
		/* A zero that cannot be written is what a new vCPU has anyway. */
		if (!m.e.data)
			continue;
		err("state: MSR %#x = %#llx: the next kernel refuses it", m.e.index,
		    (unsigned long long)m.e.data);
		return -EIO;
	}
	return 0;
}

static int cpuid_save(struct vcpu *v, struct cvmm_state_vcpu *s)
{
	struct kvm_cpuid2 *c;
	int ret = cpuid_make(v->vm, v->id, &c);

	if (ret)
		return ret;
	c->nent = CVMM_NR_CPUID;
	ret = call(v, v->fd, KVM_GET_CPUID2, c, "KVM_GET_CPUID2");
	if (!ret) {
		s->nr_cpuid = c->nent;
		memcpy(s->cpuid, c->entries, c->nent * sizeof(c->entries[0]));
	}
	free(c);
	return ret;
}

static int cpuid_restore(struct vcpu *v, const struct cvmm_state_vcpu *s)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + s->nr_cpuid * sizeof(c->entries[0]));
	int ret;

	if (!c)
		return -ENOMEM;
	c->nent = s->nr_cpuid;
	memcpy(c->entries, s->cpuid, s->nr_cpuid * sizeof(c->entries[0]));
	ret = call(v, v->fd, KVM_SET_CPUID2, c, "KVM_SET_CPUID2");
	free(c);
	return ret;
}

static int xsave_save(struct vcpu *v, struct cvmm_state_vcpu *s)
{
	int size = ioctl(v->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	if (size > (int)sizeof(s->xsave)) {
		err("state: the vector state has %d bytes, cvmm can carry %zu", size,
		    sizeof(s->xsave));
		return -E2BIG;
	}
	CALL(v, KVM_GET_XSAVE, &s->xsave);
	if (ioctl(v->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) <= 0)
		return 0;
	CALL(v, KVM_GET_XCRS, &s->xcrs);
	s->flags |= CVMM_STATE_XCRS;
	return 0;
}

/**
 * state_vcpu_save() - read all of a stopped or detached vCPU
 * @v: vCPU
 * @s: where to; was zeroed
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int state_vcpu_save(struct vcpu *v, struct cvmm_state_vcpu *s)
{
	int ret;

	CALL(v, KVM_GET_MP_STATE, &s->mp_state);
	CALL(v, KVM_GET_REGS, &s->regs);
	CALL(v, KVM_GET_SREGS, &s->sregs);
	CALL(v, KVM_GET_DEBUGREGS, &s->debugregs);
	CALL(v, KVM_GET_VCPU_EVENTS, &s->events);
	CALL(v, KVM_GET_LAPIC, &s->lapic);
	ret = xsave_save(v, s);
	if (!ret)
		ret = msrs_save(v, s);
	if (!ret)
		ret = cpuid_save(v, s);
	if (ret)
		return ret;
	v->tsc_khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	s->tsc_khz = v->tsc_khz;
	return vcpu_tsc_offset(v, KVM_GET_DEVICE_ATTR, &s->tsc_offset);
}

static void tsc_khz_restore(struct vcpu *v, const struct cvmm_state_vcpu *s)
{
	if (v->tsc_khz == s->tsc_khz)
		return;
	if (!ioctl(v->fd, KVM_SET_TSC_KHZ, (unsigned long)s->tsc_khz)) {
		v->tsc_khz = s->tsc_khz;
		return;
	}
	note("vCPU %u: TSC of %u kHz: %s: the guest's clock may drift: give tsc_early_khz=%u",
	     v->id, s->tsc_khz, strerror(errno), s->tsc_khz);
}

/* Is this host itself a guest of QEMU's TCG? (hypervisor leaf of CPUID) */
static bool host_is_tcg(void)
{
	uint32_t a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;	/* TCGTCGTCGTCG */
}

/*
 * KVM reports the TSS in TR as busy, as the hardware has it. TCG keeps it as available, and
 * refuses I/O by the TSS's permission bitmap from user mode when it is busy.
 */
static int sregs_restore(struct vcpu *v, const struct cvmm_state_vcpu *s)
{
	struct kvm_sregs sregs = s->sregs;

	if (host_is_tcg())
		sregs.tr.type &= ~2;
	return call(v, v->fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
}

/**
 * state_vcpu_restore() - write all of a vCPU
 * @v: vCPU
 * @s: what state_vcpu_save() wrote
 *
 * The order is KVM's: CPUID first, the LAPIC needs the APIC base in SREGS, the TSC deadline
 * needs the TSC offset and the LAPIC.
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int state_vcpu_restore(struct vcpu *v, const struct cvmm_state_vcpu *s)
{
	uint64_t offset = s->tsc_offset;
	int ret = cpuid_restore(v, s);

	if (!ret)
		ret = sregs_restore(v, s);
	if (ret)
		return ret;
	tsc_khz_restore(v, s);
	ret = vcpu_tsc_offset(v, KVM_SET_DEVICE_ATTR, &offset);
	if (ret)
		return ret;
	CALL(v, KVM_SET_LAPIC, (void *)&s->lapic);
	if (s->flags & CVMM_STATE_XCRS)
		CALL(v, KVM_SET_XCRS, (void *)&s->xcrs);
	CALL(v, KVM_SET_XSAVE, (void *)&s->xsave);
	ret = msrs_restore(v, s);
	if (ret)
		return ret;
	CALL(v, KVM_SET_DEBUGREGS, (void *)&s->debugregs);
	CALL(v, KVM_SET_VCPU_EVENTS, (void *)&s->events);
	CALL(v, KVM_SET_REGS, (void *)&s->regs);
	CALL(v, KVM_SET_MP_STATE, (void *)&s->mp_state);
	return 0;
}
