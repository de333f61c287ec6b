// SPDX-License-Identifier: GPL-2.0
/*
 * A kexec that would lose a Caretaker is refused, and the guest does not notice. What is refused in
 * the next kernel, before adoption, is in smp_kexec.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kexec.h>

#include "klog.h"
#include "ktap.h"
#include "smp_test.h"

#define NEXT_KERNEL	"/boot/bzImage-b"
#define NEXT_INITRD	"/boot/initrd"
#define SOME_RAM	(64UL << 20)

static struct smp_guest guest;
static int luo = -1, session = -1;

static enum ktap_result guest_ready(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(smp_host_cpus() > 2, "too few host CPUs");
	CHECK(!smp_create(&guest, 2), "no guest");
	CHECK(!smp_install(&guest, 0), "no Caretakers");
	smp_work(&guest, SMP_LOAD);
	CHECK(!smp_start_threads(&guest), "no threads");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not run");
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded");
	return KTAP_PASS;
}

static enum ktap_result refused(const char *when)
{
	int err = next_kernel_start();

	CHECK(err == -EBUSY, "%s: got %s", when, strerror(-err));
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "%s: the guest does not run any more", when);
	return KTAP_PASS;
}

static enum ktap_result session_begin(const char *name)
{
	session = luo_session_create(luo, name);
	CHECK(session >= 0, "no session: %s", strerror(-session));
	return KTAP_PASS;
}

static enum ktap_result session_end(void)
{
	close(session);
	session = -1;
	CHECK(smp_in_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest does not go on in KVM");
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	return KTAP_PASS;
}

/* The VM alone, then with one of its two vCPUs */
static enum ktap_result half_preserved(void)
{
	CHECK(session_begin("half") == KTAP_PASS, "no session");
	CHECK(!smp_preserve_vm(&guest, session), "not preserved");
	CHECK(refused("no vCPU preserved") == KTAP_PASS, "not refused");
	CHECK(!smp_preserve_vcpu(&guest, session, 0), "not preserved");
	CHECK(refused("one of two vCPUs preserved") == KTAP_PASS, "not refused");
	CHECK(smp_in_state(&guest, KVM_CARETAKER_ATTACHED, 0), "a vCPU was detached");
	/* A refusal ends nothing: the rest can be preserved */
	CHECK(!smp_preserve_vcpu(&guest, session, 1), "not preserved");
	CHECK(smp_in_state(&guest, KVM_CARETAKER_RUNNING, 0), "not detached");
	CHECK(smp_alive(&guest, SMP_ALIVE_MS), "the guest stands still, detached");
	return session_end();
}

static enum ktap_result vcpu_added(void)
{
	enum ktap_result res;

	CHECK(session_begin("added") == KTAP_PASS, "no session");
	CHECK(!smp_preserve(&guest, session), "not preserved");
	CHECK(!smp_add_vcpu(&guest), "no third vCPU");
	guest.nr = 2;
	res = refused("a vCPU was added");
	if (res == KTAP_PASS)
		res = session_end();
	return res;
}

/* Hardly back in KVM: the pCPUs are still in the payload. */
static enum ktap_result pcpu_on_its_way(void)
{
	CHECK(session_begin("back") == KTAP_PASS, "no session");
	CHECK(!smp_preserve(&guest, session), "not preserved");
	close(session);
	session = -1;
	if (cpu_is_online(PCPU) && cpu_is_online(PCPU + 1))
		SKIP("this host was too slow: the pCPUs are online already");
	CHECK(refused("on its way back") == KTAP_PASS, "not refused");
	CHECK(smp_pcpus_online(&guest, SMP_ONLINE_MS), "a pCPU does not return");
	return KTAP_PASS;
}

/* One page at some address, as the older system call takes it: it is never started. */
static int old_load(bool load)
{
	static char page[4096];
	struct kexec_segment seg = {
		.buf = page, .bufsz = sizeof(page), .mem = (void *)SOME_RAM, .memsz = sizeof(page),
	};

	return syscall(SYS_kexec_load, SOME_RAM, load ? 1UL : 0UL, load ? &seg : NULL,
		       KEXEC_ARCH_DEFAULT) ? -errno : 0;
}

static enum ktap_result no_handover_data(void)
{
	int err = old_load(true);

	if (err == -ENOSYS)
		SKIP("this kernel has no kexec_load: build it with CONFIG_KEXEC");
	CHECK(!err, "kexec_load: %s", strerror(-err));
	CHECK(session_begin("old") == KTAP_PASS, "no session");
	CHECK(!smp_preserve(&guest, session), "not preserved");
	CHECK(refused("an image by kexec_load") == KTAP_PASS, "not refused");
	CHECK(smp_in_state(&guest, KVM_CARETAKER_RUNNING, 0), "not detached any more");
	CHECK(klog_contains("this image takes no handover data"), "the kernel does not say why");
	CHECK(!old_load(false), "the image stays loaded");
	CHECK(session_end() == KTAP_PASS, "not back in KVM");
	CHECK(!next_kernel_load(NEXT_KERNEL, NEXT_INITRD, "ct_stage=2"), "not loaded again");
	return KTAP_PASS;
}

static enum ktap_result nothing_lost(void)
{
	CHECK(smp_all_arrived(&guest, SMP_ALIVE_MS), "an interrupt was lost, or came twice");
	CHECK(!smp_stop_threads(&guest), "a vCPU thread ended");
	CHECK(smp_right(&guest), "something was wrong");
	return KTAP_PASS;
}

static enum ktap_result not_here(void)
{
	CHECK(false, "a kexec that had to be refused went through");
	return KTAP_FAIL;
}

int main(void)
{
	static const struct ktap_case lost = { "the old kernel lives on", not_here };
	static const struct ktap_case cases[] = {
		{ "the vCPUs run with Caretakers", guest_ready, true },
		{ "kexec is refused while a part of a VM is preserved", half_preserved, true },
		{ "kexec is refused while a pCPU is on its way back", pcpu_on_its_way, true },
		{ "kexec without handover data is refused", no_handover_data, true },
		{ "kexec is refused when the VM got one more vCPU", vcpu_added, true },
		{ "the guest did not notice", nothing_lost },
	};
	const char *missing = caretaker_missing();

	if (cmdline_number("ct_stage", 1) != 1)
		return ktap_run(&lost, 1, 10);
	if (missing)
		return ktap_skip_all(cases, ARRAY_SIZE(cases), missing);
	return ktap_run(cases, ARRAY_SIZE(cases), 120);
}
