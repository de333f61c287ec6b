/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: signatures of payloads.
 */
#ifndef __VIRT_KVM_CARETAKER_SIGN_H
#define __VIRT_KVM_CARETAKER_SIGN_H

#include <linux/errno.h>
#include <linux/types.h>

#ifdef CONFIG_KVM_CARETAKER_SIG
int caretaker_signature_check(const void *buf, size_t *size);
#else
static inline int caretaker_signature_check(const void *buf, size_t *size)
{
	return -ENODATA;
}
#endif

#endif /* __VIRT_KVM_CARETAKER_SIGN_H */
