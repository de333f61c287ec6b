// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: the guest's x2APIC registers while detached.
 *
 * ccb.lapic is a copy of the registers in KVM's layout: register n of the x2APIC MSR space at
 * offset n * 16, 32 bits each, the ICR split into 0x300 and 0x310 (AMD64 APM volume 2, 16.3 and
 * 16.11). Served is what changes nothing outside this vCPU and needs no timer; the rest blocks.
 */
#include "payload.h"

#define X2APIC_FIRST	0x800
#define X2APIC_LAST	0x8ff

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
#define LAPIC_ICR	0x300
#define LAPIC_ICR_HIGH	0x310
#define LAPIC_LVTT	0x320
#define LAPIC_LVT_LAST	0x370
#define LAPIC_TMICT	0x380
#define LAPIC_TMCCT	0x390
#define LAPIC_TDCR	0x3e0
#define LAPIC_SELF_IPI	0x3f0

#define LAPIC_BANKS	8
#define LVTT_MODE	(3U << 17)
#define LVT_MASKED	(1U << 16)
#define LVTT_DEADLINE	(2U << 17)

static u32 *lapic_reg(u32 offset)
{
	return (u32 *)(ccb.lapic + offset);
}

/* Highest vector in a bank of eight registers, 0 for none: vectors below 16 do not exist. */
static u32 lapic_highest(u32 bank)
{
	u32 i;

	for (i = LAPIC_BANKS; i-- > 0;) {
		u32 bits = *lapic_reg(bank + i * 16);

		if (bits)
			return i * 32 + 31 - __builtin_clz(bits);
	}
	return 0;
}

static u32 *lapic_vector_reg(u32 bank, u32 vector)
{
	return lapic_reg(bank + vector / 32 * 16);
}

/*
 * The guest may write CR8 without an exit: then V_TPR is newer than the register. It holds bits 7:4
 * only; bits 3:0 are kept as long as it agrees.
 */
static u32 lapic_tpr(const struct vmcb *vmcb)
{
	u32 tpr = *lapic_reg(LAPIC_TPR) & 0xff;
	u32 cr8 = vmcb->int_ctl & VMCB_V_TPR;

	return tpr >> 4 == cr8 ? tpr : cr8 << 4;
}

/* APM volume 2, 16.6.4 */
static u32 lapic_ppr(const struct vmcb *vmcb)
{
	u32 isr = lapic_highest(LAPIC_ISR);
	u32 tpr = lapic_tpr(vmcb);

	return (tpr & 0xf0) >= (isr & 0xf0) ? tpr : isr & 0xf0;
}

static bool lapic_readable(u32 offset)
{
	switch (offset) {
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_LDR:
	case LAPIC_SVR:
	case LAPIC_ISR ... LAPIC_IRR + (LAPIC_BANKS - 1) * 16:
	case LAPIC_ESR:
	case LAPIC_LVTT ... LAPIC_LVT_LAST:
	case LAPIC_TMICT:
	case LAPIC_TDCR:
		return true;
	}
	return false;
}

static bool lapic_is_x2apic(u32 msr)
{
	return (ccb.flags & KVM_CARETAKER_CCB_X2APIC) && msr >= X2APIC_FIRST && msr <= X2APIC_LAST;
}

/**
 * payload_lapic_read() - RDMSR of an x2APIC register
 * @vmcb:	VMCB in use
 * @msr:	MSR number
 * @value:	where the value goes
 *
 * Return: false when @msr is none that can be served here, @value untouched.
 */
bool payload_lapic_read(const struct vmcb *vmcb, u32 msr, u64 *value)
{
	u32 offset = (msr - X2APIC_FIRST) << 4;

	if (!lapic_is_x2apic(msr))
		return false;
	switch (offset) {
	case LAPIC_TPR:
		*value = lapic_tpr(vmcb);
		return true;
	case LAPIC_PPR:
		*value = lapic_ppr(vmcb);
		return true;
	case LAPIC_ICR:
		*value = *lapic_reg(LAPIC_ICR) | (u64)*lapic_reg(LAPIC_ICR_HIGH) << 32;
		return true;
	case LAPIC_TMCCT:
		/* Zero in TSC-deadline mode; else a running timer, which nobody keeps here. */
		if ((*lapic_reg(LAPIC_LVTT) & LVTT_MODE) != LVTT_DEADLINE)
			return false;
		*value = 0;
		return true;
	}
	if (!lapic_readable(offset))
		return false;
	*value = *lapic_reg(offset);
	return true;
}

/*
 * End of interrupt: the highest vector in service is done. That of a level-triggered one has to
 * reach the IOAPIC, which nobody emulates here.
 */
