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

#include "boot.h"
#include "tool.h"

#define CTELE_DEBUGFS	"/sys/kernel/debug"
#define CTELE_KERNEL_MAX 65

/* Digest of a handler set: bytes, and the digits that tell sets apart on a screen */
#define CTELE_DIGEST_BYTES	32
#define CTELE_DIGEST_TEXT	(2 * CTELE_DIGEST_BYTES + 1)
#define CTELE_DIGEST_SHORT	12

/* More than any host has; a record that says more is damaged. */
#define CTELE_VCPUS_MAX	65536

/* The oldest and the newest telemetry that can be read */
#define CTELE_ABI_MIN	1
#define CTELE_ABI_MAX	KVM_CARETAKER_TELEMETRY_ABI

/* Rows of exits: one per reason, and the one that those without a slot of their own share */
#define CTELE_ROW_SHARED	KVM_CARETAKER_REASON_SHARED
#define CTELE_NR_ROWS		(CTELE_ROW_SHARED + 1)

/* Before the tables; the fields of ABI 2 in there are reserved and zero in ABI 1. */
#define CTELE_HEAD_BYTES	256

/**
 * struct ctele_tele1 - struct kvm_caretaker_telemetry of ABI 1, which had no times
 * @head:	as in ABI 2
 * @exits:	exits while attached, by reason index and server
 * @gap_exits:	exits while detached
 * @stalls:	the last stalls
 */
struct ctele_tele1 {
	uint64_t head[CTELE_HEAD_BYTES / 8];
	uint64_t exits[KVM_CARETAKER_NR_REASONS][KVM_CARETAKER_NR_SERVERS];
	uint64_t gap_exits[KVM_CARETAKER_NR_REASONS][KVM_CARETAKER_NR_SERVERS];
	struct kvm_caretaker_stall stalls[KVM_CARETAKER_NR_STALLS];
};

_Static_assert(offsetof(struct kvm_caretaker_telemetry, tsc_last) == CTELE_HEAD_BYTES,
	       "the head of all ABIs");
_Static_assert(sizeof(struct ctele_tele1) <= sizeof(struct kvm_caretaker_telemetry),
	       "older telemetry has room in the newer struct");

/* Where live data is read from */
enum ctele_way {
	CTELE_AUTO,	/* debugfs; when it is not there, the iterators */
	CTELE_BY_DEBUGFS,
	CTELE_BY_BPF,
};

/**
 * struct ctele_source - what to read
 * @debugfs:	where debugfs is mounted, or a copy of it
 * @way:	by debugfs or by BPF iterators
 * @verbose:	tell which of them it is
 * @file:	one file of telemetry or a recording instead, NULL for none
 * @rehearsals:	directory with the last rehearsal of each VM instead, NULL for none
 * @synthetic:	so many vCPUs that are made up instead, 0 for none
 * @pid:	only the VMs of this process, -1 for all
 * @vcpu:	only this vCPU of each VM, -1 for all
 * @vm:		only VMs whose identity starts with these hex digits, NULL for all
 * @events:	events of the rings as well: names that are switched on, "all", or "kept": as they
 *		are switched; NULL for none
 * @events_new:	without those that were there before the first look
 * @reasons:	of events that have an exit reason only these, by index; NULL for all
 * @boot:	with the phases of this kernel's boot
 * @tracefs:	where tracefs is mounted
 */
struct ctele_source {
	const char *debugfs;
	enum ctele_way way;
	bool verbose;
	const char *file;
	const char *rehearsals;
	long synthetic;
	long pid;
	long vcpu;
	const char *vm;
	const char *events;
	bool events_new;
	const bool *reasons;
	bool boot;
	const char *tracefs;
};

/**
 * struct ring_event - an event of a ring
 * @ns:		time since the TSC was 0, in whole microseconds
 * @vm:		identity of the VM
 * @vcpu:	vCPU id
 * @apic_id:	its pCPU
 * @name:	which event
 * @text:	what it says, "reason=cpuid rip=0x..."
 */
struct ring_event {
	uint64_t ns;
	uint64_t vm;
	uint32_t vcpu;
	uint32_t apic_id;
	char name[16];
	char text[280];
};

