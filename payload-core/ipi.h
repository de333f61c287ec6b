/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: interrupts between vCPUs.
 */
#ifndef PAYLOAD_IPI_H
#define PAYLOAD_IPI_H

#include "payload.h"

/* Delivery mode beside those of the ICR: KVM_HC_KICK_CPU */
#define PAYLOAD_IPI_UNHALT	(3U << 8)

/**
 * struct payload_ipi - an interrupt for vCPUs of the VM
 * @dest:	x2APIC ID, or cluster and members
 * @shorthand:	ICR_SELF, ICR_ALL, ICR_OTHERS, or 0 for @dest
 * @mode:	DELIVERY_* or PAYLOAD_IPI_UNHALT
 * @vector:	vector, if the mode has one
 * @logical:	@dest is cluster and members
 * @from_bitmap: a bit of @bitmap stands for each destination, the first one for @dest
 * @bitmap:	the second one begins @bitmap_step IDs after the first
 * @bitmap_step: 64, or 32 for a caller that has registers of 32 bits
 */
struct payload_ipi {
	u32 dest;
	u32 shorthand;
	u32 mode;
	u32 vector;
	bool logical;
	bool from_bitmap;
	u32 bitmap_step;
	u64 bitmap[2];
};

/**
 * struct payload_ipi_set - vCPUs
 * @boxes:	others, by index of their mailbox
 * @self:	the vCPU itself
 */
struct payload_ipi_set {
	u64 boxes;
	bool self;
};

bool payload_ipi_find(const struct payload_ipi *ipi, struct payload_ipi_set *set);
u32 payload_ipi_send(const struct payload_ipi *ipi, const struct payload_ipi_set *set);

#endif /* PAYLOAD_IPI_H */
