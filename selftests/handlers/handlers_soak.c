// SPDX-License-Identifier: GPL-2.0
/*
 * Payload and handlers are replaced, 1000 times or as often as ct_updates says, on a guest whose
 * vCPUs interrupt each other all the time: no interrupt is lost, no exit is answered by another
 * vCPU's handlers.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../bpf-handlers/cpuid.h"
#include "ktap.h"
#include "object.h"
#include "smp_test.h"

#define LOOK_EVERY	50
#define VCPUS		2
#define REASON_CPUID	0x72

static struct smp_guest guest;
static unsigned int nr_updates;
/* Answers leaf 1 as its vCPU must see it; one set per vCPU */
static struct handlers own[VCPUS];
/* Has no CPUID handler */
static struct handlers other;

static enum ktap_result loaded(struct handlers *h, const char *name)
{
	CHECK(!handlers_open(h, corpus_find(name)), "no object %s", name);
	CHECK(!handlers_load(h) && !handlers_attach(h), "%s: not loaded: %.900s", name, h->log);
	return KTAP_PASS;
}

static enum ktap_result own_answer(unsigned int i)
{
	struct caretaker_cpuid_state *s;
	struct bpf_map *bss;
	size_t size;

	if (loaded(&own[i], "handlers/cpuid") != KTAP_PASS)
		return KTAP_FAIL;
	bss = bpf_object__find_map_by_name(own[i].obj, ".bss");
	s = bss ? bpf_map__initial_value(bss, &size) : NULL;
	CHECK(s && size >= sizeof(*s), "no .bss");
	*s = (struct caretaker_cpuid_state){ .size = sizeof(*s), .leaf = 1, .ebx = i << 24 };
	return KTAP_PASS;
}

static enum ktap_result guest_ready(void)
{
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		if (own_answer(i) != KTAP_PASS)
			return KTAP_FAIL;
	if (loaded(&other, "handlers/uart") != KTAP_PASS)
		return KTAP_FAIL;
	return smp_begin(&guest, VCPUS, SMP_TIMER_PERIODIC);
}

/* What each update brings, in turns */
static const struct {
	uint32_t flags;
	bool own, other;
} updates[] = {
	{ .own = true },
	{ .flags = KVM_CARETAKER_HANDLERS_ONLY, .other = true },
	{ .flags = KVM_CARETAKER_ISOLATE, .own = true },
	{ .flags = KVM_CARETAKER_HANDLERS_ONLY },
	{ .flags = KVM_CARETAKER_HANDLERS_ONLY, .own = true },
	{ .flags = 0 },
};

static int update(unsigned int n, int payload_fd)
{
	unsigned int vcpu = n % VCPUS, u = n / VCPUS % ARRAY_SIZE(updates);
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.flags = updates[u].flags;
	a.pcpu = PCPU + vcpu;
	if (!(a.flags & KVM_CARETAKER_HANDLERS_ONLY))
		a.payload_fd = payload_fd;
	if (updates[u].own)
		a.handlers_fd = bpf_map__fd(own[vcpu].map);
	if (updates[u].other)
		a.handlers_fd = bpf_map__fd(other.map);
	err = caretaker_ioctl_set(&guest.vcpu[vcpu], &a);
	if (err)
		ktap_diag("update %u: %s: %s", n, strerror(-err), caretaker_log);
	return err;
}

static enum ktap_result replaced(void)
{
	int fd = payload_open();
	unsigned int n;

	CHECK(fd >= 0, "no payload");
	for (n = 0; n < nr_updates; n++) {
		CHECK(!update(n, fd), "update %u failed", n);
		if (n % LOOK_EVERY == LOOK_EVERY - 1)
			CHECK(smp_alive(&guest, SMP_ALIVE_MS), "after update %u", n);
		if (n % 100 == 99)
			smp_totals(&guest, "100 updates");
	}
	close(fd);
	return KTAP_PASS;
}

static enum ktap_result counted(void)
{
	static struct kvm_caretaker_telemetry t;
	struct kvm_caretaker_info info;
	uint64_t handled, native;
	unsigned int i;

	for (i = 0; i < VCPUS; i++) {
		CHECK(!caretaker_info(&guest.vcpu[i], &info), "no information");
		CHECK(info.generation == 1 + nr_updates / VCPUS, "vCPU %u: generation %u", i,
		      info.generation);
		CHECK(!caretaker_telemetry(&guest.vcpu[i], &t), "no telemetry");
		handled = kvm_caretaker_exits(&t, REASON_CPUID, KVM_CARETAKER_HANDLER);
		native = kvm_caretaker_exits(&t, REASON_CPUID, KVM_CARETAKER_NATIVE);
		ktap_diag("vCPU %u: CPUID served by a handler %lu times, natively %lu times", i,
			  handled, native);
		CHECK(handled && native, "vCPU %u: not served by both", i);
	}
	return KTAP_PASS;
}

static enum ktap_result nothing_lost(void)
{
	return smp_end(&guest);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "vCPUs interrupt each other, with Caretakers", guest_ready, true },
		{ "payload and handlers are replaced many times", replaced },
		{ "each update counts, and each kind of handlers was at work", counted },
		{ "no interrupt was lost, all registers are intact", nothing_lost },
	};
	const char *missing = caretaker_missing();
	unsigned int secs;

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	nr_updates = cmdline_number("ct_updates", 1000) / VCPUS * VCPUS;
	ktap_diag("%u updates", nr_updates);
	secs = nr_updates < 1000 ? 900 : nr_updates * 9 / 10;
	return ktap_run(cases, ARRAY_SIZE(cases), secs);
}
