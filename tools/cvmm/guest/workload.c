// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The guest's /init: a loop that notices when it does not run. On CPU 0 it makes no system call
 * and does not sleep while it measures. Each pass
 *   - reads the TSC and sorts its distance from the reading before into a histogram,
 *   - advances a checksum in vector registers, and the same one in general registers,
 *   - now and then writes one byte of a numbered line to port 0x3f8, and executes CPUID.
 * and every CPU looks at the clocks now and then. Further CPUs run a loop of their own (cpus.c).
 * Results go to the mailbox (mailbox.h) and, at the end, to the console as RESULT lines.
 *
 * Kernel command line: cvmm.mailbox=ADDRESS cvmm.mailbox_size=BYTES cvmm.tsc_khz=N (from cvmm),
 * workload.slice_ms=N (default 20), workload.line_slices=N: one line in N slices (default 3).
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <immintrin.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest.h"

#define COM1		0x3f8
#define CPUID_EVERY	4096	/* loops */
#define CHECK_EVERY	1024	/* loops */
#define CLOCK_EVERY	4096	/* loops */
#define BYTE_EVERY	64	/* loops between two bytes of a line */
#define WORDS		4	/* 64-bit words of the checksum */

struct work {
	struct mailbox *box;
	struct clocks clocks;
	uint64_t slice;		/* TSC cycles */
	uint64_t line_slices;
	uint64_t hist[MAILBOX_NR_HIST];
	uint64_t last, next, slice_max, slice_max_tsc;
	uint64_t loops, lines, bytes, cpuids, cpuid_bad, checks, bad_checks, max_delta, backwards;
	uint64_t sum[WORDS] __attribute__((aligned(32)));
	uint32_t cpuid_first[4];
	char line[64];
	unsigned int line_len, line_pos;
};

static struct work work;

/* One step of xorshift in each 32-bit lane, two lanes per word, no vector instruction. */
static inline uint64_t step_scalar(uint64_t x)
{
	x ^= (x << 13) & 0xffffe000ffffe000ull;
	x ^= (x >> 17) & 0x00007fff00007fffull;
	x ^= (x << 5) & 0xffffffe0ffffffe0ull;
	return x;
}

static inline __m128i step_sse(__m128i v)
{
	v = _mm_xor_si128(v, _mm_slli_epi32(v, 13));
	v = _mm_xor_si128(v, _mm_srli_epi32(v, 17));
	return _mm_xor_si128(v, _mm_slli_epi32(v, 5));
}

__attribute__((target("avx2")))
static inline __m256i step_avx(__m256i v)
{
	v = _mm256_xor_si256(v, _mm256_slli_epi32(v, 13));
	v = _mm256_xor_si256(v, _mm256_srli_epi32(v, 17));
	return _mm256_xor_si256(v, _mm256_slli_epi32(v, 5));
}

static uint32_t line_sum(const char *s, unsigned int len)
{
	uint32_t sum = 2166136261u;	/* FNV-1a */

	while (len--)
		sum = (sum ^ (uint8_t)*s++) * 16777619u;
	return sum;
}

static char *put_hex(char *p, uint64_t v, int digits)
{
	while (digits--)
		*p++ = "0123456789abcdef"[(v >> (digits * 4)) & 15];
	return p;
}

/* "@CT <number> <tsc> <checksum>\n", no libc call in here: this runs while it measures. */
static void line_make(struct work *w, uint64_t now)
{
	char *p = w->line;

	*p++ = '@';
	*p++ = 'C';
	*p++ = 'T';
	*p++ = ' ';
	p = put_hex(p, w->lines, 8);
	*p++ = ' ';
	p = put_hex(p, now, 16);
	*p++ = ' ';
	p = put_hex(p, line_sum(w->line, p - w->line), 8);
	*p++ = '\n';
	w->line_len = p - w->line;
	w->line_pos = 0;
}

static void line_byte(struct work *w)
{
	if (w->line_pos >= w->line_len)
		return;
	outb(w->line[w->line_pos++], COM1);
	w->bytes++;
	if (w->line_pos == w->line_len)
		w->lines++;
}

static void cpuid_probe(struct work *w)
{
	uint32_t r[4];

	__cpuid(0x80000002, r[0], r[1], r[2], r[3]);
	if (!w->cpuids)
		memcpy(w->cpuid_first, r, sizeof(r));
	else if (memcmp(w->cpuid_first, r, sizeof(r)))
		w->cpuid_bad++;
	w->cpuids++;
}

/* End of a slice: one record, the live figures, the next line. Returns true when told to end. */
static bool slice_end(struct work *w, uint64_t now)
{
	struct mailbox *b = w->box;
	struct mailbox_slice *s = &b->ring[b->slices % MAILBOX_NR_RING];

	s->tsc = now;
	s->loops = w->loops;
	s->max_delta = w->slice_max;
	s->max_tsc = w->slice_max_tsc;
	b->tsc_now = now;
	b->loops = w->loops;
	b->lines = w->lines;
	b->bytes = w->bytes;
	b->checks = w->checks;
	b->bad_checks = w->bad_checks;
	__atomic_store_n(&b->slices, b->slices + 1, __ATOMIC_RELEASE);
	w->slice_max = 0;
	w->next = now + w->slice;
	if (w->line_pos >= w->line_len) {
		if (__atomic_load_n(&b->command, __ATOMIC_ACQUIRE) == MAILBOX_END)
			return true;
		if (!(b->slices % w->line_slices))
			line_make(w, now);
	}
	return false;
}

