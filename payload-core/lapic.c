// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: the guest's x2APIC registers while detached.
 *
 * ccb.lapic is a copy of the registers in KVM's layout: register n of the x2APIC MSR space at
 * offset n * 16, 32 bits each, the ICR split into 0x300 and 0x310 (AMD64 APM volume 2, 16.3 and
 * 16.11). Values and side effects are those of KVM's LAPIC. What raises #GP there, concerns devices
 * (the EOI of a level-triggered interrupt) or switches the LAPIC on or off blocks.
 */
#include "lapic.h"

#define X2APIC_FIRST	0x800
#define X2APIC_LAST	0x8ff

#define LAPIC_BANKS	8
#define LVTS_BEFORE_CMCI 5	/* "last LVT entry" of a LAPIC without CMCI */

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

static bool lapic_has_cmci(void)
{
	return VERSION_LAST_LVT(*lapic_reg(LAPIC_VERSION)) > LVTS_BEFORE_CMCI;
}

static bool lapic_readable(u32 offset)
{
	switch (offset) {
	case LAPIC_LVT_CMCI:
		return lapic_has_cmci();
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_LDR:
	case LAPIC_SVR:
	case LAPIC_ISR ... LAPIC_IRR + (LAPIC_BANKS - 1) * 16:
	case LAPIC_ESR:
	case LAPIC_LVTT ... LAPIC_LVT_ERROR:
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
		return payload_timer_count_read(value);
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

/**
 * payload_lapic_raise() - one more edge-triggered interrupt, unless it is pending already
 * @vector:	vector; one below 16 stays pending for ever, as in KVM
 */
void payload_lapic_raise(u32 vector)
{
	u32 bit = 1U << (vector & 31);

	if (!lapic_enabled())
		return;
	*lapic_vector_reg(LAPIC_TMR, vector) &= ~bit;
	*lapic_vector_reg(LAPIC_IRR, vector) |= bit;
	payload_inject_look();
}

static bool lapic_self_ipi(u64 value)
{
	if (value > LVT_VECTOR)
		return false;
	payload_lapic_raise(value);
	payload_telemetry()->ipi_sent++;
	return true;
}

/* Switching it on or off changes what the whole VM can be sent: only with a kernel. */
static bool lapic_set_svr(u32 value)
{
	u32 *svr = lapic_reg(LAPIC_SVR), bits = 0x3ff;

	if ((*svr ^ value) & SVR_ENABLED)
		return false;
	if (*lapic_reg(LAPIC_VERSION) & VERSION_DIRECTED_EOI)
		bits |= SVR_DIRECTED_EOI;
	*svr = value & bits;
	return true;
}

/* Bits of an LVT entry that exist, 0 when the entry does not. */
static u32 lapic_lvt_bits(u32 offset)
{
	const u32 bits = LVT_MASKED | LVT_PENDING | LVT_VECTOR;

	switch (offset) {
	case LAPIC_LVT_CMCI:
		return lapic_has_cmci() ? bits | LVT_DELIVERY : 0;
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PMC:
		return bits | LVT_DELIVERY;
	case LAPIC_LVT0:
	case LAPIC_LVT1:
		return bits | LVT_DELIVERY | LVT_POLARITY | LVT_REMOTE_IRR | LVT_LEVEL;
	case LAPIC_LVT_ERROR:
		return bits;
	}
	return 0;
}

/* Nothing here raises these interrupts: they matter to the kernel that adopts. */
static bool lapic_set_lvt(u32 offset, u32 value)
{
	u32 bits = lapic_lvt_bits(offset);

	if (!bits)
		return false;
	if (!lapic_enabled())
		value |= LVT_MASKED;
	*lapic_reg(offset) = value & bits;
	return true;
}

/* The registers of 32 bits that need neither TPR nor EOI nor another vCPU. */
static bool lapic_set_plain(u32 offset, u64 value)
{
	if (value >> 32)
		return false;
	switch (offset) {
	case LAPIC_SVR:
		return lapic_set_svr(value);
	case LAPIC_ESR:
		return !value;
	case LAPIC_LVTT:
		return payload_timer_lvt_write(value);
	case LAPIC_TMICT:
		return payload_timer_count_write(value);
	case LAPIC_TDCR:
		return payload_timer_divider_write(value);
	}
	return lapic_set_lvt(offset, value);
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
	u32 offset = (msr - X2APIC_FIRST) << 4;

	if (!lapic_is_x2apic(msr))
		return false;
	switch (offset) {
	case LAPIC_TPR:
		return lapic_set_tpr(vmcb, value);
	case LAPIC_EOI:
		return lapic_eoi(value);
	case LAPIC_ICR:
		return payload_icr_write(value);
	case LAPIC_SELF_IPI:
		return lapic_self_ipi(value);
	}
	return lapic_set_plain(offset, value);
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

	if (!(lvtt & LVT_MASKED))
		payload_lapic_raise(lvtt & LVT_VECTOR);
}

/**
 * payload_lapic_deadline_mode() - whether the timer is in TSC-deadline mode
 */
bool payload_lapic_deadline_mode(void)
{
	return (ccb.flags & KVM_CARETAKER_CCB_X2APIC) &&
	       (*lapic_reg(LAPIC_LVTT) & LVTT_MODE) == LVTT_DEADLINE;
}
