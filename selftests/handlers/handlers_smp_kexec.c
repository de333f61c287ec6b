// SPDX-License-Identifier: GPL-2.0
/*
 * Two vCPUs that share a handler set live through a kexec: the set's state is one for both, in the
 * old kernel, in the gap and in the next one, and memory of a vCPU's own goes along. Types that
 * were kept beside it say what it is, without the object. The set that the next kernel loads goes
 * on from that state.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "carried.h"
#include "counts.h"
#include "ktap.h"
#include "object.h"
#include "smp_test.h"

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/sys/firmware/initrd"	/* retain_initrd: the next kernel has one, too */
#define VCPUS		2
#define REASON_CPUID	0x72
#define TOKEN_TYPES	64
#define TYPES_BYTES	65536

static struct smp_guest guest;
static struct handover_state *state[SMP_MAX_VCPUS];
static void *types;
static int types_fd = -1;
static int luo = -1, session = -1;

static int types_map(void)
{
	types = mmap(NULL, TYPES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, types_fd, 0);
	return types == MAP_FAILED ? -errno : 0;
}

static int state_get(unsigned int i, uint64_t offset, void *buf, size_t len)
{
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = KVM_CARETAKER_GET_STATE, .buf = (unsigned long)buf,
		.offset = offset, .len = len,
	};

	if (ioctl(guest.vcpu[i].vcpu_fd, KVM_GET_CARETAKER, &a))
		return -errno;
	return a.len == len ? 0 : -EMSGSIZE;
}

/* ---- stage 1, in the old kernel ---- */

static int install(unsigned int i, struct handlers *h)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.pcpu = PCPU + i;
	a.payload_fd = payload_open();
	a.handlers_fd = bpf_map__fd(h->map);
	err = caretaker_ioctl_set(&guest.vcpu[i], &a);
	if (err)
		ktap_diag("vCPU %u: %s: %s", i, strerror(-err), caretaker_log);
	close(a.payload_fd);
	return err;
}

/* What the VMM keeps of the handlers for the next kernel, as the kernel has it. */
static int types_keep(struct bpf_object *obj)
{
	char why[256] = "";
	int err;

	types_fd = memfd_create("types", MFD_CLOEXEC);
	if (types_fd < 0 || ftruncate(types_fd, TYPES_BYTES))
		return -errno;
	err = types_map();
	if (!err)
		err = state_describe(obj, types, TYPES_BYTES, why, sizeof(why));
	if (err)
		ktap_diag("%s: %s", why, strerror(-err));
	return err;
}

static enum ktap_result guest_ready(void)
{
	static struct handlers h;
	struct counts_state s;
	unsigned int i;

	CHECK(smp_host_cpus() > VCPUS, "too few host CPUs");
	CHECK(!handlers_open(&h, corpus_find("accept/counts")), "no object");
	CHECK(!handlers_load(&h) && !handlers_attach(&h), "not loaded: %.900s", h.log);
	CHECK(!smp_create(&guest, VCPUS), "no guest");
	for (i = 0; i < VCPUS; i++)
		CHECK(!install(i, &h), "not installed");
	CHECK(!types_keep(h.obj), "no types");
	handlers_close(&h);
	smp_work(&guest, SMP_LOAD);
	smp_timers(&guest, SMP_TIMER_DEADLINE);
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run");
	CHECK(!state_get(0, 0, &s, sizeof(s)), "no state");
	CHECK(s.vcpu[0] && s.vcpu[1] && !s.gap[0] && !s.gap[1], "%llu and %llu exits", s.vcpu[0],
	      s.vcpu[1]);
	return KTAP_PASS;
}

static enum ktap_result preserved(void)
{
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_create(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_states_create(&guest, session, state), "no memory for the state");
	CHECK(!luo_preserve(session, types_fd, TOKEN_TYPES), "types are not preserved");
	CHECK(!smp_preserve(&guest, session), "not preserved");
	CHECK(!smp_states_save(&guest, state), "the vCPUs could not be saved");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest stands still, detached");
	return KTAP_PASS;
}

static int stage_1(void)
{
	static const struct ktap_case cases[] = {
		{ "two vCPUs run with one handler set", guest_ready, true },
		{ "both are preserved and run detached", preserved },
	};

	return handover_leave(cases, ARRAY_SIZE(cases), 120);
}

/* ---- stage 2, in the next kernel ---- */

static enum ktap_result retrieved(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	session = luo_session_retrieve(luo, HANDOVER_SESSION);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	CHECK(!smp_retrieve_ram(&guest, session, state), "no RAM");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	CHECK(!smp_retrieve_vcpus(&guest, session, state), "no vCPUs");
	types_fd = luo_retrieve(session, TOKEN_TYPES);
	CHECK(types_fd >= 0 && !types_map(), "no types");
	return KTAP_PASS;
}

/* Both read the same pages, and they change while both vCPUs run in the gap. */
static enum ktap_result counts_in_gap(void)
{
	struct counts_state before, after;
	unsigned int i;

	CHECK(!state_get(0, 0, &before, sizeof(before)), "no state");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run any more");
	CHECK(!state_get(1, 0, &after, sizeof(after)), "no state");
	for (i = 0; i < VCPUS; i++)
		CHECK(before.gap[i] && after.gap[i] > before.gap[i] &&
		      before.vcpu[i] > before.gap[i],
		      "vCPU %u: %llu of %llu exits in the gap, then %llu", i, before.gap[i],
		      before.vcpu[i], after.gap[i]);
	return KTAP_PASS;
}

