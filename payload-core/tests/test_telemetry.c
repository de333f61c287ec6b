// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: where the time goes. The clock is a list of readings.
 */
#include "harness.h"

/* What the CPU says for port I/O; without it no handler is asked */
#define NEXT_RIP	0x401001

#define ACCOUNT(name)	h.telemetry.ledger[KVM_CARETAKER_TIME_##name]

static const struct kvm_caretaker_cell *cell(u32 index, u32 server)
{
	static const struct kvm_caretaker_cell none;
	const struct kvm_caretaker_cell *found = kvm_caretaker_cell_of(&h.telemetry, index, server);

	EXPECT(found);
	return found ? found : &none;
}

#define CELL(index, server)	cell(index, KVM_CARETAKER_##server)

static void set_clock(u64 last, const u64 *clock)
{
	h.telemetry.tsc_first = last;
	h.telemetry.tsc_last = last;
	h.clock = clock;
}

#define CLOCK(last, ...)	set_clock(last, (const u64[]){ __VA_ARGS__ })

static u64 hist_sum(const struct kvm_caretaker_cell *c)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < KVM_CARETAKER_NR_BUCKETS; i++)
		sum += c->hist[i];
	return sum;
}

/* What holds at any time: the ledger adds up, cells have the ledger's time and their own counts. */
static void expect_sound(void)
{
	struct kvm_caretaker_telemetry *t = &h.telemetry;
	u64 cycles[KVM_CARETAKER_NR_SERVERS] = { 0 }, calls = 0, use = 0;
	u32 i, s;

	EXPECT_EQ(kvm_caretaker_ledger_sum(t), t->tsc_last - t->tsc_first);
	for (i = 0; i < KVM_CARETAKER_NR_SLOTS; i++) {
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
			struct kvm_caretaker_cell *c = &t->slots[i].by[s];
			bool pending = t->pending == i * KVM_CARETAKER_NR_SERVERS + s + 1;

			EXPECT_EQ(hist_sum(c) + pending, c->count + c->gap_count);
			EXPECT(c->max <= c->cycles + c->gap_cycles);
			cycles[s] += c->cycles + c->gap_cycles;
		}
	}
	for (i = 0; i < KVM_CARETAKER_NR_CLASS_USES; i++) {
		calls += t->classes[i].calls;
		use += t->classes[i].cycles;
	}
	EXPECT_EQ(use, ACCOUNT(HANDLER));
	EXPECT(calls || !use);
	EXPECT(cycles[KVM_CARETAKER_HANDLER] <= use);
	if (!t->pending) {
		EXPECT(cycles[KVM_CARETAKER_NATIVE] <= ACCOUNT(NATIVE));
		EXPECT(cycles[KVM_CARETAKER_KVM] <= ACCOUNT(KVM));
		EXPECT_EQ(cycles[KVM_CARETAKER_BLOCKED], ACCOUNT(BLOCKED));
	}
}

static u32 handler_handled(u64 *arg)
{
	(void)arg;
	return KVM_CARETAKER_HANDLED;
}

static u32 handler_next(u64 *arg)
{
	(void)arg;
	return KVM_CARETAKER_NEXT;
}

static u32 handler_block(u64 *arg)
{
	(void)arg;
	return KVM_CARETAKER_BLOCK;
}

/* 600 cycles of guest, 100 of CPUID: between 64 and 127 is bucket 2. */
static void test_native(void)
{
	cpuid_add(0xaa, 0, 0, 0x500);
	CLOCK(400, 1000, 1100);
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(ACCOUNT(GUEST), 600);
	EXPECT_EQ(ACCOUNT(NATIVE), 100);
	EXPECT_EQ(h.telemetry.tsc_last, 1100);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->count, 1);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->cycles, 100);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->max, 100);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->hist[2], 1);
	expect_sound();
}

static void test_native_gap(void)
{
	cpuid_add(0xaa, 0, 0, 0x500);
	CLOCK(400, 1000, 1031);
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(ACCOUNT(GUEST), 600);
	EXPECT_EQ(ACCOUNT(NATIVE), 31);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->count, 0);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->gap_count, 1);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->gap_cycles, 31);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->hist[0], 1);
	expect_sound();
}

