// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * kvmclock goes on from the guest's page, never back. KVM is a small model: KVM_SET_CLOCK takes
 * effect some time into the call, KVM_GET_CLOCK tells time and TSC.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../cvmm.h"
#include "../state.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))
#define RAM_SIZE	(1 << 20)
#define PAGE_AT		0x4040
#define MSR_SYSTEM_TIME	0x4b564d01

struct scene {
	const char *name;
	uint64_t msr;		/* what the guest wrote to MSR_KVM_SYSTEM_TIME_NEW */
	uint64_t latency;	/* TSC cycles that a call takes at least */
	uint64_t jitter;	/* and at most so many more */
	uint32_t version;	/* of the page */
	int8_t shift;
	uint64_t offset;	/* guest TSC minus host TSC */
	int64_t limit;		/* largest error allowed in ns */
	bool page;		/* the page is what counts, not the saved clock */
};

/* TSC at 2 GHz: mul is 2^31 at shift 0, 2^30 at shift 1 and 2^32 - 1 at shift -1 */
static const struct scene scenes[] = {
	{ "steady_latency_is_taken_out", PAGE_AT | 1, 5000, 0, 6, 0, 1000, 16, true },
	{ "jitter_is_tried_away", PAGE_AT | 1, 2000, 4000, 6, 0, 1000, 600, true },
	{ "shift_up", PAGE_AT | 1, 5000, 0, 2, 1, 77, 16, true },
	{ "shift_down", PAGE_AT | 1, 5000, 0, 2, -1, 77, 16, true },
	{ "guest_tsc_behind_host", PAGE_AT | 1, 3000, 0, 2, 0, -123456789ULL, 16, true },
	{ "no_kvmclock_in_the_guest", 0, 3000, 0, 2, 0, 1000, 16, false },
	{ "page_outside_memory", (RAM_SIZE - 8) | 1, 3000, 0, 2, 0, 1000, 16, false },
	{ "page_half_written", PAGE_AT | 1, 3000, 0, 3, 0, 1000, 16, false },
	{ "page_never_written", PAGE_AT | 1, 3000, 0, 0, 0, 1000, 16, false },
};

static uint64_t tsc, clock_base, clock_tsc;
static const struct scene *scene;

void err(const char *fmt, ...)
{
	(void)fmt;
}

uint64_t rdtsc(void)
{
	return tsc += 20;
}

static uint64_t kvm_now(void)
{
	return clock_base + (tsc - clock_tsc) / 2;
}

static void pass_time(void)
{
	tsc += scene->latency + (scene->jitter ? (uint64_t)rand() % scene->jitter : 0);
}

int ioctl(int fd, unsigned long req, ...)
{
	struct kvm_clock_data *c;
	va_list ap;

	va_start(ap, req);
	c = va_arg(ap, void *);
	va_end(ap);
	pass_time();
	if (req == KVM_SET_CLOCK) {
		clock_base = c->clock;
		clock_tsc = tsc;
	} else {
		c->clock = kvm_now();
		c->host_tsc = tsc;
		c->flags = KVM_CLOCK_HOST_TSC | KVM_CLOCK_TSC_STABLE;
	}
	pass_time();
	return 0;
}

static void page_write(uint8_t *ram, const struct scene *s)
{
	uint64_t stamp = 1000000 + s->offset, system_time = 5000000000ULL;
	uint32_t mul = s->shift == 0 ? 1u << 31 : s->shift > 0 ? 1u << 30 : 0xffffffff;

	memcpy(ram + PAGE_AT, &s->version, 4);
	memcpy(ram + PAGE_AT + 8, &stamp, 8);
	memcpy(ram + PAGE_AT + 16, &system_time, 8);
	memcpy(ram + PAGE_AT + 24, &mul, 4);
	ram[PAGE_AT + 28] = s->shift;
}

/* What the guest has to read at a host TSC. The saved clock is 1 s behind the page's line. */
static uint64_t truth(const struct scene *s, uint64_t at)
{
	return 5000000000ULL + (at - 1000000) / 2 - (s->page ? 0 : 1000000000ULL);
}

static bool scene_play(const struct scene *s)
{
	static uint8_t ram[RAM_SIZE];
	static struct vm vm;
	struct cvmm_state *state = calloc(1, sizeof(*state) + sizeof(state->vcpu[0]));
	int64_t error;
	int ret;

	scene = s;
	tsc = 50000000000ULL;
	page_write(ram, s);
	memset(ram + RAM_SIZE - 8, 2, 8);	/* what looks like the start of a page */
	vm.ram = ram;
	vm.ram_size = RAM_SIZE;
	vm.state = state;
	state->clock_tsc = 1000000;
	state->clock.clock = 4000000000ULL;
	state->vcpu[0].tsc_khz = 2000000;
	state->vcpu[0].tsc_offset = s->offset;
	state->vcpu[0].nr_msrs = 1;
	state->vcpu[0].msr[0].index = MSR_SYSTEM_TIME;
	state->vcpu[0].msr[0].data = s->msr;
	ret = clock_restore(&vm);
	error = kvm_now() - truth(s, tsc);
	printf("# ret %d error %ld ns, reported %ld ns\n", ret, (long)error, (long)vm.clock_error);
	free(state);
	/* One ns for rounding, and ten more where mul is not exact */
	return !ret && error >= -1 - (s->shift < 0 ? 10 : 0) && error <= s->limit + 1;
}

int main(void)
{
	unsigned int i;
	int bad = 0;

	printf("KTAP version 1\n1..%zu\n", NELEM(scenes));
	for (i = 0; i < NELEM(scenes); i++) {
		bool ok = scene_play(&scenes[i]);

		printf("%sok %u %s\n", ok ? "" : "not ", i + 1, scenes[i].name);
		bad |= !ok;
	}
	return bad;
}
