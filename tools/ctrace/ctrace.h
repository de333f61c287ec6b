/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* ctrace: what happened when. */
#ifndef CTRACE_H
#define CTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/ctele.h"
#include "../lib/output.h"
#include "../lib/reason.h"

/**
 * struct ctrace_options - what the command line says
 * @source:	where the data comes from, and of which vCPUs
 * @json:	NDJSON
 */
struct ctrace_options {
	struct ctele_source source;
	bool json;
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

/**
 * struct gap_view - the last gap of one vCPU
 * @v:		the vCPU
 * @g:		its stamps
 * @at:		the same stamps by step
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
	uint32_t khz;
	uint64_t first;
	uint64_t end;
	uint64_t earlier;
	uint64_t bad;
};

bool gap_view_make(struct gap_view *view, const struct ctele_vcpu *v);
uint64_t gap_offset(const struct gap_view *view, uint64_t tsc);
uint64_t gap_until_next(const struct gap_view *view, enum gap_step step);
bool gap_print(const struct gap_view *view);
void gap_print_json(const struct gap_view *view);

enum tool_status ctrace_gap(const struct ctrace_options *opts);
enum tool_status ctrace_list(const struct ctrace_options *opts);

/* Which vCPU an object is about; a saved file does not tell the process. */

#endif /* CTRACE_H */
