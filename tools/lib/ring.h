/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Events of the Caretakers' rings, as tracefs shows them in remotes/caretaker. */
#ifndef CTOOLS_RING_H
#define CTOOLS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctele.h"

#define RING_TRACEFS	"/sys/kernel/tracing"
#define RING_NR_NAMES	11

/**
 * struct ring_dropped - events of one vCPU that never came to be in its ring
 * @vm:		identity of its VM
 * @vcpu:	vCPU in its VM
 * @seen:	their number at the last look
 * @nr:		what it grew by
 */
struct ring_dropped {
	uint64_t vm;
	uint32_t vcpu;
	uint64_t seen;
	uint64_t nr;
};

/**
 * struct ring_reader - an open remote
 * @dir:	its directory
 * @pipe:	trace_pipe, which is held open and not read: the kernel collects meanwhile
 * @last_us:	time of the newest event that was taken
 * @last_nr:	events of that time that were taken
 * @had:	at least one was taken
 * @skip:	what is there at the first look is not told
 * @looked:	there was a look
 * @set_on:	tracing_on was switched on here
 * @set:	by number of the name: switched on here
 * @dropped:	vCPUs that were seen in "rings"
 * @nr_dropped:	their number
 */
struct ring_reader {
	char dir[512];
	int pipe;
	uint64_t last_us;
	unsigned int last_nr;
	bool had;
	bool skip;
	bool looked;
	bool set_on;
	bool set[RING_NR_NAMES];
	struct ring_dropped *dropped;
	size_t nr_dropped;
};

enum tool_status ring_open(struct ring_reader *r, const struct ctele_source *src);
enum tool_status ring_load(struct ring_reader *r, const struct ctele_source *src,
			   struct ctele_set *set);
void ring_close(struct ring_reader *r);
int ring_names_check(const char *list);
bool ring_line_parse(const char *line, struct ring_event *e, uint64_t *lost);
bool ring_text_take(struct ring_reader *r, const struct ctele_source *src, char *text,
		    struct ctele_set *set);
bool ring_losses_take(struct ring_reader *r, const struct ctele_source *src, char *text,
		      struct ctele_set *set, bool tell);
bool ring_event_wanted(const struct ctele_source *src, const struct ring_event *e);
bool ring_event_add(struct ctele_set *set, const struct ring_event *e);
void ring_lost_count(struct ctele_set *set);
bool ring_events_move(struct ctele_set *to, struct ctele_set *from);

#endif /* CTOOLS_RING_H */
