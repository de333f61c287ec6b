// SPDX-License-Identifier: GPL-2.0
/* Reads the Caretakers as an operator's BPF program does: by iterators and by tracepoints. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "readers.h"

struct reader_counts counts SEC(".data.counts");

/*
 * Fields are read as they are. bpf_seq_write() takes no more than one member of what a pointer of
 * an iterator points to: to pass on a whole struct, copy it first.
 */
static struct kvm_caretaker_info info_copy;
static struct kvm_caretaker_telemetry telemetry_copy;
static struct kvm_caretaker_stall stall_copy;

#define WRITE(seq, copy, from)						\
	do {								\
		bpf_probe_read_kernel(&(copy), sizeof(copy), from);	\
		bpf_seq_write(seq, &(copy), sizeof(copy));		\
	} while (0)

SEC("iter/caretaker_vcpu")
int vcpus(struct bpf_iter__caretaker_vcpu *ctx)
{
	struct seq_file *seq = ctx->meta->seq;

	if (!ctx->info)
		return 0;
	WRITE(seq, info_copy, ctx->info);
	if (ctx->telemetry)
		WRITE(seq, telemetry_copy, ctx->telemetry);
	return 0;
}

SEC("iter/caretaker_stall")
int stalls(struct bpf_iter__caretaker_stall *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct kvm_caretaker_info *info = ctx->info;

	if (!info || !ctx->stall)
		return 0;
	counts.read_vm_id = info->vm_id;
	WRITE(seq, info_copy, info);
	WRITE(seq, stall_copy, ctx->stall);
	return 0;
}

SEC("tp_btf/caretaker_install")
int BPF_PROG(on_install, u64 vm_id, u32 vcpu)
{
	counts.vm_id = vm_id;
	counts.vcpu = vcpu;
	counts.installs++;
	return 0;
}

SEC("tp_btf/caretaker_preserve")
int BPF_PROG(on_preserve, u64 vm_id, u32 vcpus)
{
	counts.preserves += vcpus;
	return 0;
}

SEC("tp_btf/caretaker_detach")
int BPF_PROG(on_detach, u64 vm_id)
{
	counts.detaches += vm_id == counts.vm_id;
	return 0;
}

SEC("tp_btf/caretaker_stall")
int BPF_PROG(on_stall, u64 vm_id, u32 vcpu, u64 reason, u64 info1, u64 rip, u64 ns)
{
	counts.stalls += vm_id == counts.vm_id;
	counts.stall_reason = reason;
	counts.stall_ns = ns;
	return 0;
}

SEC("tp_btf/caretaker_cancel")
int BPF_PROG(on_cancel, u64 vm_id)
{
	counts.cancels += vm_id == counts.vm_id;
	return 0;
}

char _license[] SEC("license") = "GPL";
