// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: interrupts from one vCPU of the VM to others while detached.
 *
 * Each vCPU has a mailbox in a page that all payloads of the VM share (struct
 * kvm_caretaker_mailbox). Who is meant is decided as in KVM. A send is all or nothing: where one
 * destination takes no mail, or may be a vCPU that nothing is known about, nothing is sent, the
 * exit blocks, and KVM does it later.
 */
#include "ipi.h"
#include "lapic.h"
#include "ring.h"

#define BROADCAST	0xffffffffU
#define CLUSTER_SIZE	16
#define ID_MAX_LEAST	255	/* KVM's table of LAPICs has never less than that */
#define NO_SHORTHAND	0
#define BITMAP_BITS	64

#define ICR_RESERVED	0xfff32000ULL	/* bits 31:20, 17:16 and 13; 12 is ignored */

static struct kvm_caretaker_peers *ipi_peers(void)
{
	return (struct kvm_caretaker_peers *)ccb.peers;
}

static u32 ipi_nr_boxes(void)
{
	u32 nr = ccb.peers ? ipi_peers()->nr : 0;

	return nr <= KVM_CARETAKER_NR_PEERS ? nr : KVM_CARETAKER_NR_PEERS;
}

static struct kvm_caretaker_mailbox *ipi_own_box(void)
{
	return ccb.self < ipi_nr_boxes() ? &ipi_peers()->box[ccb.self] : NULL;
}

/* In x2APIC mode the logical ID says the x2APIC ID (AMD64 APM volume 2, 16.14). */
static u32 ipi_own_id(void)
{
	u32 ldr = *lapic_reg(LAPIC_LDR);

	if (!(ccb.flags & KVM_CARETAKER_CCB_X2APIC))
		return BROADCAST;
	return ldr & 0xffff ? ldr >> 16 << 4 | __builtin_ctz(ldr) : BROADCAST;
}

static bool box_open(const struct kvm_caretaker_mailbox *box)
{
	return load_acquire(&box->open);
}

/* Never opened: it is not known which vCPU it belongs to. No pCPU is the host's first CPU. */
static bool box_unknown(const struct kvm_caretaker_mailbox *box)
{
	return !box_open(box) && !box->host_apic_id;
}

static bool ipi_unicast(const struct payload_ipi *ipi)
{
	return ipi->shorthand == NO_SHORTHAND && !ipi->logical && !ipi->from_bitmap &&
	       ipi->dest != BROADCAST;
}

/* 32-bit IDs, and no wrap from the highest to 0 within one bitmap: as KVM. */
static bool bitmap_has(u64 bitmap, u32 first, u32 id)
{
	return id >= first && id - first < BITMAP_BITS && (bitmap >> (id - first) & 1);
}

static bool ipi_bitmap_matches(const struct payload_ipi *ipi, u32 id)
{
	return bitmap_has(ipi->bitmap[0], ipi->dest, id) ||
	       bitmap_has(ipi->bitmap[1], ipi->dest + ipi->bitmap_step, id);
}

static bool ipi_matches(const struct payload_ipi *ipi, u32 id, bool self)
{
	if (ipi->from_bitmap)
		return ipi_bitmap_matches(ipi, id);
	if (ipi->shorthand == ICR_SELF)
		return self;
	if (ipi->shorthand == ICR_ALL)
		return true;
	if (ipi->shorthand == ICR_OTHERS)
		return !self;
	if (ipi->dest == BROADCAST)
		return true;
	if (!ipi->logical)
		return ipi->dest == id;
	return ipi->dest >> 16 == id >> 4 && (ipi->dest >> (id & 15) & 1);
}

/* __builtin_popcount() would call into libgcc. */
static u32 bits_count(u32 bits)
{
	u32 count = 0;

	for (; bits; bits &= bits - 1)
		count++;
	return count;
}

/*
 * Of a cluster: the destination that the vector picks, as KVM does by default ("vector hashing").
 * Bits without a vCPU are counted, too; when one of them is picked, nobody gets the interrupt.
 */
static void ipi_lowest(struct payload_ipi *ipi)
{
	u32 bits = ipi->dest & 0xffff, cluster = ipi->dest >> 16 << 4, skip;

	ipi->logical = false;
	ipi->mode = DELIVERY_FIXED;
	ipi->dest = BROADCAST - 1;	/* nobody */
	if (!bits)
		return;
	for (skip = ipi->vector % bits_count(bits); skip; skip--)
		bits &= bits - 1;
	ipi->dest = cluster | __builtin_ctz(bits);
}

