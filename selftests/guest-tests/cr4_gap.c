// SPDX-License-Identifier: GPL-2.0
/*
 * CR4 in the gap. A kernel without INVPCID flushes its TLB by switching PGE off and on, whenever it
 * likes: that is served. What else may change in CR4 is KVM's to judge: it blocks until then.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "caretaker_test.h"
#include "ktap.h"

#define CR4_TSD		(1ULL << 2)
#define CR4_PGE		(1ULL << 7)
#define REASON_CR4	0x14	/* VMEXIT_CR4_WRITE */

/* At GUEST_AREA; the guest's code knows the offsets */
struct cr4_area {
	volatile uint64_t rounds;	/* 00 guest */
	volatile uint64_t value;	/* 08 host: of CR4 */
	volatile uint64_t done;		/* 10 guest: the value that it wrote last */
};

extern const char cr4_start[], cr4_end[];

asm("	.pushsection .rodata, \"a\"\n"
"cr4_start:\n"
"	movl	$0x100000, %edi\n"
"	movl	$0x100000, %r9d\n"
"1:	incq	(%rdi)\n"
"	movq	0x08(%rdi), %r8\n"
"	cmpq	0x10(%rdi), %r8\n"
"	je	1b\n"
"	testb	$1, (%rdi)\n"
"	jz	2f\n"
"	movq	%r8, %cr4\n"		/* four bytes */
"	jmp	3f\n"
"2:	movq	%r8, %rcx\n"
"	movq	%rcx, %cr4\n"		/* three */
"3:	movq	%r8, 0x10(%r9)\n"
"	jmp	1b\n"
"cr4_end:\n"
"	.popsection\n");

_Static_assert(GUEST_AREA == 0x100000, "the guest's code knows this number");

static const struct guest_code guest_cr4 = { .start = cr4_start, .end = cr4_end };
static struct kvm_guest guest;
static struct guest_runner runner;
static struct kvm_caretaker_telemetry telemetry;
static uint64_t first;		/* CR4 at the guest's start */
static int session = -1;

static struct cr4_area *area(void)
{
	return guest_area(&guest);
}

static bool writes(uint64_t value)
{
	area()->value = value;
	return wait_equal(&area()->done, value, 5000);
}

static uint64_t cr4_in_kvm(void)
{
	struct kvm_sregs s = {};

	return ioctl(guest.vcpu_fd, KVM_GET_SREGS, &s) ? 0 : s.cr4;
}

static enum ktap_result begin(void)
{
	CHECK(!guest_reset(&guest, &guest_cr4), "the guest cannot start over");
	memset(area(), 0, sizeof(*area()));
	first = cr4_in_kvm();
	area()->value = first;
	area()->done = first;
	CHECK(!caretaker_install(&guest, 0), "not installed: %s", caretaker_log);
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(wait_change(&area()->rounds, 0, 2000), "the guest does not run");
	return KTAP_PASS;
}

static bool detach(void)
{
	session = luo_detach_guest("cr4", &guest);
	return session >= 0;
}

static enum ktap_result finish(enum ktap_result res)
{
	return luo_guest_end(&session, &runner) ? res : KTAP_FAIL;
}

static uint64_t served(void)
{
	if (caretaker_telemetry(&guest, &telemetry))
		return 0;
	return kvm_caretaker_gap_exits(&telemetry, REASON_CR4, KVM_CARETAKER_NATIVE);
}

static enum ktap_result pge_switches(void)
{
	uint64_t before;
	unsigned int i;

	CHECK(begin() == KTAP_PASS && writes(first | CR4_PGE), "not in KVM");
	CHECK(detach(), "not detached");
	before = served();
	for (i = 0; i < 100; i++)
		CHECK(writes(first | (i & 1 ? CR4_PGE : 0)), "write %u, state %d", i,
		      caretaker_state(&guest));
	CHECK(served() == before + 100, "%lu counted", served() - before);
	return KTAP_PASS;
}

/* The last value that was written there is KVM's after the cancel. */
static enum ktap_result pge_kept(uint64_t pge)
{
	CHECK(pge_switches() == KTAP_PASS && writes(first | pge), "not switched");
	CHECK(luo_cancel_guest(&session, &guest) && !runner_stop(&runner), "not back in KVM");
	CHECK(cr4_in_kvm() == (first | pge), "CR4 %#lx, wanted %#lx", cr4_in_kvm(), first | pge);
	return KTAP_PASS;
}

static enum ktap_result pge_on(void)
{
	return finish(pge_kept(CR4_PGE));
}

static enum ktap_result pge_off(void)
{
	return finish(pge_kept(0));
}

static enum ktap_result other_blocks(void)
{
	CHECK(begin() == KTAP_PASS && detach(), "not detached");
	area()->value = first | CR4_TSD;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 5000), "not stalled, state %d",
	      caretaker_state(&guest));
	CHECK(area()->done == first, "it was written");
	CHECK(luo_cancel_guest(&session, &guest), "not back in KVM");
	CHECK(wait_equal(&area()->done, first | CR4_TSD, 5000), "the guest does not go on");
	CHECK(!runner_stop(&runner) && cr4_in_kvm() == (first | CR4_TSD), "CR4 %#lx", cr4_in_kvm());
	return KTAP_PASS;
}

static enum ktap_result other_bit(void)
{
	return finish(other_blocks());
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "PGE is switched in the gap, and is on in KVM when it was", pge_on },
		{ "and off when it was off", pge_off },
		{ "another bit blocks, and is set after the cancel", other_bit },
	};
	const char *missing = caretaker_missing();

	if (!missing)
		missing = decode_assists_missing();
	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	if (pin_to_cpu0() || guest_create(&guest, &guest_cr4)) {
		ktap_diag("no guest");
		return KTAP_EXIT_FAIL;
	}
	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}
