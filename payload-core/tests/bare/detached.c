// SPDX-License-Identifier: GPL-2.0
/*
 * Bare-metal test of the payload core: detached runs on the second processor.
 */
#include "test.h"

static u64 gap_exits(u32 index, u32 server)
{
	return kvm_caretaker_gap_exits(&arena->telemetry, index, server);
}

static void test_arm_and_halt(void)
{
	bool ok;

	setup_detached(guest_spin, 0);
	ok = arm();
	ring(KVM_CARETAKER_BELL_HALT);
	ok = ok && wait_pcpu(HALTED);
	ok &= check("state", C.state, KVM_CARETAKER_ATTACHED);
	report("armed pCPU lets go when no guest comes", ok);
}

/* The kernel lost patience before the payload took the doorbell. */
static void test_taken_back(void)
{
	bool ok;

	setup_detached(guest_spin, 0);
	ok = arm();
	ring(KVM_CARETAKER_BELL_RUN);	/* state is still ATTACHED */
	ok = ok && wait_pcpu(HALTED);
	ok &= check("state", C.state, KVM_CARETAKER_ATTACHED);
	ok &= check("vmcb", C.vmcb, (u64)&arena->kvm_vmcb);
	ok &= check("detached flag", C.exit.flags, 0);
	ok &= check("counter", guest_count(), 0);
	report("vCPU taken back before the doorbell is not touched", ok);
}

static void test_run_and_park(void)
{
	bool ok = detach(guest_xmm_loop, 0) && wait_state(RUNNING) && wait_counter(1000);
	u64 seen;

	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	seen = guest_count();
	delay(2000000);
	ok &= check("counter after park", guest_count(), seen);
	ok &= check("sum in XMM7", *(u64 *)(arena->fpu + 160 + 7 * 16), C.exit.gpr[9]);
	ok &= check("sum in R9", C.exit.gpr[9] % 3, 0x109 % 3);
	ok &= check("XCOMP_BV", *(u64 *)(arena->fpu + 520), 0);
	ok &= check("event", arena->gap_vmcb.exit_int_info, 0);
	ok &= check("detached flag", C.exit.flags, 0);
	ok &= check("counts", gap_exits(VMEXIT_CPUID, KVM_CARETAKER_NATIVE) >= 1000 - 0x108, 1);
	ok &= check("stamps", arena->telemetry.tsc_park > arena->telemetry.tsc_run, 1);
	report("detached guest runs, parks and stops", ok);
}

static void test_no_exits(void)
{
	bool ok = detach(guest_spin, 0) && wait_counter(1000) &&
		  ledger_has(KVM_CARETAKER_TIME_GUEST, now());

	report("detached guest without exits is kicked out", ok);
}

static void test_cycles(void)
{
	bool ok = true;
	u32 i;

	for (i = 0; ok && i < 20; i++)
		ok = detach(guest_cpuid_loop, 0) && wait_counter(10) &&
		     adopt(KVM_CARETAKER_RUNNING);
	report("20 cycles of detach and park on one pCPU", ok);
}

/* From before the first VMRUN to well within HLT, stall or loop: no kick may get lost. */
static void test_kick_moments(void)
{
	static const u8 *const guests[] = { guest_hlt, guest_out, guest_cpuid_loop, guest_spin };
	bool ok = true;
	u32 i;

	for (i = 0; ok && i < 200; i++) {
		ok = detach(guests[i % 4], 0) && wait_pcpu(GUEST);
		delay(i / 4 * 3000);
		ok = ok && adopt_any();
	}
	report("vCPU wanted back at 200 different moments", ok);
}

static void test_hlt(void)
{
	bool ok = detach(guest_hlt, 0) && wait_state(RUNNING);

	ok = ok && wait_for("flags", &C.flags,
			    KVM_CARETAKER_CCB_XSAVE | KVM_CARETAKER_CCB_HALTED);
	delay(2000000);
	kick();
	ok = ok && wait_stray(1);
	delay(2000000);
	ok &= check("state", C.state, KVM_CARETAKER_RUNNING);
	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	ok &= check("r8", C.exit.gpr[8], 77);
	ok &= check("halted", C.flags & KVM_CARETAKER_CCB_HALTED, KVM_CARETAKER_CCB_HALTED);
	ok &= check("rip", arena->gap_vmcb.rip, (u64)guest_hlt + 8);
	ok &= check("idle", arena->telemetry.idle_tsc > 0, 1);
	ok &= check("halted time", arena->telemetry.idle_tsc,
		    arena->telemetry.ledger[KVM_CARETAKER_TIME_HALTED]);
	report("detached HLT halts the pCPU, stray NMI does not end it", ok);
}

static void test_halted_at_detach(void)
{
	bool ok = detach(guest_spin, KVM_CARETAKER_CCB_HALTED) && wait_state(RUNNING) &&
		  wait_value("halts", &arena->telemetry.halts, 1) &&
		  ledger_has(KVM_CARETAKER_TIME_HALTED, now());

	ok &= check("counter", guest_count(), 0);
	report("guest in HLT at detach stays halted", ok);
}