/* Destinations in KVM's table of LAPICs end with the highest ID: so does the last cluster. */
static void ipi_cluster_cut(struct payload_ipi *ipi)
{
	u32 max = ID_MAX_LEAST, cluster = ipi->dest >> 16 << 4, nr = ipi_nr_boxes(), i;

	for (i = 0; i < nr; i++)
		if (ipi_peers()->box[i].x2apic_id > max)
			max = ipi_peers()->box[i].x2apic_id;
	if (cluster > max)
		ipi->dest &= ~0xffffU;
	else if (max - cluster + 1 < CLUSTER_SIZE)
		ipi->dest &= ~0xffffU | ((1U << (max - cluster + 1)) - 1);
}

/* Without mailboxes only the vCPU itself is known. */
static bool ipi_to_self_alone(const struct payload_ipi *ipi, struct payload_ipi_set *set)
{
	set->self = ipi_matches(ipi, ipi_own_id(), true);
	return set->self && (ipi_unicast(ipi) || ipi->shorthand == ICR_SELF);
}

/* Another vCPU, if it is meant; false when it takes no mail. */
static bool ipi_add(const struct payload_ipi *ipi, struct payload_ipi_set *set, u32 index)
{
	const struct kvm_caretaker_mailbox *box = &ipi_peers()->box[index];

	if (!ipi_matches(ipi, box->x2apic_id, false))
		return true;
	if (!box_open(box))
		return false;
	set->boxes |= 1ULL << index;
	return true;
}

/**
 * payload_ipi_find() - find the vCPUs that an interrupt is for
 * @ipi:	the interrupt
 * @set:	where they go
 *
 * Return: false when it must not be sent from here. An empty set is fine: KVM drops it, too.
 */
bool payload_ipi_find(const struct payload_ipi *ipi, struct payload_ipi_set *set)
{
	u32 nr = ipi_nr_boxes(), i;
	bool unknown = false;

	*set = (struct payload_ipi_set){ 0, false };
	if (!ipi_own_box())
		return ipi_to_self_alone(ipi, set);
	for (i = 0; i < nr; i++) {
		if (i == ccb.self)
			set->self = ipi_matches(ipi, ipi_peers()->box[i].x2apic_id, true);
		else if (box_unknown(&ipi_peers()->box[i]))
			unknown = true;
		else if (!ipi_add(ipi, set, i))
			return false;
	}
	if (!unknown || ipi->shorthand == ICR_SELF)
		return true;
	return ipi_unicast(ipi) && (set->self || set->boxes);
}

static void ipi_local(const struct payload_ipi *ipi)
{
	if (ipi->mode == DELIVERY_NMI)
		payload_nmi_raise();
	else if (ipi->mode == PAYLOAD_IPI_UNHALT)
		payload_unhalt();
	else
		payload_lapic_raise(ipi->vector);
}

/* The bits of @irr come first: who finds something pending finds them as well. */
static void ipi_post(const struct payload_ipi *ipi, struct kvm_caretaker_mailbox *box)
{
	u32 bits = KVM_CARETAKER_PEND_IRQ;

	if (ipi->mode == DELIVERY_NMI)
		bits = KVM_CARETAKER_PEND_NMI;
	else if (ipi->mode == PAYLOAD_IPI_UNHALT)
		bits = KVM_CARETAKER_PEND_UNHALT;
	else
		__atomic_fetch_or(&box->irr[ipi->vector / 32], 1U << (ipi->vector & 31),
				  __ATOMIC_SEQ_CST);
	if (__atomic_fetch_or(&box->pending, bits, __ATOMIC_SEQ_CST))
		return;
	payload_telemetry()->ipi_kicks++;
	payload_apic_kick(box->host_apic_id);
}

/**
 * payload_ipi_send() - send an interrupt to the vCPUs that were found
 * @ipi:	the interrupt
 * @set:	from payload_ipi_find()
 *
 * Return: how many took it.
 */
