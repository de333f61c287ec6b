// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handlers at work: they serve exits attached and detached, share their state with user
 * space, are cut off by fuel, can be replaced on a live vCPU. Each case fails without handlers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../bpf-handlers/cpuid.h"
#include "../../bpf-handlers/uart.h"
#include "caretaker_test.h"
#include "console.h"
#include "guest_script.h"
#include "ktap.h"
#include "ledger_test.h"
#include "object.h"

#define REASON_CPUID	0x72
#define REASON_IOIO	0x7b
#define REASON_VMMCALL	0x81

static struct kvm_guest guest;
static struct handlers set;
static struct kvm_caretaker_telemetry before, after;

/* ---- installing ---- */

static int install(uint32_t flags)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.flags = flags;
	if (!(flags & KVM_CARETAKER_HANDLERS_ONLY))
		a.payload_fd = payload_open();
	if (set.map)
		a.handlers_fd = bpf_map__fd(set.map);
	err = caretaker_ioctl_set(&guest, &a);
	if (err)
		ktap_diag("KVM_SET_CARETAKER: %s: %s", strerror(-err), caretaker_log);
	if (a.payload_fd >= 0)
		close(a.payload_fd);
	return err;
}

/* Loads object @name and installs it; NULL: a Caretaker without handlers. */
static int use(const char *name, uint32_t flags)
{
	int err = 0;

	handlers_close(&set);
	memset(&set, 0, sizeof(set));
	if (name)
		err = handlers_open(&set, corpus_find(name));
	if (name && !err)
		err = handlers_load(&set);
	if (name && !err)
		err = handlers_attach(&set);
	if (err) {
		ktap_diag("%s: %s: %.900s", name, strerror(-err), set.log);
		return err;
	}
	return install(flags);
}

/* The .bss of the loaded object, as mapped by libbpf. */
static void *state(void)
{
	struct bpf_map *bss = bpf_object__find_map_by_name(set.obj, ".bss");
	size_t size;

	return bss ? bpf_map__initial_value(bss, &size) : NULL;
}

/* The same through the vCPU. */
static int state_get(void *buf, size_t len)
{
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = KVM_CARETAKER_GET_STATE, .buf = (unsigned long)buf,
		.len = len,
	};

	if (ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, &a))
		return -errno;
	return a.len == len ? 0 : -EMSGSIZE;
}

/* ---- attached ---- */

static int cpuid(uint32_t leaf, uint32_t out[4])
{
	const struct script_line line = { .op = SCRIPT_CPUID, .a = leaf };
	int err = script_run(&guest, &line, 1);

	memcpy(out, script_area(&guest)->line[0].out, 16);
	return err;
}

static bool is_handler_leaf(const uint32_t out[4])
{
	return out[0] == CARETAKER_CPUID_EAX && out[1] == CARETAKER_CPUID_EBX &&
	       out[2] == CARETAKER_CPUID_ECX && out[3] == CARETAKER_CPUID_EDX;
}

/* @calls of the handler of @class between the two readings; its time is the ledger's. */
static enum ktap_result handler_used(unsigned int class, uint64_t calls)
{
	const struct kvm_caretaker_class_use *old = &before.classes[class];
	const struct kvm_caretaker_class_use *new = &after.classes[class];

	CHECK(new->calls == old->calls + calls, "%llu calls became %llu", old->calls, new->calls);
	CHECK(new->cycles > old->cycles, "%llu cycles became %llu", old->cycles, new->cycles);
	return ledger_cells(&after);
}

static enum ktap_result cpuid_mode(uint32_t flags)
{
	uint32_t out[4];

	CHECK(!use(NULL, flags), "no Caretaker");
	CHECK(!cpuid(CARETAKER_CPUID_LEAF, out), "the guest does not run");
	CHECK(!is_handler_leaf(out), "the leaf is there without a handler");
	CHECK(!use("handlers/cpuid", flags), "no handlers");
	CHECK(!caretaker_telemetry(&guest, &before), "no telemetry");
	CHECK(!cpuid(CARETAKER_CPUID_LEAF, out), "the guest does not run");
	CHECK(is_handler_leaf(out), "%#x %#x %#x %#x", out[0], out[1], out[2], out[3]);
	CHECK(!caretaker_telemetry(&guest, &after), "no telemetry");
	CHECK(kvm_caretaker_exits(&after, REASON_CPUID, KVM_CARETAKER_HANDLER) ==
	      kvm_caretaker_exits(&before, REASON_CPUID, KVM_CARETAKER_HANDLER) + 1, "not counted");
	return handler_used(KVM_CARETAKER_CLASS_CPUID, 1);
}

static enum ktap_result cpuid_shared(void)
{
	return cpuid_mode(0);
}

static enum ktap_result cpuid_isolated(void)
{
	return cpuid_mode(KVM_CARETAKER_ISOLATE);
}

static enum ktap_result live_state(void)
{
	struct caretaker_cpuid_state *s, got;
	uint32_t out[4];

