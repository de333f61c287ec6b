/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: the event rings of all vCPUs as one remote of tracefs.
 */
#ifndef _VIRT_KVM_CARETAKER_REMOTE_H
#define _VIRT_KVM_CARETAKER_REMOTE_H

#include <linux/list.h>
#include <linux/rbtree.h>

#include "ring.h"

struct caretaker_block;

/**
 * struct caretaker_source - the event ring of a block as a source of the remote
 * @node:	in the list of remote.c; empty when it is in none
 * @order:	while events are being collected: by the time of the next one
 * @reader:	how far it was read
 * @told:	lost records that were reported
 * @told_broken: it was reported that the ring is not read any more
 */
struct caretaker_source {
	struct list_head node;
	struct rb_node order;
	struct caretaker_ring_reader reader;
	u64 told;
	bool told_broken;
};

#ifdef CONFIG_KVM_CARETAKER_EVENTS
void caretaker_remote_add(struct caretaker_block *b);
void caretaker_remote_move(struct caretaker_block *b, struct caretaker_block *old);
void caretaker_remote_del(struct caretaker_block *b);
#else
static inline void caretaker_remote_add(struct caretaker_block *b) { }
static inline void caretaker_remote_move(struct caretaker_block *b, struct caretaker_block *old) { }
static inline void caretaker_remote_del(struct caretaker_block *b) { }
#endif

#endif /* _VIRT_KVM_CARETAKER_REMOTE_H */
