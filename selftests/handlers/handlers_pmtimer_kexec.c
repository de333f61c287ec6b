// SPDX-License-Identifier: GPL-2.0
/*
 * The ACPI PM timer over a kexec: a guest that reads it without end sees one counter that never
 * goes back and counts at its frequency, answered by the handler attached and in the gap, by the
 * VMM after adoption, and by the handler again when it is installed anew.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "../../bpf-handlers/pmtimer.h"
#include "caretaker_test.h"
#include "handover.h"
#include "ktap.h"
#include "pmtimer.skel.h"

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/boot/initrd"
#define PORT		0x608
#define VMM_READS	200

extern const char reader_start[], reader_end[];

asm("	.pushsection .rodata, \"a\"\n"
"reader_start:\n"
"	movl	$0x100000, %edi\n"
"	xorl	%ebx, %ebx\n"			/* the reading before */
"1:	incq	(%rdi)\n"
"	rdtsc\n"
"	shlq	$32, %rdx\n"
"	orq	%rdx, %rax\n"
"	movq	%rax, 0x10(%rdi)\n"
"	movl	$0x608, %edx\n"
"	inl	%dx, %eax\n"
"	movq	%rax, 0x18(%rdi)\n"
"	cmpq	%rax, %rbx\n"
"	jbe	2f\n"
"	incq	0x08(%rdi)\n"
"2:	movq	%rax, %rbx\n"
"	rdtsc\n"
"	shlq	$32, %rdx\n"
"	orq	%rdx, %rax\n"
"	movq	%rax, 0x20(%rdi)\n"
"	incq	(%rdi)\n"
"	movl	$3000, %ecx\n"
"3:	decl	%ecx\n"				/* for the host to look */
"	jnz	3b\n"
"	jmp	1b\n"
"reader_end:\n"
"	.popsection\n");

static const struct guest_code reader = { .start = reader_start, .end = reader_end };

/* One reading: the counter, and the guest's TSC before and after it */
struct reading {
	uint64_t before;
	uint64_t count;
	uint64_t after;
};

/* At GUEST_AREA; the guest's code knows the offsets of its part */
struct reader_area {
	volatile uint64_t seq;		/* 00 guest: odd while it reads */
	volatile uint64_t back;		/* 08 guest: readings that were less than the one before */
	volatile struct reading last;	/* 10 guest */
	struct reading first;		/* host */
	struct caretaker_pmtimer_config config;	/* host */
	uint32_t tsc_khz;		/* host */
};

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handover_state *state;
static struct handover_fds fds = { -1, -1, -1 };
static struct pmtimer *skel;

static struct reader_area *area(void)
{
	return guest_area(&guest);
}

/* A reading that was not being written, of those that come. */
static bool reading_take(struct reading *r)
{
	uint64_t seq, start = area()->seq;
	unsigned int i;

	for (i = 0; i < 105000; i++) {
		seq = area()->seq;
		r->before = area()->last.before;
		r->count = area()->last.count;
		r->after = area()->last.after;
		if (!(seq & 1) && seq > start && seq == area()->seq)
			return true;
		if (i > 1000)
			sleep_ms(i > 100000 ? 1 : 0);
	}
	return false;
}

static uint64_t ticks(uint64_t cycles)
{
	return (uint64_t)((__uint128_t)cycles * CARETAKER_PMTIMER_HZ / (area()->tsc_khz * 1000ULL));
}

/* From the first reading on; the ratio is rounded down, by less than 1 in 2^32 of ticks. */
static enum ktap_result counts_right(const char *when)
{
	const struct reading *first = &area()->first;
	struct reading r;
	uint64_t least, most, n;

	CHECK(reading_take(&r), "%s: the guest does not read any more, state %d", when,
	      caretaker_state(&guest));
	n = r.count - first->count;
	least = ticks(r.before - first->after);
	most = ticks(r.after - first->before);
	ktap_diag("%s: %lu ticks in %lu ms, within %lu and %lu", when, n,
		  (r.after - first->before) / area()->tsc_khz, least, most);
	CHECK(n + 2 >= least && n <= most + 2, "not the frequency");
	CHECK(!area()->back, "%lu readings went back", area()->back);
	return KTAP_PASS;
}

static int skel_install(void)
{
	struct kvm_caretaker_set a;
	int err;

	skel->rodata->pmtimer_config = area()->config;
	err = pmtimer__load(skel);
	if (!err)
		err = pmtimer__attach(skel);
	if (err)
		return err;
	caretaker_args(&a);
	a.payload_fd = payload_open();
	a.handlers_fd = bpf_map__fd(skel->maps.pmtimer);
	err = caretaker_ioctl_set(&guest, &a);
	close(a.payload_fd);
	return err;
}

