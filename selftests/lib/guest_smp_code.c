// SPDX-License-Identifier: GPL-2.0
/*
 * The guest of guest_smp.h. Its section is copied into guest memory as it is: no data, no calls
 * to anything outside, general registers only (XMM registers keep their patterns for good).
 */
#include "guest_smp.h"
#include "guest_smp_code.h"
#include "kvm_guest.h"

#define GUEST		__attribute__((section("guest_smp"), used))
#define INLINE		static inline __attribute__((always_inline))
#define INTERRUPT	GUEST __attribute__((interrupt))

#define MSR_X2APIC_EOI		0x80b
#define MSR_X2APIC_SVR		0x80f
#define MSR_X2APIC_ICR		0x830
#define MSR_X2APIC_LVTT		0x832
#define MSR_X2APIC_TMICT	0x838
#define MSR_X2APIC_TDCR		0x83e
#define MSR_X2APIC_SELF_IPI	0x83f
#define MSR_TSC_DEADLINE	0x6e0

#define ICR_NMI			(4U << 8)
#define ICR_LOGICAL		(1U << 11)
#define ICR_ASSERT		(1U << 14)
#define ICR_SELF		(1U << 18)
#define ICR_EVERYBODY		(2U << 18)
#define ICR_OTHERS		(3U << 18)

#define LVT_MASKED		(1U << 16)
#define LVTT_PERIODIC		(1U << 17)
#define LVTT_DEADLINE		(2U << 17)
#define TDCR_DIVIDE_BY_1	0xb

/* A timer may be early by what two clocks differ */
#define TOLERANCE(cycles)	((cycles) / 32)
#define HOLD_TURNS		500

struct frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

