// SPDX-License-Identifier: GPL-2.0
/*
 * Bare-metal test of the payload core: events that hit a pCPU while its guest runs detached, and
 * that nobody has asked for: fixed interrupts, NMI, INIT, machine checks.
 */
#include "test.h"

#define FIRST_VECTOR	16	/* that a LAPIC takes */
#define FIXED		0x4000
#define LOWEST		0x4100
#define OTHERS_FIXED	0xc4000
#define OTHERS_NMI	0xc4400
#define INIT		0x4500
#define NMI		0x4400

/* What the guest does when the event comes */
enum doing { RUNS, HALTS, STALLS, NR_DOINGS };

static const char *const doing_names[] = {
	"a guest that runs", "a guest in HLT", "a guest in a blocking exit",
};

static void report_doing(const char *what, enum doing doing, bool ok)
{
	static char name[100];
	const char *const parts[] = { what, ": ", doing_names[doing] };
	char *at = name;
	u32 i, j;

	for (i = 0; i < 3; i++)
		for (j = 0; parts[i][j]; j++)
			*at++ = parts[i][j];
	*at = 0;
	report(name, ok);
}

static bool start(enum doing doing)
{
	static const u8 *const guests[] = { guest_spin, guest_hlt, guest_out };

	if (!detach(guests[doing], 0))
		return false;
	switch (doing) {
	case RUNS:
		return wait_counter(1000);
	case HALTS:
		return wait_value("halts", &arena->telemetry.halts, 1);
	default:
		return wait_state(STALLED);
	}
}

/* It goes on with what it did, and can be taken back. */
static bool goes_on(enum doing doing)
{
	u64 seen = guest_count();
	bool ok = check("state", C.state, doing == STALLS ? KVM_CARETAKER_STALLED :
			KVM_CARETAKER_RUNNING);

	ok &= check("fault", arena->telemetry.fault, 0);
	if (doing == RUNS)
		return ok && wait_counter(seen + 1000);
	return ok & check("counter", guest_count(), seen);
}

static bool own_vector(u32 vector)
{
	return vector == KVM_CARETAKER_VECTOR_TIMER || vector == KVM_CARETAKER_VECTOR_KICK;
}

/* From the highest on: one that gets no EOI holds all others back. */
static bool fixed(enum doing doing, u32 command)
{
	bool ok = start(doing);
	u32 vector, nr = 0;

	for (vector = 255; ok && vector >= FIRST_VECTOR; vector--) {
		if (own_vector(vector))
			continue;
		ipi(command | vector);
		ok = wait_stray(++nr);
		ok &= check("stray vector", arena->telemetry.stray_vector, vector);
	}
	ok = ok && goes_on(doing) && adopt_any();
	ok &= check("stray", arena->telemetry.stray, nr);
	ok &= check("time", arena->telemetry.stray_tsc > arena->telemetry.tsc_run, 1);
	return ok & check("fault", arena->telemetry.fault, 0);
}

static void test_fixed(void)
{
	enum doing doing;

	for (doing = 0; doing < NR_DOINGS; doing++)
		report_doing("all vectors from 255 to 16", doing, fixed(doing, FIXED));
	report("all vectors by lowest priority", fixed(RUNS, LOWEST));
	report("all vectors by shorthand", fixed(RUNS, OTHERS_FIXED));
	x2apic_set(true);
	report("x2APIC host: all vectors from 255 to 16", fixed(HALTS, FIXED));
	x2apic_set(false);
}

/* A LAPIC does not take them. The emulator's does, and delivers all but 0. */
static bool illegal(enum doing doing)
{
	bool ok = start(doing);
	u32 vector;

	for (vector = 1; ok && vector < FIRST_VECTOR; vector++) {
		ipi(FIXED | vector);
		delay(2000000);
		ok = goes_on(doing);
	}
	ipi(FIXED | FIRST_VECTOR);
	ok = ok && wait_value("stray events", &arena->telemetry.stray, 1);
	return ok && goes_on(doing) && adopt_any();
}

