// SPDX-License-Identifier: GPL-2.0
/* The other shipped handlers: what each does attached, in the gap, and does not do. */
#include "cpuid.h"
#include "cpuidmask.h"
#include "doorbell.h"
#include "hypercall.h"
#include "msr.h"
#include "ports.h"
#include "recorder.h"
#include "shipped.h"

#define RAX	KVM_CARETAKER_RAX
#define RBX	KVM_CARETAKER_RBX
#define RCX	KVM_CARETAKER_RCX
#define RDX	KVM_CARETAKER_RDX

static void test_ports(int nr, char **paths)
{
	struct caretaker_ports_state *s = shipped_load("ports", sizeof(*s), nr, paths);
	u64 a = 0xaabb, b = 0;

	if (!s)
		return;
	test_result(shipped_out(0, OUT(0x80, 1), 0) == KVM_CARETAKER_FORWARD && !s->delays,
		    "ports: attached, all goes to KVM");
	test_result(shipped_out(GAP, OUT(0x80, 1), 0) == 0 &&
		    shipped_out(GAP, OUT(0xed, 1), 0) == 0 && s->delays == 2 &&
		    s->size == sizeof(*s), "ports: writes that wait are done");
	test_result(shipped_io(GAP, IN(0x80, 1), &a) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0x80, 4), 0) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0x81, 1), 0) == KVM_CARETAKER_NEXT && s->delays == 2,
		    "ports: other ports, sizes and reads of the delay port are left alone");
	test_result(shipped_io(GAP, IN(0x61, 1), &a) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0x61, 1), 2) == KVM_CARETAKER_NEXT && a == 0xaabb,
		    "ports: 0x61 blocks while the VMM says nothing of it");
	s->flags = CARETAKER_PORT61_VALID;
	s->port61 = 0x0c;
	test_result(shipped_io(GAP, IN(0x61, 1), &a) == 0 &&
		    shipped_io(GAP, IN(0x61, 1), &b) == 0 && a == 0xaa0c &&
		    b == 0x1c && s->reads61 == 2,
		    "ports: the refresh bit of 0x61 changes, no NMI is pending, the rest stays");
	test_result(shipped_out(GAP, OUT(0x61, 1), 0xf2) == 0 && s->port61 == 2 &&
		    s->flags == (CARETAKER_PORT61_VALID | CARETAKER_PORT61_DIRTY),
		    "ports: what is written to 0x61 is kept for the VMM");
	test_result(shipped_out(GAP, OUT(0x61, 1), 1) == 0 &&
		    shipped_io(GAP, IN(0x61, 1), &b) == KVM_CARETAKER_NEXT,
		    "ports: with timer 2 running, reads of 0x61 block");
	shipped_unload();
}

static int cpuid(struct kvm_caretaker_exit *e, u32 function, u32 index)
{
	memset(e, 0, sizeof(*e));
	e->gpr[RAX] = 0xffffffff00000000 | function;
	e->gpr[RCX] = index;
	return shipped_exit("cpuid", e);
}

static void test_cpuidmask(int nr, char **paths)
{
	struct caretaker_cpuidmask_state *s = shipped_load("cpuidmask", sizeof(*s), nr, paths);
	struct kvm_caretaker_exit e;

	if (!s)
		return;
	test_result(cpuid(&e, 0, 0) == KVM_CARETAKER_NEXT, "cpuidmask: nothing is masked at first");
	s->leaf[0] = (struct caretaker_cpuidmask_leaf){
		.flags = CARETAKER_CPUIDMASK_USED | CARETAKER_CPUIDMASK_INDEXED, .function = 7,
		.index = 1, .value = { 1, 2, 3, 4 }, .mask = { ~0U, ~0U, ~0U, ~0U },
	};
	s->leaf[7] = (struct caretaker_cpuidmask_leaf){
		.flags = CARETAKER_CPUIDMASK_USED, .function = 1,
		.value = { 0xf, 0xff, 0xfff, 0xffff }, .mask = { 8, 0, 0x100, 0x1000 },
	};
	test_result(cpuid(&e, 1, 9) == 0 && e.gpr[RAX] == 8 && e.gpr[RBX] == 0 &&
		    e.gpr[RCX] == 0x100 && e.gpr[RDX] == 0x1000 && s->leaf[7].answered == 1,
		    "cpuidmask: a leaf is masked");
	test_result(cpuid(&e, 7, 1) == 0 && e.gpr[RDX] == 4 &&
		    cpuid(&e, 7, 0) == KVM_CARETAKER_NEXT && cpuid(&e, 2, 1) == KVM_CARETAKER_NEXT,
		    "cpuidmask: subleaves are told apart, other leaves left alone");
	s->leaf[7].mask[3] = 0;
	test_result(cpuid(&e, 1, 0) == 0 && e.gpr[RDX] == 0, "cpuidmask: the mask counts at once");
	shipped_unload();
}

