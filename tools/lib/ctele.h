/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * Reader of the Caretakers' telemetry: from debugfs, from a copy of its tree, from a file, from a
 * recording, or made up for tests.
 *
 * What is read is not trusted: it may be cut short, damaged, or of another version.
 */
#ifndef CTOOLS_CTELE_H
#define CTOOLS_CTELE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm_caretaker_telemetry.h>

#include "tool.h"

#define CTELE_DEBUGFS	"/sys/kernel/debug"
#define CTELE_KERNEL_MAX 65

/* More than any host has; a record that says more is damaged. */
#define CTELE_VCPUS_MAX	65536

/**
 * struct ctele_source - what to read
 * @debugfs:	where debugfs is mounted, or a copy of it
 * @file:	one file of telemetry or a recording instead, NULL for none
 * @synthetic:	so many vCPUs that are made up instead, 0 for none
 * @pid:	only the VMs of this process, -1 for all
 * @vcpu:	only this vCPU of each VM, -1 for all
 * @vm:		only VMs whose identity starts with these hex digits, NULL for all
 */
struct ctele_source {
	const char *debugfs;
	const char *file;
	long synthetic;
	long pid;
	long vcpu;
	const char *vm;
};

/**
 * struct ctele_vcpu - one vCPU with a Caretaker
 * @pid:	process that holds the VM, -1 for a file
 * @fd:		its descriptor of the VM, -1 for a file
 * @dir_vcpu:	number in the name of the directory, the vCPU's id in KVM
 * @state:	state in one word, empty when it is not known
 * @handlers:	name of the set of exit handlers, empty when not known
 * @pcpu:	pCPU, -1 when not known
 * @apic_id:	APIC id of the pCPU, -1 when not known
 * @when_ns:	CLOCK_MONOTONIC when it was read
 * @tsc:	TSC about then, 0 when it is not the clock of the stamps
 * @tele:	telemetry
 */
struct ctele_vcpu {
	long pid;
	long fd;
	long dir_vcpu;
	char state[16];
	char handlers[32];
	int pcpu;
	long apic_id;
	uint64_t when_ns;
	uint64_t tsc;
	struct kvm_caretaker_telemetry tele;
};

/**
 * struct ctele_set - all that was found, sorted by process, VM and vCPU
 * @vcpus:	the vCPUs
 * @nr:		their number
 * @cap:	room in @vcpus
 * @vms:	VMs they belong to
 * @vms_seen:	VMs on this host, with those that have no Caretaker
 * @filtered:	vCPUs with a Caretaker that were not asked for
 * @unreadable:	vCPUs whose telemetry could not be read or made no sense
 * @no_file:	vCPUs without a file of telemetry: this KVM knows no Caretaker
 * @status:	TOOL_OK or the first failure
 * @realtime_ns: CLOCK_REALTIME when it was read
 * @tsc:	TSC at the same time, 0 when it is not the clock of the stamps
 * @kernel:	release of the kernel that was asked, empty when not known
 */
struct ctele_set {
	struct ctele_vcpu **vcpus;
	size_t nr;
	size_t cap;
	unsigned int vms;
	unsigned int vms_seen;
	unsigned int filtered;
	unsigned int unreadable;
	unsigned int no_file;
	enum tool_status status;
	uint64_t realtime_ns;
	uint64_t tsc;
	char kernel[CTELE_KERNEL_MAX];
};

struct ctele_reader;

/**
 * struct ctele_ops - one kind of source; a new one is a line in ctele_open()
 * @open:	called once; NULL when there is nothing to open
 * @load:	puts what is there now into an empty set, or sets @end of the reader
 * @close:	called once after a successful @open; NULL when there is nothing to close
 */
struct ctele_ops {
	enum tool_status (*open)(struct ctele_reader *r);
	enum tool_status (*load)(struct ctele_reader *r, struct ctele_set *set);
	void (*close)(struct ctele_reader *r);
};

/**
 * struct ctele_reader - an open source
 * @ops:	its kind
 * @src:	what was asked for
 * @looks:	successful calls of ctele_load()
 * @finite:	there is a last look
 * @end:	it was had already
 * @damage:	TOOL_OK, or what was found after the last look
 * @priv:	of the kind
 */
struct ctele_reader {
	const struct ctele_ops *ops;
	const struct ctele_source *src;
	unsigned long looks;
	bool finite;
	bool end;
	enum tool_status damage;
	void *priv;
};

/**
 * struct ctele_gap - stamps of the last handover
 * @stop:	0 when it was overwritten: a vCPU also stops for a new payload
 * @run:	first VMRUN
 * @kick:	0 while it has not happened
 * @park:	0 while it has not happened
 * @adopt:	0 while it has not happened
 * @start:	@stop, or @run when that is not known: offsets count from here
 */
struct ctele_gap {
	uint64_t stop;
	uint64_t run;
	uint64_t kick;
	uint64_t park;
	uint64_t adopt;
	uint64_t start;
};

extern const struct ctele_ops ctele_scan_ops, ctele_file_ops, ctele_synth_ops, ctele_record_ops;

enum tool_status ctele_open(struct ctele_reader *r, const struct ctele_source *src);
enum tool_status ctele_load(struct ctele_reader *r, struct ctele_set *set);
enum tool_status ctele_load_last(const struct ctele_source *src, struct ctele_set *set);
void ctele_close(struct ctele_reader *r);
void ctele_free(struct ctele_set *set);
bool ctele_here(const struct ctele_source *src);
bool ctele_offer(struct ctele_set *set, const struct ctele_source *src,
		 const struct ctele_vcpu *v);
const struct ctele_vcpu *ctele_find(const struct ctele_set *set, const struct ctele_vcpu *like);
bool ctele_vcpu_add(struct ctele_set *set, const struct ctele_vcpu *v);
enum tool_status ctele_blob_check(const void *blob, size_t len, const char *name);
void ctele_text_parse(struct ctele_vcpu *v, char *text);

bool ctele_gap(const struct kvm_caretaker_telemetry *t, struct ctele_gap *gap);
uint64_t ctele_stalls_lost(const struct kvm_caretaker_telemetry *t);
uint64_t ctele_stall_first(const struct kvm_caretaker_telemetry *t);
const struct kvm_caretaker_stall *ctele_stall(const struct kvm_caretaker_telemetry *t,
					      uint64_t i);
bool ctele_stall_sane(const struct kvm_caretaker_stall *s);
uint64_t ctele_set_lost(const struct ctele_set *set);
enum tool_status ctele_lost_end(const struct ctele_set *set, bool strict,
				enum tool_status status);

#endif /* CTOOLS_CTELE_H */