static void test_handled(void)
{
	static const u64 clock[] = { 1000, 1200, 2000, 2400 };
	struct kvm_caretaker_class_use *use = &h.telemetry.classes[KVM_CARETAKER_CLASS_CPUID];

	handler_set(KVM_CARETAKER_CLASS_CPUID, handler_handled);
	set_clock(1000, clock);
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(ACCOUNT(HANDLER), 600);
	EXPECT_EQ(ACCOUNT(NATIVE), 0);
	EXPECT_EQ(CELL(VMEXIT_CPUID, HANDLER)->cycles, 200);
	EXPECT_EQ(CELL(VMEXIT_CPUID, HANDLER)->gap_cycles, 400);
	EXPECT_EQ(use->calls, 2);
	EXPECT_EQ(use->cycles, 600);
	expect_sound();
}

/* The handler's time up to the verdict is its own; the exit is the native code's. */
static void test_next(void)
{
	cpuid_add(0xaa, 0, 0, 0x500);
	handler_set(KVM_CARETAKER_CLASS_CPUID, handler_next);
	CLOCK(1000, 1000, 1200, 1250, 1250, 1550, 1570);
	EXPECT_EQ(exit_attached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(ACCOUNT(HANDLER), 200);
	EXPECT_EQ(ACCOUNT(NATIVE), 50);
	EXPECT_EQ(exit_detached(VMEXIT_CPUID), PAYLOAD_ENTER);
	EXPECT_EQ(ACCOUNT(HANDLER), 500);
	EXPECT_EQ(ACCOUNT(NATIVE), 70);
	EXPECT_EQ(h.telemetry.classes[KVM_CARETAKER_CLASS_CPUID].calls, 2);
	EXPECT_EQ(CELL(VMEXIT_CPUID, HANDLER)->count, 0);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->cycles, 50);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->gap_cycles, 20);
	expect_sound();
}

/* Counted at once, timed when KVM comes back; the time until then is KVM's. */
static void test_forward(void)
{
	CLOCK(1000, 1000, 9000);
	EXPECT_EQ(exit_attached(VMEXIT_IOIO), PAYLOAD_LEAVE);
	EXPECT_EQ(CELL(VMEXIT_IOIO, KVM)->count, 1);
	EXPECT_EQ(CELL(VMEXIT_IOIO, KVM)->cycles, 0);
	EXPECT_EQ(h.telemetry.open, KVM_CARETAKER_TIME_KVM);
	EXPECT_EQ(kvm_caretaker_ledger_at(&h.telemetry, KVM_CARETAKER_TIME_KVM, 5000), 4000);
	EXPECT_EQ(kvm_caretaker_ledger_at(&h.telemetry, KVM_CARETAKER_TIME_GUEST, 5000), 0);
	expect_sound();
	payload_exit_ends();
	EXPECT_EQ(ACCOUNT(KVM), 8000);
	EXPECT_EQ(h.telemetry.pending, 0);
	EXPECT_EQ(h.telemetry.open, KVM_CARETAKER_TIME_GUEST);
	EXPECT_EQ(CELL(VMEXIT_IOIO, KVM)->cycles, 8000);
	EXPECT_EQ(CELL(VMEXIT_IOIO, KVM)->hist[8], 1);
	expect_sound();
}

/* KVM has had the vCPU for another reason than an exit: before the first one, after a cancel. */
static void test_entry(void)
{
	h.telemetry.open = KVM_CARETAKER_TIME_KVM;
	CLOCK(1000, 9000);
	payload_exit_ends();
	EXPECT_EQ(ACCOUNT(KVM), 8000);
	EXPECT_EQ(h.telemetry.nr_slots, KVM_CARETAKER_NR_SLOTS_FIXED);
	expect_sound();
}

static void test_forward_by_handler(void)
{
	handler_set(KVM_CARETAKER_CLASS_IO, handler_block);
	h.vmcb.info2 = NEXT_RIP;
	CLOCK(1000, 1000, 1300, 2000);
	EXPECT_EQ(exit_attached(VMEXIT_IOIO), PAYLOAD_LEAVE);
	payload_exit_ends();
	EXPECT_EQ(ACCOUNT(HANDLER), 300);
	EXPECT_EQ(ACCOUNT(KVM), 700);
	expect_sound();
}

