/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: registers of a local APIC (AMD64 APM volume 2, 16.3).
 *
 * The same offsets serve the guest's copy (ccb.lapic) and the pCPU's own LAPIC.
 */
#ifndef PAYLOAD_LAPIC_H
#define PAYLOAD_LAPIC_H

#include "payload.h"

/* Register offsets */
#define LAPIC_ID	0x020
#define LAPIC_VERSION	0x030
#define LAPIC_TPR	0x080
#define LAPIC_PPR	0x0a0
#define LAPIC_EOI	0x0b0
#define LAPIC_LDR	0x0d0
#define LAPIC_SVR	0x0f0
#define LAPIC_ISR	0x100
#define LAPIC_TMR	0x180
#define LAPIC_IRR	0x200
#define LAPIC_ESR	0x280
#define LAPIC_LVT_CMCI	0x2f0
#define LAPIC_ICR	0x300
#define LAPIC_ICR_HIGH	0x310
#define LAPIC_LVTT	0x320
#define LAPIC_LVT_THERMAL 0x330
#define LAPIC_LVT_PMC	0x340
#define LAPIC_LVT0	0x350
#define LAPIC_LVT1	0x360
#define LAPIC_LVT_ERROR	0x370
#define LAPIC_TMICT	0x380
#define LAPIC_TMCCT	0x390
#define LAPIC_TDCR	0x3e0
#define LAPIC_SELF_IPI	0x3f0
#define LAPIC_EXT	0x400	/* AMD: extended features, with the number of extended LVTs */
#define LAPIC_EXT_LVT	0x500

/* LAPIC_VERSION */
#define VERSION_LAST_LVT(version)	((version) >> 16 & 0xff)
#define VERSION_DIRECTED_EOI		(1U << 24)
#define VERSION_EXT			(1U << 31)
#define EXT_NR_LVTS(ext)		((ext) >> 16 & 0xff)

/* LAPIC_SVR */
#define SVR_ENABLED	(1U << 8)
#define SVR_DIRECTED_EOI (1U << 12)

/* LVT entries and the low half of the ICR */
#define LVT_VECTOR	0xffU
#define LVT_DELIVERY	(7U << 8)
#define LVT_PENDING	(1U << 12)
#define LVT_POLARITY	(1U << 13)
#define LVT_REMOTE_IRR	(1U << 14)
#define LVT_LEVEL	(1U << 15)
#define LVT_MASKED	(1U << 16)
#define LVTT_MODE	(3U << 17)
#define LVTT_ONESHOT	(0U << 17)
#define LVTT_PERIODIC	(1U << 17)
#define LVTT_DEADLINE	(2U << 17)

#define DELIVERY_FIXED	(0U << 8)
#define DELIVERY_LOWEST	(1U << 8)
#define DELIVERY_NMI	(4U << 8)
#define ICR_LOGICAL	(1U << 11)
#define ICR_BUSY	(1U << 12)
#define ICR_ASSERT	(1U << 14)
#define ICR_LEVEL	(1U << 15)
#define ICR_SHORTHAND	(3U << 18)
#define ICR_SELF	(1U << 18)
#define ICR_ALL		(2U << 18)
#define ICR_OTHERS	(3U << 18)

#define TDCR_BY_1	0xbU
#define TDCR_BITS	0xbU

/* A register of the guest's copy */
static inline u32 *lapic_reg(u32 offset)
{
	return (u32 *)(ccb.lapic + offset);
}

/* Software-enabled; a LAPIC that is not takes no fixed interrupts. */
static inline bool lapic_enabled(void)
{
	return *lapic_reg(LAPIC_SVR) & SVR_ENABLED;
}

#endif /* PAYLOAD_LAPIC_H */