/**
 * struct ctele_vcpu - one vCPU with a Caretaker
 * @pid:	process that holds the VM, -1 for a file
 * @fd:		its descriptor of the VM, -1 for a file
 * @dir_vcpu:	number in the name of the directory, the vCPU's id in KVM
 * @state:	state in one word, empty when it is not known
 * @handlers:	name of the set of exit handlers, empty when not known
 * @digest:	of the set; zeros without one, and when it is not known
 * @pcpu:	pCPU, -1 when not known
 * @apic_id:	APIC id of the pCPU, -1 when not known
 * @when_ns:	CLOCK_MONOTONIC when it was read
 * @tsc:	TSC about then, 0 when it is not the clock of the stamps
 * @events_lost: events of its ring that are known to be missing
 * @tele:	telemetry; of ABI 1 only the head, the rest is for the functions of ctele.c
 * @tele1:	the same of ABI 1
 */
struct ctele_vcpu {
	long pid;
	long fd;
	long dir_vcpu;
	char state[16];
	char handlers[32];
	unsigned char digest[CTELE_DIGEST_BYTES];
	int pcpu;
	long apic_id;
	uint64_t when_ns;
	uint64_t tsc;
	uint64_t events_lost;
	union {
		struct kvm_caretaker_telemetry tele;
		struct ctele_tele1 tele1;
	};
};

/**
 * struct ctele_cell - exits of one row by one server
 * @count:	while attached
 * @gap_count:	while detached
 * @cycles:	time of the former in TSC cycles
 * @gap_cycles:	time of the latter
 * @max:	the longest of all
 * @max_old:	... was as long at the earlier look that is taken off, see ctele_since()
 * @hist:	all by length; NULL: this telemetry does not time exits
 */
struct ctele_cell {
	uint64_t count;
	uint64_t gap_count;
	uint64_t cycles;
	uint64_t gap_cycles;
	uint64_t max;
	bool max_old;
	const uint32_t *hist;
};

/**
 * struct ctele_rehearsal - what the last rehearsal of a VM came to
 * @vm_id:	the VM
 * @ended_ns:	CLOCK_REALTIME of its end
 * @want_ns:	time that the VM was to be detached
 * @detached_ns: time that it was
 * @rounds:	times that it was detached
 * @blocked:	exits that would block in a gap
 * @passed:	the whole time was reached and none did
 */