/* What each pass does beside the vector step. Returns true when the loop is to end. */
static inline bool pass(struct work *w)
{
	uint64_t now = __rdtsc(), delta = now - w->last;
	int i;

	if ((int64_t)delta < 0) {
		w->backwards++;
		delta = 0;
	}
	w->last = now;
	w->hist[mailbox_bucket(delta)]++;
	if (delta > w->slice_max) {
		w->slice_max = delta;
		w->slice_max_tsc = now;
		if (delta > w->max_delta)
			w->max_delta = delta;
	}
	for (i = 0; i < WORDS; i++)
		w->sum[i] = step_scalar(w->sum[i]);
	w->loops++;
	if (!(w->loops % BYTE_EVERY))
		line_byte(w);
	if (!(w->loops % CPUID_EVERY))
		cpuid_probe(w);
	if (!(w->loops % CLOCK_EVERY))
		clocks_check(&w->clocks);
	return now >= w->next && slice_end(w, now);
}

static void check(struct work *w, const void *vector)
{
	w->checks++;
	if (memcmp(vector, w->sum, sizeof(w->sum)))
		w->bad_checks++;
}

/* The vector stays in registers between the checks: the asm pins it there. */
static void loop_sse(struct work *w)
{
	__m128i a = _mm_load_si128((void *)w->sum), b = _mm_load_si128((void *)(w->sum + 2));
	__m128i out[2];
	bool end;

	do {
		a = step_sse(a);
		b = step_sse(b);
		asm volatile("" : "+x"(a), "+x"(b));
		end = pass(w);
		if (!(w->loops % CHECK_EVERY)) {
			out[0] = a;
			out[1] = b;
			check(w, out);
		}
	} while (!end);
}

__attribute__((target("avx2")))
static void loop_avx(struct work *w)
{
	__m256i v = _mm256_load_si256((void *)w->sum), out;
	bool end;

	do {
		v = step_avx(v);
		asm volatile("" : "+x"(v));
		end = pass(w);
		if (!(w->loops % CHECK_EVERY)) {
			out = v;
			check(w, &out);
		}
	} while (!end);
}

static void setup(struct work *w)
{
	uint64_t khz = guest_start();
	int i;

	w->slice = khz * cmdline_number("workload.slice_ms=", 20);
	w->line_slices = cmdline_number("workload.line_slices=", 3) ?: 1;
	w->box = mailbox_map();
	if (iopl(3))
		guest_die("iopl(3)");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		guest_die("mlockall");
	for (i = 0; i < WORDS; i++)
		w->sum[i] = 0x9e3779b97f4a7c15ull * (i + 1);
	w->box->version = MAILBOX_VERSION;
	w->box->avx = __builtin_cpu_supports("avx2");
	/* Touch what slice_end() will touch. */
	memset(w->box->ring, 0, sizeof(w->box->ring));
	memset(w->box->cpu, 0, sizeof(w->box->cpu));
	clocks_init(&w->clocks, &w->box->cpu[0], khz);
}

static void results(struct work *w)
{
	struct mailbox *b = w->box;

	b->cpuids = w->cpuids;
	b->cpuid_bad = w->cpuid_bad;
	b->max_delta = w->max_delta;
	b->backwards = w->backwards;
	memcpy(b->hist, w->hist, sizeof(b->hist));
	b->cpu[0].loops = w->loops;
	printf("RESULT loops=%lu\nRESULT max_delta_cycles=%lu\nRESULT backwards=%lu\n",
	       w->loops, w->max_delta, w->backwards);
	printf("RESULT lines=%lu\nRESULT bytes=%lu\n", w->lines, w->bytes);
	printf("RESULT vector=%s\nRESULT checks=%lu\nRESULT bad_checks=%lu\n",
	       b->avx ? "avx2" : "sse2", w->checks, w->bad_checks);
	printf("RESULT cpuids=%lu\nRESULT cpuid_bad=%lu\n", w->cpuids, w->cpuid_bad);
	cpus_results(b);
	kmsg_results(b);
	__atomic_store_n(&b->done, 1, __ATOMIC_RELEASE);
	printf("RESULT end=1\n");
	fflush(stdout);
}

int main(void)
{
	struct work *w = &work;
	struct utsname u;

	setup(w);
	uname(&u);
	printf("workload: starts, Linux %s, checksum in %s registers\n", u.release,
	       w->box->avx ? "AVX2" : "SSE2");
	fflush(stdout);
	usleep(200000);		/* the console driver is still sending */
	kmsg_start();
	cpus_start(w->box, w->slice);
	cpuid_probe(w);
	w->last = __rdtsc();
	w->next = w->last + w->slice;
	w->box->tsc_start = w->last;
	__atomic_store_n(&w->box->magic, MAILBOX_MAGIC, __ATOMIC_RELEASE);
	if (w->box->avx)
		loop_avx(w);
	else
		loop_sse(w);
	cpus_stop();
	results(w);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