static int msr(const char *class, struct kvm_caretaker_exit *e, u32 nr, u64 value)
{
	memset(e, 0, sizeof(*e));
	e->gpr[RCX] = 0xffffffff00000000 | nr;
	e->gpr[RAX] = 0xffffffff00000000 | (u32)value;
	e->gpr[RDX] = value >> 32;
	return shipped_exit(class, e);
}

static void test_msr(int nr, char **paths)
{
	struct caretaker_msr_state *s = shipped_load("msr", sizeof(*s), nr, paths);
	struct kvm_caretaker_exit e;

	if (!s)
		return;
	test_result(msr("rdmsr", &e, 0x10, 0) == KVM_CARETAKER_NEXT && s->others == 1,
		    "msr: what no rule is for is counted and left alone");
	s->rule[1] = (struct caretaker_msr_rule){
		.first = 0xc0010000, .last = 0xc00100ff, .read = CARETAKER_MSR_DENY,
		.write = CARETAKER_MSR_DENY, .value = 0x1122334455667788,
	};
	s->rule[0] = (struct caretaker_msr_rule){
		.first = 0xc0010015, .last = 0xc0010015, .read = CARETAKER_MSR_ALLOW,
		.write = CARETAKER_MSR_ALLOW,
	};
	test_result(msr("rdmsr", &e, 0xc00100ff, 0) == 0 && e.gpr[RAX] == 0x55667788 &&
		    e.gpr[RDX] == 0x11223344 && s->rule[1].reads == 1,
		    "msr: a denied read gives the VMM's value in both halves");
	test_result(msr("wrmsr", &e, 0xc0010000, 0x123456789abcdef0) == 0 &&
		    s->rule[1].writes == 1 && s->rule[1].last_value == 0x123456789abcdef0,
		    "msr: a denied write is dropped and kept");
	test_result(msr("rdmsr", &e, 0xc0010015, 0) == KVM_CARETAKER_NEXT &&
		    msr("wrmsr", &e, 0xc0010015, 5) == KVM_CARETAKER_NEXT &&
		    s->rule[0].reads == 1 && s->rule[0].writes == 1 && s->rule[0].last_value == 5,
		    "msr: the first rule that fits counts; allowed accesses are counted");
	shipped_unload();
}

static int mmio(u64 flags, u64 info1, u64 at, u32 size, u64 value)
{
	struct kvm_caretaker_exit e = {
		.flags = flags, .info1 = info1, .info2 = at, .mmio_size = size,
		.mmio_value = value,
	};

	return shipped_exit("mmio", &e);
}

#define STORE(at, size, value)	mmio(GAP, KVM_CARETAKER_MMIO_WRITE, at, size, value)

/* The port's entries stay as they are; number 0 of an address is no port 0. */
static void test_doorbell_at(struct caretaker_doorbell_state *s)
{
	u64 rung = s->bell[0].rung + s->bell[15].rung;

	s->address[3] = 0xfe000010;
	s->bell[3] = (struct caretaker_doorbell){
		.flags = CARETAKER_DOORBELL_MMIO | CARETAKER_DOORBELL_MATCH, .len = 8, .value = 7,
	};
	s->address[14] = 0xfe000010;
	s->bell[14] = (struct caretaker_doorbell){
		.flags = CARETAKER_DOORBELL_MMIO,
	};
	test_result(mmio(0, KVM_CARETAKER_MMIO_WRITE, 0xfe000010, 2, 7) == KVM_CARETAKER_FORWARD &&
		    !s->bell[14].rung, "doorbell: attached, an address is KVM's");
	test_result(STORE(0xfe000010, 8, 7) == 0 && s->bell[3].rung == 1 && s->bell[3].last == 7,
		    "doorbell: a ring at an address is counted");
	test_result(STORE(0xfe000010, 2, 7) == 0 && STORE(0xfe000010, 8, 1ULL << 32 | 7) == 0 &&
		    s->bell[14].rung == 2 && s->bell[3].rung == 1,
		    "doorbell: another size or value rings the next one there");
	test_result(mmio(GAP, 0, 0xfe000010, 2, 0) == KVM_CARETAKER_NEXT &&
		    STORE(0xfe000012, 2, 7) == KVM_CARETAKER_NEXT &&
		    STORE(0, 2, 7) == KVM_CARETAKER_NEXT &&
		    STORE(0xc010, 2, 1) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0, 8), 7) == KVM_CARETAKER_NEXT &&
		    s->bell[0].rung + s->bell[15].rung == rung,
		    "doorbell: loads, other addresses, and numbers of the other kind are left alone");
}

