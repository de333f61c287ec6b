// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * kvmclock over a handover. What the guest reads is a line through a point in its pvclock page:
 * time = system_time + (TSC - tsc_timestamp) * mul. Nobody writes that page while no kernel's KVM
 * has the vCPU, and the guest reads it all the time, so this line is the truth that the next KVM
 * has to continue. KVM_SET_CLOCK sets the time for a moment inside the call; KVM_GET_CLOCK tells
 * a time and the host TSC that belongs to it. So: set, look how far it is off the line, set again
 * with that as correction, until the rest is a few ns, and not negative: no clock may go back.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cvmm.h"
#include "state.h"

#define MSR_KVM_SYSTEM_TIME_NEW	0x4b564d01
#define SYSTEM_TIME_ENABLED	1ULL
#define SET_TRIES		100
#define SETTLE_TRIES		5
#define GOOD_NS			16	/* at the first tries; doubled every EASE tries */
#define EASE			12
#define SETTLED_NS		1000	/* rates of both kernels' clocks may differ a little */

/* struct pvclock_vcpu_time_info of Linux (arch/x86/include/asm/pvclock-abi.h) */
struct pvclock {
	uint32_t version;
	uint32_t pad;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
	uint8_t pad2[2];
};

static uint64_t tsc_to_ns(uint64_t cycles, uint32_t khz)
{
	return cycles / khz * 1000000 + cycles % khz * 1000000 / khz;
}

static uint64_t msr_saved(const struct cvmm_state_vcpu *s, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < s->nr_msrs; i++) {
		if (s->msr[i].index == index)
			return s->msr[i].data;
	}
	return 0;
}

/* The page of vCPU 0, NULL when the guest does not use it or it makes no sense. */
static const struct pvclock *pvclock_find(struct vm *vm)
{
	uint64_t msr = msr_saved(&vm->state->vcpu[0], MSR_KVM_SYSTEM_TIME_NEW);
	uint64_t at = msr & ~SYSTEM_TIME_ENABLED;
	const struct pvclock *p;

	if (!(msr & SYSTEM_TIME_ENABLED) || at % 4 || at > vm->ram_size - sizeof(*p))
		return NULL;
	p = (const void *)(vm->ram + at);
	if (p->version & 1 || !p->version || !p->mul || p->shift > 31 || p->shift < -31)
		return NULL;
	return p;
}

/* The line that the guest reads: it is KVM's to write from the adoption on. */
static void line_take(struct vm *vm)
{
	const struct pvclock *p = pvclock_find(vm);

	vm->clock_line.known = p;
	if (!p)
		return;
	vm->clock_line.tsc = p->tsc_timestamp;
	vm->clock_line.ns = p->system_time;
	vm->clock_line.mul = p->mul;
	vm->clock_line.shift = p->shift;
}

/* What the guest's clock says at a host TSC. */
static uint64_t clock_at(const struct vm *vm, uint64_t host_tsc)
{
	const struct cvmm_state *s = vm->state;
	const struct clock_line *l = &vm->clock_line;
	uint64_t delta;

	if (!l->known)
		return s->clock.clock + tsc_to_ns(host_tsc - s->clock_tsc, s->vcpu[0].tsc_khz);
	delta = host_tsc + s->vcpu[0].tsc_offset - l->tsc;
	delta = l->shift < 0 ? delta >> -l->shift : delta << l->shift;
	return l->ns + (uint64_t)(((__uint128_t)delta * l->mul) >> 32);
}

static int clock_get(struct vm *vm, struct kvm_clock_data *c, uint64_t *tsc)
{
	uint64_t before = rdtsc();

	memset(c, 0, sizeof(*c));
	if (ioctl(vm->fd, KVM_GET_CLOCK, c) < 0) {
		err("VM: KVM_GET_CLOCK: %s", strerror(errno));
		return -EIO;
	}
	*tsc = c->flags & KVM_CLOCK_HOST_TSC ? c->host_tsc : before + (rdtsc() - before) / 2;
	return 0;
}

/**
 * clock_save() - read kvmclock, for guests that have no pvclock page
 * @vm: VM
 * @s: where to
 *
 * Return: 0 or a negative errno.
 */
int clock_save(struct vm *vm, struct cvmm_state *s)
{
	return clock_get(vm, &s->clock, &s->clock_tsc);
}

/* Sets the clock with a lead in ns, and measures by how much it is ahead of the line. */
static int clock_set(struct vm *vm, int64_t lead, int64_t *error)
{
	struct kvm_clock_data c = { .clock = clock_at(vm, rdtsc()) + lead };
	uint64_t tsc;
	int ret;

	if (ioctl(vm->fd, KVM_SET_CLOCK, &c) < 0) {
		err("VM: KVM_SET_CLOCK: %s", strerror(errno));
		return -EIO;
	}
	ret = clock_get(vm, &c, &tsc);
	if (!ret)
		*error = c.clock - clock_at(vm, tsc);
	return ret;
}

static int clock_tune(struct vm *vm, unsigned int tries, int64_t good)
{
	int64_t lead = 0, error = 0;
	unsigned int i;
	int ret;

	for (i = 0; i < tries; i++) {
		ret = clock_set(vm, lead, &error);
		if (ret)
			return ret;
		vm->clock_error = error;
		if (error >= 0 && error <= good << i / EASE)
			return 0;
		/* Aim a little ahead: the error is as often above as below. */
		lead += (good << i / EASE) / 2 - error;
	}
	return 0;
}

/**
 * clock_restore() - let kvmclock go on from the guest's own page
 * @vm: VM whose state is mapped and whose vCPUs have their TSC offsets
 *
 * Return: 0 or a negative errno; @vm->clock_error is what is left.
 */
int clock_restore(struct vm *vm)
{
	line_take(vm);
	return clock_tune(vm, SET_TRIES, GOOD_NS);
}

/**
 * clock_look() - see how far kvmclock is off what the guest read in the gap
 * @vm: VM after clock_restore(), adopted or not; @vm->clock_error is set
 */
void clock_look(struct vm *vm)
{
	struct kvm_clock_data c;
	uint64_t tsc;

	if (!clock_get(vm, &c, &tsc))
		vm->clock_error = c.clock - clock_at(vm, tsc);
}

/**
 * clock_settle() - look again right before the vCPUs are adopted
 * @vm: VM after clock_restore()
 *
 * Corrects only what has grown since. Not after the adoption: the guest may have read the clock.
 */
void clock_settle(struct vm *vm)
{
	clock_look(vm);
	if (vm->clock_error < 0 || vm->clock_error > SETTLED_NS)
		clock_tune(vm, SETTLE_TRIES, SETTLED_NS);
}