INLINE void wrmsr(uint32_t msr, uint64_t v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

INLINE uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

INLINE void cli(void)
{
	asm volatile("cli" : : : "memory");
}

INLINE void sti(void)
{
	asm volatile("sti" : : : "memory");
}

INLINE void relax(void)
{
	asm volatile("pause" : : : "memory");
}

INLINE struct smp_shared *shared(void)
{
	return (struct smp_shared *)SMP_SHARED;
}

INLINE struct smp_area *area(uint64_t id)
{
	return (struct smp_area *)SMP_AREA(id);
}

/* The stack is in the upper half of the area */
INLINE struct smp_area *mine(void)
{
	uint64_t rsp;

	asm volatile("movq %%rsp, %0" : "=r"(rsp));
	return (struct smp_area *)(rsp & ~(SMP_AREA_SIZE - 1));
}

INLINE struct smp_area *neighbour(struct smp_area *me, uint64_t distance)
{
	return area((me->id + distance) % shared()->nr);
}

INLINE struct smp_area *next(struct smp_area *me)
{
	return neighbour(me, 1);
}

INLINE struct smp_area *previous(struct smp_area *me)
{
	return neighbour(me, shared()->nr - 1);
}

INLINE void wrong(struct smp_area *me, unsigned int what, uint64_t got, uint64_t wanted)
{
	if (!me->errors) {
		me->got = got;
		me->wanted = wanted;
	}
	me->what |= what;
	me->errors++;
}

INLINE void must_be(struct smp_area *me, unsigned int what, uint64_t got, uint64_t wanted)
{
	if (got != wanted)
		wrong(me, what, got, wanted);
}

/* WRMSR to the ICR does not wait for earlier stores, and the receiver looks at them. */
INLINE void send(uint64_t dest, uint32_t icr)
{
	asm volatile("mfence" : : : "memory");
	wrmsr(MSR_X2APIC_ICR, dest << 32 | ICR_ASSERT | icr);
}

INLINE void eoi(void)
{
	wrmsr(MSR_X2APIC_EOI, 0);
}

/* ---- interrupts ---- */

INTERRUPT void smp_on_ping(struct frame *f)
{
	struct smp_area *me = mine(), *from = previous(me);

	(void)f;
	me->ping_got++;
	must_be(me, SMP_WRONG_PING, me->ping_got, from->ping_sent);
	if (rdtsc() < from->ping_tsc)
		wrong(me, SMP_WRONG_TSC, rdtsc(), from->ping_tsc);
	send(from->id, SMP_VECTOR_PONG);
	eoi();
}

INTERRUPT void smp_on_pong(struct frame *f)
{
	struct smp_area *me = mine();

	(void)f;
	me->pong_got++;
	must_be(me, SMP_WRONG_PONG, me->pong_got, me->ping_sent);
	eoi();
}

INTERRUPT void smp_on_self(struct frame *f)
{
	struct smp_area *me = mine();

	(void)f;
	me->self_got++;
	must_be(me, SMP_WRONG_SELF, me->self_got, me->self_sent);
	eoi();
}

INTERRUPT void smp_on_host(struct frame *f)
{
	(void)f;
	mine()->host_irqs++;
	eoi();
}

/*
 * An NMI between STI and HLT ends the shadow of STI: an interrupt that waits comes before HLT
 * then, and HLT would wait for one more.
 */
INTERRUPT void smp_on_nmi(struct frame *f)
{
	struct smp_area *me = mine();
	uint64_t hlt;

	/* The sender goes on as soon as it sees the new number: judge before */
	must_be(me, SMP_WRONG_NMI, me->nmi_got + 1, previous(me)->nmi_sent);
	me->nmi_got++;
	asm("leaq smp_hlt(%%rip), %0" : "=r"(hlt));
	if (f->rip == hlt)
		f->rip++;
}

INLINE void on_cast(uint64_t from)
{
	struct smp_area *me = mine();

	must_be(me, SMP_WRONG_BROADCAST, me->cast_got[from] + 1, area(from)->cast_due[me->id]);
	me->cast_got[from]++;
	eoi();
}

#define ON_CAST(n) INTERRUPT void smp_on_cast_##n(struct frame *f) { (void)f; on_cast(n); }
ON_CAST(0)
ON_CAST(1)
ON_CAST(2)
ON_CAST(3)

INLINE void exception(struct frame *f, unsigned int vector, uint64_t code)
{
	struct smp_area *me = mine();

	me->exception_rip = f->rip;
	me->exception_code = code;
	me->exception = vector + 1;
	wrong(me, SMP_EXCEPTION, vector, 0);
	for (;;)
		asm volatile("cli; hlt");
}

INTERRUPT void smp_on_ud(struct frame *f)
{
	exception(f, 6, 0);
}

INTERRUPT void smp_on_df(struct frame *f, uint64_t code)
{
	exception(f, 8, code);
}

INTERRUPT void smp_on_gp(struct frame *f, uint64_t code)
{
	exception(f, 13, code);
}

INTERRUPT void smp_on_pf(struct frame *f, uint64_t code)
{
	exception(f, 14, code);
}

/* ---- timer ---- */

INLINE uint64_t tick_cycles(void)
{
	return shared()->tick_us * shared()->tsc_khz / 1000;
}

/* KVM's LAPIC timer ticks once per nanosecond */
INLINE uint64_t tick_count(void)
{
	return shared()->tick_us * 1000;
}

INLINE void timer_arm(struct smp_area *me)
{
	uint64_t now = rdtsc();

	me->armed++;
	me->tick_due = now + tick_cycles();
	if (me->timer_now == SMP_TIMER_DEADLINE)
		wrmsr(MSR_TSC_DEADLINE, me->tick_due);
	else
		wrmsr(MSR_X2APIC_TMICT, tick_count());
}

/* A periodic tick that was not taken in time is merged with the next one, but none is added. */
INLINE void tick_check_periodic(struct smp_area *me, uint64_t now)
{
	uint64_t period = tick_cycles(), took = now - me->tick_start;

	if (me->ticks * period > took + TOLERANCE(took) + TOLERANCE(period))
		wrong(me, SMP_TICK_EXTRA, me->ticks, took / period);
}

/*
 * KVM looks at two clocks one after the other when it starts a deadline timer. An emulated CPU may
 * be stopped right in between, and the tick comes early by that time: seldom.
 */
INLINE void tick_check_due(struct smp_area *me, uint64_t now)
{
	if (now + tick_cycles() / 2 >= me->tick_due)
		return;
	if (++me->early > SMP_EARLY_MAX)
		wrong(me, SMP_TICK_EARLY, now, me->tick_due);
}

INTERRUPT void smp_on_timer(struct frame *f)
{
	struct smp_area *me = mine();
	uint64_t now = rdtsc();

	(void)f;
	me->ticks++;
	me->all_ticks++;
	if (me->tick_last && now - me->tick_last > me->tick_gap)
		me->tick_gap = now - me->tick_last;
	me->tick_last = now;
	if (me->timer_now == SMP_TIMER_PERIODIC) {
		tick_check_periodic(me, now);
	} else if (me->timer_now != SMP_TIMER_OFF) {
		must_be(me, SMP_TICK_EXTRA, me->ticks, me->armed);
		tick_check_due(me, now);
		timer_arm(me);
	}
	eoi();
}

/* Stops the timer; a tick that is under way already comes now, while nobody judges it. */
GUEST void smp_timer_stop(struct smp_area *me)
{
	cli();
	if (me->timer_now == SMP_TIMER_DEADLINE)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		wrmsr(MSR_X2APIC_TMICT, 0);
	wrmsr(MSR_X2APIC_LVTT, LVT_MASKED | SMP_VECTOR_TIMER);
	me->timer_now = SMP_TIMER_OFF;
	sti();
	relax();
	cli();
	me->ticks = 0;
	me->armed = 0;
	me->tick_last = 0;
	sti();
}

GUEST void smp_timer_change(struct smp_area *me, uint64_t to)
{
	smp_timer_stop(me);
	if (to == SMP_TIMER_OFF)
		return;
	cli();
	me->timer_now = to;
	wrmsr(MSR_X2APIC_TDCR, TDCR_DIVIDE_BY_1);
	if (to == SMP_TIMER_PERIODIC)
		wrmsr(MSR_X2APIC_LVTT, LVTT_PERIODIC | SMP_VECTOR_TIMER);
	else if (to == SMP_TIMER_DEADLINE)
		wrmsr(MSR_X2APIC_LVTT, LVTT_DEADLINE | SMP_VECTOR_TIMER);
	else
		wrmsr(MSR_X2APIC_LVTT, SMP_VECTOR_TIMER);
	me->tick_start = rdtsc();
	timer_arm(me);
	sti();
}

/* ---- what a round is made of ---- */

/* To be called with interrupts off; the NMI handler knows the label. */
GUEST __attribute__((noinline)) void smp_halt(struct smp_area *me)
{
	me->in_hlt = 1;
	asm volatile("sti\n"
		     ".globl smp_hlt\n"
		     ".hidden smp_hlt\n"
		     "smp_hlt: hlt" : : : "memory");
	me->in_hlt = 0;
	me->naps++;
}

/* Waits for an interrupt of this vCPU; a wake-up that gets lost shows as a stand-still. */
INLINE void await_irq(struct smp_area *me, const volatile uint64_t *p, uint64_t want,
		      unsigned int kind)
{
	me->waiting = kind;
	while (*p != want) {
		if (!(shared()->work & SMP_HALT)) {
			relax();
			continue;
		}
		cli();
		if (*p != want)
			smp_halt(me);
		sti();
	}
	me->waiting = 0;
}

/* Waits for what another vCPU writes. */
INLINE void await_memory(struct smp_area *me, const volatile uint64_t *p, uint64_t want,
			 unsigned int kind)
{
	me->waiting = kind;
	while (*p != want)
		relax();
	me->waiting = 0;
}

GUEST void smp_do_ping(struct smp_area *me)
{
	uint64_t n = me->ping_sent + 1;

	me->ping_tsc = rdtsc();
	me->ping_sent = n;
	send(next(me)->id, SMP_VECTOR_PING);
	await_irq(me, &me->pong_got, n, SMP_PING);
	must_be(me, SMP_WRONG_PING, next(me)->ping_got, n);
}

GUEST void smp_do_self(struct smp_area *me)
{
	me->self_sent++;
	wrmsr(MSR_X2APIC_SELF_IPI, SMP_VECTOR_SELF);
	await_irq(me, &me->self_got, me->self_sent, SMP_SELF);
	me->self_sent++;
	send(0, ICR_SELF | SMP_VECTOR_SELF);
	await_irq(me, &me->self_got, me->self_sent, SMP_SELF);
}

GUEST void smp_do_nmi(struct smp_area *me)
{
	uint64_t n = me->nmi_sent + 1;

	me->nmi_sent = n;
	send(next(me)->id, ICR_NMI);
	await_memory(me, &next(me)->nmi_got, n, SMP_NMI);
}

/* One interrupt to several vCPUs, and none is left out. */
INLINE void broadcast(struct smp_area *me, unsigned int kind, uint64_t dest, uint32_t icr)
{
	uint64_t i;

	for (i = 0; i < shared()->nr; i++)
		if (kind == SMP_EVERYBODY || i != me->id)
			me->cast_due[i]++;
	me->cast_sent++;
	send(dest, icr | (SMP_VECTOR_CAST + me->id));
	for (i = 0; i < shared()->nr; i++)
		await_memory(me, &area(i)->cast_got[me->id], me->cast_due[i], kind);
}

GUEST void smp_do_broadcasts(struct smp_area *me, uint64_t work)
{
	uint64_t others = ((1U << shared()->nr) - 1) & ~(1UL << me->id);

	if (work & SMP_OTHERS)
		broadcast(me, SMP_OTHERS, 0, ICR_OTHERS);
	if (work & SMP_EVERYBODY)
		broadcast(me, SMP_EVERYBODY, 0, ICR_EVERYBODY);
	/* All ids are below 16: one cluster */
	if (work & SMP_LOGICAL && others)
		broadcast(me, SMP_LOGICAL, others, ICR_LOGICAL);
}

GUEST void smp_do_nap(struct smp_area *me)
{
	uint64_t ticks = me->all_ticks;

	me->waiting = SMP_NAP;
	while (me->all_ticks == ticks && me->timer_now != SMP_TIMER_OFF) {
		cli();
		if (me->all_ticks == ticks)
			smp_halt(me);
		sti();
	}
	me->waiting = 0;
}

GUEST void smp_do_cpuid(struct smp_area *me)
{
	uint32_t a = 1, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	must_be(me, SMP_WRONG_CPUID, b >> 24, me->cpuid_id);
}

GUEST void smp_do_in(struct smp_area *me)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "N"(GUEST_PORT_UNSERVED));
	me->in_value = v;
	me->in_wanted = 0;
}

