/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* ctrace: what happened when. */
#ifndef CTRACE_H
#define CTRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/ctele.h"
#include "../lib/output.h"
#include "../lib/hist.h"
#include "../lib/reason.h"
#include "../lib/times.h"

/**
 * struct ctrace_options - what the command line says
 * @source:	where the data comes from, and of which vCPUs
 * @json:	NDJSON
 * @strict:	a loss gives an exit status
 * @explain:	name the cause of each pause
 * @summary:	exits and stalls by reason alone
 * @events:	with the events of the rings
 * @clock:	time of day instead of seconds from the start
 * @perfetto:	file for a trace viewer, NULL for none
 * @html:	file for a browser, NULL for none
 * @output:	file to record to
 * @delay:	seconds between two looks
 * @count:	looks, 0 for no end
 * @reasons:	exit reasons that are shown
 * @words:	words behind the options, ends with NULL
 */
struct ctrace_options {
	struct ctele_source source;
	bool json;
	bool strict;
	bool explain;
	bool summary;
	bool events;
	bool clock;
	const char *perfetto;
	const char *html;
	const char *output;
	double delay;
	long count;
	reason_set reasons;
	char **words;
};

/* Steps of a handover; the steps of struct ctele_gap in their order */
enum gap_step {
	GAP_STOP,
	GAP_RUN,
	GAP_KICK,
	GAP_PARK,
	GAP_ADOPT,
	GAP_NR_STEPS,
};

extern const char *const gap_step_names[GAP_NR_STEPS];
extern const char *const gap_step_texts[GAP_NR_STEPS];

/**
 * struct gap_view - the last gap of one vCPU
 * @v:		the vCPU
 * @g:		its stamps
 * @at:		the same stamps by step
 * @boot:	phases of the boot of the kernel that was asked, NULL for none
 * @khz:	frequency of the TSC
 * @first:	number of the first record of a stall that lies in this gap
 * @end:	number after the last one
 * @earlier:	records of stalls in earlier gaps
 * @bad:	records that make no sense
 */
struct gap_view {
	const struct ctele_vcpu *v;
	struct ctele_gap g;
	uint64_t at[GAP_NR_STEPS];
	const struct boot *boot;
	uint32_t khz;
	uint64_t first;
	uint64_t end;
	uint64_t earlier;
	uint64_t bad;
};

bool gap_view_make(struct gap_view *view, const struct ctele_vcpu *v);
bool gap_boot_inside(const struct gap_view *view, unsigned int phase);
uint64_t gap_boot_end(const struct gap_view *view, unsigned int phase);
void gap_boot_rows(struct table *t, const struct gap_view *view, unsigned int *next,
		   uint64_t until);
void gap_boot_print_json(const struct gap_view *view);
uint64_t gap_offset(const struct gap_view *view, uint64_t tsc);
uint64_t gap_until_next(const struct gap_view *view, enum gap_step step);
uint64_t gap_stall_length(const struct gap_view *view, const struct kvm_caretaker_stall *s);
bool gap_stall_open(const struct kvm_caretaker_stall *s);
bool gap_print(const struct gap_view *view);
void gap_print_json(const struct gap_view *view);
void gap_title(const struct gap_view *view);
bool gap_event_inside(const struct gap_view *view, const struct ring_event *e);
bool gap_events_print(const struct gap_view *view, const struct ctele_set *set);
void gap_events_print_json(const struct gap_view *view, const struct ctele_set *set);
void ctrace_json_header(const struct ctele_set *set, const char *command);

extern const char *const ctrace_server_names[KVM_CARETAKER_NR_SERVERS];

/**
 * struct gap_exits - exits of one row in gaps
 * @by:		by server
 * @all:	of all servers
 */
struct gap_exits {
	struct times by[KVM_CARETAKER_NR_SERVERS];
	struct times all;
};

bool gap_exits_get(struct gap_exits *x, const struct kvm_caretaker_telemetry *t, unsigned int row);

/* Why a vCPU stood still */
enum pause_cause {
	PAUSE_PRESERVE,
	PAUSE_IO,
	PAUSE_MSR,
	PAUSE_MMIO,
	PAUSE_HYPERCALL,
	PAUSE_OTHER,
	PAUSE_ADOPT,
	PAUSE_FAULT,
};

