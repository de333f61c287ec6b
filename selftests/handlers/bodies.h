/* SPDX-License-Identifier: GPL-2.0 */
/* What accept/bodies.bpf.c works on. */
#ifndef BODIES_H
#define BODIES_H

#include <linux/types.h>

#define BODIES_ITEMS	64

struct bodies_state {
	__u64 result;
	__u64 item[BODIES_ITEMS];
	__u32 port[BODIES_ITEMS];
	__u64 count[BODIES_ITEMS];
	__u64 copy[8];
};

#endif /* BODIES_H */
