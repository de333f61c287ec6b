// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: the ACPI PM timer, a counter of 24 or 32 bits at 3.579545 MHz.
 *
 * Guests read it to calibrate their TSC and as a clock of last resort. It is derived from the TSC,
 * which goes on over the kexec: count = base + cycles * ratio / 2^64, by multiplication alone, with
 * all 128 bits, so that it never goes back and is never more than one tick late. Its overflow
 * interrupt is not raised.
 *
 * What it counts from is the VMM's, in constants that its loader sets. Without them the port is
 * left alone, and blocks in the gap.
 */
#include "caretaker.bpf.h"
#include "pmtimer.h"

const volatile struct caretaker_pmtimer_config pmtimer_config = {
	.port = 0x608,
	.bits = 24,
};

struct caretaker_pmtimer_state pmtimer_state;

/* Upper half of the product. */
static __always_inline __u64 mul_high(__u64 a, __u64 b)
{
	__u64 a_low = (__u32)a, a_high = a >> 32, b_low = (__u32)b, b_high = b >> 32;
	__u64 mid = a_high * b_low + (a_low * b_low >> 32);
	__u64 mid2 = a_low * b_high + (__u32)mid;

	return a_high * b_high + (mid >> 32) + (mid2 >> 32);
}

/* A TSC before the base, of a pCPU that is a little behind, is the base. */
static __always_inline __u64 pmtimer_count(const struct kvm_caretaker_exit *exit)
{
	__u64 now = bpf_caretaker_time(exit), base = pmtimer_config.base_tsc;

	if (now < base)
		now = base;
	return pmtimer_config.base_count + mul_high(now - base, pmtimer_config.ratio);
}

static __always_inline int pmtimer_read(struct kvm_caretaker_exit *exit)
{
	__u64 count = pmtimer_count(exit);

	pmtimer_state.size = sizeof(pmtimer_state);
	pmtimer_state.version = CARETAKER_PMTIMER_VERSION;
	__sync_fetch_and_add(&pmtimer_state.reads, 1);
	pmtimer_state.last = count;
	exit->gpr[KVM_CARETAKER_RAX] = pmtimer_config.bits == 32 ? (__u32)count : count & 0xffffff;
	return KVM_CARETAKER_HANDLED;
}

CARETAKER_HANDLER(io, pmtimer_io)
{
	__u64 info = exit->info1;

	if (!caretaker_detached(exit) && !(pmtimer_config.flags & CARETAKER_PMTIMER_ATTACHED))
		return KVM_CARETAKER_FORWARD;
	if (!pmtimer_config.ratio || KVM_CARETAKER_IO_PORT(info) != pmtimer_config.port ||
	    info & KVM_CARETAKER_IO_STR || !(info & KVM_CARETAKER_IO_IN) ||
	    KVM_CARETAKER_IO_SIZE(info) != 4)
		return KVM_CARETAKER_NEXT;
	return pmtimer_read(exit);
}

CARETAKER_HANDLERS(pmtimer, .io = (void *)pmtimer_io);
