/* SPDX-License-Identifier: GPL-2.0 */
/* KVM Caretaker on SVM: the branch in svm_vcpu_enter_exit(). */
#ifndef __SVM_CARETAKER_H
#define __SVM_CARETAKER_H

#include <uapi/linux/kvm_caretaker_bpf.h>

#include "svm.h"

#ifdef CONFIG_KVM_CARETAKER

bool caretaker_svm_attached(struct vcpu_svm *svm);
void caretaker_svm_run(struct vcpu_svm *svm);
void caretaker_svm_requests_take(struct kvm_vcpu *vcpu, struct kvm_caretaker_exit *exit);

/* What handlers asked for while the vCPU ran: nothing, nearly always. */
static __always_inline void caretaker_svm_requests(struct kvm_vcpu *vcpu,
						   struct kvm_caretaker_exit *exit)
{
	if (unlikely(READ_ONCE(exit->requests)))
		caretaker_svm_requests_take(vcpu, exit);
}

#else

static __always_inline bool caretaker_svm_attached(struct vcpu_svm *svm)
{
	return false;
}

static __always_inline void caretaker_svm_run(struct vcpu_svm *svm)
{
}

#endif /* CONFIG_KVM_CARETAKER */

#endif /* __SVM_CARETAKER_H */