static void test_block(void)
{
	struct kvm_caretaker_stall *stall = &arena->telemetry.stalls[0];
	bool ok = detach(guest_out, 0) && wait_state(STALLED);

	ok &= check("stalls", arena->telemetry.nr_stalls, 1);
	ok &= check("end while stalled", stall->tsc_end, 0);
	ok = ok && ledger_has(KVM_CARETAKER_TIME_BLOCKED, now());
	ok &= check("reason", stall->reason, VMEXIT_IOIO);
	ok &= check("port", stall->info1 >> 16, 0x3f8);
	ok &= check("rip", stall->rip, (u64)guest_out_at);
	ok &= check("vmcb rip", arena->gap_vmcb.rip, (u64)guest_out_at);
	ok &= check("time", stall->tsc_end - stall->tsc_start,
		    arena->telemetry.ledger[KVM_CARETAKER_TIME_BLOCKED]);
	ok &= check("rax", arena->gap_vmcb.rax, 0x55);
	ok &= check("blocked", gap_exits(VMEXIT_IOIO, KVM_CARETAKER_BLOCKED), 1);
	report("detached port write blocks with RIP on it", ok);
}

/* What the record number @n of the first sub-buffer is about; all of them have the same length. */
static u32 event_id(u32 n)
{
	return *(u16 *)(arena->ring.subbuf[0].data + 4 +
			n * (4 + sizeof(struct kvm_caretaker_event_at)));
}

static void test_events_of_gap(void)
{
	static const u8 wanted[] = {
		KVM_CARETAKER_EVENT_RUN, KVM_CARETAKER_EVENT_STALL, KVM_CARETAKER_EVENT_RESUME,
		KVM_CARETAKER_EVENT_PARK,
	};
	bool ok;
	u32 i;

	test_events = KVM_CARETAKER_EVENTS_ALL & ~(1U << KVM_CARETAKER_EVENT_EXIT);
	ok = detach(guest_out, 0) && wait_state(STALLED) && adopt(KVM_CARETAKER_STALLED);
	ok &= check("events", arena->ring.events, sizeof(wanted));
	for (i = 0; i < sizeof(wanted); i++)
		ok &= check("event", event_id(i), wanted[i]);
	ok = ok && detach(guest_shutdown, 0) && wait_state(FAULTED) && wait_pcpu(HALTED);
	ok &= check("events", arena->ring.events, 2);
	ok &= check("event", event_id(1), KVM_CARETAKER_EVENT_FAULT);
	test_events = 0;
	report("run, stall, its end, park and a fault are written to the ring", ok);
}

static void test_stray_nmi(void)
{
	bool ok = detach(guest_cpuid_loop, 0) && wait_counter(10);
	u64 seen;
	u32 i;

	for (i = 0; ok && i < 5; i++) {
		kick();
		ok = wait_stray(i + 1);
		seen = guest_count();
		ok = ok && wait_counter(seen + 100);
	}
	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	ok &= check("stray", arena->telemetry.stray, 5);
	report("detached guest survives stray NMIs", ok);
}

/* In the guest, in its windows, in HLT, in the stall loop and while parking. */
static void test_nmi_storm(void)
{
	static const u8 *const guests[] = { guest_cpuid_loop, guest_hlt, guest_out, guest_spin };
	bool ok = true;
	u32 i, j;

	for (i = 0; ok && i < 20; i++) {
		ok = detach(guests[i % 4], 0);
		for (j = 0; ok && j < 100; j++)
			kick();
		ok = ok && wait_pcpu(GUEST) && adopt_any();
		for (j = 0; ok && j < 100; j++)
			kick();
		delay(20000000);
		ok &= check("fault", arena->telemetry.fault, 0);
	}
	report("storm of NMIs at every stage is survived", ok);
}

static void test_shutdown(void)
{
	bool ok = detach(guest_shutdown, 0) && wait_state(FAULTED) && wait_pcpu(HALTED);

	ok &= check("fault", arena->telemetry.fault, 0x100 + VMEXIT_SHUTDOWN);
	ok &= check("open", arena->telemetry.open, KVM_CARETAKER_TIME_BLOCKED) & ledger_adds_up();
	report("guest shutdown ends FAULTED with a record", ok);
}

static void test_payload_fault(void)
{
	bool ok;

	setup_detached(guest_cpuid_loop, 0);
	handler_install(KVM_CARETAKER_CLASS_CPUID, handler_fault);
	ok = arm();
	run();
	ok = ok && wait_state(FAULTED) && wait_pcpu(HALTED);
	ok &= check("fault", arena->telemetry.fault, 6 + 1);
	ok &= check("rip", arena->telemetry.fault_rip,
		    (u64)arena->code + (handler_fault - handler_start));
	report("exception in a handler ends FAULTED with a record", ok);
}

static void test_bad_fpu_image(void)
{
	bool ok;

	setup_detached(guest_cpuid_loop, 0);
	*(u64 *)(arena->fpu + 520) = ~0ULL;
	ok = arm();
	run();
	ok = ok && wait_state(FAULTED) && wait_pcpu(HALTED);
	ok &= check("fault", arena->telemetry.fault, 13 + 1);
	ok &= check("time of the first VMRUN", arena->telemetry.tsc_run, 0);
	ok &= check("detached flag", C.exit.flags, 0);
	report("broken FPU image ends FAULTED, not in a triple fault", ok);
}

static void test_pcpu_after_fault(void)
{
	bool ok = detach(guest_cpuid_loop, 0) && wait_counter(10) && adopt(KVM_CARETAKER_RUNNING);

	report("pCPU takes INIT and runs again after a fault", ok);
}

void test_detached(void)
{
	test_arm_and_halt();
	test_taken_back();
	test_run_and_park();
	test_no_exits();
	test_cycles();
	test_kick_moments();
	test_hlt();
	test_halted_at_detach();
	test_block();
	test_events_of_gap();
	test_stray_nmi();
	test_nmi_storm();
	test_shutdown();
	test_payload_fault();
	test_bad_fpu_image();
	test_pcpu_after_fault();
}
