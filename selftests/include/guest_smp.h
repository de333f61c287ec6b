/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest with several vCPUs that interrupt each other all the time and check that no interrupt
 * is lost or comes twice, while each checks its registers and keeps its own timer.
 *
 * What host and guest share: one struct smp_shared, then one struct smp_area per vCPU, whose
 * upper end is the stack of that vCPU.
 */
#ifndef SELFTESTS_GUEST_SMP_H
#define SELFTESTS_GUEST_SMP_H

#include <stddef.h>
#include <stdint.h>

#define SMP_MAX_VCPUS	4
#define SMP_SHARED	0x100000UL
#define SMP_AREA_SIZE	0x10000UL
#define SMP_AREA(id)	(SMP_SHARED + ((id) + 1) * SMP_AREA_SIZE)

/* smp_shared.work: what each vCPU does in a round, beside checking its registers */
#define SMP_PING	(1U << 0)	/* a fixed IPI to the next vCPU, which answers by one */
#define SMP_SELF	(1U << 1)	/* IPIs to itself: by SELF_IPI and by the shorthand */
#define SMP_NMI		(1U << 2)	/* an NMI to the next vCPU */
#define SMP_OTHERS	(1U << 3)	/* shorthand: all but itself */
#define SMP_EVERYBODY	(1U << 4)	/* shorthand: all, itself included */
#define SMP_LOGICAL	(1U << 5)	/* logical destination: all but itself */
#define SMP_HALT	(1U << 6)	/* wait for pongs in HLT, not in a loop */
#define SMP_CPUID	(1U << 7)	/* an exit that needs no kernel */
#define SMP_NAP		(1U << 8)	/* end the round with HLT until the next tick */
#define SMP_IDLE	(1U << 9)	/* nothing else: HLT, again and again */
#define SMP_SPIN	(1U << 10)	/* nothing else: a loop without any exit */
#define SMP_BROADCASTS	(SMP_OTHERS | SMP_EVERYBODY | SMP_LOGICAL)
#define SMP_LOAD	(SMP_PING | SMP_SELF | SMP_NMI | SMP_BROADCASTS | SMP_HALT | SMP_CPUID)

enum smp_timer {
	SMP_TIMER_OFF,
	SMP_TIMER_PERIODIC,
	SMP_TIMER_DEADLINE,
	SMP_TIMER_ONE_SHOT,
	SMP_NR_TIMERS,
};

/* smp_area.what */
#define SMP_WRONG_GPR		(1U << 0)
#define SMP_WRONG_XMM		(1U << 1)
#define SMP_WRONG_BASE		(1U << 2)	/* FS, GS, kernel GS */
#define SMP_WRONG_AUX		(1U << 3)
#define SMP_WRONG_TSC		(1U << 4)	/* went back, or differs between vCPUs */
#define SMP_WRONG_PING		(1U << 5)	/* number of pings */
#define SMP_WRONG_PONG		(1U << 6)
#define SMP_WRONG_SELF		(1U << 7)
#define SMP_WRONG_NMI		(1U << 8)
#define SMP_WRONG_BROADCAST	(1U << 9)
#define SMP_TICK_EARLY		(1U << 10)	/* before its time */
#define SMP_TICK_EXTRA		(1U << 11)	/* more of them than were armed, or due */
#define SMP_WRONG_CPUID		(1U << 12)
#define SMP_EXCEPTION		(1U << 13)

/* More early ticks than that are wrong, see the guest's code */
#define SMP_EARLY_MAX		2

struct smp_shared {
	volatile uint64_t nr;		/* host: vCPUs */
	volatile uint64_t work;		/* host: SMP_* */
	volatile uint64_t tsc_khz;	/* host: the guest's */
	volatile uint64_t tick_us;	/* host: period of the timers */
};

struct smp_area {
	volatile uint64_t id;		/* host */
	volatile uint64_t ready;	/* guest, as all that follows */
	volatile uint64_t rounds;
	volatile uint64_t errors;
	volatile uint64_t what;		/* SMP_WRONG_* and so on, or'ed */
	volatile uint64_t got, wanted;	/* of the first error */
	volatile uint64_t waiting;	/* SMP_* of what it waits for, 0 for nothing */

	/* Interrupts to and from the neighbours: at most one of a kind is on its way */
	volatile uint64_t ping_sent, ping_got, pong_got, ping_tsc;
	volatile uint64_t self_sent, self_got;
	volatile uint64_t nmi_sent, nmi_got;
	volatile uint64_t cast_sent;
	volatile uint64_t cast_due[SMP_MAX_VCPUS];	/* sent to that vCPU */
	volatile uint64_t cast_got[SMP_MAX_VCPUS];	/* come from that vCPU */
	volatile uint64_t host_irqs;	/* from the VMM */

	/* Timer */
	volatile uint64_t timer;	/* host: enum smp_timer, wanted */
	volatile uint64_t timer_now;	/* in use */
	volatile uint64_t ticks, armed;	/* in this mode */
	volatile uint64_t all_ticks;	/* in all modes */
	volatile uint64_t tick_start;	/* TSC when the periodic timer was started */
	volatile uint64_t tick_due;	/* TSC before which no tick may come */
	volatile uint64_t tick_last;	/* TSC of the last one */
	volatile uint64_t tick_gap;	/* largest distance of two */
	volatile uint64_t early;	/* ticks that came before half of their time */
	volatile uint64_t naps;		/* HLTs that ended */
	volatile uint64_t in_hlt;

	volatile uint64_t tsc;		/* of the last round */
	volatile uint64_t tsc_step;	/* largest step between two rounds */

	volatile uint64_t in_wanted;	/* host: 1: IN from GUEST_PORT_UNSERVED; guest: back to 0 */
	volatile uint64_t in_value;

	volatile uint64_t exception, exception_rip, exception_code;

	/* Patterns, host */
	uint64_t gpr[13];
	uint64_t gpr_want[13];		/* the same, right behind them */
	uint64_t base[3];		/* at the FS, GS, kernel GS base */
	uint64_t base_want[3];
	uint64_t aux, has_aux;
	uint64_t cpuid_id;		/* APIC ID in leaf 1 */
	uint64_t xmm[16][2] __attribute__((aligned(16)));
	uint64_t scratch[16][2] __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct smp_area) < SMP_AREA_SIZE / 2, "the rest is the stack");

#endif /* SELFTESTS_GUEST_SMP_H */
