// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be carried is refused with the documented errno and a reason in the kernel log, and
 * the VM goes on in KVM. Without what was in the way it is carried. What cannot be taken away is
 * in preserve_never.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_count.h"
#include "klog.h"
#include "ktap.h"

#define MSR_MISC_FEATURES	0x140		/* bit 0: CPUID faults */
#define MSR_ASYNC_PF		0x4b564d02
#define MSR_STEAL_TIME		0x4b564d03
#define MSR_PV_EOI		0x4b564d04
#define EFER_SVME		(1UL << 12)
#define SPARE_PAGE		0x200000UL	/* guest memory that nothing uses */
#define PCPU_ONLINE	"/sys/devices/system/cpu/cpu1/online"

static struct kvm_guest guest;
static struct guest_runner runner;
static int luo = -1;

/* Each puts something in the way (@on) or takes it away; 0 or -1 with errno */

static int msr_set(uint32_t index, uint64_t data)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry = { .index = index, .data = data } };

	errno = EINVAL;
	return ioctl(guest.vcpu_fd, KVM_SET_MSRS, &m) == 1 ? 0 : -1;
}

static int steal_time(bool on)
{
	return msr_set(MSR_STEAL_TIME, on ? SPARE_PAGE | 1 : 0);
}

static int async_pf(bool on)
{
	/* Enabled, delivered as an interrupt */
	return msr_set(MSR_ASYNC_PF, on ? SPARE_PAGE | 1 | 8 : 0);
}

static int pv_eoi(bool on)
{
	return msr_set(MSR_PV_EOI, on ? SPARE_PAGE | 1 : 0);
}

static int cpuid_faults(bool on)
{
	return msr_set(MSR_MISC_FEATURES, on);
}

static int nested(bool on)
{
	struct kvm_sregs s;

	if (ioctl(guest.vcpu_fd, KVM_GET_SREGS, &s))
		return -1;
	s.efer = on ? s.efer | EFER_SVME : s.efer & ~EFER_SVME;
	return ioctl(guest.vcpu_fd, KVM_SET_SREGS, &s);
}

static int debugger(bool on)
{
	struct kvm_guest_debug d = {
		.control = on ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP : 0,
	};

	return ioctl(guest.vcpu_fd, KVM_SET_GUEST_DEBUG, &d);
}

static int smm(bool on)
{
	struct kvm_vcpu_events e;

	if (ioctl(guest.vcpu_fd, KVM_GET_VCPU_EVENTS, &e))
		return -1;
	e.flags |= KVM_VCPUEVENT_VALID_SMM;
	e.smi.smm = on;
	return ioctl(guest.vcpu_fd, KVM_SET_VCPU_EVENTS, &e);
}

static int exception(bool on)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args[0] = 1 };
	struct kvm_vcpu_events e;

	if (ioctl(guest.vm_fd, KVM_ENABLE_CAP, &cap) ||
	    ioctl(guest.vcpu_fd, KVM_GET_VCPU_EVENTS, &e))
		return -1;
	e.exception.nr = 6;
	e.exception.pending = on;
	return ioctl(guest.vcpu_fd, KVM_SET_VCPU_EVENTS, &e);
}

static int soft_interrupt(bool on)
{
	struct kvm_vcpu_events e;

	if (ioctl(guest.vcpu_fd, KVM_GET_VCPU_EVENTS, &e))
		return -1;
	e.interrupt.injected = on;
	e.interrupt.soft = on;
	e.interrupt.nr = GUEST_IRQ_VECTOR;
	return ioctl(guest.vcpu_fd, KVM_SET_VCPU_EVENTS, &e);
}

/* An IN that came back to the VMM and was not answered */
static int open_io(bool on)
{
	int reason;

	errno = EPROTO;
	if (!on) {
		guest_serve_io(&guest);
		return 0;
	}
	count_area(&guest)->command = COUNT_IN;
	do {
		reason = guest_run(&guest);
	} while (reason == -EINTR);
	return reason == KVM_EXIT_IO ? 0 : -1;
}

