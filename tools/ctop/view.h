/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What the screen shows, without the screen: host, VM, vCPU, exit reason. */
#ifndef CTOP_VIEW_H
#define CTOP_VIEW_H

#include "ctop.h"
#include "../lib/hist.h"
#include "../lib/output.h"

enum view_level {
	VIEW_HOST,	/* a line per VM */
	VIEW_VM,	/* a line per vCPU */
	VIEW_VCPU,	/* a line per exit reason */
	VIEW_REASON,	/* one exit reason of one vCPU in full */
	VIEW_NR_LEVELS,
};

/* A column of the time ledger, and one of exits and ledger alike; all others are of exits. */
#define VIEW_LEDGER	(1U << VIEW_NR_LEVELS)
#define VIEW_BOTH	(2U << VIEW_NR_LEVELS)

#define VIEW_FILTER_MAX	32
#define VIEW_CELL_MAX	64

/**
 * struct view_id - a line, found again at the next look
 * @vm_id:	VM
 * @pid:	its process
 * @fd:		and descriptor there
 * @vcpu:	vCPU, below VIEW_HOST
 * @reason:	exit reason, below VIEW_VM
 */
struct view_id {
	uint64_t vm_id;
	long pid;
	long fd;
	long vcpu;
	unsigned int reason;
};

/**
 * struct view_item - a line
 * @id:		which
 * @v:		the vCPU, the first one of a VM
 * @vcpus:	vCPUs that are summed up
 * @name:	of the line
 * @state:	of the vCPU; of a VM the gravest, with a plus when not all have it
 * @mixed:	its vCPUs have not all the handlers of the first one
 * @by:		exits by server
 * @total:	their sum
 * @rate:	exits per second, negative when not known
 * @stalls:	stalls
 * @stalled:	lengths of those that there are records of
 * @time:	times of the exits
 * @ledger:	what the time of the vCPUs went to
 * @gap_cycles:	time of all exits in gaps, when only those are shown
 */
struct view_item {
	struct view_id id;
	const struct ctele_vcpu *v;
	unsigned int vcpus;
	char name[REASON_NAME_MAX];
	char state[18];
	bool mixed;
	uint64_t by[KVM_CARETAKER_NR_SERVERS];
	uint64_t total;
	double rate;
	uint64_t stalls;
	struct hist stalled;
	struct times time;
	struct ledger ledger;
	uint64_t gap_cycles;
};

/**
 * struct view - what is shown and how
 * @level:	how deep
 * @path:	the lines that were entered, by level
 * @key:	order
 * @invert:	the other way round
 * @gap:	exits in gaps alone
 * @ledger:	the time ledger instead of the exits
 * @server:	whose histogram is shown of an exit reason; KVM_CARETAKER_NR_SERVERS for all
 * @by_server:	of the exit reason that was entered: times by server
 * @vcpu:	the vCPU that was entered, NULL when it is gone
 * @time:	its ledger
 * @reasons:	exit reasons that count
 * @filter:	text that lines have to have, by level
 * @items:	the lines
 * @nr:		their number
 * @hidden:	lines that the filter hides
 * @cursor:	the marked line
 * @follow:	the mark stays on its line; else it stays where it is on the screen
 */
struct view {
	enum view_level level;
	struct view_id path[VIEW_NR_LEVELS];
	enum ctop_key key;
	bool invert;
	bool gap;
	bool ledger;
	unsigned int server;
	struct times by_server[KVM_CARETAKER_NR_SERVERS];
	const struct ctele_vcpu *vcpu;
	struct ledger time;
	const bool *reasons;
	char filter[VIEW_NR_LEVELS][VIEW_FILTER_MAX];
	struct view_item *items;
	size_t nr;
	size_t hidden;
	size_t cursor;
	bool follow;
};

/**
 * struct view_data - looks
 * @now:	the latest
 * @before:	the one before, for the rates
 * @base:	what is taken off the counts, empty for nothing
 */
struct view_data {
	const struct ctele_set *now;
	const struct ctele_set *before;
	const struct ctele_set *base;
};

/**
 * struct view_col - a column
 * @title:	heading
 * @width:	characters
 * @left:	text starts at the left
 * @levels:	bits of the levels that have it, VIEW_LEDGER, VIEW_BOTH
 * @key:	order that it shows, CTOP_NR_KEYS for none
 * @cell:	writes VIEW_CELL_MAX bytes
 */
struct view_col {
	const char *title;
	int width;
	bool left;
	unsigned int levels;
	enum ctop_key key;
	void (*cell)(const struct view_item *item, char *buf);
};

/* Does the view show the time ledger? An exit reason has none. */
static inline bool view_is_ledger(const struct view *view)
{
	return view->ledger && view->level != VIEW_REASON;
}

extern const struct view_col view_cols[];
extern const size_t view_nr_cols;

bool view_build(struct view *view, const struct view_data *data);
void view_free(struct view *view);
bool view_enter(struct view *view);
bool view_leave(struct view *view);
int state_gravity(const char *state);

#endif /* CTOP_VIEW_H */
