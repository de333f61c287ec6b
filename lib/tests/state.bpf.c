// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* State of handlers that changes from one build to the next: -DSTATE_base and so on. */
typedef unsigned int u32;
typedef unsigned long long u64;
typedef u64 number;

#define SEC(name) __attribute__((section(name), used))

#ifdef STATE_same
typedef number count_t;
#else
typedef u64 count_t;
#endif

struct inner {
#ifdef STATE_renamed
	u32 chosen;
#else
	u32 kept;
#endif
#ifdef STATE_wider
	u64 flag;
#elif defined(STATE_placed)
	u32 flag : 3, : 1, rest : 28;
#elif defined(STATE_cut)
	u32 flag : 2, : 1, rest : 28;
#else
	u32 flag : 3, rest : 28;
#endif
};

struct state {
	u32 size;
	u32 version;
#ifdef STATE_moved
	struct inner in[4];
	count_t count;
#else
	count_t count;
#ifdef STATE_longer
	struct inner in[5];
#else
	struct inner in[4];
#endif
#endif
	void *nothing;
};

#ifdef STATE_other
#define counters counts
#endif

#ifdef STATE_data
struct state counters = { .size = 7 };
#elif !defined(STATE_none)
struct state counters;
#else
const volatile struct state counters;
#endif
#ifdef STATE_both
u64 more = 1;
#endif

SEC("socket")
int touch(void *ctx)
{
#ifdef STATE_both
	more++;
#endif
#ifndef STATE_none
	counters.count++;
#endif
	return (int)counters.size;
}

char _license[] SEC("license") = "GPL";