static void test_doorbell(int nr, char **paths)
{
	struct caretaker_doorbell_state *s = shipped_load("doorbell", sizeof(*s), nr, paths);
	u64 rax = 0;

	if (!s)
		return;
	s->bell[0] = (struct caretaker_doorbell){
		.flags = CARETAKER_DOORBELL_USED | CARETAKER_DOORBELL_MATCH, .port = 0xc010,
		.len = 2, .value = 1,
	};
	s->bell[15] = (struct caretaker_doorbell){
		.flags = CARETAKER_DOORBELL_USED, .port = 0xc010, .len = 2,
	};
	test_result(shipped_out(0, OUT(0xc010, 2), 1) == KVM_CARETAKER_FORWARD && !s->bell[0].rung,
		    "doorbell: attached, it is KVM's");
	test_result(shipped_out(GAP, OUT(0xc010, 2), 0xffff0001) == 0 && s->bell[0].rung == 1 &&
		    s->bell[0].last == 1 && !s->bell[15].rung,
		    "doorbell: a ring of the value that matches is counted");
	test_result(shipped_out(GAP, OUT(0xc010, 2), 0x5502) == 0 && s->bell[15].rung == 1 &&
		    s->bell[15].last == 0x5502 && s->bell[0].rung == 1,
		    "doorbell: another value rings the next one");
	test_result(shipped_out(GAP, OUT(0xc010, 1), 1) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0xc011, 2), 1) == KVM_CARETAKER_NEXT &&
		    shipped_io(GAP, IN(0xc010, 2), &rax) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0xc010, 2) | KVM_CARETAKER_IO_STR, 1) ==
		    KVM_CARETAKER_NEXT && s->bell[0].rung + s->bell[15].rung == 2,
		    "doorbell: other sizes, ports, reads and strings are left alone");
	test_doorbell_at(s);
	shipped_unload();
}

static int vmmcall(struct kvm_caretaker_exit *e, u64 flags, u64 call)
{
	memset(e, 0, sizeof(*e));
	e->flags = flags;
	e->gpr[RAX] = call;
	return shipped_exit("hypercall", e);
}

static void test_hypercall(int nr, char **paths)
{
	struct caretaker_hypercall_state *s = shipped_load("hypercall", sizeof(*s), nr, paths);
	struct kvm_caretaker_exit e;

	if (!s)
		return;
	s->done = CARETAKER_HYPERCALL_HINTS;
	test_result(vmmcall(&e, GAP, 1) == KVM_CARETAKER_NEXT && e.gpr[RAX] == 1 && s->blocked == 1,
		    "hypercall: all block while the VMM says nothing");
	s->size = sizeof(*s);
	s->unknown = 1ULL << 9;
	test_result(vmmcall(&e, 0, 11) == KVM_CARETAKER_FORWARD && e.gpr[RAX] == 11,
		    "hypercall: attached, it is KVM's");
	test_result(vmmcall(&e, GAP, 11) == 0 && e.gpr[RAX] == 0 && s->answered[11] == 1,
		    "hypercall: a hint is taken");
	test_result(vmmcall(&e, GAP, 9) == 0 && e.gpr[RAX] == (u64)-1000,
		    "hypercall: one that was not offered is unknown");
	test_result(vmmcall(&e, GAP, 5) == KVM_CARETAKER_NEXT &&
		    vmmcall(&e, GAP, 64 + 11) == KVM_CARETAKER_NEXT &&
		    vmmcall(&e, GAP, 1ULL << 32 | 11) == KVM_CARETAKER_NEXT && s->blocked == 4,
		    "hypercall: all others block");
	shipped_unload();
}