/* The stall begins and ends with an edge: its record says what the ledger says. */
static void test_blocked(void)
{
	CLOCK(1000, 1500, 90000);
	EXPECT_EQ(exit_detached(VMEXIT_IOIO), PAYLOAD_LEAVE);
	EXPECT_EQ(ACCOUNT(GUEST), 500);
	EXPECT_EQ(ACCOUNT(BLOCKED), 88500);
	EXPECT_EQ(h.telemetry.stalls[0].tsc_start, 1500);
	EXPECT_EQ(h.telemetry.stalls[0].tsc_end, 90000);
	EXPECT_EQ(CELL(VMEXIT_IOIO, BLOCKED)->gap_count, 1);
	EXPECT_EQ(CELL(VMEXIT_IOIO, BLOCKED)->gap_cycles, 88500);
	expect_sound();
}

static void test_blocked_by_handler(void)
{
	handler_set(KVM_CARETAKER_CLASS_IO, handler_block);
	h.vmcb.info2 = NEXT_RIP;
	CLOCK(1000, 1500, 1600, 90000);
	EXPECT_EQ(exit_detached(VMEXIT_IOIO), PAYLOAD_LEAVE);
	EXPECT_EQ(ACCOUNT(HANDLER), 100);
	EXPECT_EQ(h.telemetry.stalls[0].tsc_start, 1600);
	EXPECT_EQ(ACCOUNT(BLOCKED), 88400);
	expect_sound();
}

static void look_while_halted(void)
{
	ccb.state = KVM_CARETAKER_ADOPTING;
	EXPECT_EQ(h.telemetry.open, KVM_CARETAKER_TIME_NATIVE);
	expect_sound();
}

/* The halt is no part of the exit: 30 cycles before it, 20 after it are. */
static void test_halted(void)
{
	h.on_idle = look_while_halted;
	CLOCK(1000, 1500, 1530, 81530, 81550);
	EXPECT_EQ(exit_detached(VMEXIT_HLT), PAYLOAD_LEAVE);
	EXPECT_EQ(ACCOUNT(GUEST), 500);
	EXPECT_EQ(ACCOUNT(NATIVE), 50);
	EXPECT_EQ(ACCOUNT(HALTED), 80000);
	EXPECT_EQ(h.telemetry.idle_tsc, 80000);
	EXPECT_EQ(h.telemetry.halts, 1);
	EXPECT_EQ(CELL(VMEXIT_HLT, NATIVE)->gap_count, 1);
	EXPECT_EQ(CELL(VMEXIT_HLT, NATIVE)->gap_cycles, 50);
	EXPECT_EQ(CELL(VMEXIT_HLT, NATIVE)->hist[1], 1);
	expect_sound();
}

/* The kernel has closed KVM's account at tsc_stop, 1000. */
static void test_handover(void)
{
	CLOCK(1000, 1300, 1320, 5000, 5040, 6000);
	payload_gap_begins();
	EXPECT_EQ(h.telemetry.tsc_run, 1300);
	EXPECT_EQ(ACCOUNT(HANDOVER), 300);
	payload_gap_runs();
	EXPECT_EQ(ACCOUNT(NATIVE), 20);
	ccb.state = KVM_CARETAKER_ADOPTING;
	EXPECT_EQ(exit_detached(VMEXIT_NMI), PAYLOAD_LEAVE);
	EXPECT_EQ(ACCOUNT(GUEST), 3680);
	payload_gap_ends();
	EXPECT_EQ(h.telemetry.tsc_park, 6000);
	EXPECT_EQ(ACCOUNT(HANDOVER), 300 + 960);
	expect_sound();
}

/* The exit that no vCPU survives is never over. */
static void test_fault(void)
{
	CLOCK(1000, 2000);
	EXPECT_EQ(exit_detached(VMEXIT_SHUTDOWN), PAYLOAD_LEAVE);
	EXPECT_EQ(h.fault, 0x100 + VMEXIT_SHUTDOWN);
	EXPECT_EQ(GAP_EXITS(VMEXIT_SHUTDOWN, BLOCKED), 1);
	EXPECT_EQ(h.telemetry.open, KVM_CARETAKER_TIME_BLOCKED);
	expect_sound();
}