	CHECK(!use("handlers/cpuid", 0), "no handlers");
	s = state();
	CHECK(s, "no .bss");
	*s = (struct caretaker_cpuid_state){ .size = sizeof(*s), .leaf = 0, .eax = 1, .ebx = 2,
					     .ecx = 3, .edx = 4 };
	CHECK(!cpuid(0, out), "the guest does not run");
	CHECK(out[0] == 1 && out[1] == 2 && out[2] == 3 && out[3] == 4, "leaf 0 is not ours");
	s->leaf = 0x40001235;
	CHECK(!cpuid(0, out), "the guest does not run");
	CHECK(out[0] != 1, "leaf 0 is still ours");
	CHECK(!state_get(&got, sizeof(got)), "no state through the vCPU");
	CHECK(!memcmp(&got, s, sizeof(got)), "another state through the vCPU");
	return KTAP_PASS;
}

static enum ktap_result all_classes(void)
{
	static const struct script_line lines[] = {
		{ .op = SCRIPT_CPUID }, { .op = SCRIPT_CPUID, .a = 1 },
		{ .op = SCRIPT_OUT, .a = 0x80 }, { .op = SCRIPT_IN, .a = GUEST_PORT_UNSERVED },
		{ .op = SCRIPT_VMMCALL, .a = 0x7fff },
	};
	uint64_t *count;

	CHECK(!use("accept/all_classes", 0), "no handlers");
	count = state();
	CHECK(count, "no .bss");
	CHECK(!script_run(&guest, lines, ARRAY_SIZE(lines)), "the guest does not run");
	CHECK(count[KVM_CARETAKER_CLASS_CPUID] == 2, "%lu CPUID", count[KVM_CARETAKER_CLASS_CPUID]);
	CHECK(count[KVM_CARETAKER_CLASS_IO] == 3, "%lu I/O", count[KVM_CARETAKER_CLASS_IO]);
	CHECK(count[KVM_CARETAKER_CLASS_HYPERCALL] == 1, "%lu hypercalls",
	      count[KVM_CARETAKER_CLASS_HYPERCALL]);
	return KTAP_PASS;
}

/* .rodata, .data and .bss of one object, each at its place */
static enum ktap_result constants(void)
{
	static const struct script_line lines[] = {
		{ .op = SCRIPT_OUT, .a = 0x3f8 }, { .op = SCRIPT_IN, .a = 0x2f8 },
		{ .op = SCRIPT_OUT, .a = 0x2f8 }, { .op = SCRIPT_OUT, .a = 0x80 },
	};
	uint64_t *count;

	CHECK(!use("accept/constants", 0), "no handlers");
	count = state();
	CHECK(count, "no .bss");
	CHECK(!script_run(&guest, lines, ARRAY_SIZE(lines)), "the guest does not run");
	CHECK(*count == 1 + 2, "%lu", *count);
	return KTAP_PASS;
}

static enum ktap_result calls(void)
{
	static const struct script_line line = { .op = SCRIPT_OUT, .a = 0x80 };
	uint64_t *sum;

	CHECK(!use("accept/calls", 0), "no handlers");
	sum = state();
	CHECK(sum, "no .bss");
	CHECK(!script_run(&guest, &line, 1), "the guest does not run");
	/* info1 + 1 and info1 + 2 for port 0x80 and for the port that ends the script */
	CHECK((*sum - 6) / 2 >> 16 == 0x80 + GUEST_PORT_DONE, "%#lx", *sum);
	return KTAP_PASS;
}

static enum ktap_result fuel(void)
{
	volatile uint64_t *f;
	uint32_t out[4];

	CHECK(!use("accept/fuel", 0), "no handlers");
	f = state();
	CHECK(f, "no .bss");
	f[0] = 10;
	CHECK(!caretaker_telemetry(&guest, &before), "no telemetry");
	CHECK(!cpuid(0x80000000, out), "the guest does not run");
	CHECK(f[1] == 10 && f[2] == 1, "%lu turns of 10, %lu ends", f[1], f[2]);
	f[0] = 4096;
	CHECK(!cpuid(0x80000000, out), "the guest does not run");
	CHECK(f[1] > 10 && f[1] < 4096 && f[2] == 1, "%lu turns, %lu ends", f[1], f[2]);
	CHECK(out[1] == 0x68747541, "CPUID is not finished by KVM: %#x", out[1]);
	CHECK(!caretaker_telemetry(&guest, &after), "no telemetry");
	CHECK(after.fuel_out == before.fuel_out + 1, "%llu became %llu", before.fuel_out,
	      after.fuel_out);
	ktap_diag("cut off after %lu turns", f[1] - 10);
	return handler_used(KVM_CARETAKER_CLASS_CPUID, 2);
}

static enum ktap_result replaced(void)
{
	uint32_t out[4];

