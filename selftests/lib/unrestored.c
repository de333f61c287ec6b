// SPDX-License-Identifier: GPL-2.0
/* A VMM in the next kernel that did not restore all of the vCPU's state. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "caretaker_test.h"
#include "klog.h"
#include "unrestored.h"

#define CR0_WP		(1UL << 16)
#define CR4_TSD		(1UL << 2)
#define EFER_SCE	(1UL << 0)
#define APIC_BASE_BSP	(1UL << 8)
#define DR7_L0		(1UL << 0)
#define XCR0_X87	(1UL << 0)
#define XCR0_SSE	(1UL << 1)

/* Each changes one bit of the state, or none, and gives it to KVM */

static int sregs_set(struct kvm_guest *g, const struct handover_state *s, struct kvm_sregs x)
{
	struct kvm_sregs sregs = s->sregs;

	sregs.cr0 ^= x.cr0;
	sregs.cr4 ^= x.cr4;
	sregs.efer ^= x.efer;
	sregs.apic_base ^= x.apic_base;
	return ioctl(g->vcpu_fd, KVM_SET_SREGS, &sregs);
}

static int cr0(struct kvm_guest *g, const struct handover_state *s, bool spoil)
{
	return sregs_set(g, s, (struct kvm_sregs){ .cr0 = spoil ? CR0_WP : 0 });
}

static int cr4(struct kvm_guest *g, const struct handover_state *s, bool spoil)
{
	return sregs_set(g, s, (struct kvm_sregs){ .cr4 = spoil ? CR4_TSD : 0 });
}

static int efer(struct kvm_guest *g, const struct handover_state *s, bool spoil)
{
	return sregs_set(g, s, (struct kvm_sregs){ .efer = spoil ? EFER_SCE : 0 });
}

static int apic_base(struct kvm_guest *g, const struct handover_state *s, bool spoil)
{
	return sregs_set(g, s, (struct kvm_sregs){ .apic_base = spoil ? APIC_BASE_BSP : 0 });
}

static int tsc_offset(struct kvm_guest *g, const struct handover_state *s, bool spoil)
{
	return guest_tsc_offset_set(g, s->tsc_offset + spoil);
}

static int dr7(struct kvm_guest *g, const struct handover_state *s, bool spoil)
{
	struct kvm_debugregs dr = s->debugregs;

	dr.dr7 ^= spoil ? DR7_L0 : 0;
	return ioctl(g->vcpu_fd, KVM_SET_DEBUGREGS, &dr);
}

static int xcr0(struct kvm_guest *g, const struct handover_state *s, bool spoil)
{
	struct kvm_xcrs xcrs = s->xcrs;

	if (spoil && xcrs.xcrs[0].value == XCR0_X87)
		xcrs.xcrs[0].value = XCR0_X87 | XCR0_SSE;
	else if (spoil)
		xcrs.xcrs[0].value = XCR0_X87;
	return ioctl(g->vcpu_fd, KVM_SET_XCRS, &xcrs);
}

static const struct {
	int (*set)(struct kvm_guest *g, const struct handover_state *s, bool spoil);
	const char *why;
} parts[] = {
	{ cr0, "CR0 differs: restore SREGS" },
	{ cr4, "CR4 differs: restore SREGS" },
	{ efer, "EFER differs: restore SREGS" },
	{ apic_base, "APIC_BASE differs: restore SREGS" },
	{ tsc_offset, "the TSC offset differs: restore attribute KVM_VCPU_TSC_OFFSET" },
	{ dr7, "DR7 differs: restore DEBUGREGS" },
	{ xcr0, "XCR0 differs: restore XCRS" },
};

static enum ktap_result one_refused(struct kvm_guest *g, const char *why, bool (*goes_on)(void))
{
	unsigned int said = klog_count(why);
	struct kvm_caretaker_info info;
	int err = guest_run(g);

	CHECK(err == -EINVAL, "%s: KVM_RUN gave %d", why, err);
	CHECK(klog_count(why) == said + 1, "the kernel does not say \"%s\"", why);
	CHECK(!caretaker_info(g, &info) && info.flags & KVM_CARETAKER_INFO_ORPHAN,
	      "%s: flags %#x", why, info.flags);
	CHECK(goes_on(), "%s: the guest does not go on", why);
	return KTAP_PASS;
}

enum ktap_result unrestored_refused(struct kvm_guest *g, const struct handover_state *s,
				    bool (*goes_on)(void))
{
	enum ktap_result res;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		CHECK(!parts[i].set(g, s, true), "cannot be spoiled: %s: %s", parts[i].why,
		      strerror(errno));
		res = one_refused(g, parts[i].why, goes_on);
		CHECK(!parts[i].set(g, s, false), "cannot be restored: %s: %s", parts[i].why,
		      strerror(errno));
		if (res != KTAP_PASS)
			return res;
	}
	return KTAP_PASS;
}