/* The bucket that the hot path, the slow path and the header give to an exit of @cycles */
static void expect_bucket(u64 cycles, u32 bucket)
{
	u64 clock[] = { 0, cycles, cycles, 2 * cycles };

	harness_reset();
	cpuid_add(0xaa, 0, 0, 0x500);
	set_clock(0, clock);
	exit_attached(VMEXIT_CPUID);
	exit_attached(VMEXIT_IOIO);
	payload_exit_ends();
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->hist[bucket], 1);
	EXPECT_EQ(CELL(VMEXIT_IOIO, KVM)->hist[bucket], 1);
	EXPECT_EQ(kvm_caretaker_bucket(cycles), bucket);
	EXPECT_EQ(CELL(VMEXIT_CPUID, NATIVE)->max, cycles);
}

static void test_buckets(void)
{
	u32 i;

	expect_bucket(0, 0);
	expect_bucket(31, 0);
	for (i = 1; i < KVM_CARETAKER_NR_BUCKETS; i++) {
		expect_bucket(1ULL << (4 + i), i);
		expect_bucket((1ULL << (5 + i)) - 1, i);
		EXPECT_EQ(kvm_caretaker_bucket_from(i), 1ULL << (4 + i));
	}
	expect_bucket(1ULL << 36, 31);
	expect_bucket(1ULL << 62, 31);
	EXPECT_EQ(kvm_caretaker_bucket(~0ULL), 31);
}

static void test_max(void)
{
	CLOCK(0, 0, 70, 70, 100, 100, 170);
	exit_attached(VMEXIT_PAUSE);
	exit_attached(VMEXIT_PAUSE);
	EXPECT_EQ(CELL(VMEXIT_PAUSE, NATIVE)->max, 70);
	exit_attached(VMEXIT_PAUSE);
	EXPECT_EQ(CELL(VMEXIT_PAUSE, NATIVE)->max, 70);
	EXPECT_EQ(CELL(VMEXIT_PAUSE, NATIVE)->count, 3);
	EXPECT_EQ(CELL(VMEXIT_PAUSE, NATIVE)->cycles, 170);
	expect_sound();
}

/*
 * Reasons 0x10 and up, all KVM's: 29 get slots of their own beside those of CPUID and MSR, the
 * others share the last.
 */
static void test_slots(void)
{
	const struct kvm_caretaker_slot *slot;
	u32 i, n, own = 31 - KVM_CARETAKER_NR_SLOTS_FIXED;

	for (i = 0; i < 40; i++)
		for (n = 0; n <= i; n++, payload_exit_ends())
			exit_attached(0x10 + i);
	EXPECT_EQ(h.telemetry.nr_slots, 31);
	for (i = 0; i < 40; i++) {
		slot = kvm_caretaker_slot_of(&h.telemetry, 0x10 + i);
		EXPECT(slot);
		EXPECT_EQ(slot - h.telemetry.slots, i < own ? i + 31 - own : 31);
		EXPECT_EQ(slot->reason, i < own ? 0x10 + i : KVM_CARETAKER_REASON_SHARED);
		EXPECT_EQ(EXITS(0x10 + i, KVM), i < own ? i + 1 : 0);
	}
	EXPECT_EQ(slot->by[KVM_CARETAKER_KVM].count,
		  30 + 31 + 32 + 33 + 34 + 35 + 36 + 37 + 38 + 39 + 40);
	cpuid_add(0xaa, 0, 0, 0);
	exit_attached(VMEXIT_CPUID);
	EXPECT_EQ(h.telemetry.slots[KVM_CARETAKER_SLOT_CPUID].by[KVM_CARETAKER_NATIVE].count, 1);
	EXPECT_EQ(EXITS(VMEXIT_CPUID, NATIVE), 1);
	EXPECT(!kvm_caretaker_slot_of(&h.telemetry, 0x9));
	EXPECT(!kvm_caretaker_slot_of(&h.telemetry, 0x10000));
	expect_sound();
}

