// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to memory that is not RAM, by a handler: attached and in a gap that ends with a cancel.
 * A guest makes each access to RAM, too. What is no plain load or store is left to KVM, and blocks.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../bpf-handlers/doorbell.h"
#include "caretaker_test.h"
#include "ktap.h"
#include "mmio_guest.h"
#include "object.h"

#define REASON_NPF	0xe0	/* KVM_CARETAKER_REASON_NPF */

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handlers set;
static struct mmio_page *page;
static struct kvm_caretaker_telemetry before, after;
static int session = -1;

static struct mmio_area *area(void)
{
	return guest_area(&guest);
}

/* The VMM's device is the handler's: as with a VMM that shares its state with the handler. */
static bool answer(struct kvm_guest *g)
{
	if (g->run->mmio.phys_addr == MMIO_BELL_AT)
		return g->run->mmio.is_write;
	return mmio_answer(g->run, page->word);
}

static int install(bool handlers)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.payload_fd = payload_open();
	if (handlers)
		a.handlers_fd = bpf_map__fd(set.map);
	err = caretaker_ioctl_set(&guest, &a);
	if (err)
		ktap_diag("KVM_SET_CARETAKER: %s: %s", strerror(-err), caretaker_log);
	close(a.payload_fd);
	return err;
}

static enum ktap_result begin(bool handlers)
{
	CHECK(!guest_reset(&guest, &guest_mmio), "the guest cannot start over");
	memset(area(), 0, sizeof(*area()));
	memset(page, 0, sizeof(*page));
	CHECK(!install(handlers), "not installed");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(wait_change(&area()->rounds, 0, 2000), "the guest does not run");
	return KTAP_PASS;
}

/* One more pass of the guest over all accesses, and what came of it */
static enum ktap_result pass(const char *where)
{
	uint64_t want = area()->want + 1;

	memset(area()->record, 0, sizeof(area()->record));
	page->served = 0;
	CHECK(!caretaker_telemetry(&guest, &before), "no telemetry");
	area()->want = want;
	CHECK(wait_equal(&area()->done, want, 5000), "%s: the guest does not get on, state %d, %llu served",
	      where, caretaker_state(&guest), page->served);
	CHECK(!caretaker_telemetry(&guest, &after), "no telemetry");
	return mmio_same(area());
}

static uint64_t handled(bool gap)
{
	return gap ? kvm_caretaker_gap_exits(&after, REASON_NPF, KVM_CARETAKER_HANDLER) -
		     kvm_caretaker_gap_exits(&before, REASON_NPF, KVM_CARETAKER_HANDLER) :
		     kvm_caretaker_exits(&after, REASON_NPF, KVM_CARETAKER_HANDLER) -
		     kvm_caretaker_exits(&before, REASON_NPF, KVM_CARETAKER_HANDLER);
}

static enum ktap_result finish(enum ktap_result res)
{
	return luo_guest_end(&session, &runner) ? res : KTAP_FAIL;
}

/* ---- attached ---- */

/* The test's own parts: all is the VMM's without a handler. */
static enum ktap_result vmm_alone(void)
{
	enum ktap_result res = begin(false);

	if (res == KTAP_PASS)
		res = pass("KVM and VMM");
	if (res != KTAP_PASS)
		return res;
	CHECK(runner.mmio == MMIO_ACCESSES, "%lu accesses came to the VMM", runner.mmio);
	CHECK(!page->served && !handled(false), "a handler served some");
	return KTAP_PASS;
}

static enum ktap_result without_handler(void)
{
	return finish(vmm_alone());
}

/* Of the first access to a page KVM's MMU does not know yet that it is no memory. */
static enum ktap_result by_handler(void)
{
	enum ktap_result res = begin(true);

	if (res == KTAP_PASS)
		res = pass("first pass");
	if (res != KTAP_PASS)
		return res;
	CHECK(runner.mmio <= 1, "%lu accesses came to the VMM", runner.mmio);
	CHECK(page->served + runner.mmio == MMIO_ACCESSES, "%llu served", page->served);
	runner.mmio = 0;
	res = pass("second pass");
	if (res != KTAP_PASS)
		return res;
	CHECK(!runner.mmio && page->served == MMIO_ACCESSES && handled(false) == MMIO_ACCESSES,
	      "%lu came to the VMM, %llu served, %lu counted", runner.mmio, page->served,
	      handled(false));
	CHECK(!page->other, "%llu accesses elsewhere", page->other);
	return res;
}

static enum ktap_result attached(void)
{
	return finish(by_handler());
}

/* An addition reads and writes: KVM's emulator does both, by the VMM, and no handler is asked. */
static enum ktap_result adds(void)
{
	uint64_t was;

	CHECK(begin(true) == KTAP_PASS && pass("before") == KTAP_PASS, "no pass");
	was = page->word[3];
	page->served = 0;
	runner.mmio = 0;
	area()->odd_want = 1;
	CHECK(wait_equal(&area()->odd_done, 1, 5000), "the guest does not get on");
	CHECK(!page->served && runner.mmio == 2, "%llu served, %lu came to the VMM", page->served,
	      runner.mmio);
	CHECK(page->word[3] == was + 5, "%#lx became %#llx", was, page->word[3]);
	return KTAP_PASS;
}

static enum ktap_result not_decoded(void)
{
	return finish(adds());
}

/* ---- detached ---- */

static enum ktap_result detach(void)
{
	klog_mark();
	session = luo_detach_guest("mmio", &guest);
	CHECK(session >= 0, "not detached: %.900s", klog_since());
	return KTAP_PASS;
}