static void test_illegal(void)
{
	enum doing doing;

	for (doing = 0; doing < NR_DOINGS; doing++)
		report_doing("vectors below 16 do no harm", doing, illegal(doing));
}

static bool nmis(enum doing doing, u32 command)
{
	bool ok = start(doing);
	u32 i;

	for (i = 1; ok && i <= 5; i++) {
		ipi(command);
		ok = wait_stray(i) && check("vector", arena->telemetry.stray_vector, 2) &&
		     goes_on(doing);
	}
	return ok && adopt_any() && check("stray", arena->telemetry.stray, 5);
}

static void test_nmis(void)
{
	enum doing doing;

	for (doing = 0; doing < NR_DOINGS; doing++)
		report_doing("NMIs by shorthand", doing, nmis(doing, OTHERS_NMI));
}

/* Stock QEMU neither redirects INIT nor intercepts #MC; its repairs come together. */
static bool emulator_redirects(void)
{
	bool ok;

	cpu_wrmsr(MSR_VM_CR, VM_CR_R_INIT);
	ok = cpu_rdmsr(MSR_VM_CR) & VM_CR_R_INIT;
	cpu_wrmsr(MSR_VM_CR, 0);
	return ok;
}

static bool inits(enum doing doing)
{
	bool ok = start(doing);
	u32 i;

	for (i = 1; ok && i <= 5; i++) {
		ipi(INIT);
		ok = wait_stray(i) && check("vector", arena->telemetry.stray_vector, 30) &&
		     goes_on(doing);
	}
	return ok && adopt_any() && check("stray", arena->telemetry.stray, 5);
}

/* Not counted: there is no vCPU yet. The last one is meant. */
static bool init_while_armed(void)
{
	bool ok;

	setup_detached(guest_spin, 0);
	ok = arm();
	ipi(INIT);
	delay(2000000);
	run();
	ok = ok && wait_counter(1000);
	return ok & check("stray", arena->telemetry.stray, 0) && adopt(KVM_CARETAKER_RUNNING) &&
	       detach(guest_spin, 0) && wait_counter(1000) && adopt(KVM_CARETAKER_RUNNING);
}

/*
 * Events in the handlers of others: an INIT in that of an NMI, whose IRET lets the next NMI in. How
 * many are counted is open, for what waits already is not there twice.
 */
#define STORM_TURNS	15000
#define STORM_GAP	8191	/* cycles at most, as a mask */

static bool storm(enum doing doing)
{
	bool ok = start(doing);
	u64 seen, i, random = 1;

	for (i = 0; ok && i < STORM_TURNS; i++) {
		ipi(i % 3 == 1 ? INIT : NMI);
		random = random * 6364136223846793005 + 1442695040888963407;
		delay(random >> 40 & STORM_GAP);
	}
	ok = ok && wait_value("stray events", (u64 *)&arena->telemetry.stray, 10);
	do {
		seen = arena->telemetry.stray;
		delay(2000000);
	} while (load_acquire(&arena->telemetry.stray) != seen);
	return ok && goes_on(doing) && adopt_any();
}

static void test_inits(void)
{
	enum doing doing;

	if (!emulator_redirects()) {
		skip("INITs", "this emulator does not redirect INIT (scripts/qemu-build)");
		return;
	}
	for (doing = 0; doing < NR_DOINGS; doing++)
		report_doing("INITs are survived", doing, inits(doing));
	report("INIT to an armed pCPU is survived, one after the end is not", init_while_armed());
	for (doing = 0; doing < NR_DOINGS; doing++)
		report_doing("NMIs and INITs in each other's handlers", doing, storm(doing));
}

/* CPU, bank, MCi_STATUS, MCG_STATUS, address, MISC. The emulator raises #MC for UC alone. */
#define MCE_NOTHING	"mce 1 4 0x3000000000000000 0x5 0 0"
#define MCE_LOST	"mce 1 4 0xb400000000000135 0x5 0x1234000 0"
#define MCE_NO_RETURN	"mce 1 4 0x3000000000000000 0x4 0 0"