struct ctele_rehearsal {
	uint64_t vm_id;
	uint64_t ended_ns;
	uint64_t want_ns;
	uint64_t detached_ns;
	uint64_t rounds;
	uint64_t blocked;
	bool passed;
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
 * @damaged:	vCPUs whose tables contradict themselves; shown as they are
 * @untimed:	vCPUs of an ABI that has no times
 * @no_file:	vCPUs without a file of telemetry: this KVM knows no Caretaker
 * @status:	TOOL_OK or the first failure
 * @realtime_ns: CLOCK_REALTIME when it was read
 * @tsc:	TSC at the same time, 0 when it is not the clock of the stamps
 * @kernel:	release of the kernel that was asked, empty when not known
 * @rehearsals:	what they came to, when the set is of rehearsals
 * @nr_rehearsals: their number
 * @boot:	phases of the kernel's boot, where they were asked for and are known
 * @events:	events of the rings since the look before, in the order of time
 * @nr_events:	their number
 * @cap_events:	room in @events
 * @events_lost: events that are known to be missing
 * @events_cut:	others may be missing: the kernel's buffer has nothing of the look before any more
 * @events_damaged: lines that are no events
 */
struct ctele_set {
	struct ctele_vcpu **vcpus;
	size_t nr;
	size_t cap;
	unsigned int vms;
	unsigned int vms_seen;
	unsigned int filtered;
	unsigned int unreadable;
	unsigned int damaged;
	unsigned int untimed;
	unsigned int no_file;
	enum tool_status status;
	uint64_t realtime_ns;
	uint64_t tsc;
	char kernel[CTELE_KERNEL_MAX];
	struct ctele_rehearsal *rehearsals;
	size_t nr_rehearsals;
	struct boot boot;
	struct ring_event *events;
	size_t nr_events;
	size_t cap_events;
	uint64_t events_lost;
	bool events_cut;
	unsigned int events_damaged;
};

struct ctele_reader;
struct ring_reader;

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
 * @ring:	the events, NULL when they are not wanted
 * @priv:	of the kind
 */
struct ctele_reader {
	const struct ctele_ops *ops;
	const struct ctele_source *src;
	unsigned long looks;
	bool finite;
	bool end;
	enum tool_status damage;
	struct ring_reader *ring;
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

extern const struct ctele_ops ctele_iter_ops, ctele_rehearsal_ops;
extern const struct ctele_ops ctele_scan_ops, ctele_file_ops, ctele_synth_ops, ctele_record_ops;

enum tool_status ctele_open(struct ctele_reader *r, const struct ctele_source *src);
enum tool_status ctele_load(struct ctele_reader *r, struct ctele_set *set);
enum tool_status ctele_load_last(const struct ctele_source *src, struct ctele_set *set);
void ctele_close(struct ctele_reader *r);
void ctele_free(struct ctele_set *set);
void ctele_lost_add(struct ctele_set *set, const struct ctele_set *before);
bool ctele_here(const struct ctele_source *src);
bool ctele_way_parse(const char *word, struct ctele_source *src);
uint64_t ctele_clock(void);
void ctele_set_here(struct ctele_set *set);
enum tool_status iter_rows_take(struct ctele_set *set, const struct ctele_source *src,
				const unsigned char *buf, size_t len, size_t *used);
bool ctele_offer(struct ctele_set *set, const struct ctele_source *src,
		 const struct ctele_vcpu *v);
const struct ctele_vcpu *ctele_find(const struct ctele_set *set, const struct ctele_vcpu *like);
struct ctele_vcpu *ctele_find_id(const struct ctele_set *set, uint64_t vm, uint32_t vcpu);
bool ctele_vcpu_add(struct ctele_set *set, const struct ctele_vcpu *v);
enum tool_status ctele_blob_check(const void *blob, size_t len, const char *name);
void ctele_text_parse(struct ctele_vcpu *v, char *text);
const char *ctele_digest(const struct ctele_vcpu *v, unsigned int digits, char *buf);
bool ctele_same_handlers(const struct ctele_vcpu *a, const struct ctele_vcpu *b);

size_t ctele_size(const struct kvm_caretaker_telemetry *t);
bool ctele_row_used(const struct kvm_caretaker_telemetry *t, unsigned int row);
bool ctele_timed(const struct kvm_caretaker_telemetry *t);
bool ctele_cell(const struct kvm_caretaker_telemetry *t, unsigned int row, unsigned int server,
		struct ctele_cell *cell);
uint64_t ctele_exits(const struct kvm_caretaker_telemetry *t, unsigned int row,
		     unsigned int server, bool gap);
bool ctele_row_wanted(const struct kvm_caretaker_telemetry *t, unsigned int row,
		      const bool *reasons);
bool ctele_row_shares(const struct kvm_caretaker_telemetry *t, unsigned int reason);
const char *ctele_damage(const struct kvm_caretaker_telemetry *t);
bool ctele_since(struct ctele_vcpu *v, const struct ctele_vcpu *before);

bool ctele_gap(const struct kvm_caretaker_telemetry *t, struct ctele_gap *gap);
uint64_t ctele_stalls_lost(const struct kvm_caretaker_telemetry *t);
uint64_t ctele_lost(const struct ctele_vcpu *v);
uint64_t ctele_stall_first(const struct kvm_caretaker_telemetry *t);
const struct kvm_caretaker_stall *ctele_stall(const struct kvm_caretaker_telemetry *t,
					      uint64_t i);
bool ctele_stall_sane(const struct kvm_caretaker_stall *s);
uint64_t ctele_set_lost(const struct ctele_set *set);
enum tool_status ctele_lost_end(const struct ctele_set *set, bool strict,
				enum tool_status status);

#endif /* CTOOLS_CTELE_H */