/* Shorter ones are counted, not named. */
#define PAUSE_NAMED_NS	10000

/**
 * struct pause - a time in which a vCPU stood still because of the handover
 * @cause:	why it began
 * @from:	TSC
 * @to:		TSC, 0: it goes on
 * @stall:	number of the stall, for those that began with a blocking exit
 * @adopt:	it ended with the adoption: from the kick on that was the cause
 */
struct pause {
	enum pause_cause cause;
	uint64_t from;
	uint64_t to;
	uint64_t stall;
	bool adopt;
};

#define PAUSE_MAX	(KVM_CARETAKER_NR_STALLS + 3)

/**
 * struct pause_list - pauses of one vCPU in its last gap, in the order of time
 * @list:	the pauses
 * @nr:		their number
 */
struct pause_list {
	struct pause list[PAUSE_MAX];
	unsigned int nr;
};

void pause_find(struct pause_list *p, const struct gap_view *view);
uint64_t pause_ns(const struct gap_view *view, const struct pause *p);
const char *pause_cause_name(enum pause_cause cause);
const char *pause_remedy(enum pause_cause cause);
const char *pause_text(const struct gap_view *view, const struct pause *p, char *buf, size_t len);
void served_print(const struct gap_view *view);
void served_print_json(const struct gap_view *view);
void ledger_print(const struct gap_view *view);
void ledger_print_json(const struct gap_view *view);
bool explain_print(const struct gap_view *view);
void explain_print_json(const struct gap_view *view);

struct summary;

struct summary *summary_new(const struct ctele_set *set);
void summary_add(struct summary *s, const struct ctele_vcpu *now, const struct ctele_vcpu *before,
		 bool gap);
bool summary_hist(const struct summary *s, const struct ctrace_options *opts);
bool hist_of_exits(const struct times *x, unsigned int row, unsigned int server,
		   const uint64_t *lost);
bool hist_of_stalls(const struct hist *h, unsigned int row, const uint64_t *lost);
bool summary_print(const struct summary *s, const struct ctrace_options *opts);

/**
 * struct events - what the difference between two looks tells
 * @opts:	form
 * @before:	the look before
 * @start_ns:	CLOCK_REALTIME of the first look
 * @first:	this is the first look
 * @past:	tell also what had happened before the first look
 * @nr:		events so far
 */
struct events {
	const struct ctrace_options *opts;
	struct ctele_set before;
	uint64_t start_ns;
	bool first;
	bool past;
	uint64_t nr;
};

bool events_look(struct events *e, const struct ctele_set *now);
const struct ctele_vcpu *events_find(const struct ctele_set *set, const struct ctele_vcpu *like);

/**
 * struct span - the time that all vCPUs of a picture share
 * @from:	TSC of the first stop
 * @to:		TSC of the last adoption, or of the look while it has not happened
 * @khz:	frequency of the TSC, 0: there is nothing to draw
 */
struct span {
	uint64_t from;
	uint64_t to;
	uint32_t khz;
};

void span_find(struct span *span, const struct ctele_set *set);
uint64_t span_end(const struct span *span, uint64_t tsc);
FILE *picture_open(const char *path);
enum tool_status picture_close(FILE *f, const char *path);
enum tool_status perfetto_write(const char *path, const struct ctele_set *set);
void html_text(FILE *f, const char *s);
void html_exits(FILE *f, const struct ctele_set *set);
void html_ledgers(FILE *f, const struct ctele_set *set);
enum tool_status html_write(const char *path, const struct ctele_set *set);

enum tool_status ctrace_gap(const struct ctrace_options *opts);
enum tool_status ctrace_list(const struct ctrace_options *opts);
enum tool_status ctrace_hist(const struct ctrace_options *opts);
enum tool_status ctrace_live(const struct ctrace_options *opts);
enum tool_status ctrace_record(const struct ctrace_options *opts);
enum tool_status ctrace_report(const struct ctrace_options *opts);

#endif /* CTRACE_H */