/*
 * All but RSP, RDI and RCX hold patterns for a while, in which interrupts come. What they must be
 * follows the patterns in memory.
 */
GUEST __attribute__((noinline)) uint64_t smp_hold_registers(const uint64_t *gpr)
{
	uint64_t bad;

	asm volatile("pushq	%%rbp\n"
		     "movq	0x00(%%rdi), %%rax\n"
		     "movq	0x08(%%rdi), %%rbx\n"
		     "movq	0x10(%%rdi), %%rdx\n"
		     "movq	0x18(%%rdi), %%rsi\n"
		     "movq	0x20(%%rdi), %%rbp\n"
		     "movq	0x28(%%rdi), %%r8\n"
		     "movq	0x30(%%rdi), %%r9\n"
		     "movq	0x38(%%rdi), %%r10\n"
		     "movq	0x40(%%rdi), %%r11\n"
		     "movq	0x48(%%rdi), %%r12\n"
		     "movq	0x50(%%rdi), %%r13\n"
		     "movq	0x58(%%rdi), %%r14\n"
		     "movq	0x60(%%rdi), %%r15\n"
		     "movl	%2, %%ecx\n"
		     "1:	decl	%%ecx\n"
		     "jnz	1b\n"
		     "subq	0x68(%%rdi), %%rax\n"
		     "subq	0x70(%%rdi), %%rbx\n"
		     "subq	0x78(%%rdi), %%rdx\n"
		     "subq	0x80(%%rdi), %%rsi\n"
		     "subq	0x88(%%rdi), %%rbp\n"
		     "subq	0x90(%%rdi), %%r8\n"
		     "subq	0x98(%%rdi), %%r9\n"
		     "subq	0xa0(%%rdi), %%r10\n"
		     "subq	0xa8(%%rdi), %%r11\n"
		     "subq	0xb0(%%rdi), %%r12\n"
		     "subq	0xb8(%%rdi), %%r13\n"
		     "subq	0xc0(%%rdi), %%r14\n"
		     "subq	0xc8(%%rdi), %%r15\n"
		     "orq	%%rbx, %%rax\n"
		     "orq	%%rdx, %%rax\n"
		     "orq	%%rsi, %%rax\n"
		     "orq	%%rbp, %%rax\n"
		     "orq	%%r8, %%rax\n"
		     "orq	%%r9, %%rax\n"
		     "orq	%%r10, %%rax\n"
		     "orq	%%r11, %%rax\n"
		     "orq	%%r12, %%rax\n"
		     "orq	%%r13, %%rax\n"
		     "orq	%%r14, %%rax\n"
		     "orq	%%r15, %%rax\n"
		     "popq	%%rbp"
		     : "=&a"(bad), "+D"(gpr) : "i"(HOLD_TURNS)
		     : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		       "r15", "cc", "memory");
	return bad;
}

