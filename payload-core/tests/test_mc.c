// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: machine checks while detached.
 */
#include "harness.h"

#define CAP		h.host_msr[0x179]
#define MCG		h.host_msr[0x17a]
#define STATUS(bank)	h.host_msr[0x401 + 4 * (bank)]
#define ADDR(bank)	h.host_msr[0x402 + 4 * (bank)]

#define RIPV	1
#define EIPV	2
#define MCIP	4

#define VAL	(1ULL << 63)
#define OVER	(1ULL << 62)
#define UC	(1ULL << 61)
#define EN	(1ULL << 60)
#define ADDRV	(1ULL << 58)
#define PCC	(1ULL << 57)
#define DEFERRED (1ULL << 44)
#define NONE	0xffffffffU

/* Two banks, what MCG_STATUS says, and what is made of it */
static const struct {
	const char *what;
	u64 first, second;
	u32 mcg, bank;
	bool survived;
} checks[] = {
	{ "nothing in the banks", 0, 0, RIPV | MCIP, NONE, true },
	{ "no bank is valid", UC | PCC | EN, ~VAL, RIPV | MCIP, NONE, true },
	{ "corrected", 0, VAL | EN | 0x17, RIPV | EIPV | MCIP, 6, true },
	{ "corrected, more than one", VAL | OVER | EN, 0, RIPV | MCIP, 3, true },
	{ "deferred", VAL | EN | DEFERRED, 0, RIPV | MCIP, 3, true },
	{ "corrected in two banks", VAL | 1, VAL | 2, RIPV | MCIP, 3, true },
	{ "cannot go on", 0, 0, EIPV | MCIP, NONE, false },
	{ "corrected, but cannot go on", VAL | EN, 0, MCIP, 3, false },
	{ "uncorrected", 0, VAL | UC | EN | ADDRV, RIPV | EIPV | MCIP, 6, false },
	{ "uncorrected, not enabled", VAL | UC, 0, RIPV | MCIP, 3, false },
	{ "uncorrected behind a corrected one", VAL | EN, VAL | UC, RIPV | MCIP, 6, false },
	{ "uncorrected before a corrected one", VAL | UC, VAL | EN, RIPV | MCIP, 3, false },
	{ "context lost", VAL | UC | PCC | EN, 0, RIPV | MCIP, 3, false },
	{ "context lost behind an uncorrected one", VAL | UC, VAL | UC | PCC, MCIP, 6, false },
	{ "context lost, said to be corrected", VAL | PCC, 0, RIPV | MCIP, 3, false },
};

static void banks_set(u32 i)
{
	memset(h.host_msr, 0, sizeof(h.host_msr));
	CAP = 0x100 | 7;
	MCG = checks[i].mcg;
	STATUS(3) = checks[i].first;
	STATUS(6) = checks[i].second;
	STATUS(7) = VAL | UC | PCC;	/* is none of the CPU's */
	ADDR(3) = 0x3333000;
	ADDR(6) = 0x6666000;
}

static void recorded(u32 i, u64 nr)
{
	u64 status = checks[i].bank == 3 ? checks[i].first : checks[i].second;

	if (checks[i].bank == NONE)
		status = 0;
	EXPECT_EQ(h.telemetry.machine_checks, nr);
	EXPECT_EQ(h.telemetry.mc_bank, checks[i].bank);
	EXPECT_EQ(h.telemetry.mc_status, status);
	EXPECT_EQ(h.telemetry.mc_addr, status & ADDRV ? ADDR(checks[i].bank) : 0);
	EXPECT_EQ(h.telemetry.mcg_status, checks[i].mcg);
	EXPECT_EQ(MCG, 0);
}

static void test_banks(void)
{
	u32 i, before;
	u64 addr;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		before = failures;
		banks_set(i);
		EXPECT(payload_mc_came());
		EXPECT_EQ(payload_mc_survived(&addr), checks[i].survived);
		EXPECT_EQ(h.telemetry.mc_tsc, h.tsc);
		EXPECT(!payload_mc_came());
		EXPECT_EQ(addr, h.telemetry.mc_addr);
		recorded(i, i + 1);
		EXPECT_EQ(STATUS(3), checks[i].first);
		EXPECT_EQ(STATUS(6), checks[i].second);
		if (failures != before)
			printf("# this was: %s\n", checks[i].what);
	}
}

/* More banks than have MSRs at these numbers */
static void test_many_banks(void)
{
	u64 addr;

	MCG = RIPV | MCIP;
	CAP = 0xff;
	STATUS(31) = VAL | UC;
	EXPECT(!payload_mc_survived(&addr));
	EXPECT_EQ(h.telemetry.mc_bank, 31);
}

/* The exit has taken the exception away: nothing is left for the window. */
static void test_in_guest(void)
{
	u64 rip = h.vmcb.rip;
	u32 i, strays = 0;

	ccb.state = KVM_CARETAKER_RUNNING;
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		banks_set(i);
		h.fault = 0;
		h.vmcb.event_inj = 0;
		h.vmcb.exit_int_info = VMCB_EVENT_VALID | VMCB_EVENT_INTR | 0x41;
		EXPECT_EQ(exit_detached(VMEXIT_EXCP_MC),
			  checks[i].survived ? PAYLOAD_ENTER : PAYLOAD_LEAVE);
		strays += checks[i].survived;
		EXPECT_EQ(h.fault, checks[i].survived ? 0 : 18 + 1);
		EXPECT_EQ(h.vmcb.rip, rip);
		EXPECT_EQ(h.telemetry.stray, strays);
		if (checks[i].survived) {
			EXPECT_EQ(h.telemetry.stray_vector, 18);
			EXPECT_EQ(h.vmcb.event_inj, VMCB_EVENT_VALID | VMCB_EVENT_INTR | 0x41);
		}
		recorded(i, i + 1);
	}
	EXPECT_EQ(h.windows, 0);
}

const struct test tests_mc[] = {
	{ "mc: what is survived, and what is recorded of it", test_banks },
	{ "mc: no more banks than there are registers", test_many_banks },
	{ "mc: while the guest runs", test_in_guest },
	{ NULL, NULL },
};
