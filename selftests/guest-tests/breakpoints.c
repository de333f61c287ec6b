// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that debugs itself: its hardware breakpoints are there while it is detached. KVM
 * intercepts #DB, so a breakpoint that is hit in the gap blocks; after the cancel the guest gets
 * its #DB, once. A debug register that is wrong in the gap means that it is not hit.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "ktap.h"

#define REASON_DB	0x41
#define DR7_RESET	0x400UL
#define DR7_LOCAL(n)	(1UL << (2 * (n)))
#define DR7_WRITE8(n)	(9UL << (16 + 4 * (n)))	/* writes, 8 bytes */
#define DR6_RESET	0xffff0ff0UL
#define DR6_STEP	(1UL << 14)

enum break_command {
	BREAK_NONE,
	BREAK_EXECUTE,	/* an instruction at each of break_0 to break_3 */
	BREAK_WRITE,	/* writes watched[0] to watched[3] */
	BREAK_STEP,	/* one instruction with TF set */
};

/* At GUEST_AREA; the guest's code knows the offsets */
struct break_area {
	volatile uint64_t rounds;	/* 00 guest */
	volatile uint64_t command;	/* 08 host: enum break_command; guest: back to 0 */
	volatile uint64_t commands;	/* 10 guest: carried out */
	volatile uint64_t hits;		/* 18 guest: #DB taken */
	volatile uint64_t rip;		/* 20 guest: where the last one was */
	volatile uint64_t dr6;		/* 28 guest: DR6 then */
	volatile uint64_t watched[4];	/* 30 guest */
};

_Static_assert(offsetof(struct break_area, hits) == 0x18, "the guest's code knows hits");
_Static_assert(offsetof(struct break_area, watched) == 0x30, "the guest's code knows watched");

extern const char break_start[], break_end[], break_db[];
extern const char break_0[], break_1[], break_2[], break_3[], break_stepped[];

asm("	.pushsection .rodata, \"a\"\n"
"break_start:\n"
"	movl	$0x100000, %edi\n"
"1:	incq	(%rdi)\n"
"	movq	0x08(%rdi), %rax\n"
"	testq	%rax, %rax\n"
"	jz	1b\n"
"	cmpl	$1, %eax\n"
"	jne	2f\n"
"break_0:	nop\n"
"break_1:	nop\n"
"break_2:	nop\n"
"break_3:	nop\n"
"	jmp	4f\n"
"2:	cmpl	$2, %eax\n"
"	jne	3f\n"
"	movq	%rax, 0x30(%rdi)\n"
"	movq	%rax, 0x38(%rdi)\n"
"	movq	%rax, 0x40(%rdi)\n"
"	movq	%rax, 0x48(%rdi)\n"
"	jmp	4f\n"
"3:	pushfq\n"
"	orl	$0x100, (%rsp)\n"		/* TF: #DB after the one that follows POPF */
"	popfq\n"
"	nop\n"
"break_stepped:\n"
"4:	movq	$0, 0x08(%rdi)\n"
"	incq	0x10(%rdi)\n"
"	jmp	1b\n"
"break_db:\n"
"	pushq	%rax\n"
"	incq	0x18(%rdi)\n"
"	movq	8(%rsp), %rax\n"
"	movq	%rax, 0x20(%rdi)\n"
"	movq	%dr6, %rax\n"
"	movq	%rax, 0x28(%rdi)\n"
"	movl	$0xffff0ff0, %eax\n"
"	movq	%rax, %dr6\n"
"	andl	$~0x100, 24(%rsp)\n"		/* no TF: do not step on */
"	orl	$0x10000, 24(%rsp)\n"		/* RF: pass the breakpoint */
"	popq	%rax\n"
"	iretq\n"
"break_end:\n"
"	.popsection\n");

static const struct guest_code guest_break = {
	.start = break_start, .end = break_end, .db = break_db,
};

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo = -1, session = -1;

static struct break_area *area(void)
{
	return guest_area(&guest);
}

static uint64_t place(unsigned int n)
{
	const char *const at[] = { break_0, break_1, break_2, break_3 };

	return GUEST_CODE + (at[n] - break_start);
}

static bool counts(void)
{
	return wait_change(&area()->rounds, area()->rounds, 2000);
}

static enum ktap_result start(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_break), "no guest");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(counts(), "the guest does not count");
	return KTAP_PASS;
}

/* Gives the vCPU its debug registers, from the outside */
static enum ktap_result registers_set(const struct kvm_debugregs *dr)
{
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(!ioctl(guest.vcpu_fd, KVM_SET_DEBUGREGS, dr), "KVM_SET_DEBUGREGS: %s",
	      strerror(errno));
	CHECK(!runner_start(&runner, &guest), "no thread");
	return KTAP_PASS;
}

static enum ktap_result detach(void)
{
	/* Left open by a case that failed */
	if (session >= 0)
		close(session);
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	session = luo_session_create(luo, "breakpoints");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	CHECK(counts(), "the guest does not count detached");
	return KTAP_PASS;
}

static enum ktap_result cancel(void)
{
	close(session);
	session = -1;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	return KTAP_PASS;
}

/* One #DB was taken, at @rip, for the reason @dr6; nothing was done twice */
static enum ktap_result hit_once(uint64_t commands, uint64_t rip, uint64_t dr6)
{
	struct break_area *a = area();

