/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker: what the rest of KVM calls. Every function here is called from one place.
 */
#ifndef _LINUX_KVM_CARETAKER_H
#define _LINUX_KVM_CARETAKER_H

#include <linux/types.h>

struct dentry;
struct file;
struct kimage;
struct kvm;
struct kvm_vcpu;

/* Lent by kvm_main.c. */
int kvm_dev_ioctl_create_vm(unsigned long type);
int kvm_vm_ioctl_create_vcpu(struct kvm *kvm, unsigned long id);
bool file_is_kvm_vcpu(struct file *file);

#ifdef CONFIG_KVM_CARETAKER

/* From kvm_vcpu_ioctl(), without vcpu->mutex; -ENOIOCTLCMD: not mine, or go on with it. */
long kvm_caretaker_vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned int ioctl, unsigned long arg);
/* From the run loop before each guest entry, with vcpu->mutex; 0 or the errno to leave with. */
int kvm_caretaker_pre_enter(struct kvm_vcpu *vcpu);
void kvm_caretaker_vcpu_destroy(struct kvm_vcpu *vcpu);
void kvm_caretaker_create_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir);
/* From kernel_kexec(); 0 or the errno to refuse it with. */
int kvm_caretaker_kexec_check(const struct kimage *image);

#else

static inline int kvm_caretaker_kexec_check(const struct kimage *image)
{
	return 0;
}

static inline long kvm_caretaker_vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned int ioctl,
					    unsigned long arg)
{
	return -ENOIOCTLCMD;
}

static inline int kvm_caretaker_pre_enter(struct kvm_vcpu *vcpu)
{
	return 0;
}

static inline void kvm_caretaker_vcpu_destroy(struct kvm_vcpu *vcpu)
{
}

static inline void kvm_caretaker_create_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir)
{
}

#endif /* CONFIG_KVM_CARETAKER */

#endif /* _LINUX_KVM_CARETAKER_H */