static enum ktap_result gap_passes(void)
{
	CHECK(begin(true) == KTAP_PASS && detach() == KTAP_PASS, "not detached");
	CHECK(pass("detached") == KTAP_PASS, "not as RAM");
	CHECK(page->served == MMIO_ACCESSES && handled(true) == MMIO_ACCESSES,
	      "%llu served, %lu counted", page->served, handled(true));
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_RUNNING, "not running");
	CHECK(!runner.mmio, "%lu came to the VMM", runner.mmio);
	CHECK(luo_cancel_guest(&session, &guest) && pass("after the cancel") == KTAP_PASS, "not as RAM");
	return KTAP_PASS;
}

static enum ktap_result detached(void)
{
	return finish(gap_passes());
}

/* The stall is the access, and the kernel that has the vCPU again does it once. */
static enum ktap_result gap_blocks(bool odd)
{
	const struct kvm_caretaker_stall *stall;

	CHECK(begin(odd) == KTAP_PASS, "not begun");
	page->word[3] = 1000;
	CHECK(detach() == KTAP_PASS, "not detached");
	*(odd ? &area()->odd_want : &area()->want) = 1;
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 5000), "not stalled, state %d",
	      caretaker_state(&guest));
	CHECK(!page->served && !runner.mmio && page->word[3] == 1000, "something was accessed");
	CHECK(!caretaker_telemetry(&guest, &after) && after.nr_stalls, "no stall");
	stall = &after.stalls[(after.nr_stalls - 1) % KVM_CARETAKER_NR_STALLS];
	CHECK(stall->reason == 0x400 && stall->info2 == (odd ? MMIO_ODD_AT : MMIO_PAGE_ADDRESS),
	      "reason %#llx, address %#llx", (unsigned long long)stall->reason, stall->info2);
	CHECK(luo_cancel_guest(&session, &guest), "no cancel");
	if (!odd) {
		CHECK(wait_equal(&area()->done, 1, 5000), "the guest does not go on");
		CHECK(runner.mmio == MMIO_ACCESSES, "%lu came to the VMM", runner.mmio);
		return mmio_same(area());
	}
	CHECK(wait_equal(&area()->odd_done, 1, 5000), "the guest does not go on");
	CHECK(page->word[3] == 1005, "1000 became %llu", page->word[3]);
	return KTAP_PASS;
}

static enum ktap_result gap_without_handler(void)
{
	return finish(gap_blocks(false));
}

static enum ktap_result gap_not_decoded(void)
{
	return finish(gap_blocks(true));
}

/* ---- a handler that is shipped ---- */

static struct caretaker_doorbell_state *bells;

/* Loads another object in the place of the one before; its state, or NULL. */
static void *use(const char *object)
{
	struct bpf_map *bss;
	size_t size;

	handlers_close(&set);
	memset(&set, 0, sizeof(set));
	if (handlers_open(&set, corpus_find(object)) || handlers_load(&set) ||
	    handlers_attach(&set)) {
		ktap_diag("%s: %.900s", object, set.log);
		return NULL;
	}
	bss = bpf_object__find_map_by_name(set.obj, ".bss");
	return bss ? bpf_map__initial_value(bss, &size) : NULL;
}

static enum ktap_result rings(bool told)
{
	static struct mmio_page none;

	page = &none;
	bells = use("handlers/doorbell");
	CHECK(bells, "no doorbells");
	bells->address[5] = MMIO_BELL_AT;
	bells->bell[5].len = 2;
	bells->bell[5].flags = told ? CARETAKER_DOORBELL_MMIO : 0;
	CHECK(begin(true) == KTAP_PASS && detach() == KTAP_PASS, "not detached");
	area()->ring_want = 3;
	if (!told) {
		CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 5000), "not stalled");
		CHECK(!area()->rung && !bells->bell[5].rung, "it rang");
		return KTAP_PASS;
	}
	CHECK(wait_equal(&area()->rung, 3, 5000), "%lu rang, state %d", area()->rung,
	      caretaker_state(&guest));
	CHECK(bells->bell[5].rung == 3 && bells->bell[5].last == 3, "%llu counted, the last %u",
	      bells->bell[5].rung, bells->bell[5].last);
	return KTAP_PASS;
}

static enum ktap_result doorbell(void)
{
	return finish(rings(true));
}

static enum ktap_result no_doorbell(void)
{
	return finish(rings(false));
}

static const char *prepare(void)
{
	if (pin_to_cpu0() || guest_create(&guest, &guest_mmio))
		return "no guest";
	guest.mmio = answer;
	page = use("accept/mmio_page");
	return page ? NULL : "no handler";
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "a device of the VMM is as RAM to the guest", without_handler },
		{ "so it is by a handler, attached", attached },
		{ "attached, what is not decoded is KVM's", not_decoded },
		{ "the device is as RAM by a handler in the gap", detached },
		{ "without a handler its first access blocks in the gap", gap_without_handler },
		{ "what is not decoded blocks there, and is done afterwards", gap_not_decoded },
		{ "a doorbell of a device rings in the gap", doorbell },
		{ "and blocks when the handler was not told of it", no_doorbell },
	};
	const char *missing = caretaker_missing();

	if (!missing)
		missing = decode_assists_missing();
	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	missing = prepare();
	if (missing) {
		ktap_diag("%s", missing);
		return KTAP_EXIT_FAIL;
	}
	return ktap_run(cases, ARRAY_SIZE(cases), 60);
}
