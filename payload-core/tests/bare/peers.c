// SPDX-License-Identifier: GPL-2.0
/*
 * Bare-metal test of the payload core: two detached vCPUs on two processors that send each other
 * interrupts.
 */
#include "test.h"

#define mail ((struct kvm_caretaker_peers *)PEERS_BASE)
#define GPR(n)	C.exit.gpr[n]
#define MS	((u64)tsc_khz())

struct guest {
	const u8 *code;
	u64 rbx, r11, r12, r13, r14;
};

static void peers_init(void)
{
	u32 i;

	mail->size = sizeof(*mail);
	mail->nr = NR_VCPUS;
	for (i = 0; i < NR_VCPUS; i++)
		mail->box[i] = (struct kvm_caretaker_mailbox){
			.x2apic_id = i, .host_apic_id = i + 1, .open = 1,
		};
}

static bool vcpu_arm(u32 vcpu, const struct guest *guest)
{
	vcpu_select(vcpu);
	setup_detached(guest->code, KVM_CARETAKER_CCB_X2APIC);
	C.peers = PEERS_BASE;
	C.self = vcpu;
	GPR(KVM_CARETAKER_RBX) = guest->rbx;
	GPR(9) = GPR(10) = 0;
	GPR(11) = guest->r11;
	GPR(12) = guest->r12;
	GPR(13) = guest->r13;
	GPR(14) = guest->r14;
	return arm();
}

static void run_both(void)
{
	u32 i;

	for (i = 0; i < NR_VCPUS; i++) {
		vcpu_select(i);
		run();
	}
}

static bool detach_both(const struct guest *first, const struct guest *second)
{
	peers_init();
	if (!vcpu_arm(0, first) || !vcpu_arm(1, second))
		return false;
	run_both();
	return true;
}

static u64 progress(void)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < NR_VCPUS; i++) {
		vcpu_select(i);
		sum += load_acquire(&arena->telemetry.ipi_received) +
		       load_acquire(&arena->telemetry.injected);
	}
	return sum;
}

/* However slow the machine is: only a guest that does not get on has lost something. */
static bool wait_ends(void)
{
	u64 start = now(), seen = progress(), sum;

	while (load_acquire(&guest_ticked) < NR_VCPUS) {
		sum = progress();
		if (sum != seen)
			start = now();
		seen = sum;
		if (now() - start > TIMEOUT_TSC)
			return check("ends", guest_ticked, NR_VCPUS);
		delay(MS / 4);
	}
	return true;
}

/* Leaves vCPU 0 selected. Nothing is left in the mailboxes of guests that have come to rest. */
static bool adopt_both(void)
{
	bool ok = true;
	u32 i = NR_VCPUS;

	while (i--) {
		vcpu_select(i);
		ok = adopt_any() && ok;
		ok &= check("stray", arena->telemetry.stray, 0);
		ok &= check("stray vector", arena->telemetry.stray_vector, 0);
		ok &= check("stalls", arena->telemetry.nr_stalls, 0);
		ok &= check("fault", arena->telemetry.fault, 0);
		ok &= check("mail", mail->box[i].pending, 0);
	}
	return ok;
}

static bool check_traffic(u32 vcpu, u64 sent)
{
	struct kvm_caretaker_telemetry *t;
	bool ok;

	vcpu_select(vcpu);
	t = &arena->telemetry;
	ok = check("sent", t->ipi_sent, sent);
	ok &= check("kicks", t->ipi_kicks <= sent && (t->ipi_kicks || !sent), 1);
	return ok;
}

/* Each waits for the other: one wake-up that is lost ends it. */
static bool ping(u64 count, bool spin_0, bool spin_1)
{
	const struct guest first = { guest_ping, .rbx = count, .r12 = spin_0, .r13 = 1, .r14 = 1 };
	const struct guest second = { guest_ping, .rbx = count, .r12 = spin_1, .r13 = 0, .r14 = 0 };
	bool ok = detach_both(&first, &second) && wait_ends();

	ok = adopt_both() && ok;
	ok &= check("received by 0", GPR(8), count);
	ok &= check_traffic(0, count);
	ok &= check_traffic(1, count);
	ok &= check("received by 1", GPR(8), count);
	ok &= check("injected", arena->telemetry.injected, count);
	ok &= check("mail taken", arena->telemetry.ipi_received, count);
	vcpu_select(0);
	return ok;
}

static void test_ping(void)
{
	report("IPIs between two halted vCPUs, 1000 each way", ping(1000, false, false));
	report("IPIs between two running vCPUs", ping(300, true, true));
	report("IPIs between a running and a halted vCPU", ping(300, true, false));
}

static void test_ping_x2apic(void)
{
	x2apic_set(true);
	report("x2APIC host: IPIs between two halted vCPUs", ping(300, false, false));
	x2apic_set(false);
}

