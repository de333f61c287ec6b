// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Writes the telemetry of each vCPU into the file of an iterator. The kernel's types are named with
 * the members that are read; where those are is found when it is loaded (CO-RE).
 */
#include <stdbool.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "iter.h"

/* KVM_CARETAKER_INFO_HANDLERS */
#define INFO_HANDLERS	(1U << 1)

#define CORE __attribute__((preserve_access_index))

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;

struct kvm_caretaker_info {
	__u32 flags;
	__u32 state;
	__u32 pcpu;
	__u32 apic_id;
	__u32 vcpu_id;
	__u64 vm_id;
	__u8 handlers_digest[ITER_DIGEST];
	char handlers_name[ITER_NAME];
} CORE;

struct kvm_caretaker_telemetry {
	__u32 size;
} CORE;

struct bpf_iter__caretaker_vcpu {
	struct bpf_iter_meta *meta;
	struct kvm_caretaker_info *info;
	struct kvm_caretaker_telemetry *telemetry;
} CORE;

/* Too large for a stack; one reader at a time has the iterator's lock. */
static char telemetry[ITER_TELE_MAX];

/*
 * Which vCPUs are wanted, set before this is loaded: others cost no copy, and leave only a count.
 * A VM fits when its identity is want_vm in the bits of want_vm_mask.
 */
const volatile __u64 want_vm;
const volatile __u64 want_vm_mask;
const volatile __s64 want_vcpu = -1;
__u64 left_out;

static __always_inline bool wanted(__u64 vm_id, __u32 vcpu)
{
	return !((vm_id ^ want_vm) & want_vm_mask) && (want_vcpu < 0 || want_vcpu == vcpu);
}

/* Kernels were made that have no digest there, or no name. */
static __always_inline void handlers_read(struct iter_row *row, struct kvm_caretaker_info *info)
{
	row->has_handlers = BPF_CORE_READ(info, flags) & INFO_HANDLERS;
	if (bpf_core_field_exists(info->handlers_digest) &&
	    !bpf_core_read(row->digest, sizeof(row->digest), &info->handlers_digest))
		row->known |= ITER_KNOWS_DIGEST;
	if (bpf_core_field_exists(info->handlers_name) &&
	    bpf_core_read_str(row->name, sizeof(row->name), &info->handlers_name) > 0)
		row->known |= ITER_KNOWS_NAME;
}

SEC("iter/caretaker_vcpu")
int vcpus(struct bpf_iter__caretaker_vcpu *ctx)
{
	struct kvm_caretaker_telemetry *t = ctx->telemetry;
	struct kvm_caretaker_info *info = ctx->info;
	struct iter_row row = { .magic = ITER_MAGIC };
	__u32 bytes = 0;

	if (!info)
		return 0;
	row.state = BPF_CORE_READ(info, state);
	row.pcpu = BPF_CORE_READ(info, pcpu);
	row.apic_id = BPF_CORE_READ(info, apic_id);
	row.vcpu = BPF_CORE_READ(info, vcpu_id);
	row.vm_id = BPF_CORE_READ(info, vm_id);
	handlers_read(&row, info);
	if (t)
		bytes = BPF_CORE_READ(t, size);
	if (bytes && !wanted(row.vm_id, row.vcpu)) {
		left_out++;
		return 0;
	}
	if (bytes > sizeof(telemetry))
		bytes = sizeof(telemetry);
	row.bytes = bytes;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	if (t && bytes && !bpf_probe_read_kernel(telemetry, bytes, t))
		bpf_seq_write(ctx->meta->seq, telemetry, bytes);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
