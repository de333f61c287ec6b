/* SPDX-License-Identifier: GPL-2.0 */
/* KVM Caretaker on SVM: the branch in svm_vcpu_enter_exit(). */
#ifndef __SVM_CARETAKER_H
#define __SVM_CARETAKER_H

#include "svm.h"

#ifdef CONFIG_KVM_CARETAKER

bool caretaker_svm_attached(struct vcpu_svm *svm);
void caretaker_svm_run(struct vcpu_svm *svm);

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
