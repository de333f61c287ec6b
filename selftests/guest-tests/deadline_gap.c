// SPDX-License-Identifier: GPL-2.0
/*
 * TSC deadlines that are past when the guest writes them, as a kernel under load does, and one that
 * never comes. The timer fires at once, or not at all, wherever the vCPU is by then: in KVM, in the
 * Caretaker, or on its way from one to the other.
 */
#include <string.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "ktap.h"

#define CYCLES		40	/* in a third of them the write is what the vCPU is parked at */
#define CYCLES_AHEAD	10
#define AHEAD		(1LL << 44)	/* hours, more than a test host is up */
#define STILL_US	200000

/* At GUEST_AREA; the guest's code knows the offsets */
struct deadline_area {
	volatile uint64_t rounds;	/* 00 guest: deadlines that came */
	volatile uint64_t irqs;		/* 08 guest */
	volatile uint64_t deadline;	/* 10 host: what is written */
};

extern const char deadline_start[], deadline_irq[], deadline_end[];

asm("	.pushsection .rodata, \"a\"\n"
"deadline_start:\n"
"	movl	$0x100000, %edi\n"
"	movl	$0x80f, %ecx\n"			/* x2APIC SVR: enable */
"	movl	$0x1ff, %eax\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
"	movl	$0x832, %ecx\n"			/* LVT timer: TSC deadline */
"	movl	$0x40040, %eax\n"
"	wrmsr\n"
"	sti\n"
"1:	movq	0x08(%rdi), %rbx\n"
"	movl	$0x6e0, %ecx\n"
"	movq	0x10(%rdi), %rdx\n"
"	movl	%edx, %eax\n"
"	shrq	$32, %rdx\n"
"	wrmsr\n"
"2:	cmpq	0x08(%rdi), %rbx\n"
"	je	2b\n"
"	incq	(%rdi)\n"
"	jmp	1b\n"
"deadline_irq:\n"
GUEST_IRQ_HANDLER("0x08(%rdi)")
"deadline_end:\n"
"	.popsection\n");

_Static_assert(GUEST_AREA == 0x100000 && GUEST_IRQ_VECTOR == 0x40,
	       "the guest's code knows these numbers");

static const struct guest_code guest_deadline = {
	.start = deadline_start, .end = deadline_end, .irq = deadline_irq,
};

static struct kvm_guest guest;
static struct guest_runner runner;
static int session = -1;

static struct deadline_area *area(void)
{
	return guest_area(&guest);
}

static bool goes_on(void)
{
	uint64_t rounds = area()->rounds;

	return wait_change(&area()->rounds, rounds, 2000);
}

static enum ktap_result guest_ready_ahead(int64_t offset)
{
	CHECK(!pin_to_cpu0() && !guest_create(&guest, &guest_deadline), "no guest");
	CHECK(!offset || !guest_tsc_offset_set(&guest, offset), "its TSC cannot be set");
	area()->deadline = 1;
	CHECK(!caretaker_install(&guest, 0), "not installed: %s", caretaker_log);
	CHECK(!runner_start(&runner, &guest) && goes_on(), "no deadline comes in KVM");
	return KTAP_PASS;
}

static enum ktap_result guest_ready(void)
{
	return guest_ready_ahead(0);
}

static enum ktap_result cycles_run(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		session = luo_detach_guest("deadline", &guest);
		CHECK(session >= 0, "cycle %u: not detached", i);
		CHECK(goes_on(), "cycle %u: none comes in the gap", i);
		CHECK(luo_cancel_guest(&session, &guest), "cycle %u: not back in KVM", i);
		CHECK(goes_on(), "cycle %u: none comes after it", i);
	}
	ktap_diag("%lu deadlines", area()->rounds);
	return KTAP_PASS;
}

static enum ktap_result cycles(void)
{
	return cycles_run(CYCLES);
}

/* Still: a round that had begun with another deadline is over after a moment. */
static bool stands_still(void)
{
	uint64_t irqs;

	usleep(STILL_US);
	irqs = area()->irqs;
	usleep(STILL_US);
	return area()->irqs == irqs;
}

static enum ktap_result far(void)
{
	uint64_t irqs;

	area()->deadline = INT64_MAX;
	CHECK(stands_still(), "it comes in KVM");
	irqs = area()->irqs;
	session = luo_detach_guest("far", &guest);
	CHECK(session >= 0, "not detached");
	CHECK(stands_still() && area()->irqs == irqs, "it comes in the gap");
	CHECK(luo_cancel_guest(&session, &guest), "not back in KVM");
	CHECK(stands_still() && area()->irqs == irqs, "it comes after it");
	return KTAP_PASS;
}

static enum ktap_result ends(void)
{
	CHECK(luo_guest_end(&session, &runner), "the pCPU does not return");
	CHECK(!runner.error, "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result ahead(void)
{
	enum ktap_result r = guest_ready_ahead(AHEAD);

	if (r == KTAP_PASS)
		r = cycles_run(CYCLES_AHEAD);
	return r == KTAP_PASS ? ends() : r;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "past deadlines come in KVM", guest_ready, true },
		{ "and none is lost on the way into a gap and back", cycles },
		{ "one in the far future does not come", far },
		{ "the pCPU returns", ends },
		{ "past ones come when the guest's TSC is ahead of the host's", ahead },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}