	CHECK(!use(NULL, 0), "no Caretaker");
	CHECK(!use("handlers/cpuid", KVM_CARETAKER_HANDLERS_ONLY), "no handlers");
	CHECK(!cpuid(CARETAKER_CPUID_LEAF, out) && is_handler_leaf(out), "not installed");
	handlers_close(&set);
	memset(&set, 0, sizeof(set));
	CHECK(!cpuid(CARETAKER_CPUID_LEAF, out) && is_handler_leaf(out),
	      "gone with link, map and programs");
	CHECK(!use("handlers/uart", KVM_CARETAKER_HANDLERS_ONLY), "not replaced");
	CHECK(!cpuid(CARETAKER_CPUID_LEAF, out) && !is_handler_leaf(out), "the old set is used");
	CHECK(!use(NULL, KVM_CARETAKER_HANDLERS_ONLY), "not taken away");
	return KTAP_PASS;
}

/* ---- detached: a guest that writes to its console ---- */

static struct guest_runner runner;
static int session = -1;

static struct console_area *console(void)
{
	return guest_area(&guest);
}

static enum ktap_result console_begin(const char *handlers)
{
	CHECK(!guest_reset(&guest, &guest_console), "the guest cannot start over");
	memset(guest_area(&guest), 0, sizeof(struct console_area));
	CHECK(!use(handlers, 0), "no Caretaker");
	CHECK(!runner_start(&runner, &guest), "no thread");
	console()->want = 3;
	CHECK(wait_equal(&console()->written, 3, 2000), "nothing written attached");
	CHECK(runner.served == 3, "%lu reads of the line status came to the VMM", runner.served);
	klog_mark();
	session = luo_detach_guest("handlers", &guest);
	CHECK(session >= 0, "not detached: %.900s", klog_since());
	return KTAP_PASS;
}

static enum ktap_result console_end_gap(void)
{
	CHECK(luo_cancel_guest(&session, &guest), "not back in KVM");
	return KTAP_PASS;
}

static enum ktap_result console_finish(enum ktap_result res)
{
	return luo_guest_end(&session, &runner) ? res : KTAP_FAIL;
}

static enum ktap_result uart_gap(void)
{
	static struct caretaker_uart_state got;
	enum ktap_result res = console_begin("handlers/uart");

	if (res != KTAP_PASS)
		return res;
	CHECK(!((struct caretaker_uart_state *)state())->head, "attached output was absorbed");
	CHECK(!caretaker_telemetry(&guest, &before), "no telemetry");
	console()->want = 203;
	CHECK(wait_equal(&console()->written, 203, 5000), "%lu bytes written, state %d",
	      console()->written, caretaker_state(&guest));
	CHECK(console()->lsr == 0x60, "line status %#lx", console()->lsr);
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_RUNNING, "not running");
	CHECK(!caretaker_telemetry(&guest, &after), "no telemetry");
	CHECK(kvm_caretaker_gap_exits(&after, REASON_IOIO, KVM_CARETAKER_HANDLER) ==
	      kvm_caretaker_gap_exits(&before, REASON_IOIO, KVM_CARETAKER_HANDLER) + 400,
	      "not counted");
	res = console_kept(state(), 3, 200);
	if (res == KTAP_PASS)
		res = console_end_gap();
	if (res != KTAP_PASS)
		return res;
	CHECK(!state_get(&got, sizeof(got)), "no state through the vCPU");
	res = console_kept(&got, 3, 200);
	console()->want = 204;
	CHECK(wait_equal(&console()->written, 204, 5000), "the guest does not go on");
	CHECK(((struct caretaker_uart_state *)state())->head == 200, "absorbed after the gap");
	return res;
}

static enum ktap_result uart_gap_without(void)
{
	enum ktap_result res = console_begin(NULL);

	if (res != KTAP_PASS)
		return res;
	console()->want = 10;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 2000), "not stalled");
	CHECK(console()->written == 3, "%lu bytes written", console()->written);
	res = console_end_gap();
	if (res != KTAP_PASS)
		return res;
	CHECK(wait_equal(&console()->written, 10, 5000), "the guest does not go on");
	return KTAP_PASS;
}

static enum ktap_result uart_in_gap(void)
{
	return console_finish(uart_gap());
}

static enum ktap_result uart_missing_in_gap(void)
{
	return console_finish(uart_gap_without());
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a handler answers CPUID, host's page tables", cpuid_shared },
		{ "a handler answers CPUID, isolated page tables", cpuid_isolated },
		{ "state is shared with user space while the guest runs", live_state },
		{ "each exit comes to the handler of its class, and on to KVM", all_classes },
		{ "constants, initial values and state are told apart", constants },
		{ "functions of a handler call each other", calls },
		{ "fuel ends a handler, and KVM serves the exit", fuel },
		{ "handlers are replaced and taken away, and outlive their link", replaced },
		{ "the console is kept in the gap", uart_in_gap },
		{ "without the handler the console blocks in the gap", uart_missing_in_gap },
	};
	const char *missing = caretaker_missing();
	int err;

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	err = pin_to_cpu0();
	if (!err)
		err = guest_create(&guest, &guest_script);
	if (err) {
		ktap_diag("no guest: %s", strerror(-err));
		return KTAP_EXIT_FAIL;
	}
	return ktap_run(cases, ARRAY_SIZE(cases), 90);
}