#define EACH_XMM(op)	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) \
			op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define XMM_LOAD(n)	"movdqa " #n "*16(%0), %%xmm" #n "\n"
#define XMM_STORE(n)	"movdqa %%xmm" #n ", " #n "*16(%0)\n"

INLINE void check_xmm(struct smp_area *me)
{
	unsigned int i;

	asm volatile(EACH_XMM(XMM_STORE) : : "r"(me->scratch) : "memory");
	for (i = 0; i < 16; i++) {
		must_be(me, SMP_WRONG_XMM, me->scratch[i][0], me->xmm[i][0]);
		must_be(me, SMP_WRONG_XMM, me->scratch[i][1], me->xmm[i][1]);
	}
}

INLINE void check_bases(struct smp_area *me)
{
	uint64_t fs, gs, kernel_gs;

	asm volatile("movq %%fs:0, %0\n"
		     "movq %%gs:0, %1\n"
		     "swapgs\n"
		     "movq %%gs:0, %2\n"
		     "swapgs" : "=&r"(fs), "=&r"(gs), "=&r"(kernel_gs));
	must_be(me, SMP_WRONG_BASE, fs, me->base_want[0]);
	must_be(me, SMP_WRONG_BASE, gs, me->base_want[1]);
	must_be(me, SMP_WRONG_BASE, kernel_gs, me->base_want[2]);
}

