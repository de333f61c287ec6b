// SPDX-License-Identifier: GPL-2.0
/*
 * BPF programs read what a Caretaker did, typed: iterators over vCPUs and stalls give what
 * KVM_GET_CARETAKER gives, and the tracepoints fire once for each event.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "ktap.h"
#include "object.h"
#include "readers/readers.h"

#define REASON_IOIO	0x7b
#define STALL_MS	50

static struct kvm_guest guest;
static struct guest_runner runner;
static struct handlers reader;
static struct bpf_link *vcpus, *stalls;
static struct reader_counts *counts;
static int luo = -1, session = -1;

static struct { struct kvm_caretaker_info info; struct kvm_caretaker_telemetry t; } vcpu[3];
static struct { struct kvm_caretaker_info info; struct kvm_caretaker_stall stall; } stall[3];

/* Everything that an iterator gives: bytes, or a negative errno. */
static ssize_t iter_read(struct bpf_link *link, void *buf, size_t size)
{
	int fd = bpf_iter_create(bpf_link__fd(link));
	ssize_t n, done = 0;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, (char *)buf + done, size - done)) > 0)
		done += n;
	n = n < 0 ? -errno : done;
	close(fd);
	return n;
}

static struct bpf_link *program_attach(const char *name)
{
	return bpf_program__attach(bpf_object__find_program_by_name(reader.obj, name));
}

static enum ktap_result programs_attached(void)
{
	static const char * const on[] = {
		"on_install", "on_preserve", "on_detach", "on_stall", "on_cancel",
	};
	struct bpf_map *data;
	unsigned int i;
	size_t size;
	int err;

	reader.obj = bpf_object__open_mem(corpus->start, corpus->end - corpus->start, NULL);
	CHECK(reader.obj, "the object cannot be read");
	err = bpf_object__load(reader.obj);
	CHECK(!err, "load: %s", strerror(-err));
	for (i = 0; i < ARRAY_SIZE(on); i++)
		CHECK(program_attach(on[i]), "%s: %s", on[i], strerror(errno));
	vcpus = program_attach("vcpus");
	stalls = program_attach("stalls");
	CHECK(vcpus && stalls, "the iterators: %s", strerror(errno));
	data = bpf_object__find_map_by_name(reader.obj, ".data.counts");
	CHECK(data, "no counts");
	counts = bpf_map__initial_value(data, &size);
	CHECK(counts && size >= sizeof(*counts), "the counts cannot be mapped");
	return KTAP_PASS;
}

static enum ktap_result nothing_yet(void)
{
	ssize_t n = iter_read(vcpus, vcpu, sizeof(vcpu));

	CHECK(n == 0, "%zd bytes of no vCPU", n);
	n = iter_read(stalls, stall, sizeof(stall));
	CHECK(n == 0, "%zd bytes of no stall", n);
	return KTAP_PASS;
}

static enum ktap_result vcpu_is_read(void)
{
	static struct kvm_caretaker_telemetry t;
	struct kvm_caretaker_info info;
	ssize_t n;

	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_count) && !count_reset(&guest), "no guest");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 5000), "the guest does not count");
	CHECK(!runner_stop(&runner), "the thread ended with %d", runner.error);
	CHECK(!caretaker_info(&guest, &info) && !caretaker_telemetry(&guest, &t), "no data");
	n = iter_read(vcpus, vcpu, sizeof(vcpu));
	CHECK(n == sizeof(vcpu[0]), "%zd bytes instead of %zu", n, sizeof(vcpu[0]));
	CHECK(!memcmp(&vcpu[0].info, &info, sizeof(info)), "other information");
	CHECK(!memcmp(&vcpu[0].t, &t, sizeof(t)), "other telemetry");
	CHECK(telemetry_sum(&t, 0x60) + telemetry_sum(&t, 0x7c), "the guest made no exits");
	CHECK(counts->installs == 1 && counts->vm_id == info.vm_id && counts->vcpu == info.vcpu_id,
	      "%llu installs, the last one of VM %llx", counts->installs, counts->vm_id);
	return KTAP_PASS;
}

static enum ktap_result stall_is_read(void)
{
	static struct kvm_caretaker_telemetry t;
	ssize_t n;

	CHECK(!runner_start(&runner, &guest), "no thread");
	session = luo_session_create(luo, "readers");
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!luo_preserve_guest(session, &guest), "not preserved");
	CHECK(counts->preserves == 1 && counts->detaches == 1, "%llu preserved, %llu detached",
	      counts->preserves, counts->detaches);
	CHECK(!count_command(&guest, COUNT_IN, STALL_MS), "a port that nobody serves was answered");
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_STALLED, 5000), "not stalled");
	CHECK(!counts->stalls, "a stall was traced before its end");
	close(session);
	session = -1;
	CHECK(wait_equal(&count_area(&guest)->in_value, GUEST_IN_VALUE, 5000), "IN not finished");
	CHECK(counts->cancels == 1 && counts->stalls == 1 && counts->stall_reason == REASON_IOIO,
	      "%llu cancels, %llu stalls, the last one for %#llx", counts->cancels, counts->stalls,
	      counts->stall_reason);
	CHECK(counts->stall_ns >= STALL_MS / 2 * 1000000ULL, "it lasted %llu ns", counts->stall_ns);
	CHECK(!caretaker_telemetry(&guest, &t), "no telemetry");
	n = iter_read(stalls, stall, sizeof(stall));
	CHECK(n == sizeof(stall[0]), "%zd bytes instead of %zu", n, sizeof(stall[0]));
	CHECK(stall[0].info.vm_id == counts->vm_id && counts->read_vm_id == counts->vm_id,
	      "of VM %llx, %llx", stall[0].info.vm_id, counts->read_vm_id);
	CHECK(!memcmp(&stall[0].stall, &t.stalls[0], sizeof(t.stalls[0])), "another record");
	return KTAP_PASS;
}

static enum ktap_result nothing_left(void)
{
	CHECK(!runner_stop(&runner), "the thread ended with %d", runner.error);
	guest_destroy(&guest);
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	return nothing_yet();
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "programs attach to iterators and tracepoints", programs_attached, true },
		{ "without a Caretaker there is nothing to read", nothing_yet },
		{ "a vCPU is read as KVM_GET_CARETAKER gives it", vcpu_is_read, true },
		{ "a stall is read, and each step is traced once", stall_is_read, true },
		{ "when the vCPU is gone there is nothing to read", nothing_left },
	};
	const char *missing = caretaker_missing();

	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	luo = luo_open();
	if (luo < 0) {
		ktap_diag("/dev/liveupdate: %s", strerror(-luo));
		return KTAP_EXIT_FAIL;
	}
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}
