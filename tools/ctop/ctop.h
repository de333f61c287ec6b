/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* ctop: exits of all vCPUs with a Caretaker, by reason and by who served them. */
#ifndef CTOP_H
#define CTOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/ctele.h"
#include "../lib/reason.h"
#include "../lib/times.h"

enum ctop_key {
	CTOP_KEY_VCPU,
	CTOP_KEY_COUNT,
	CTOP_KEY_RATE,
	CTOP_KEY_NATIVE,
	CTOP_KEY_HANDLER,
	CTOP_KEY_KVM,
	CTOP_KEY_BLOCKED,
	CTOP_KEY_STALLS,
	CTOP_KEY_STALLED,
	CTOP_KEY_LONGEST,
	CTOP_KEY_TIME,
	CTOP_KEY_MEAN,
	CTOP_KEY_P99,
	CTOP_KEY_MAX,
	CTOP_KEY_NAME,
	CTOP_NR_KEYS,
};

enum ctop_form {
	CTOP_TABLE,
	CTOP_JSON,
	CTOP_CSV,
	CTOP_OPENMETRICS,
};

/**
 * struct ctop_options - what the command line says
 * @source:	where the data comes from, and of which vCPUs
 * @gap:	the exits in gaps alone
 * @form:	of the output with -b
 * @strict:	a loss gives an exit status
 * @no_color:	no colours on the screen
 * @delay:	seconds between two looks
 * @count:	looks, 0 for no end
 * @max_rows:	rows to show, 0 for all
 * @key:	order of the rows
 * @invert:	the other way round
 * @reasons:	exit reasons to show
 */
struct ctop_options {
	struct ctele_source source;
	bool gap;
	enum ctop_form form;
	bool strict;
	bool no_color;
	double delay;
	long count;
	long max_rows;
	enum ctop_key key;
	bool invert;
	reason_set reasons;
};

#define CTOP_NO_REASON	(~0U)

/**
 * struct ctop_row - exits of one vCPU for one reason
 * @v:		the vCPU
 * @reason:	index in the tables or CTELE_ROW_SHARED; CTOP_NO_REASON for a vCPU without exits
 * @by:		exits by server
 * @total:	their sum
 * @rate:	exits per second since the look before, negative when not known
 * @stalled_ns:	time in its stalls, of the records that are there; NS_NONE for none
 * @longest_ns:	the longest of them, NS_NONE for none
 * @time:	times of the exits
 * @ns_by:	time by server, NS_NONE when not known
 * @share:	of the time of the vCPU, with --gap of that of all exits in gaps, in percent;
 *		negative when not known
 */
struct ctop_row {
	const struct ctele_vcpu *v;
	unsigned int reason;
	uint64_t by[KVM_CARETAKER_NR_SERVERS];
	uint64_t total;
	double rate;
	uint64_t stalled_ns;
	uint64_t longest_ns;
	struct times time;
	uint64_t ns_by[KVM_CARETAKER_NR_SERVERS];
	double share;
};

/**
 * struct ctop_rows - rows in the order in which they are shown
 * @rows:	the rows
 * @nr:		rows to show
 * @cut:	rows that -r leaves out
 */
struct ctop_rows {
	struct ctop_row *rows;
	size_t nr;
	size_t cut;
};

extern const char *const server_names[KVM_CARETAKER_NR_SERVERS];
extern const char *const ctop_key_names[CTOP_NR_KEYS];

uint64_t row_counts(const struct ctele_vcpu *v, unsigned int reason, bool gap,
		    uint64_t by[KVM_CARETAKER_NR_SERVERS]);
double row_share(const struct times *time, const struct ledger *ledger, uint64_t gap_cycles,
		 bool gap);
uint64_t vcpu_gap_cycles(const struct ctele_vcpu *v, const struct ctele_vcpu *base);
bool rows_make(struct ctop_rows *rows, const struct ctele_set *now, const struct ctele_set *before,
	       const struct ctop_options *opts);
void rows_free(struct ctop_rows *rows);

/**
 * struct ctop_gap - what the header says about the last gap
 * @ns:		the longest of all vCPUs, up to now for those that still are in it
 * @ended_ns:	CLOCK_REALTIME of the latest end, NS_NONE: not known
 * @in_gap:	vCPUs that still are in it
 */
struct ctop_gap {
	uint64_t ns;
	uint64_t ended_ns;
	unsigned int in_gap;
};

struct ctop_gap gap_of_set(const struct ctele_set *set);
const char *print_clock(uint64_t realtime_ns, char *buf, const char *form);
void print_csv(const struct ctele_set *set, const struct ctop_rows *rows, unsigned long look);
bool print_sets(const struct ctele_set *set);
bool print_ledgers(const struct ctele_set *set, const struct ctop_rows *rows);
void json_ledger(const struct ctele_vcpu *v);
void json_times(const struct ctop_row *row);
void json_rehearsals(const struct ctele_set *set);
void print_rehearsals(const struct ctele_set *set);
void print_rehearsal_metrics(const struct ctele_set *set, const struct ctop_options *opts);
bool print_openmetrics(const struct ctele_set *set, const struct ctop_options *opts);
bool print_look(const struct ctele_set *set, const struct ctop_rows *rows,
		const struct ctop_options *opts, unsigned long look);

enum tool_status screen_run(struct ctop_options *opts);

#endif /* CTOP_H */