/* As an operator's loader does it, with the object's skeleton. */
static int handler_install(void)
{
	int err;

	skel = pmtimer__open();
	if (!skel)
		return -errno;
	err = skel_install();
	if (err)
		ktap_diag("%s: %s", strerror(-err), caretaker_log);
	return err;
}

/* ---- stage 1, in the old kernel ---- */

static enum ktap_result live(void)
{
	struct kvm_caretaker_info info;
	struct reading r;

	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &reader), "no guest");
	CHECK(!caretaker_install(&guest, 0) && !caretaker_info(&guest, &info), "no Caretaker");
	area()->tsc_khz = info.tsc_khz;
	area()->config = (struct caretaker_pmtimer_config){
		.port = PORT, .bits = 32, .flags = CARETAKER_PMTIMER_ATTACHED,
		.ratio = caretaker_pmtimer_ratio(info.tsc_khz), .base_tsc = __rdtsc(),
		.base_count = 1000,
	};
	CHECK(!handler_install(), "the handler is not installed");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(reading_take(&r), "the guest does not read");
	CHECK(r.count >= 1000, "%lu is before it began", r.count);
	area()->first = r;
	sleep_ms(200);
	CHECK(skel->bss->pmtimer_state.reads, "the skeleton's memory says nothing of it");
	return counts_right("attached");
}

static enum ktap_result preserved(void)
{
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	CHECK(!handover_begin(&fds, &state), "no session");
	CHECK(!luo_preserve_guest(fds.session, &guest), "not preserved");
	CHECK(!state_save(&guest, state), "the vCPU could not be saved");
	return counts_right("in the gap, old kernel");
}

static int stage_1(void)
{
	static const struct ktap_case cases[] = {
		{ "the handler answers, attached", live, true },
		{ "it goes on in the gap", preserved, true },
	};

	return handover_leave(cases, ARRAY_SIZE(cases), 60);
}

/* ---- stage 2, in the next kernel ---- */

static enum ktap_result retrieved(void)
{
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!handover_retrieve(&fds, &state, &guest), "nothing to take over");
	CHECK(counts_right("in the gap, next kernel") == KTAP_PASS, "before the vCPU is there");
	CHECK(!retrieve_vm(fds.session, &guest), "no VM");
	CHECK(!retrieve_vcpu(fds.session, &guest, state), "no vCPU");
	return counts_right("retrieved");
}

/* The VMM's own counter, by the formula of pmtimer.h */
static bool vmm_answers(void)
{
	const struct caretaker_pmtimer_config *c = &area()->config;
	struct kvm_run *run = guest.run;
	uint32_t count;

	if (run->io.port != PORT || run->io.size != 4 || run->io.direction != KVM_EXIT_IO_IN)
		return false;
	count = (uint32_t)(c->base_count +
			   (((__uint128_t)(__rdtsc() - c->base_tsc) * c->ratio) >> 64));
	memcpy((char *)run + run->io.data_offset, &count, sizeof(count));
	return true;
}

/* One reading is over when the next one comes out of the guest. */
static enum ktap_result adopted(void)
{
	unsigned int reads = 0;
	uint64_t seq = 0;
	int reason;

	while (reads < VMM_READS) {
		reason = guest_run(&guest);
		if (reason == -EINTR)
			continue;
		CHECK(reason == KVM_EXIT_IO && vmm_answers(), "exit %d, port %#x", reason,
		      guest.run->io.port);
		CHECK(!seq || area()->seq == seq + 2, "%lu after %lu", area()->seq, seq);
		seq = area()->seq;
		reads++;
	}
	CHECK(!area()->back, "%lu readings went back", area()->back);
	/* The last one that is whole lies in the area, and the guest in the next one */
	CHECK(area()->seq & 1, "the guest does not read");
	return KTAP_PASS;
}

static enum ktap_result handler_again(void)
{
	CHECK(cpu_wait_online(PCPU, 60000), "the pCPU does not return");
	CHECK(!luo_finish(fds.session), "FINISH is refused");
	close(fds.session);
	CHECK(!handler_install(), "the handler is not installed");
	/* Finishes the reading that the VMM answered last */
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(counts_right("attached in the next kernel") == KTAP_PASS, "by the handler");
	CHECK(!runner.served, "%lu reads came to the VMM", runner.served);
	CHECK(skel->bss->pmtimer_state.reads, "the handler was not asked");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	pmtimer__destroy(skel);
	guest_destroy(&guest);
	return KTAP_PASS;
}

static int stage_2(void)
{
	static const struct ktap_case cases[] = {
		{ "the guest reads one counter in the gap", retrieved, true },
		{ "the VMM goes on with it after adoption", adopted, true },
		{ "so does the handler, installed anew", handler_again },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 100);
}

int main(void)
{
	return cmdline_number("ct_stage", 1) == 1 ? stage_1() : stage_2();
}
