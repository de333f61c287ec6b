// SPDX-License-Identifier: GPL-2.0
/*
 * What exit handlers may call: the time, memory of the vCPU's own, interrupts for the guest. The
 * same attached and in the gap, and the memory goes along.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <x86intrin.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "kfuncs.h"
#include "ktap.h"
#include "object.h"

#define SLOT_END	(KVM_CARETAKER_SCRATCH_SLOTS * KVM_CARETAKER_SCRATCH_SIZE - 8)

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handlers set;
static volatile struct kfuncs_state *state;
static int session = -1;
static uint64_t cpuids;	/* of the guest, with these handlers */

static int install(uint32_t flags)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.flags = flags;
	a.payload_fd = flags & KVM_CARETAKER_HANDLERS_ONLY ? -1 : payload_open();
	a.handlers_fd = bpf_map__fd(set.map);
	err = caretaker_ioctl_set(&guest, &a);
	if (err)
		ktap_diag("KVM_SET_CARETAKER: %s: %s", strerror(-err), caretaker_log);
	if (a.payload_fd >= 0)
		close(a.payload_fd);
	return err;
}

static enum ktap_result installed(void)
{
	struct bpf_map *bss;
	size_t size;

	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_count) && !count_reset(&guest), "no guest");
	CHECK(!handlers_open(&set, corpus_find("accept/kfuncs")), "no object");
	CHECK(!handlers_load(&set) && !handlers_attach(&set), "not loaded: %.900s", set.log);
	bss = bpf_object__find_map_by_name(set.obj, ".bss");
	state = bss ? bpf_map__initial_value(bss, &size) : NULL;
	CHECK(state, "no .bss");
	CHECK(!install(0), "not installed");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 5000), "the guest does not run");
	return KTAP_PASS;
}

/* Whether it was the handler that saw each CPUID is in its count. */
static bool cpuid(unsigned int n)
{
	for (; n; n--, cpuids++)
		if (!count_command(&guest, COUNT_CPUID, 5000))
			return false;
	return state->calls == cpuids;
}

static enum ktap_result time_goes_on(void)
{
	uint64_t before = __rdtsc(), guest_before = count_area(&guest)->tsc, guest_now;

	CHECK(cpuid(5), "%llu calls for %lu exits", state->calls, cpuids);
	CHECK(!state->back, "time stood still %llu times", state->back);
	CHECK(state->last > before && state->last < __rdtsc(), "%llu is not between %lu and now",
	      state->last, before);
	CHECK(wait_change(&count_area(&guest)->tsc, count_area(&guest)->tsc, 5000), "no rounds");
	guest_now = state->last + state->tsc_offset;
	CHECK(guest_now > guest_before && guest_now < count_area(&guest)->tsc,
	      "the guest's time %lu is not between its readings %lu and %lu", guest_now,
	      guest_before, count_area(&guest)->tsc);
	return KTAP_PASS;
}

static enum ktap_result scratch_kept(void)
{
	uint64_t held = state->scratch;

	CHECK(held == 2 * cpuids, "%lu after %lu exits", held, cpuids);
	CHECK(cpuid(1), "the guest does not run");
	CHECK(state->scratch == held + 2, "%llu after %lu", state->scratch, held);
	return KTAP_PASS;
}

static enum ktap_result injected(void)
{
	volatile uint64_t *irqs = &count_area(&guest)->irqs;
	uint64_t before = *irqs;

	state->vector = GUEST_IRQ_VECTOR;
	CHECK(cpuid(1), "the guest does not run");
	CHECK(wait_equal(irqs, before + 1, 5000), "%lu interrupts after %lu", *irqs, before);
	CHECK(!state->injected, "refused: %lld", state->injected);
	state->vector = 15;
	CHECK(cpuid(1), "the guest does not run");
	CHECK(state->injected == -EINVAL, "vector 15 gives %lld", state->injected);
	CHECK(cpuid(3), "the guest does not run");
	CHECK(*irqs == before + 1, "%lu interrupts after %lu", *irqs, before + 1);
	return KTAP_PASS;
}

static enum ktap_result halted_wakes(void)
{
	uint64_t before = count_area(&guest)->irqs;

	state->vector = GUEST_IRQ_VECTOR;
	CHECK(count_command(&guest, COUNT_HLT, 5000), "the guest stays halted");
	CHECK(count_area(&guest)->irqs == before + 1, "%lu interrupts after %lu",
	      count_area(&guest)->irqs, before);
	return count_alive(&guest, 5000) ? KTAP_PASS : KTAP_FAIL;
}

static enum ktap_result detached(void)
{
	session = luo_detach_guest("kfuncs", &guest);
	CHECK(session >= 0, "not detached");
	return KTAP_PASS;
}

static enum ktap_result served_in_gap(void)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	CHECK(t.nr_stalls == 0 && caretaker_state(&guest) == KVM_CARETAKER_RUNNING,
	      "%llu stalls", t.nr_stalls);
	CHECK(t.injected >= 2, "%llu interrupts injected in the gap", t.injected);
	CHECK(luo_cancel_guest(&session, &guest), "not back in KVM");
	return KTAP_PASS;
}

/* Behind the pages of .bss, of which there is one. */
static enum ktap_result scratch_read(void)
{
	uint64_t held = 0;
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = KVM_CARETAKER_GET_STATE, .buf = (unsigned long)&held,
		.offset = 4096 + SLOT_END, .len = sizeof(held),
	};

	CHECK(cpuid(1), "the guest does not run");
	CHECK(!ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, &a), "not read: %s", strerror(errno));
	CHECK(a.total == 2 * 4096 && a.len == 8, "%llu bytes of state", a.total);
	CHECK(held == 2 * cpuids, "%lu after %lu exits", held, cpuids);
	return KTAP_PASS;
}

static enum ktap_result scratch_of_new_set(void)
{
	CHECK(!install(KVM_CARETAKER_HANDLERS_ONLY), "not installed");
	CHECK(cpuid(1), "the guest does not run");
	CHECK(state->scratch == 2, "%llu after one exit", state->scratch);
	CHECK(!runner_stop(&runner), "the thread ended with %d", runner.error);
	handlers_close(&set);
	guest_destroy(&guest);
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "handlers that call kfuncs are installed", installed, true },
		{ "attached: time goes on, and is the guest's with its offset", time_goes_on },
		{ "attached: scratch memory keeps what was stored", scratch_kept },
		{ "attached: an interrupt is injected, an impossible one refused", injected },
		{ "attached: a vCPU that halts is woken by one", halted_wakes },
		{ "the vCPU is detached", detached, true },
		{ "in the gap: time goes on, and is the guest's with its offset", time_goes_on },
		{ "in the gap: scratch memory keeps what was stored", scratch_kept },
		{ "in the gap: an interrupt is injected, an impossible one refused", injected },
		{ "in the gap: a vCPU that halts is woken by one", halted_wakes },
		{ "nothing blocked, and the vCPU comes back", served_in_gap, true },
		{ "scratch memory is read through the vCPU", scratch_read },
		{ "attached again: an interrupt is injected", injected },
		{ "a new set begins with scratch memory of zeros", scratch_of_new_set },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}
