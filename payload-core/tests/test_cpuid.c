// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: the CPUID table.
 */
#include "harness.h"
#include "../cpuid.h"

static u32 eax_of(u32 function, u32 index)
{
	const struct kvm_caretaker_cpuid *entry = payload_cpuid_find(function, index);

	return entry ? entry->eax : 0;
}

static void test_plain(void)
{
	cpuid_add(1, 0, 0, 0x100);
	EXPECT_EQ(eax_of(1, 0), 0x100);
	EXPECT_EQ(eax_of(1, 99), 0x100);
	EXPECT_EQ(eax_of(2, 0), 0);
}

static void test_indexed(void)
{
	u32 i;

	for (i = 0; i < 5; i++)
		cpuid_add(0xd, i * 2, KVM_CARETAKER_CPUID_INDEXED, 0x100 + i);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(eax_of(0xd, i * 2), 0x100 + i);
	EXPECT_EQ(eax_of(0xd, 1), 0);
}

/* The next function after @function whose home is the last slot */
static u32 next_of_last_slot(u32 function)
{
	do {
		function++;
	} while (KVM_CARETAKER_CPUID_HASH(function) != KVM_CARETAKER_CPUID_SLOTS - 1);
	return function;
}

static void test_collisions(void)
{
	u32 functions[20], function = 0, i;

	for (i = 0; i < 20; i++) {
		function = next_of_last_slot(function);
		functions[i] = function;
		cpuid_add(function, 0, 0, 0x100 + i);
	}
	for (i = 0; i < 20; i++)
		EXPECT_EQ(eax_of(functions[i], 0), 0x100 + i);
	EXPECT_EQ(eax_of(next_of_last_slot(function), 0), 0);
}

static void test_full(void)
{
	u32 i;

	for (i = 0; i < KVM_CARETAKER_CPUID_SLOTS; i++)
		cpuid_add(i, 0, 0, 0x100 + i);
	EXPECT_EQ(eax_of(127, 0), 0x17f);
	EXPECT_EQ(eax_of(1000, 0), 0);
}

/* The leaves of a common guest: how often a lookup has to probe is the cost of the hot path. */
static void test_spread(void)
{
	static const u32 functions[] = {
		0, 1, 2, 5, 6, 7, 0xb, 0xd, 0x40000000, 0x40000001, 0x80000000, 0x80000001,
		0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000007, 0x80000008,
		0x8000000a, 0x80000019, 0x8000001a, 0x8000001d, 0x8000001e, 0x8000001f,
	};
	u32 i, j, home = 0;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		cpuid_add(functions[i], 0, 0, 0x100 + i);
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		j = KVM_CARETAKER_CPUID_HASH(functions[i]);
		home += h.meta.cpuid[j].function == functions[i];
		EXPECT_EQ(eax_of(functions[i], 0), 0x100 + i);
	}
	EXPECT(home >= i * 9 / 10);
}

static void test_detached_zeros(void)
{
	h.vmcb.rax = 0xffffffff12345678;
	payload_cpuid_detached(&h.vmcb);
	EXPECT_EQ(h.vmcb.rax | GPR(RBX) | GPR(RCX) | GPR(RDX), 0);
}

static void test_detached_topology(void)
{
	static const u32 functions[] = { 0xb, 0x1f };
	u32 i;

	for (i = 0; i < 2; i++) {
		harness_reset();
		cpuid_add(functions[i], 0, KVM_CARETAKER_CPUID_INDEXED, 0x700);
		h.vmcb.rax = functions[i];
		GPR(RCX) = 0x1234;
		payload_cpuid_detached(&h.vmcb);
		EXPECT_EQ(h.vmcb.rax | GPR(RBX), 0);
		EXPECT_EQ(GPR(RCX), 0x34);
		EXPECT_EQ(GPR(RDX), 0x703);
	}
}

static void test_detached_topology_absent(void)
{
	h.vmcb.rax = 0xb;
	GPR(RCX) = 5;
	payload_cpuid_detached(&h.vmcb);
	EXPECT_EQ(h.vmcb.rax | GPR(RBX) | GPR(RCX) | GPR(RDX), 0);
}

const struct test tests_cpuid[] = {
	{ "cpuid: leaf without index matches any ECX", test_plain },
	{ "cpuid: leaf with index matches its own", test_indexed },
	{ "cpuid: colliding leaves, around the end of the table", test_collisions },
	{ "cpuid: full table ends the search", test_full },
	{ "cpuid: common leaves rarely collide", test_spread },
	{ "cpuid: detached, unknown leaf reads as zeros", test_detached_zeros },
	{ "cpuid: detached, topology level without entry", test_detached_topology },
	{ "cpuid: detached, topology leaf absent", test_detached_topology_absent },
	{ NULL, NULL },
};
