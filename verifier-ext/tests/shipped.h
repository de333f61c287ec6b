/* SPDX-License-Identifier: GPL-2.0 */
/* Shipped handlers, compiled and called as the payload calls them. */
#ifndef CTV_SHIPPED_H
#define CTV_SHIPPED_H

#include <linux/kvm_caretaker_bpf.h>

#include "test.h"

#define GAP		KVM_CARETAKER_EXIT_DETACHED
#define OUT(port, size)	((u64)(port) << 16 | (size) << 4)
#define IN(port, size)	(OUT(port, size) | KVM_CARETAKER_IO_IN)

/* Loads the object of set @name from @paths; its zeroed state, NULL (and a result) without. */
void *shipped_load(const char *name, size_t state_size, int nr, char **paths);
void shipped_unload(void);
/* Constants that a loader sets; NULL without. */
void *shipped_config(void);
/* Worst case of its dearest handler. */
u32 shipped_cost(void);

/* One exit; the verdict. */
int shipped_exit(const char *class, struct kvm_caretaker_exit *exit);

/* Port I/O with @rax, which takes the result; the verdict. */
int shipped_io(u64 flags, u64 info1, u64 *rax);
int shipped_out(u64 flags, u64 info1, u64 value);

#endif /* CTV_SHIPPED_H */