static enum ktap_result adopted(void)
{
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run in KVM");
	CHECK(smp_in_state(&guest, KVM_CARETAKER_EMPTY, 5000), "not adopted");
	return KTAP_PASS;
}

/* What each vCPU counted where the other could not, and what the payload counted. */
static enum ktap_result counts_agree(void)
{
	static struct kvm_caretaker_telemetry t;
	struct counts_state s[VCPUS];
	uint64_t own, gap;
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		CHECK(!state_get(i, 0, &s[i], sizeof(s[i])), "vCPU %u: no state", i);
	CHECK(!memcmp(&s[0], &s[1], sizeof(s[0])), "the vCPUs have different states");
	CHECK(s[0].all == s[0].vcpu[0] + s[0].vcpu[1], "%llu exits are not %llu and %llu",
	      s[0].all, s[0].vcpu[0], s[0].vcpu[1]);
	for (i = 0; i < VCPUS; i++) {
		CHECK(!state_get(i, 4096, &own, sizeof(own)), "vCPU %u: no memory of its own", i);
		CHECK(own == s[0].vcpu[i] && own == s[0].scratch[i],
		      "vCPU %u: %lu in its own memory, %llu exits", i, own, s[0].vcpu[i]);
		CHECK(!caretaker_telemetry(&guest.vcpu[i], &t), "no telemetry");
		gap = kvm_caretaker_gap_exits(&t, REASON_CPUID, KVM_CARETAKER_NATIVE);
		CHECK(gap == s[0].gap[i], "vCPU %u: %llu exits in the gap, %lu by telemetry", i,
		      s[0].gap[i], gap);
		ktap_diag("vCPU %u: %lu exits, %llu of them in the gap", i, own, s[0].gap[i]);
	}
	return KTAP_PASS;
}

/* What telemetry counted in the gap, read in the state by names: nothing here is of the object. */
static enum ktap_result types_tell(void)
{
	static struct kvm_caretaker_telemetry t;
	unsigned long long n, all, sum = 0;
	static char bytes[8192];
	char name[32], why[256] = "";
	unsigned int i;

	CHECK(!state_get(0, 0, bytes, sizeof(bytes)), "no state");
	CHECK(!state_number(types, TYPES_BYTES, bytes, sizeof(bytes), "counts.all", &all, why,
			    sizeof(why)), "not read: %s", why);
	for (i = 0; i < VCPUS; i++) {
		snprintf(name, sizeof(name), "counts.gap[%u]", i);
		CHECK(!state_number(types, TYPES_BYTES, bytes, sizeof(bytes), name, &n, why,
				    sizeof(why)), "not read: %s", why);
		CHECK(!caretaker_telemetry(&guest.vcpu[i], &t), "no telemetry");
		CHECK(n && n == kvm_caretaker_gap_exits(&t, REASON_CPUID, KVM_CARETAKER_NATIVE),
		      "vCPU %u: %s is %llu, not as telemetry has it", i, name, n);
		snprintf(name, sizeof(name), "counts.vcpu[%u]", i);
		CHECK(!state_number(types, TYPES_BYTES, bytes, sizeof(bytes), name, &n, why,
				    sizeof(why)), "not read: %s", why);
		sum += n;
	}
	CHECK(all && all == sum, "%llu exits of all, %llu of each", all, sum);
	return KTAP_PASS;
}

static enum ktap_result carried_over(void)
{
	static struct handlers h;
	struct counts_state old, now;
	char why[256] = "";
	unsigned int i;

	CHECK(!state_get(1, 0, &old, sizeof(old)), "no state");
	CHECK(!handlers_open(&h, corpus_find("accept/counts")), "no object");
	CHECK(!handlers_load(&h), "not loaded: %.900s", h.log);
	CHECK(!state_carried(h.obj, &old, sizeof(old), why, sizeof(why)), "not carried: %s", why);
	CHECK(!handlers_attach(&h), "no link");
	for (i = 0; i < VCPUS; i++)
		CHECK(!install(i, &h), "not installed");
	handlers_close(&h);
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run");
	CHECK(!state_get(0, 0, &now, sizeof(now)), "no state");
	for (i = 0; i < VCPUS; i++)
		CHECK(now.vcpu[i] > old.vcpu[i] && now.gap[i] == old.gap[i] &&
		      now.scratch[i] && now.scratch[i] <= now.vcpu[i] - old.vcpu[i],
		      "vCPU %u: %llu exits after %llu, %llu in its own memory", i, now.vcpu[i],
		      old.vcpu[i], now.scratch[i]);
	return KTAP_PASS;
}

static enum ktap_result ended(void)
{
	CHECK(!luo_finish(session), "FINISH is refused");
	close(session);
	return smp_end(&guest);
}

static enum ktap_result pcpus_return(void)
{
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	return KTAP_PASS;
}

static int stage_2(void)
{
	static const struct ktap_case cases[] = {
		{ "RAM, VM and vCPUs are retrieved", retrieved, true },
		{ "both vCPUs' handlers go on in the gap, on one state", counts_in_gap },
		{ "both are adopted", adopted, true },
		{ "state, memory of a vCPU's own and telemetry agree", counts_agree },
		{ "types that were kept tell the same without the object", types_tell },
		{ "the pCPUs come online again", pcpus_return },
		{ "a new set goes on from the state that was kept", carried_over },
		{ "no interrupt was lost, all registers are intact", ended },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 150);
}

int main(void)
{
	return cmdline_number("ct_stage", 1) == 1 ? stage_1() : stage_2();
}