/* What a reader gets from a damaged table stays inside of it. */
static void test_damaged(void)
{
	h.telemetry.slot_of[5] = KVM_CARETAKER_NR_SLOTS + 1;
	EXPECT(!kvm_caretaker_slot_of(&h.telemetry, 5));
	h.telemetry.slot_of[5] = 1;
	EXPECT(!kvm_caretaker_cell_of(&h.telemetry, 5, KVM_CARETAKER_NATIVE));
	h.telemetry.slots[0].reason = 5;
	EXPECT(kvm_caretaker_cell_of(&h.telemetry, 5, KVM_CARETAKER_NATIVE));
	EXPECT(!kvm_caretaker_cell_of(&h.telemetry, 5, KVM_CARETAKER_NR_SERVERS));
	h.telemetry.open = ~0U;
	EXPECT_EQ(kvm_caretaker_ledger_at(&h.telemetry, KVM_CARETAKER_TIME_KVM, 100), 0);
}

/* Any exits in any order, with a clock of uneven steps. */
static void test_any(void)
{
	static const u16 codes[] = {
		VMEXIT_CPUID, VMEXIT_IOIO, VMEXIT_MSR, VMEXIT_PAUSE, VMEXIT_HLT, VMEXIT_NMI,
		VMEXIT_INTR, VMEXIT_NPF, VMEXIT_VMMCALL, VMEXIT_RDTSC,
	};
	static u64 clock[100000];
	u32 random = 1, i;

	for (i = 1; i < 100000; i++) {
		random = random * 1664525 + 1013904223;
		clock[i] = clock[i - 1] + (random >> 8 >> (random >> 27));
	}
	cpuid_add(0xaa, 0, 0, 0x500);
	set_clock(0, clock);
	h.telemetry.open = KVM_CARETAKER_TIME_KVM;
	h.vmcb.info2 = NEXT_RIP;
	for (i = 0; i < 20000; i++) {
		random = random * 1664525 + 1013904223;
		handler_set(KVM_CARETAKER_CLASS_IO,
			    random & 1 << 30 ? handler_block : handler_handled);
		handler_set(KVM_CARETAKER_CLASS_CPUID, random & 1 << 29 ? handler_next : NULL);
		h.vmcb.exit_int_info = 0;
		ccb.state = KVM_CARETAKER_ATTACHED;
		if (random & 1 << 28)
			exit_detached(codes[(random >> 8) % 10]);
		else if (exit_attached(codes[(random >> 8) % 10]) == PAYLOAD_LEAVE)
			payload_exit_ends();
		if (!(i % 256) || i > 19990)
			expect_sound();
	}
	EXPECT(ACCOUNT(GUEST) && ACCOUNT(NATIVE) && ACCOUNT(HANDLER) && ACCOUNT(KVM));
	EXPECT(ACCOUNT(BLOCKED) && ACCOUNT(HALTED));
}

const struct test tests_telemetry[] = {
	{ "time: guest, then native", test_native },
	{ "time: guest, then native, in the gap", test_native_gap },
	{ "time: a handler that serves has the whole exit", test_handled },
	{ "time: a handler that does not has it until its verdict", test_next },
	{ "time: KVM has it until it comes back", test_forward },
	{ "time: KVM has it until the first entry, for no exit", test_entry },
	{ "time: a handler that forwards, then KVM", test_forward_by_handler },
	{ "time: a stall's record and the ledger agree", test_blocked },
	{ "time: a handler that blocks, then the stall", test_blocked_by_handler },
	{ "time: halted is neither native nor guest", test_halted },
	{ "time: handover before the first VMRUN and after the last exit", test_handover },
	{ "time: an exit that no vCPU survives stays open", test_fault },
	{ "time: each length has its bucket, on every way", test_buckets },
	{ "time: the maximum is the maximum", test_max },
	{ "time: the last slot is for the reasons that find none", test_slots },
	{ "time: readers do not follow damaged indices", test_damaged },
	{ "time: whatever happens, all adds up", test_any },
	{ NULL, NULL },
};
