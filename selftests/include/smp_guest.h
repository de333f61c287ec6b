/* SPDX-License-Identifier: GPL-2.0 */
/* The guest of guest_smp.h from the host: making it, running it, judging it. */
#ifndef SELFTESTS_SMP_GUEST_H
#define SELFTESTS_SMP_GUEST_H

#include "guest_smp.h"
#include "guest_smp_code.h"
#include "kvm_guest.h"

struct smp_guest {
	unsigned int nr;
	struct kvm_guest vcpu[SMP_MAX_VCPUS];	/* the first one owns VM and RAM */
	struct guest_runner runner[SMP_MAX_VCPUS];
};

/* Functions that return int return 0 or a negative errno, after a diagnosis. */
int smp_create(struct smp_guest *g, unsigned int nr);
void smp_destroy(struct smp_guest *g);
/* One more vCPU than the VM was made with; it shares RAM and VM, and is not run. */
int smp_add_vcpu(struct smp_guest *g);
/* For a VM that another kernel handed over: vCPU @i shares what the first one has. */
void smp_share(struct smp_guest *g, unsigned int i);
int smp_start_threads(struct smp_guest *g);
int smp_stop_threads(struct smp_guest *g);

static inline struct smp_shared *smp_shared(struct smp_guest *g)
{
	return (struct smp_shared *)(g->vcpu[0].ram + SMP_SHARED);
}

static inline struct smp_area *smp_area(struct smp_guest *g, unsigned int i)
{
	return (struct smp_area *)(g->vcpu[0].ram + SMP_AREA(i));
}

/* An interrupt from the VMM to vCPU @i. */
int smp_interrupt(struct smp_guest *g, unsigned int i);
/* What the guest does from now on; wakes vCPUs that idle, so it is for a guest in KVM. */
void smp_work(struct smp_guest *g, uint64_t work);
/* With SMP_IDLE: waits until all vCPUs halt for good, with nothing on its way to any of them. */
bool smp_idles(struct smp_guest *g, unsigned int ms);
/* Timers: vCPU i uses (@first + i) of the three modes; SMP_TIMER_OFF: none has one. */
void smp_timers(struct smp_guest *g, enum smp_timer first);
/* Waits until each vCPU uses the timer that it was told. */
bool smp_timers_set(struct smp_guest *g, unsigned int ms);

/* Whether everything that the guest does goes on within @ms, on each vCPU, and nothing is wrong. */
bool smp_alive(struct smp_guest *g, unsigned int ms);
/* Whether nothing was ever wrong. */
bool smp_right(struct smp_guest *g);
/*
 * Ends the load, waits until all that was sent has come, and counts: whether each interrupt came
 * once. The load goes on afterwards.
 */
bool smp_all_arrived(struct smp_guest *g, unsigned int ms);
/* Diagnostic lines. */
void smp_describe(struct smp_guest *g);
void smp_totals(struct smp_guest *g, const char *what);
/* Registers that the guest cannot check by itself. */
int smp_check_host_side(struct smp_guest *g);

#endif /* SELFTESTS_SMP_GUEST_H */
