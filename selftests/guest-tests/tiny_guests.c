// SPDX-License-Identifier: GPL-2.0
/* The guests of the other tests do what those tests rely on, in plain KVM. */
#include <string.h>

#include "guest_count.h"
#include "guest_script.h"
#include "ktap.h"

static struct kvm_guest guest;

static enum ktap_result script_results(void)
{
	static const struct script_line lines[] = {
		{ .op = SCRIPT_CPUID, .a = 0 },
		{ .op = SCRIPT_RDMSR, .a = 0xc0000080 },
		{ .op = SCRIPT_RDMSR, .a = 0x12345678 },
		{ .op = SCRIPT_PAUSE, .a = 10 },
		{ .op = SCRIPT_OUT, .a = 0x80, .b = 1 },
		{ .op = SCRIPT_HLT },
		{ .op = SCRIPT_HLT },
		{ .op = SCRIPT_IN, .a = GUEST_PORT_UNSERVED },
	};
	const struct script_line *got;

	CHECK(!guest_create(&guest, &guest_script), "no guest");
	got = script_area(&guest)->line;
	CHECK(!script_run(&guest, lines, ARRAY_SIZE(lines)), "the script did not end");
	CHECK(got[0].out[0] >= 1, "highest CPUID leaf is %u", got[0].out[0]);
	CHECK((got[1].out[0] & 0x500) == 0x500, "EFER is %#x", got[1].out[0]);
	CHECK(!got[1].fault && got[2].fault, "#GP of RDMSR: %u, %u", got[1].fault, got[2].fault);
	CHECK(script_area(&guest)->irqs == 2, "%lu interrupts", script_area(&guest)->irqs);
	CHECK(got[7].out[0] == GUEST_IN_VALUE, "IN gave %#x", got[7].out[0]);
	CHECK(!script_still_runs(&guest), "a second script did not run");
	guest_destroy(&guest);
	return KTAP_PASS;
}

static enum ktap_result count_works(void)
{
	struct guest_runner r;
	struct count_area *a;

	CHECK(!guest_create(&guest, &guest_count), "no guest");
	CHECK(!count_reset(&guest), "no patterns");
	a = count_area(&guest);
	CHECK(!runner_start(&r, &guest), "no thread");
	CHECK(count_alive(&guest, 1000), "the guest does not count");
	CHECK(count_command(&guest, COUNT_IN, 1000), "IN was not carried out");
	CHECK(a->in_value == GUEST_IN_VALUE, "IN gave %#lx", a->in_value);
	CHECK(count_command(&guest, COUNT_CPUID, 1000), "CPUID was not carried out");
	CHECK(a->cpuid[2], "CPUID leaf 0 gave 0");
	CHECK(!count_command(&guest, COUNT_HLT, 50), "HLT came back on its own");
	CHECK(!guest_msi(&guest, GUEST_IRQ_VECTOR), "no interrupt");
	CHECK(wait_equal(&a->in_hlt, 0, 1000) && a->irqs == 1, "HLT did not end");
	CHECK(count_wrmsr(&guest, MSR_X2APIC_LVTT, LVTT_TSC_DEADLINE | GUEST_IRQ_VECTOR, false,
			  1000), "LVTT was not written");
	CHECK(count_wrmsr(&guest, MSR_TSC_DEADLINE, 1000000, true, 1000), "no timer");
	CHECK(wait_equal(&a->irqs, 2, 1000), "the timer did not fire");
	CHECK(count_command(&guest, COUNT_DONE, 1000), "OUT was not carried out");
	CHECK(count_alive(&guest, 1000), "the guest does not count any more");
	CHECK(!runner_stop(&r), "the thread ended with %d", r.error);
	CHECK(!count_check_host_side(&guest), "registers changed");
	ktap_diag("%lu rounds, largest TSC step %lu", a->counter, a->tsc_max);
	guest_destroy(&guest);
	return KTAP_PASS;
}

/* The checks can fail: one that does not notice a wrong register proves nothing. */
static enum ktap_result count_notices(void)
{
	static const struct {
		size_t off;
		unsigned int what;
	} spoil[] = {
		{ offsetof(struct count_area, xmm[7][1]), COUNT_WRONG_XMM },
		{ offsetof(struct count_area, gpr[4]), COUNT_WRONG_GPR },
		{ offsetof(struct count_area, base[0]), COUNT_WRONG_FS },
		{ offsetof(struct count_area, base[1]), COUNT_WRONG_GS },
		{ offsetof(struct count_area, base[2]), COUNT_WRONG_GS },
		{ offsetof(struct count_area, aux), COUNT_WRONG_AUX },
	};
	struct guest_runner r;
	struct count_area *a;
	unsigned int i;

	CHECK(!guest_create(&guest, &guest_count), "no guest");
	CHECK(!count_reset(&guest), "no patterns");
	a = count_area(&guest);
	CHECK(!runner_start(&r, &guest), "no thread");
	CHECK(count_alive(&guest, 1000), "the guest does not count");
	for (i = 0; i < ARRAY_SIZE(spoil); i++) {
		if (spoil[i].what == COUNT_WRONG_AUX && !a->has_rdtscp)
			continue;
		a->what = 0;
		*(volatile unsigned char *)((char *)a + spoil[i].off) ^= 1;
		CHECK(wait_change(&a->what, 0, 1000), "kind %u was not noticed", spoil[i].what);
		CHECK(a->what == spoil[i].what, "kind %#lx instead of %#x", a->what,
		      spoil[i].what);
		*(volatile unsigned char *)((char *)a + spoil[i].off) ^= 1;
		sleep_ms(5);
	}
	CHECK(!runner_stop(&r), "the thread ended with %d", r.error);
	guest_destroy(&guest);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a guest works off a script", script_results },
		{ "a guest counts and obeys commands", count_works },
		{ "the counting guest notices wrong registers", count_notices },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 30);
}
