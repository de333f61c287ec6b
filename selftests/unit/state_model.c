// SPDX-License-Identifier: GPL-2.0
/*
 * Explores the handover's state machine (model.h) exhaustively: no forbidden state is reachable,
 * everything can come to a good end, and each of a list of planted bugs is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kvm_caretaker_ccb.h>

#include "ktap.h"
#include "model.h"

#define TABLE_SIZE	(1U << 18)
#define MAX_STATES	(1U << 16)
#define MAX_EDGES	(1U << 20)
#define NOWHERE		0xffffffffU

struct edge {
	uint32_t from, to;
};

/**
 * struct graph - all states that can be reached
 * @state:	the states, in the order in which they were found
 * @parent:	from which state each was found first
 * @how:	by which step
 * @table:	hash table of indices, plus one
 * @edge:	all steps
 */
static struct graph {
	struct model_state state[MAX_STATES];
	uint32_t parent[MAX_STATES];
	const char *how[MAX_STATES];
	uint32_t table[TABLE_SIZE];
	struct edge edge[MAX_EDGES];
	uint32_t nr, nr_edges;
	uint32_t bad;		/* where the first wrong thing was, or NOWHERE */
	const char *last;	/* the step that was wrong */
} g;

static bool good[MAX_STATES];

static uint32_t hash(const struct model_state *s)
{
	uint64_t w[2], h;

	_Static_assert(sizeof(*s) == sizeof(w), "a state is two words");
	memcpy(w, s, sizeof(w));
	h = (w[0] ^ (w[1] * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL;
	return (h ^ (h >> 32)) % TABLE_SIZE;
}

/* The state's index; a new one is added */
static uint32_t state_index(const struct model_state *s, uint32_t parent, const char *how)
{
	uint32_t h = hash(s);

	for (; g.table[h]; h = (h + 1) % TABLE_SIZE)
		if (!memcmp(&g.state[g.table[h] - 1], s, sizeof(*s)))
			return g.table[h] - 1;
	if (g.nr == MAX_STATES) {
		fprintf(stderr, "state_model: more than %u states\n", MAX_STATES);
		exit(1);
	}
	g.state[g.nr] = *s;
	g.parent[g.nr] = parent;
	g.how[g.nr] = how;
	g.table[h] = g.nr + 1;
	return g.nr++;
}

static void edge_add(uint32_t from, uint32_t to)
{
	if (g.nr_edges == MAX_EDGES) {
		fprintf(stderr, "state_model: more than %u steps\n", MAX_EDGES);
		exit(1);
	}
	g.edge[g.nr_edges++] = (struct edge){ from, to };
}

/* Explores until everything is seen or something is wrong; true when nothing was. */
static bool explore(struct model *m)
{
	struct model_state start = { .own = 1 };
	struct model_step steps[MODEL_MAX_STEPS];
	unsigned int n, k;
	uint32_t i, to;

	memset(g.table, 0, sizeof(g.table));
	g.nr = 0;
	g.nr_edges = 0;
	g.bad = NOWHERE;
	state_index(&start, NOWHERE, "start");
	for (i = 0; i < g.nr; i++) {
		n = model_steps(m, &g.state[i], steps);
		for (k = 0; k < n; k++) {
			to = state_index(&steps[k].to, i, steps[k].what);
			edge_add(i, to);
			if (!m->wrong)
				m->wrong = model_invariant(m, &g.state[to]);
			if (m->wrong) {
				g.bad = i;
				g.last = steps[k].what;
				return false;
			}
		}
	}
	return true;
}

/* Prints how a state is reached */
static void trace_print(uint32_t i, const char *last)
{
	const char *step[256];
	unsigned int n = 0;

	for (; i != NOWHERE && n < ARRAY_SIZE(step); i = g.parent[i])
		step[n++] = g.how[i];
	while (n--)
		ktap_diag("  %s", step[n]);
	if (last)
		ktap_diag("  %s", last);
}

/* Marks all states from which a good end can be reached; the first that is not, or NOWHERE */
static uint32_t stuck_find(void)
{
	bool more = true;
	uint32_t i;

	for (i = 0; i < g.nr; i++)
		good[i] = model_goal(&g.state[i]);
	while (more) {
		more = false;
		for (i = g.nr_edges; i-- > 0;) {
			if (good[g.edge[i].to] && !good[g.edge[i].from]) {
				good[g.edge[i].from] = true;
				more = true;
			}
		}
	}
	for (i = 0; i < g.nr; i++)
		if (!good[i])
			return i;
	return NOWHERE;
}

/*
 * Lets only the payload move, along its every path: whether it gives the vCPU back within @left
 * steps. The longest path has about a dozen.
 */
static bool payload_parks(struct model *m, const struct model_state *s, unsigned int left)
{
	struct model_step steps[MODEL_MAX_STEPS];
	unsigned int n, k;

	if (s->state == KVM_CARETAKER_PARKED || s->state == KVM_CARETAKER_FAULTED)
		return true;
	if (!left)
		return false;
	n = model_payload_steps(m, s, steps);
	for (k = 0; k < n; k++)
		if (!payload_parks(m, &steps[k].to, left - 1))
			return false;
	return n;
}

/* The first state in which the payload was asked and kicked and does not park, or NOWHERE */
static uint32_t deaf_find(struct model *m)
{
	uint32_t i;

	for (i = 0; i < g.nr; i++)
		if (g.state[i].kernel == K_WAIT_PARK &&
		    g.state[i].state == KVM_CARETAKER_ADOPTING &&
		    !payload_parks(m, &g.state[i], 24))
			return i;
	return NOWHERE;
}

/* What is wrong with this model, or NULL; @at: the state, for a trace */
static const char *model_judge(struct model *m, uint32_t *at)
{
	if (!explore(m)) {
		*at = g.bad;
		return m->wrong;
	}
	*at = stuck_find();
	if (*at != NOWHERE)
		return "stuck: no way to a vCPU in KVM and a pCPU in the host";
	*at = deaf_find(m);
	if (*at != NOWHERE)
		return "deaf: asked and kicked, the payload need not park";
	return NULL;
}

static enum ktap_result model_holds(unsigned int with)
{
	struct model m = { .with = with };
	const char *why;
	uint32_t at;

	why = model_judge(&m, &at);
	if (why) {
		ktap_diag("%s, after:", why);
		trace_print(at, g.last);
		return KTAP_FAIL;
	}
	ktap_diag("%u states, %u steps", g.nr, g.nr_edges);
	return KTAP_PASS;
}

static enum ktap_result holds_plain(void)
{
	return model_holds(0);
}

static enum ktap_result holds_timeouts(void)
{
	return model_holds(MODEL_TIMEOUTS);
}

static enum ktap_result holds_faults(void)
{
	return model_holds(MODEL_FAULTS);
}

static enum ktap_result holds_all(void)
{
	return model_holds(MODEL_FAULTS | MODEL_TIMEOUTS);
}

#define MOVE_LINE(from, to, who, when)						\
	{ #from " -> " #to, KVM_CARETAKER_##from * 8 + KVM_CARETAKER_##to },
static const struct {
	const char *name;
	unsigned int bit;
} moves[] = { KVM_CARETAKER_MOVES(MOVE_LINE) };

/* A move that nobody ever makes would be a hole in the model or in the table. */
static enum ktap_result all_moves_made(void)
{
	struct model m = { .with = MODEL_FAULTS | MODEL_TIMEOUTS };
	unsigned int i;

	CHECK(explore(&m), "%s", m.wrong);
	for (i = 0; i < ARRAY_SIZE(moves); i++)
		CHECK(m.made & (1ULL << moves[i].bit), "%s is never made", moves[i].name);
	return KTAP_PASS;
}

/* The two masks share no move: each has one writer. */
static enum ktap_result one_writer(void)
{
	CHECK(!(KVM_CARETAKER_KERNEL_MOVES & KVM_CARETAKER_PAYLOAD_MOVES), "a move of both sides");
	CHECK(__builtin_popcountll(KVM_CARETAKER_KERNEL_MOVES | KVM_CARETAKER_PAYLOAD_MOVES) ==
	      (int)ARRAY_SIZE(moves), "a move is listed twice");
	return KTAP_PASS;
}

struct planted {
	enum model_bug bug;
	unsigned int with;
	const char *name;
	const char *found_as;	/* start of what the model has to say */
};

static const struct planted planted[] = {
	{ BUG_BEGIN_STORES, MODEL_TIMEOUTS, "payload sets RUNNING without compare",
	  "KVM executes" },
	{ BUG_TIMEOUT_STORES, MODEL_TIMEOUTS, "kernel sets ATTACHED without compare", "" },
	{ BUG_BLOCK_STORES, 0, "payload sets STALLED without compare", "" },
	{ BUG_NMI_STAYS, 0, "NMI handler stays in the idle window", "stuck" },
	{ BUG_IDLE_ORDER, 0, "state is looked at before kicked is cleared", "stuck" },
	{ BUG_TAKE_EARLY, 0, "kernel takes the vCPU before PARKED", "the vCPU is taken" },
	{ BUG_INIT_EARLY, 0, "kernel sends INIT before HALTED", "INIT to" },
	{ BUG_INIT_OWNED, 0, "next kernel sends INIT to a preserved pCPU", "INIT to" },
	{ BUG_RING_FIRST, 0, "doorbell before the copy", "VMRUN before" },
	{ BUG_NO_STOP, 0, "vCPU is copied while it runs", "the vCPU is copied" },
	{ BUG_ONE_STACK, 0, "one stack for attached and detached", "two CPUs" },
	{ BUG_NO_KICK, 0, "kernel asks without an NMI", "" },
	{ BUG_NO_LOOK, 0, "payload serves exits without a look at the state", "deaf" },
};

static enum ktap_result bug_found(const struct planted *p)
{
	struct model m = { .bug = p->bug, .with = p->with };
	const char *why;
	uint32_t at;

	why = model_judge(&m, &at);
	CHECK(why, "the model sees nothing wrong");
	CHECK(!strncmp(why, p->found_as, strlen(p->found_as)), "found as: %s", why);
	ktap_diag("found as: %s", why);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "every move has one writer", one_writer },
		{ "the handover holds in its plain course", holds_plain },
		{ "it holds when waiting is given up and tried again", holds_timeouts },
		{ "it holds when the payload faults anywhere", holds_faults },
		{ "it holds with both", holds_all },
		{ "every move of the table is made", all_moves_made },
	};
	unsigned int i;

	_Static_assert(ARRAY_SIZE(planted) == NR_BUGS - 1, "every bug is planted once");
	ktap_plan(ARRAY_SIZE(cases) + ARRAY_SIZE(planted));
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		ktap_result(cases[i].run(), "%s", cases[i].name);
	for (i = 0; i < ARRAY_SIZE(planted); i++)
		ktap_result(bug_found(&planted[i]), "planted and found: %s", planted[i].name);
	return ktap_finish();
}