	CHECK(wait_equal(&a->commands, commands + 1, 2000), "the guest does not go on");
	CHECK(a->hits == 1, "%lu #DB", a->hits);
	CHECK(!rip || a->rip == rip, "at %#lx, wanted %#lx", a->rip, rip);
	CHECK((a->dr6 & (DR6_STEP | 0xf)) == dr6, "DR6 %#lx, wanted %#lx", a->dr6, dr6);
	CHECK(counts(), "the guest does not count afterwards");
	return KTAP_PASS;
}

static enum ktap_result in_kvm(const struct kvm_debugregs *dr, enum break_command cmd, uint64_t rip,
			       uint64_t dr6)
{
	uint64_t commands = area()->commands;

	CHECK(registers_set(dr) == KTAP_PASS, "no debug registers");
	area()->hits = 0;
	area()->command = cmd;
	return hit_once(commands, rip, dr6);
}

static enum ktap_result in_gap(const struct kvm_debugregs *dr, enum break_command cmd, uint64_t rip,
			       uint64_t dr6)
{
	static struct kvm_caretaker_telemetry t;
	uint64_t commands = area()->commands;

	CHECK(registers_set(dr) == KTAP_PASS, "no debug registers");
	CHECK(detach() == KTAP_PASS, "not detached");
	area()->hits = 0;
	area()->command = cmd;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 2000), "not hit in the gap");
	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	CHECK(t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS].reason == REASON_DB,
	      "stalled for %#llx", t.stalls[(t.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS].reason);
	CHECK(cancel() == KTAP_PASS, "no cancel");
	return hit_once(commands, rip, dr6);
}

typedef enum ktap_result (*break_run)(const struct kvm_debugregs *dr, enum break_command cmd,
				      uint64_t rip, uint64_t dr6);

/* All four registers hold their places, and one of them is on */
static enum ktap_result execute_each(break_run run)
{
	struct kvm_debugregs dr = { .dr6 = DR6_RESET };
	unsigned int n;

	for (n = 0; n < 4; n++)
		dr.db[n] = place(n);
	for (n = 0; n < 4; n++) {
		dr.dr7 = DR7_RESET | DR7_LOCAL(n);
		CHECK(run(&dr, BREAK_EXECUTE, place(n), 1UL << n) == KTAP_PASS, "DR%u", n);
	}
	return KTAP_PASS;
}

static enum ktap_result execute_in_kvm(void)
{
	return execute_each(in_kvm);
}

static enum ktap_result execute_in_gap(void)
{
	return execute_each(in_gap);
}

static enum ktap_result off_in_gap(void)
{
	struct kvm_debugregs dr = { .dr6 = DR6_RESET, .dr7 = DR7_RESET };
	uint64_t commands = area()->commands;
	unsigned int n;

	for (n = 0; n < 4; n++)
		dr.db[n] = place(n);
	CHECK(registers_set(&dr) == KTAP_PASS, "no debug registers");
	CHECK(detach() == KTAP_PASS, "not detached");
	area()->hits = 0;
	area()->command = BREAK_EXECUTE;
	CHECK(wait_equal(&area()->commands, commands + 1, 2000), "state %d",
	      caretaker_state(&guest));
	CHECK(!area()->hits, "%lu #DB", area()->hits);
	return cancel();
}

/* #DB after the instruction, which must neither be lost nor come twice */
static enum ktap_result write_hit(break_run run)
{
	struct kvm_debugregs dr = { .dr6 = DR6_RESET };
	unsigned int n;

	for (n = 0; n < 4; n++)
		dr.db[n] = GUEST_AREA + offsetof(struct break_area, watched[n]);
	for (n = 0; n < 4; n++) {
		dr.dr7 = DR7_RESET | DR7_LOCAL(n) | DR7_WRITE8(n);
		CHECK(run(&dr, BREAK_WRITE, 0, 1UL << n) == KTAP_PASS, "DR%u", n);
	}
	return KTAP_PASS;
}

static enum ktap_result write_in_kvm(void)
{
	return write_hit(in_kvm);
}

static enum ktap_result write_in_gap(void)
{
	return write_hit(in_gap);
}

static enum ktap_result step(break_run run)
{
	struct kvm_debugregs dr = { .dr6 = DR6_RESET, .dr7 = DR7_RESET };

	return run(&dr, BREAK_STEP, GUEST_CODE + (break_stepped - break_start), DR6_STEP);
}

static enum ktap_result step_in_kvm(void)
{
	return step(in_kvm);
}

static enum ktap_result step_in_gap(void)
{
	return step(in_gap);
}

static enum ktap_result end(void)
{
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest with a Caretaker counts", start, true },
		{ "DR0 to DR3 break on execution in KVM", execute_in_kvm, true },
		{ "DR0 to DR3 break on execution in the gap", execute_in_gap },
		{ "breakpoints that are off do not break in the gap", off_in_gap },
		{ "DR0 to DR3 break on a write in KVM", write_in_kvm },
		{ "DR0 to DR3 break on a write in the gap", write_in_gap },
		{ "a single step traps in KVM", step_in_kvm },
		{ "a single step traps in the gap", step_in_gap },
		{ "the vCPU ends", end },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 100);
}
