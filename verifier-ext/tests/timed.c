// SPDX-License-Identifier: GPL-2.0
/* The shipped handlers that see the time. */
#include "latency.h"
#include "pmtimer.h"
#include "shipped.h"
#include "watchdog.h"

#define RAX	KVM_CARETAKER_RAX
#define KHZ	2893437U
#define HLT	0x78
#define IOIO	0x7b
#define CPUID	0x72
#define ACPI_HZ	3579545U	/* of the ACPI specification, not of the header that is tested */

/* What the counter is at @tsc, by division. */
static u64 pmtimer_exact(const struct caretaker_pmtimer_config *c, u64 tsc)
{
	return c->base_count + (u64)((__uint128_t)(tsc - c->base_tsc) *
				     ACPI_HZ / (KHZ * 1000ULL));
}

static int pmtimer_in(u64 *rax)
{
	return shipped_io(GAP, IN(0x608, 4), rax);
}

/* Whether a reading is the exact value of a moment in the call, or one tick late. */
static bool pmtimer_right(const struct caretaker_pmtimer_config *c, u64 mask)
{
	u64 before = __builtin_ia32_rdtsc(), rax = ~0ULL, low, high;
	int verdict = pmtimer_in(&rax);

	low = pmtimer_exact(c, before) - 1;
	high = pmtimer_exact(c, __builtin_ia32_rdtsc());
	if (!verdict && rax <= mask && ((rax - low) & mask) <= ((high - low) & mask))
		return true;
	test_note("%#llx is not between %#llx and %#llx", (unsigned long long)rax,
		  (unsigned long long)(low & mask), (unsigned long long)(high & mask));
	return false;
}

static bool pmtimer_rises(void)
{
	u64 last = 0, now;
	u32 i;

	for (i = 0; i < 100000; i++, last = now)
		if (pmtimer_in(&now) || now < last)
			return false;
	return true;
}

static void pmtimer_far(const struct caretaker_pmtimer_state *s, struct caretaker_pmtimer_config *c)
{
	u64 rax;
	bool ok;

	c->bits = 32;
	c->base_tsc = 0;
	c->base_count = 0;
	ok = pmtimer_right(c, 0xffffffff);
	c->base_count = ~0ULL - 5;
	test_result(ok && pmtimer_right(c, 0xffffffff) && s->last + 6 < 1ULL << 62,
		    "pmtimer: right after days, and when it wraps");
	c->base_tsc = ~0ULL;
	c->base_count = 77;
	test_result(!pmtimer_in(&rax) && rax == 77, "pmtimer: no time before its base");
}

static void test_pmtimer(int nr, char **paths)
{
	struct caretaker_pmtimer_state *s = shipped_load("pmtimer", sizeof(*s), nr, paths);
	struct caretaker_pmtimer_config *c = s ? shipped_config() : NULL;
	u64 rax = 5;

	if (!c)
		return;
	test_result(c->port == 0x608 && c->bits == 24 && pmtimer_in(&rax) == KVM_CARETAKER_NEXT &&
		    rax == 5, "pmtimer: without a loader's constants the port is left alone");
	c->ratio = caretaker_pmtimer_ratio(KHZ);
	c->base_tsc = __builtin_ia32_rdtsc() - 123456789;
	c->base_count = 0xfffff0;
	test_result(pmtimer_right(c, 0xffffff) && s->reads == 1 && s->size == sizeof(*s),
		    "pmtimer: 24 bits, within a tick of what division gives");
	c->bits = 32;
	test_result(pmtimer_right(c, 0xffffffff), "pmtimer: 32 bits, likewise");
	test_result(pmtimer_rises(), "pmtimer: never goes back");
	test_result(shipped_io(0, IN(0x608, 4), &rax) == KVM_CARETAKER_FORWARD &&
		    shipped_io(GAP, IN(0x608, 2), &rax) == KVM_CARETAKER_NEXT &&
		    shipped_io(GAP, IN(0x609, 4), &rax) == KVM_CARETAKER_NEXT &&
		    shipped_out(GAP, OUT(0x608, 4), 0) == KVM_CARETAKER_NEXT,
		    "pmtimer: attached, other sizes, ports and writes are left alone");
	c->flags = CARETAKER_PMTIMER_ATTACHED;
	c->port = 0xb008;
	test_result(!shipped_io(0, IN(0xb008, 4), &rax) &&
		    shipped_io(GAP, IN(0x608, 4), &rax) == KVM_CARETAKER_NEXT,
		    "pmtimer: the port is the loader's, and so is who answers attached");
	c->port = 0x608;
	pmtimer_far(s, c);
	shipped_unload();
}