static void test_recorder(int nr, char **paths)
{
	struct caretaker_recorder_state *s = shipped_load("recorder", sizeof(*s), nr, paths);
	struct kvm_caretaker_exit e = { .reason = 0x7b, .vcpu = 3, .rip = 0x1000, .info1 = 7 };
	const struct caretaker_record *r;
	bool ok = true;
	u32 i;

	if (!s)
		return;
	test_result(shipped_exit("io", &e) == KVM_CARETAKER_NEXT && !s->exits,
		    "recorder: attached, nothing is recorded");
	e.flags = GAP;
	for (i = 0; i < 16; i++)
		e.gpr[i] = 100 + i;
	for (i = 0; i < CARETAKER_RECORDS + 2; i++, e.rip++)
		ok = ok && shipped_exit(i & 1 ? "io" : "hlt", &e) == KVM_CARETAKER_NEXT;
	r = &s->record[1];
	test_result(ok && s->exits == CARETAKER_RECORDS + 2 && r->seq == CARETAKER_RECORDS + 2 &&
		    r->rip == 0x1000 + CARETAKER_RECORDS + 1 && r->reason == 0x7b && r->vcpu == 3 &&
		    r->info1 == 7 && r->gpr[0] == 100 && r->gpr[15] == 115 &&
		    s->record[2].seq == 3,
		    "recorder: the last exits of the gap are there with their registers");
	shipped_unload();
}

static void test_cpuid(int nr, char **paths)
{
	struct caretaker_cpuid_state *s = shipped_load("cpuid", sizeof(*s), nr, paths);
	struct kvm_caretaker_exit e;

	if (!s)
		return;
	test_result(cpuid(&e, CARETAKER_CPUID_LEAF, 0) == 0 && e.gpr[RBX] == CARETAKER_CPUID_EBX &&
		    cpuid(&e, 0, 0) == KVM_CARETAKER_NEXT,
		    "cpuid: answers its leaf, and leaves others alone");
	*s = (struct caretaker_cpuid_state){ .size = sizeof(*s), .leaf = 1, 5, 6, 7, 8 };
	test_result(cpuid(&e, 1, 0) == 0 && e.gpr[RAX] == 5 && e.gpr[RBX] == 6 &&
		    e.gpr[RCX] == 7 && e.gpr[RDX] == 8, "cpuid: answers the VMM's leaf");
	shipped_unload();
}

/* What each of its parts serves without words of the VMM's, and what none does. */
static void test_pc(int nr, char **paths)
{
	u64 rax = 0;

	if (!shipped_load("pc", 0, nr, paths))
		return;
	test_result(shipped_out(0, OUT(0x3f8, 1), 'x') == KVM_CARETAKER_FORWARD &&
		    shipped_out(0, OUT(0x80, 1), 0) == KVM_CARETAKER_FORWARD,
		    "pc: attached, all goes to KVM");
	test_result(shipped_io(GAP, IN(0x3fd, 1), &rax) == 0 && rax == 0x60 &&
		    shipped_out(GAP, OUT(0x3f8, 1), 'x') == 0, "pc: uart serves");
	test_result(shipped_out(GAP, OUT(0xed, 1), 0) == 0, "pc: ports serves");
	test_result(shipped_io(GAP, IN(0x608, 4), &rax) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0xc010, 2), 0) == KVM_CARETAKER_NEXT,
		    "pc: what none was told of is left alone");
	shipped_unload();
}

static void test_template(int nr, char **paths)
{
	u64 *s = shipped_load("template", 24, nr, paths);
	struct kvm_caretaker_exit e;

	if (!s)
		return;
	test_result(vmmcall(&e, 0, 1) == KVM_CARETAKER_NEXT && s[1] == 1 && s[2] == 0 &&
		    vmmcall(&e, GAP, 1) == KVM_CARETAKER_NEXT && s[1] == 2 && s[2] == 1,
		    "template: hypercalls are counted, those of the gap once more");
	shipped_unload();
}

void test_handlers(int nr, char **paths)
{
	test_cpuid(nr, paths);
	test_pc(nr, paths);
	test_template(nr, paths);
	test_ports(nr, paths);
	test_cpuidmask(nr, paths);
	test_msr(nr, paths);
	test_doorbell(nr, paths);
	test_hypercall(nr, paths);
	test_recorder(nr, paths);
}
