// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: the payload's moves in the state machine.
 */
#include "harness.h"

struct move {
	const char *name;
	u32 from, to;
	bool (*make)(void);
};

#define MOVE(from, to) \
	static bool move_##from##_##to(void) { return payload_move(from, to); }
MOVE(DETACHING, RUNNING)
MOVE(RUNNING, STALLED)
MOVE(ADOPTING, PARKED)
MOVE(DETACHING, FAULTED)
MOVE(RUNNING, FAULTED)
MOVE(STALLED, FAULTED)
MOVE(ADOPTING, FAULTED)

#define ENTRY(from, to) \
	{ #from " " #to, KVM_CARETAKER_##from, KVM_CARETAKER_##to, move_##from##_##to }
static const struct move moves[] = {
	ENTRY(DETACHING, RUNNING), ENTRY(RUNNING, STALLED), ENTRY(ADOPTING, PARKED),
	ENTRY(DETACHING, FAULTED), ENTRY(RUNNING, FAULTED), ENTRY(STALLED, FAULTED),
	ENTRY(ADOPTING, FAULTED),
};

#define NR_MOVES (sizeof(moves) / sizeof(moves[0]))

/* From every state every move is tried: it changes the state from its own source only. */
static void test_moves(void)
{
	u32 state, i;

	for (state = 0; state < KVM_CARETAKER_NR_STATES; state++) {
		for (i = 0; i < NR_MOVES; i++) {
			ccb.state = state;
			EXPECT_EQ(moves[i].make(), state == moves[i].from);
			EXPECT_EQ(ccb.state, state == moves[i].from ? moves[i].to : state);
		}
	}
}

/* The list above is the payload's half of the table, all of it. */
static void test_complete(void)
{
	u64 mask = 0;
	u32 i;

	for (i = 0; i < NR_MOVES; i++)
		mask |= 1ULL << (moves[i].from * 8 + moves[i].to);
	EXPECT_EQ(mask, KVM_CARETAKER_PAYLOAD_MOVES);
}

/* Each move has one writer; from RUNNING and STALLED both sides may move, to different states. */
static void test_one_writer(void)
{
	EXPECT_EQ(KVM_CARETAKER_PAYLOAD_MOVES & KVM_CARETAKER_KERNEL_MOVES, 0);
}

const struct test tests_state[] = {
	{ "state: each move works from its source only", test_moves },
	{ "state: the payload makes all its moves of the table", test_complete },
	{ "state: no move belongs to both sides", test_one_writer },
	{ NULL, NULL },
};
