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
/* Also holds what its calls took against what was verified. */
void shipped_unload(void);
/* Constants that a loader sets; NULL without. */
void *shipped_config(void);

/* One exit; the verdict. */
int shipped_exit(const char *class, struct kvm_caretaker_exit *exit);
/* The same for several threads at once: measures nothing; the set has to have that class. */
int shipped_call(const char *class, struct kvm_caretaker_exit *exit);

/* Port I/O with @rax, which takes the result; the verdict. */
int shipped_io(u64 flags, u64 info1, u64 *rax);
int shipped_out(u64 flags, u64 info1, u64 value);

#endif /* CTV_SHIPPED_H */
