// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel functions of exit handlers as code that can be put anywhere: kfunc-blob.sh compiles
 * this by itself, checks what came out and makes a header of it. By the System V order of arguments
 * they are where the compiler of handlers has them.
 */
#include "ctv_kfunc_code.h"

u64 bpf_caretaker_time(const struct kvm_caretaker_exit *exit);
u8 *bpf_caretaker_scratch(struct kvm_caretaker_exit *exit, u32 idx, u64 size, u8 *scratch);
long bpf_caretaker_inject(struct kvm_caretaker_exit *exit, u32 vector);
long bpf_caretaker_emit(struct kvm_caretaker_exit *exit, const void *data, u32 size);

u64 bpf_caretaker_time(const struct kvm_caretaker_exit *exit)
{
	return ctv_do_time(exit);
}

u8 *bpf_caretaker_scratch(struct kvm_caretaker_exit *exit, u32 idx, u64 size, u8 *scratch)
{
	return ctv_do_scratch(exit, idx, size, scratch);
}

long bpf_caretaker_inject(struct kvm_caretaker_exit *exit, u32 vector)
{
	return ctv_do_inject(exit, vector);
}

long bpf_caretaker_emit(struct kvm_caretaker_exit *exit, const void *data, u32 size)
{
	return ctv_do_emit(exit, data, size);
}