u32 payload_ipi_send(const struct payload_ipi *ipi, const struct payload_ipi_set *set)
{
	u32 nr = ipi_nr_boxes(), count = 0, i;

	for (i = 0; i < nr; i++) {
		if (!(set->boxes >> i & 1))
			continue;
		ipi_post(ipi, &ipi_peers()->box[i]);
		count++;
	}
	payload_telemetry()->ipi_sent += count + set->self;
	if (payload_traces(IPI))
		payload_ring_at(KVM_CARETAKER_EVENT_IPI, set->self, ipi->mode | ipi->vector,
				set->boxes, payload_vmcb()->rip);
	if (!set->self)
		return count;
	ipi_local(ipi);
	return count + (ipi->mode != DELIVERY_FIXED || lapic_enabled());
}

/* INIT, SIPI, SMI and the like change the state of a vCPU in ways that need KVM. */
static bool ipi_mode_served(const struct payload_ipi *ipi)
{
	switch (ipi->mode) {
	case DELIVERY_FIXED:
	case DELIVERY_NMI:
		return true;
	case DELIVERY_LOWEST:
		return ipi->shorthand == NO_SHORTHAND && ipi->dest != BROADCAST;
	}
	return false;
}

/**
 * payload_icr_write() - WRMSR of the x2APIC's interrupt command register
 * @value:	value to write
 *
 * Return: false when it cannot be served here; nothing was sent or changed then.
 */
bool payload_icr_write(u64 value)
{
	struct payload_ipi_set set;
	struct payload_ipi ipi = {
		.dest = value >> 32,
		.logical = value & ICR_LOGICAL,
		.shorthand = value & ICR_SHORTHAND,
		.mode = value & LVT_DELIVERY,
		.vector = value & LVT_VECTOR,
	};

	if ((value & (ICR_RESERVED | ICR_LEVEL)) || !ipi_mode_served(&ipi))
		return false;
	if (ipi.logical && ipi.shorthand == NO_SHORTHAND && ipi.dest != BROADCAST)
		ipi_cluster_cut(&ipi);
	if (ipi.mode == DELIVERY_LOWEST && ipi.logical)
		ipi_lowest(&ipi);
	if (!payload_ipi_find(&ipi, &set))
		return false;
	payload_ipi_send(&ipi, &set);
	*lapic_reg(LAPIC_ICR) = value & ~ICR_BUSY;
	*lapic_reg(LAPIC_ICR_HIGH) = value >> 32;
	return true;
}

/**
 * payload_mail_waits() - whether something is in the own mailbox
 */
bool payload_mail_waits(void)
{
	const struct kvm_caretaker_mailbox *box = ipi_own_box();

	return box && load_acquire(&box->pending);
}

static void mail_take_irqs(struct kvm_caretaker_mailbox *box)
{
	u32 i, bits;

	for (i = 0; i < 8; i++) {
		if (!__atomic_load_n(&box->irr[i], __ATOMIC_RELAXED))
			continue;
		bits = __atomic_exchange_n(&box->irr[i], 0, __ATOMIC_SEQ_CST);
		for (; bits; bits &= bits - 1)
			payload_lapic_raise(i * 32 + __builtin_ctz(bits));
	}
}

/**
 * payload_mail_take() - empty the own mailbox into the LAPIC
 */
void payload_mail_take(void)
{
	struct kvm_caretaker_mailbox *box = ipi_own_box();
	u32 pending;

	if (likely(!box || !load_acquire(&box->pending)))
		return;
	pending = __atomic_exchange_n(&box->pending, 0, __ATOMIC_SEQ_CST);
	payload_telemetry()->ipi_received++;
	if (pending & KVM_CARETAKER_PEND_IRQ)
		mail_take_irqs(box);
	if (pending & KVM_CARETAKER_PEND_NMI)
		payload_nmi_raise();
	if (pending & KVM_CARETAKER_PEND_UNHALT)
		payload_unhalt();
}

/**
 * payload_mail_return() - leave a wake-up that the guest has not used to the kernel
 *
 * Context: while the vCPU is being parked. It belongs to no register.
 */
void payload_mail_return(void)
{
	struct kvm_caretaker_mailbox *box = ipi_own_box();

	if (payload_unhalt_take() && box)
		__atomic_fetch_or(&box->pending, KVM_CARETAKER_PEND_UNHALT, __ATOMIC_SEQ_CST);
}