static int pcpu_offline(bool on)
{
	int fd = open(PCPU_ONLINE, O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		return -1;
	n = write(fd, on ? "0" : "1", 1);
	close(fd);
	return n == 1 ? 0 : -1;
}

static int waits_for_sipi(bool on)
{
	struct kvm_mp_state mp = {
		.mp_state = on ? KVM_MP_STATE_INIT_RECEIVED : KVM_MP_STATE_RUNNABLE,
	};

	return ioctl(guest.vcpu_fd, KVM_SET_MP_STATE, &mp);
}

static int dirty_log(bool on)
{
	struct kvm_userspace_memory_region slot = {
		.flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0,
		.memory_size = GUEST_RAM_SIZE,
		.userspace_addr = (unsigned long)guest.ram,
	};

	return ioctl(guest.vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

struct obstacle {
	const char *name;
	int (*put)(bool on);
	int err;
	const char *why;	/* part of the text in the kernel log */
};

static const struct obstacle obstacles[] = {
	{ "steal time", steal_time, EOPNOTSUPP, "steal time is on: mask the CPUID bit" },
	{ "asynchronous page faults", async_pf, EOPNOTSUPP, "asynchronous page faults are on" },
	{ "PV EOI", pv_eoi, EOPNOTSUPP, "PV EOI is on" },
	{ "CPUID faulting", cpuid_faults, EOPNOTSUPP, "CPUID faulting is on" },
	{ "nested virtualization", nested, EOPNOTSUPP, "uses nested virtualization" },
	{ "a debugger", debugger, EOPNOTSUPP, "a debugger is attached" },
	{ "SMM", smm, EOPNOTSUPP, "the vCPU is in SMM" },
	{ "a pending exception", exception, EAGAIN, "an exception is pending" },
	{ "a software interrupt in delivery", soft_interrupt, EAGAIN,
	  "a software interrupt is being delivered" },
	{ "an exit that user space has not completed", open_io, EAGAIN,
	  "user space must complete its exit" },
	{ "a pCPU that is offline", pcpu_offline, ENODEV, "its pCPU cannot go offline" },
	{ "a vCPU that waits for SIPI", waits_for_sipi, EAGAIN, "neither running nor halted" },
	{ "dirty logging", dirty_log, EOPNOTSUPP, "dirty logging" },
};

/* All of the guest, as far as it goes; what was preserved is given back */
static int preserve(void)
{
	const int fds[] = { guest.mem_fd, guest.vm_fd, guest.vcpu_fd };
	int s = luo_session_create(luo, "refused"), err = s < 0 ? s : 0;
	unsigned int i;

	for (i = 0; !err && i < ARRAY_SIZE(fds); i++)
		err = luo_preserve(s, fds[i], i + 1);
	if (!err)
		err = count_alive(&guest, 2000) ? 0 : -ENODATA;
	if (s >= 0)
		close(s);
	return err;
}

static enum ktap_result runs_on(void)
{
	CHECK(!runner_start(&runner, &guest), "no thread");
	CHECK(count_alive(&guest, 2000), "the guest does not count");
	CHECK(count_command(&guest, COUNT_CPUID, 2000), "no CPUID");
	CHECK(!runner_stop(&runner), "the vCPU thread ended with %d", runner.error);
	CHECK(caretaker_state(&guest) == KVM_CARETAKER_ATTACHED, "state %d",
	      caretaker_state(&guest));
	CHECK(cpu_wait_online(PCPU, 30000), "the pCPU does not return");
	return KTAP_PASS;
}

static enum ktap_result refused(const struct obstacle *o)
{
	unsigned int said = klog_count(o->why);
	int err;

	CHECK(!o->put(true), "it cannot be set up: %s", strerror(errno));
	err = preserve();
	CHECK(!o->put(false), "it cannot be taken away: %s", strerror(errno));
	CHECK(err == -o->err, "wanted %s, got %s", strerror(o->err), strerror(-err));
	CHECK(klog_count(o->why) == said + 1, "\"%s\" is %u times in the log, was %u times", o->why,
	      klog_count(o->why), said);
	return runs_on();
}

static enum ktap_result carried(void)
{
	int err = preserve();

	CHECK(!err, "%s", strerror(-err));
	CHECK(caretaker_wait_state(&guest, KVM_CARETAKER_ATTACHED, 5000), "not back in KVM");
	CHECK(runs_on() == KTAP_PASS, "it does not run on");
	CHECK(!count_check_host_side(&guest), "registers changed");
	return KTAP_PASS;
}

static enum ktap_result guest_ready(void)
{
	luo = luo_open();
	CHECK(luo >= 0, "/dev/liveupdate: %s", strerror(-luo));
	CHECK(!pin_to_cpu0(), "cannot stay on CPU 0");
	CHECK(!guest_create(&guest, &guest_count), "no guest");
	CHECK(!count_reset(&guest), "no patterns");
	CHECK(!caretaker_install(&guest, 0), "no Caretaker");
	return runs_on();
}

int main(void)
{
	unsigned int i, n = ARRAY_SIZE(obstacles);
	const char *missing = caretaker_missing();
	bool ready = !missing;

	ktap_plan(n + 2);
	for (i = 0; i < n + 2; i++) {
		const char *name = !i ? "a guest runs" : i > n ? "without all this it is carried" :
				   obstacles[i - 1].name;
		enum ktap_result res = KTAP_FAIL;

		ktap_skip_reason("%s", missing ? missing : "");
		if (missing)
			res = KTAP_SKIP;
		else if (!i)
			res = guest_ready();
		else if (ready)
			res = i > n ? carried() : refused(&obstacles[i - 1]);
		ready &= i || res == KTAP_PASS;
		ktap_result(res, "%s%s", name, i && i <= n ? " is refused" : "");
	}
	return ktap_finish();
}