static bool nmis(u64 count, bool spin, bool nested)
{
	const struct guest first = { guest_nmi_send, .rbx = count, .r13 = 0x400, .r14 = 1 };
	const struct guest second = { guest_nmi_wait, .r11 = nested, .r12 = spin };
	bool ok = detach_both(&first, &second) && wait_ends();

	ok = ok && wait_counter(count + nested);
	delay(10 * MS);
	ok = adopt_both() && ok;
	vcpu_select(1);
	ok &= check("NMIs", guest_count(), count + nested);
	ok &= check("depth", GPR(9), 1);
	ok &= check("flags", C.flags & (KVM_CARETAKER_CCB_NMI_MASKED |
					KVM_CARETAKER_CCB_NMI_PENDING), 0);
	ok &= check("injected", arena->telemetry.injected, count + nested);
	ok &= check("woken", spin || guest_woken > 0, 1);
	vcpu_select(0);
	return ok;
}

static void test_nmis(void)
{
	report("NMIs wake a vCPU in HLT, 500 times", nmis(500, false, false));
	report("NMIs reach a vCPU that never exits", nmis(200, true, false));
	report("NMI in an NMI waits for its IRET", nmis(1, false, true));
	report("NMI in an NMI waits for its IRET, without other exits", nmis(1, true, true));
}

static void cpuid_kvm(void)
{
	struct kvm_caretaker_cpuid *leaf;

	leaf = &arena->meta.cpuid[KVM_CARETAKER_CPUID_HASH(0x40000000)];
	leaf->ebx = 0x4b4d564b;
	leaf->ecx = 0x564b4d56;
	leaf->edx = 0x4d;
	cpuid_add(0x40000001, 1 << 7);
}

static void test_kick(void)
{
	const struct guest first = { guest_kick, .rbx = 500, .r14 = 1 };
	const struct guest second = { guest_nmi_wait, .r12 = 0 };
	bool ok;

	peers_init();
	ok = vcpu_arm(0, &first);
	cpuid_kvm();
	ok = vcpu_arm(1, &second) && ok;
	run_both();
	ok = ok && wait_ends();
	ok = adopt_both() && ok;
	ok &= check("results", GPR(9), 0);
	ok &= check("woken", guest_woken >= 500, 1);
	report("hypercall kicks a vCPU out of HLT, 500 times", ok);
}

static void test_closed(void)
{
	const struct guest first = { guest_ping, .rbx = 1, .r13 = 1, .r14 = 1 };
	bool ok;

	peers_init();
	mail->box[1].open = 0;
	ok = vcpu_arm(0, &first);
	run();
	ok = ok && wait_state(STALLED);
	ok = ok && adopt(KVM_CARETAKER_STALLED);
	ok &= check("reason", arena->telemetry.stalls[0].reason, VMEXIT_MSR);
	ok &= check("sent", arena->telemetry.ipi_sent, 0);
	ok &= check("mail", mail->box[1].pending, 0);
	report("IPI to a vCPU that takes none blocks", ok);
}

/* What comes while the vCPU stalls stays in the mailbox for the kernel. */
static void test_mail_left(void)
{
	const struct guest first = { guest_ping, .rbx = 2, .r13 = 1, .r14 = 1 };
	const struct guest second = { guest_out, .r12 = 0 };
	bool ok;

	peers_init();
	ok = vcpu_arm(1, &second);
	run();
	ok = ok && wait_state(STALLED);
	ok = vcpu_arm(0, &first) && ok;
	run();
	ok = ok && wait_value("halts", (u64 *)&arena->telemetry.halts, 1);
	ok = ok && adopt(KVM_CARETAKER_RUNNING);
	vcpu_select(1);
	ok = ok && adopt(KVM_CARETAKER_STALLED);
	ok &= check("pending", mail->box[1].pending, KVM_CARETAKER_PEND_IRQ);
	ok &= check("irr", mail->box[1].irr[2], 4);
	vcpu_select(0);
	report("interrupt for a stalled vCPU is left in its mailbox", ok);
}

/* Interrupts that come before the pCPU takes any: it looks once more when it does. */
static void test_early_mail(void)
{
	const struct guest first = { guest_ping, .rbx = 20, .r13 = 1, .r14 = 1 };
	const struct guest second = { guest_ping, .rbx = 20, .r13 = 0, .r14 = 0 };
	bool ok = true;
	u32 i;

	for (i = 0; ok && i < 10; i++) {
		peers_init();
		ok = vcpu_arm(1, &second) && vcpu_arm(0, &first);
		run();
		delay(i * MS / 4);
		vcpu_select(1);
		run();
		ok = ok && wait_ends();
		ok = adopt_both() && ok;
	}
	report("IPI to a vCPU that does not run yet is not lost", ok);
}

void test_peers(void)
{
	test_ping();
	test_ping_x2apic();
	test_nmis();
	test_kick();
	test_closed();
	test_mail_left();
	test_early_mail();
}