/* An exit at @tsc of a guest that had run for @guest. */
static int exit_at(u32 reason, u64 tsc, u64 guest)
{
	struct kvm_caretaker_exit e = {
		.reason = reason, .tsc = tsc, .guest_tsc = guest, .vcpu = 3, .rip = tsc + 1,
		.info1 = tsc + 2, .flags = GAP,
	};
	u32 i;

	for (i = 0; i < 16; i++)
		e.gpr[i] = tsc + 100 + i;
	return shipped_exit(reason == HLT ? "hlt" : reason == IOIO ? "io" : "cpuid", &e);
}

/* Each length goes to the bucket whose bounds it is within, to the reason of the exit before. */
static bool latency_buckets(struct caretaker_latency_state *s)
{
	struct caretaker_latency *l = &s->reason[IOIO - CARETAKER_LATENCY_FIRST];
	u64 tsc = 1000, len;
	u32 i, bucket;

	for (i = 0; i < 45; i++) {
		len = 1ULL << i;
		bucket = i < 5 ? 0 : i - 4 < 31 ? i - 4 : 31;
		memset(l, 0, sizeof(*l));
		exit_at(IOIO, tsc, 0);
		tsc += len;
		exit_at(HLT, tsc, 0);
		if (l->count != 1 || l->cycles != len || l->max != len || l->hist[bucket] != 1) {
			test_note("%llu cycles", (unsigned long long)len);
			return false;
		}
	}
	return true;
}

static void test_latency(int nr, char **paths)
{
	struct caretaker_latency_state *s = shipped_load("latency", sizeof(*s), nr, paths);
	struct caretaker_latency *cpuid, *other;

	if (!s)
		return;
	cpuid = &s->reason[CPUID - CARETAKER_LATENCY_FIRST];
	test_result(exit_at(CPUID, 5000, 400) == KVM_CARETAKER_NEXT && s->skipped == 1 &&
		    !cpuid->count && s->size == sizeof(*s), "latency: the first exit has none");
	exit_at(IOIO, 9000, 4000);
	test_result(cpuid->count == 1 && cpuid->cycles == 400 && cpuid->max == 400 &&
		    cpuid->hist[4] == 1, "latency: what the guest did not run is the exit's");
	exit_at(CPUID, 8000, 4100);
	test_result(s->skipped == 2 && !s->reason[IOIO - CARETAKER_LATENCY_FIRST].count,
		    "latency: a TSC that is behind is left out");
	other = &s->reason[0];
	exit_at(0x9f, 10000, 4100);
	exit_at(0x400, 10010, 4100);
	exit_at(CPUID, 10030, 4100);
	test_result(s->reason[63].cycles == 10 && other->cycles == 20 && other->count == 1,
		    "latency: reasons out of the table share an entry");
	test_result(latency_buckets(s), "latency: lengths go to their buckets");
	shipped_unload();
}

static void test_watchdog(int nr, char **paths)
{
	struct caretaker_watchdog_state *s = shipped_load("watchdog", sizeof(*s), nr, paths);
	struct caretaker_watchdog_config *c = s ? shipped_config() : NULL;
	const struct caretaker_watchdog_record *r;
	u32 i;

	if (!c)
		return;
	exit_at(IOIO, 1000, 0);
	test_result(exit_at(IOIO, 1000000, 0) == KVM_CARETAKER_NEXT && !s->exits,
		    "watchdog: without a limit nothing is looked at");
	c->limit = 500;
	exit_at(IOIO, 2000000, 0);
	exit_at(CPUID, 2000700, 200);
	test_result(s->exits == 2 && !s->late, "watchdog: up to the limit nothing is recorded");
	exit_at(HLT, 2001500, 299);
	r = &s->record[0];
	test_result(s->late == 1 && r->seq == 1 && r->cycles == 701 && r->reason == CPUID &&
		    r->tsc == 2000700 && r->rip == 2000701 && r->info1 == 2000702 && r->vcpu == 3 &&
		    r->flags == GAP && r->gpr[0] == 2000800 && r->gpr[15] == 2000815,
		    "watchdog: beyond it the exit is recorded with its registers");
	exit_at(IOIO, 9000000, 300);
	test_result(s->late == 1, "watchdog: a guest that halts is not late");
	for (i = 0; i < CARETAKER_WATCHDOG_RECORDS; i++)
		exit_at(IOIO, 10000000 + i * 1000, 300);
	test_result(s->late == 17 && s->record[0].seq == 17 && s->record[1].seq == 2,
		    "watchdog: the last ones are kept");
	shipped_unload();
}

void test_timed(int nr, char **paths)
{
	test_pmtimer(nr, paths);
	test_latency(nr, paths);
	test_watchdog(nr, paths);
}
