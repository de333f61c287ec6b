// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: machine checks while detached.
 *
 * The exception says only that there is something in the registers of the CPU's error banks. They
 * are read, the worst of them goes into the telemetry, and MCIP is cleared, without which the next
 * #MC would be a shutdown (AMD64 APM volume 2, 9.3 and 9.5). Survived is what needs no action: the
 * program can go on where it was (RIPV), and no bank has an error that was not corrected. What data
 * an uncorrected one hit is not known here, and the guest cannot be told: the vCPU is given up.
 *
 * The banks themselves stay as they are, for the kernel that gets the CPU back.
 */
#include "payload.h"

#define MSR_MCG_CAP	0x179
#define MSR_MCG_STATUS	0x17a
#define MSR_MC_STATUS(bank)	(0x401 + 4 * (bank))
#define MSR_MC_ADDR(bank)	(0x402 + 4 * (bank))

#define MCG_CAP_BANKS	0xffU
#define MCG_RIPV	(1U << 0)
#define MCG_MCIP	(1U << 2)
#define MC_VALID	(1ULL << 63)
#define MC_UNCORRECTED	(1ULL << 61)
#define MC_ADDR_VALID	(1ULL << 58)
#define MC_CONTEXT_LOST	(1ULL << 57)

/* MSRs for more of them are elsewhere (APM volume 2, 9.3.3); the first ones are the CPU's own */
#define BANKS_MAX	32
#define NO_BANK		0xffffffffU

enum mc_severity { MC_NOTHING, MC_CORRECTED, MC_LOST_DATA, MC_LOST_CONTEXT };

static enum mc_severity mc_severity(u64 status)
{
	if (!(status & MC_VALID))
		return MC_NOTHING;
	if (status & MC_CONTEXT_LOST)
		return MC_LOST_CONTEXT;
	return status & MC_UNCORRECTED ? MC_LOST_DATA : MC_CORRECTED;
}

/* The first one of those that are equally bad. */
static u32 mc_worst_bank(u64 *status)
{
	u32 nr = (u32)payload_host_msr(MSR_MCG_CAP) & MCG_CAP_BANKS, bank, worst = NO_BANK;

	*status = 0;
	for (bank = 0; bank < nr && bank < BANKS_MAX; bank++) {
		u64 value = payload_host_msr(MSR_MC_STATUS(bank));

		if (mc_severity(value) <= mc_severity(*status))
			continue;
		*status = value;
		worst = bank;
	}
	return worst;
}

/**
 * payload_mc_came() - whether a machine check is in progress on this CPU
 */
bool payload_mc_came(void)
{
	return payload_host_msr(MSR_MCG_STATUS) & MCG_MCIP;
}

/**
 * payload_mc_survived() - record a machine check, and end it
 * @addr:	where the address goes that the error is about, 0 for none
 *
 * Return: whether whatever was interrupted may go on.
 */
bool payload_mc_survived(u64 *addr)
{
	struct kvm_caretaker_telemetry *t = payload_telemetry();
	u32 mcg = payload_host_msr(MSR_MCG_STATUS);
	u64 status;
	u32 bank = mc_worst_bank(&status);

	*addr = status & MC_ADDR_VALID ? payload_host_msr(MSR_MC_ADDR(bank)) : 0;
	t->mc_status = status;
	t->mc_addr = *addr;
	t->mc_bank = bank;
	t->mcg_status = mcg;
	t->mc_tsc = payload_tsc();
	store_release(&t->machine_checks, t->machine_checks + 1);
	payload_host_msr_set(MSR_MCG_STATUS, 0);
	return (mcg & MCG_RIPV) && mc_severity(status) <= MC_CORRECTED;
}