static bool lapic_eoi(u64 value)
{
	u32 vector = lapic_highest(LAPIC_ISR);
	u32 bit = 1U << (vector & 31);

	if (value)
		return false;
	if (!vector)
		return true;
	if (*lapic_vector_reg(LAPIC_TMR, vector) & bit)
		return false;
	*lapic_vector_reg(LAPIC_ISR, vector) &= ~bit;
	payload_inject_look();
	return true;
}

static bool lapic_set_tpr(struct vmcb *vmcb, u64 value)
{
	if (value > 0xff)
		return false;
	*lapic_reg(LAPIC_TPR) = value;
	vmcb->int_ctl = (vmcb->int_ctl & ~VMCB_V_TPR) | value >> 4;
	payload_inject_look();
	return true;
}

/* One more edge-triggered interrupt, unless it is pending already. */
static void lapic_raise(u32 vector)
{
	u32 bit = 1U << (vector & 31);

	*lapic_vector_reg(LAPIC_TMR, vector) &= ~bit;
	*lapic_vector_reg(LAPIC_IRR, vector) |= bit;
	payload_inject_look();
}

static bool lapic_self_ipi(u64 value)
{
	if (value > 0xff || value < 16)
		return false;
	lapic_raise(value);
	return true;
}

/**
 * payload_lapic_write() - WRMSR of an x2APIC register
 * @vmcb:	VMCB in use
 * @msr:	MSR number
 * @value:	value to write; one that raises #GP is not served
 *
 * Return: false when it cannot be served here; nothing was changed then.
 */
bool payload_lapic_write(struct vmcb *vmcb, u32 msr, u64 value)
{
	if (!lapic_is_x2apic(msr))
		return false;
	switch ((msr - X2APIC_FIRST) << 4) {
	case LAPIC_TPR:
		return lapic_set_tpr(vmcb, value);
	case LAPIC_EOI:
		return lapic_eoi(value);
	case LAPIC_SELF_IPI:
		return lapic_self_ipi(value);
	}
	return false;
}

/**
 * payload_lapic_park() - bring the register copy up to date for the kernel that adopts
 * @vmcb:	VMCB in use
 */
void payload_lapic_park(const struct vmcb *vmcb)
{
	if (ccb.lapic)
		*lapic_reg(LAPIC_TPR) = lapic_tpr(vmcb);
}

/**
 * payload_lapic_deliverable() - highest interrupt that the processor priority lets pass
 * @vmcb:	VMCB in use
 *
 * Return: its vector, 0 for none. RFLAGS.IF and interrupt shadow are not looked at.
 */
u32 payload_lapic_deliverable(const struct vmcb *vmcb)
{
	u32 vector;

	if (!(ccb.flags & KVM_CARETAKER_CCB_X2APIC))
		return 0;
	vector = lapic_highest(LAPIC_IRR);
	return vector >> 4 > lapic_ppr(vmcb) >> 4 ? vector : 0;
}

/**
 * payload_lapic_held_by_tpr() - highest interrupt, if nothing but TPR can hold it back
 *
 * Return: its vector, 0 when there is none or one in service holds it back.
 */
u32 payload_lapic_held_by_tpr(void)
{
	u32 vector;

	if (!(ccb.flags & KVM_CARETAKER_CCB_X2APIC))
		return 0;
	vector = lapic_highest(LAPIC_IRR);
	return vector >> 4 > lapic_highest(LAPIC_ISR) >> 4 ? vector : 0;
}

/**
 * payload_lapic_accept() - an interrupt goes from pending to in service
 * @vector:	vector, pending
 */
void payload_lapic_accept(u32 vector)
{
	u32 bit = 1U << (vector & 31);

	*lapic_vector_reg(LAPIC_IRR, vector) &= ~bit;
	*lapic_vector_reg(LAPIC_ISR, vector) |= bit;
}

/**
 * payload_lapic_timer_fires() - the timer's interrupt, unless it is masked
 */
void payload_lapic_timer_fires(void)
{
	u32 lvtt = *lapic_reg(LAPIC_LVTT);

	if (!(lvtt & LVT_MASKED) && (lvtt & 0xff) >= 16)
		lapic_raise(lvtt & 0xff);
}

/**
 * payload_lapic_deadline_mode() - whether the timer is in TSC-deadline mode
 */
bool payload_lapic_deadline_mode(void)
{
	return (ccb.flags & KVM_CARETAKER_CCB_X2APIC) &&
	       (*lapic_reg(LAPIC_LVTT) & LVTT_MODE) == LVTT_DEADLINE;
}