INLINE void check_tsc(struct smp_area *me)
{
	uint64_t now = rdtsc(), last = me->tsc;
	uint32_t a, d, aux;

	if (now < last)
		wrong(me, SMP_WRONG_TSC, now, last);
	if (last && now - last > me->tsc_step)
		me->tsc_step = now - last;
	me->tsc = now;
	if (!me->has_aux)
		return;
	asm volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(aux));
	must_be(me, SMP_WRONG_AUX, aux, me->aux);
}

GUEST void smp_check_registers(struct smp_area *me)
{
	must_be(me, SMP_WRONG_GPR, smp_hold_registers(me->gpr), 0);
	check_xmm(me);
	check_bases(me);
	check_tsc(me);
}

GUEST void smp_round(struct smp_area *me)
{
	uint64_t work = shared()->work;

	if (me->timer != me->timer_now)
		smp_timer_change(me, me->timer);
	if (work & SMP_SPIN)
		return;
	if (work & SMP_IDLE) {
		cli();
		smp_halt(me);
		return;
	}
	smp_check_registers(me);
	if (work & SMP_PING)
		smp_do_ping(me);
	if (work & SMP_SELF)
		smp_do_self(me);
	if (work & SMP_NMI)
		smp_do_nmi(me);
	if (work & SMP_BROADCASTS)
		smp_do_broadcasts(me, work);
	if (work & SMP_CPUID)
		smp_do_cpuid(me);
	if (work & SMP_NAP)
		smp_do_nap(me);
	if (me->in_wanted)
		smp_do_in(me);
}

GUEST void smp_start(struct smp_area *me)
{
	uint64_t i;

	wrmsr(MSR_X2APIC_SVR, 0x1ff);
	asm volatile(EACH_XMM(XMM_LOAD) : : "r"(me->xmm) : "memory");
	me->ready = 1;
	/* A LAPIC that is not enabled yet takes nothing */
	for (i = 0; i < shared()->nr; i++)
		while (!area(i)->ready)
			relax();
	sti();
	for (;;) {
		smp_round(me);
		me->rounds++;
	}
}