static bool mc_recorded(u64 nr, u64 status, u32 bank, u64 addr, u32 mcg)
{
	const struct kvm_caretaker_telemetry *t = &arena->telemetry;
	bool ok = check("machine checks", t->machine_checks, nr);

	ok &= check("MCi_STATUS", t->mc_status, status);
	ok &= check("bank", t->mc_bank, bank);
	ok &= check("address", t->mc_addr, addr);
	ok &= check("MCG_STATUS", t->mcg_status, mcg);
	return ok & check("time", t->mc_tsc > t->tsc_run, 1);
}

/* Twice: the first one was ended, or the second one would be a shutdown. */
static bool mc_survived(enum doing doing)
{
	bool ok = start(doing);
	u32 i;

	for (i = 1; ok && i <= 2; i++) {
		monitor(MCE_NOTHING);
		ok = wait_stray(i) && check("vector", arena->telemetry.stray_vector, 18) &&
		     mc_recorded(i, 0, ~0U, 0, 5) && goes_on(doing);
	}
	return ok && adopt_any();
}

static bool mc_lost(enum doing doing, const char *command)
{
	bool ok = start(doing);

	monitor(command);
	ok = ok && wait_state(FAULTED) && wait_pcpu(HALTED);
	ok &= check("fault", arena->telemetry.fault, 18 + 1);
	return ok & check("open", arena->telemetry.open, KVM_CARETAKER_TIME_BLOCKED);
}

static bool mc_while_armed(void)
{
	bool ok;

	setup_detached(guest_spin, 0);
	ok = arm();
	monitor(MCE_NOTHING);
	ok = ok && wait_value("machine checks", &arena->telemetry.machine_checks, 1);
	run();
	ok = ok && wait_counter(1000);
	return ok & check("stray", arena->telemetry.stray, 0) && adopt(KVM_CARETAKER_RUNNING);
}

static bool mc_when_parked(void)
{
	bool ok = start(RUNS) && adopt(KVM_CARETAKER_RUNNING);

	monitor(MCE_NO_RETURN);
	ok = ok && wait_value("machine checks", &arena->telemetry.machine_checks, 1);
	ok &= check("fault", arena->telemetry.fault, 0);
	return ok & check("state", C.state, KVM_CARETAKER_PARKED);
}

static void test_harmless_checks(void)
{
	enum doing doing;

	for (doing = 0; doing < NR_DOINGS; doing++)
		report_doing("#MC with nothing in the banks is survived", doing,
			     mc_survived(doing));
	for (doing = 0; doing < NR_DOINGS; doing++)
		report_doing("#MC that cannot go on ends FAULTED", doing,
			     mc_lost(doing, MCE_NO_RETURN) && mc_recorded(1, 0, ~0U, 0, 4));
	report("#MC on an armed pCPU is survived", mc_while_armed());
	report("#MC on a parked pCPU is left to the kernel", mc_when_parked());
}

/* What has been lost stays in the bank, so the error after it is one too many: last of all. */
static void test_machine_checks(void)
{
	bool repaired = emulator_redirects();
	enum doing first = repaired ? RUNS : HALTS, doing;
	u64 status = 0xb400000000000135;

	if (repaired)
		test_harmless_checks();
	else
		skip("machine checks that do no harm, or while the guest runs",
		     "this emulator does not intercept #MC (scripts/qemu-build)");
	for (doing = first; doing < NR_DOINGS; doing++) {
		report_doing("#MC with an uncorrected error ends FAULTED", doing,
			     mc_lost(doing, MCE_LOST) &&
			     mc_recorded(1, status, 4, 0x1234000, 5));
		status |= 1ULL << 62;
	}
	report("pCPU takes INIT and runs again after a machine check",
	       start(RUNS) && goes_on(RUNS) && adopt_any());
}

void test_stray(void)
{
	test_fixed();
	test_illegal();
	test_nmis();
	test_inits();
	test_machine_checks();
}
