// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions per VM exit, by who serves it. To be run in a test host whose TSC counts
 * instructions (scripts/qemu-host -M icount).
 *
 * Prints one line per number; see selftests/bench/run for what reads them. A number is printed
 * only if the counters of KVM and of the payload say that the exits were served by whom it says,
 * and the guest got the same answer as from KVM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "../../bpf-handlers/cpuid.h"
#include "caretaker.h"
#include "guest.h"
#include "ktap.h"

#define PAYLOAD_CORE	"/caretaker.elf"
#define PAYLOAD_FLOOR	"/floor.elf"
#define PAYLOAD_UNCOUNTED "/uncounted.elf"
#define HANDLER		"/lib/caretaker/cpuid.bpf.o"
#define HANDLER_LINE	"/lib/caretaker/one_line.bpf.o"
#define PCPU		1

#define CPUID_LEAF	1		/* version and features: a guest asks for it most */
#define MSR_MTRRCAP	0xfe
#define HYPERCALL_NONE	0x7fffffff	/* unknown to KVM: answered with an error */
#define DEVICE_VALUE	0x5a		/* what one_line.bpf.c gives */

#define RUNS		2
#define SPREAD_MAX	1.0		/* instructions between the runs */

/* SVM exit codes are their own reason index (APM volume 2, appendix C) */
enum {
	REASON_CPUID = 0x72,
	REASON_PAUSE = 0x77,
	REASON_MSR = 0x7c,
	REASON_VMMCALL = 0x81,
	REASON_NPF = KVM_CARETAKER_REASON_NPF,	/* but for this one */
};

/* An instruction. Its answer is in the first @nr_out of EAX, EDX, EBX, ECX. */
struct exit_case {
	const char *name;
	const struct guest_code *code;
	unsigned int reason;
	uint32_t eax, ecx;
	unsigned int nr_out;
	bool optional;		/* not every host intercepts it */
};

enum { EXIT_CPUID, EXIT_RDMSR, EXIT_PAUSE, EXIT_VMMCALL, EXIT_LOAD, NR_EXITS };

static const struct exit_case exits[NR_EXITS] = {
	[EXIT_CPUID] = { "cpuid", &bench_cpuid, REASON_CPUID, CPUID_LEAF, 0, 4, false },
	[EXIT_RDMSR] = { "rdmsr", &bench_rdmsr, REASON_MSR, 0, MSR_MTRRCAP, 2, false },
	[EXIT_PAUSE] = { "pause", &bench_pause, REASON_PAUSE, 0, 0, 0, true },
	[EXIT_VMMCALL] = { "vmmcall", &bench_vmmcall, REASON_VMMCALL, HYPERCALL_NONE, 0, 1, false },
	[EXIT_LOAD] = { "load", &bench_load, REASON_NPF, 0, 0, 1, false },
};

#define BIT(n)		(1U << (n))

/* Who serves. Exits in @forwarded go through the payload to KVM. */
struct server {
	const char *name;
	const char *payload;
	const char *handler;
	enum kvm_caretaker_server counter;
	unsigned int exits;
	unsigned int forwarded;
};

enum { KVM_ALONE, FLOOR, UNCOUNTED, NATIVE, BPF, BPF_LINE, NR_SERVERS };

static const struct server servers[NR_SERVERS] = {
	[KVM_ALONE] = { "kvm", NULL, NULL, KVM_CARETAKER_KVM,
	  BIT(EXIT_CPUID) | BIT(EXIT_RDMSR) | BIT(EXIT_PAUSE) | BIT(EXIT_VMMCALL), 0 },
	[FLOOR] = { "floor", PAYLOAD_FLOOR, NULL, KVM_CARETAKER_NATIVE,
	  BIT(EXIT_CPUID), BIT(EXIT_VMMCALL) },
	[UNCOUNTED] = { "uncounted", PAYLOAD_UNCOUNTED, NULL, KVM_CARETAKER_NATIVE,
	  BIT(EXIT_CPUID) | BIT(EXIT_RDMSR), 0 },
	[NATIVE] = { "native", PAYLOAD_CORE, NULL, KVM_CARETAKER_NATIVE,
	  BIT(EXIT_CPUID) | BIT(EXIT_RDMSR) | BIT(EXIT_PAUSE), BIT(EXIT_VMMCALL) },
	[BPF] = { "bpf", PAYLOAD_CORE, HANDLER, KVM_CARETAKER_HANDLER, BIT(EXIT_CPUID), 0 },
	[BPF_LINE] = { "one-line", PAYLOAD_CORE, HANDLER_LINE, KVM_CARETAKER_HANDLER,
	  BIT(EXIT_VMMCALL) | BIT(EXIT_LOAD), 0 },
};

#define NR_CR3		2

static const char *const cr3_names[NR_CR3] = { "shared", "isolated" };

struct number {
	unsigned int nr;	/* runs that have a value */
	double value[RUNS];
};

static struct number numbers[NR_SERVERS][NR_CR3][NR_EXITS];
static struct number loop_cost;
static bool not_intercepted[NR_EXITS];
/* KVM alone is asked first and gives them; but the load it leaves to a VMM. */
static uint32_t answers[NR_EXITS][4] = { [EXIT_LOAD] = { DEVICE_VALUE } };
static struct kvm_caretaker_telemetry before, after;
static unsigned int failures;

/* One line about what could not be measured; false, for the caller to return. */
#define fail(...) ({			\
	failures++;			\
	printf("bench-error ");		\
	printf(__VA_ARGS__);		\
	printf("\n");			\
	false;				\
})

/* ---- the Caretaker under the guest ---- */

struct handlers {
	struct bpf_object *obj;
	struct bpf_map *map;
	struct bpf_link *link;
};

struct setup {
	const struct server *server;
	unsigned int cr3;
	struct kvm_guest guest;
	struct handlers handlers;
};

static void handlers_close(struct handlers *h)
{
	bpf_link__destroy(h->link);
	bpf_object__close(h->obj);
}

/* The handler serves the leaf with the answer that KVM gave. Its state is the .bss, mapped here. */
static int handlers_configure(struct handlers *h)
{
	struct bpf_map *bss = bpf_object__find_map_by_name(h->obj, ".bss");
	const uint32_t *a = answers[EXIT_CPUID];
	struct caretaker_cpuid_state *state;
	size_t size = 0;

	state = bss ? bpf_map__initial_value(bss, &size) : NULL;
	if (!state || size < sizeof(*state))
		return -ENOENT;
	*state = (struct caretaker_cpuid_state){
		.size = sizeof(*state), .leaf = CPUID_LEAF,
		.eax = a[0], .ebx = a[1], .ecx = a[2], .edx = a[3],
	};
	return 0;
}

static int handlers_load(struct handlers *h, const struct server *server)
{
	struct bpf_map *map;

	h->obj = bpf_object__open_file(server->handler, NULL);
	if (!h->obj || bpf_object__load(h->obj))
		return -errno;
	bpf_object__for_each_map(map, h->obj)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			h->map = map;
	if (!h->map)
		return -ENOENT;
	h->link = bpf_map__attach_struct_ops(h->map);
	if (!h->link)
		return -errno;
	return server == &servers[BPF] ? handlers_configure(h) : 0;
}

static int setup_install(struct setup *s)
{
	static char log[4096];
	struct caretaker_opts opts = {
		.size = sizeof(opts), .flags = s->cr3 ? KVM_CARETAKER_ISOLATE : 0,
		.handlers_fd = s->handlers.map ? bpf_map__fd(s->handlers.map) : -1,
		.pcpu = PCPU, .log = log, .log_size = sizeof(log),
	};
	int err;

	opts.payload_fd = open(s->server->payload, O_RDONLY | O_CLOEXEC);
	if (opts.payload_fd < 0)
		return -errno;
	err = caretaker_install(s->guest.vcpu_fd, &opts);
	if (err)
		ktap_diag("KVM_SET_CARETAKER: %s: %s", strerror(-err), log);
	close(opts.payload_fd);
	return err;
}

static void setup_end(struct setup *s)
{
	guest_destroy(&s->guest);
	handlers_close(&s->handlers);
}

static int setup_begin(struct setup *s, const struct server *server, unsigned int cr3)
{
	int err;

	*s = (struct setup){ .server = server, .cr3 = cr3 };
	err = guest_create(&s->guest, &bench_empty);
	if (err)
		return err;
	if (server->handler)
		err = handlers_load(&s->handlers, server);
	if (!err && server->payload)
		err = setup_install(s);
	if (err)
		setup_end(s);
	return err;
}

/* ---- one measurement ---- */

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * The median leaves out first-touch costs and the few batches that contain a timer tick of the
 * host.
 */
static double median_per_round(const struct bench_area *area)
{
	uint64_t delta[BENCH_BATCHES];

	memcpy(delta, area->delta, sizeof(delta));
	qsort(delta, BENCH_BATCHES, sizeof(delta[0]), compare_u64);
	return (double)delta[BENCH_BATCHES / 2] / BENCH_ROUNDS;
}

static int code_run(struct setup *s, const struct guest_code *code, uint32_t eax, uint32_t ecx,
		    double *cost)
{
	struct bench_area *area = guest_area(&s->guest);
	int err = guest_reset(&s->guest, code);

	area->eax = eax;
	area->ecx = ecx;
	if (!err)
		err = guest_run_done(&s->guest);
	*cost = median_per_round(area);
	return err;
}

/* What a server counted for an exit reason during the measurement */
static int64_t served(const struct setup *s, const struct exit_case *e, int64_t kvm_exits)
{
	unsigned int server = s->server->counter;

	/* These have no counters: what did not come to KVM was served by them */
	if (s->server == &servers[FLOOR] || s->server == &servers[UNCOUNTED])
		return kvm_exits < BENCH_EXITS ? BENCH_EXITS : 0;
	if (!s->server->payload)
		return kvm_exits;
	return kvm_caretaker_exits(&after, e->reason, server) -
	       kvm_caretaker_exits(&before, e->reason, server);
}

static bool telemetry_read(struct setup *s, struct kvm_caretaker_telemetry *t)
{
	return !caretaker_get_telemetry(s->guest.vcpu_fd, t);
}

static bool counters_read(struct setup *s, struct kvm_caretaker_telemetry *t, int64_t *kvm_exits)
{
	*kvm_exits = guest_stat(&s->guest, "exits");
	if (*kvm_exits < 0)
		return false;
	return !s->server->payload || telemetry_read(s, t);
}

/* The first server to be measured is KVM alone: its answer is what all others must give. */
static bool answer_right(const struct setup *s, unsigned int nr)
{
	static const unsigned int order[4] = { 0, 3, 1, 2 };
	const struct bench_area *area = guest_area((struct kvm_guest *)&s->guest);
	unsigned int i;

	if (!s->server->payload)
		memcpy(answers[nr], area->out, sizeof(answers[nr]));
	for (i = 0; i < exits[nr].nr_out; i++)
		if (area->out[order[i]] != answers[nr][order[i]])
			return false;
	return true;
}

static bool exit_check(const struct setup *s, unsigned int nr, int64_t count)
{
	const char *exit = exits[nr].name, *server = s->server->name;

	if (count < BENCH_EXITS && exits[nr].optional && s->server == &servers[KVM_ALONE]) {
		not_intercepted[nr] = true;
		return false;
	}
	if (count < BENCH_EXITS)
		return fail("%s %s: %ld of %u exits counted", exit, server, count, BENCH_EXITS);
	/* The floor by its nature answers nothing */
	if (s->server != &servers[FLOOR] && !answer_right(s, nr))
		return fail("%s %s: another answer than expected", exit, server);
	return true;
}

/* KVM learns at the first access that there is no RAM: that one is a VMM's. */
static bool device_learn(struct setup *s)
{
	struct kvm_guest *g = &s->guest;
	bool done;

	if (guest_reset(g, &bench_load) || guest_run(g) != KVM_EXIT_MMIO)
		return false;
	g->run->immediate_exit = 1;
	done = guest_run(g) == -EINTR;
	g->run->immediate_exit = 0;
	return done;
}

static bool exit_measure(struct setup *s, unsigned int nr, bool forwarded, double *cost)
{
	const struct exit_case *e = &exits[nr];
	int64_t kvm_before, kvm_after;

	if (nr == EXIT_LOAD && decode_assists_missing()) {
		not_intercepted[nr] = true;
		return false;
	}
	if (nr == EXIT_LOAD && !device_learn(s))
		return fail("%s %s: the first did not come to the VMM", e->name, s->server->name);
	if (!counters_read(s, &before, &kvm_before))
		return fail("%s %s: no counters", e->name, s->server->name);
	if (code_run(s, e->code, e->eax, e->ecx, cost))
		return fail("%s %s: the guest did not end", e->name, s->server->name);
	if (!counters_read(s, &after, &kvm_after))
		return fail("%s %s: no counters", e->name, s->server->name);
	kvm_after -= kvm_before;
	return exit_check(s, nr, forwarded ? kvm_after : served(s, e, kvm_after));
}

/* ---- all of them ---- */

static void number_add(struct number *n, double value)
{
	n->value[n->nr++] = value;
}

static void exits_measure(struct setup *s, struct number *to)
{
	const struct server *server = s->server;
	double empty, cost;
	unsigned int nr;

	if (code_run(s, &bench_empty, 0, 0, &empty)) {
		fail("%s: the empty loop did not end", server->name);
		return;
	}
	if (server == &servers[KVM_ALONE])
		number_add(&loop_cost, empty);
	for (nr = 0; nr < NR_EXITS; nr++) {
		if (!((server->exits | server->forwarded) & BIT(nr)) || not_intercepted[nr])
			continue;
		if (exit_measure(s, nr, server->forwarded & BIT(nr), &cost))
			number_add(&to[nr], cost - empty);
	}
}

static void server_measure(unsigned int nr, unsigned int cr3)
{
	struct setup s;
	int err = setup_begin(&s, &servers[nr], cr3);

	if (err) {
		fail("%s %s: no guest or no Caretaker: %s", servers[nr].name, cr3_names[cr3],
		     strerror(-err));
		return;
	}
	exits_measure(&s, numbers[nr][cr3]);
	setup_end(&s);
}

static void all_measure(void)
{
	unsigned int i, cr3;

	for (i = 0; i < NR_SERVERS; i++)
		for (cr3 = 0; cr3 < (servers[i].payload ? NR_CR3 : 1); cr3++)
			server_measure(i, cr3);
}

static bool leaves_run(struct setup *s, double *min, double *max)
{
	const struct kvm_cpuid2 *table = s->guest.cpuid;
	double cost, empty;
	unsigned int i;

	*min = 1e9;
	*max = 0;
	if (code_run(s, &bench_empty, 0, 0, &empty))
		return false;
	for (i = 0; i < table->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &table->entries[i];

		if (code_run(s, &bench_cpuid, e->function, e->index, &cost))
			return false;
		cost -= empty;
		*min = cost < *min ? cost : *min;
		*max = cost > *max ? cost : *max;
	}
	return true;
}

/* Where a leaf lies in the payload's table decides what it costs: the range over all of them. */
static void leaves_measure(void)
{
	double min, max;
	struct setup s;

	if (setup_begin(&s, &servers[NATIVE], 0)) {
		fail("leaves: no guest or no Caretaker");
		return;
	}
	if (!telemetry_read(&s, &before) || !leaves_run(&s, &min, &max) ||
	    !telemetry_read(&s, &after))
		fail("leaves: the guest did not end, or no counters");
	else if (kvm_caretaker_exits(&after, REASON_CPUID, KVM_CARETAKER_NATIVE) -
		 kvm_caretaker_exits(&before, REASON_CPUID, KVM_CARETAKER_NATIVE) !=
		 (uint64_t)s.guest.cpuid->nent * BENCH_EXITS)
		fail("leaves: not all were served by the payload");
	else
		printf("bench-leaves %u %.2f %.2f\n", s.guest.cpuid->nent, min, max);
	setup_end(&s);
}

static double spread(const struct number *n)
{
	double d = n->value[0] - n->value[1];

	return d < 0 ? -d : d;
}

static void number_print(const char *what, const char *exit, const char *server, const char *cr3,
			 const struct number *n)
{
	/* What has no value in one run has said why. */
	if (n->nr < RUNS)
		return;
	if (spread(n) > SPREAD_MAX) {
		fail("%s %s %s: %.2f and %.2f instructions in two runs", exit, server, cr3,
		     n->value[0], n->value[1]);
		return;
	}
	printf("%s %s %s %s %.2f %.2f\n", what, exit, server, cr3,
	       (n->value[0] + n->value[1]) / 2, spread(n));
}

static void exit_print(unsigned int nr)
{
	unsigned int i, cr3;

	if (not_intercepted[nr])
		printf("bench-none %s\n", exits[nr].name);
	for (i = 0; i < NR_SERVERS; i++) {
		const char *what = servers[i].forwarded & BIT(nr) ? "bench-forward" : "bench-case";

		for (cr3 = 0; cr3 < NR_CR3; cr3++)
			number_print(what, exits[nr].name, servers[i].name, cr3_names[cr3],
				     &numbers[i][cr3][nr]);
	}
}

int main(void)
{
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < RUNS; i++)
		all_measure();
	leaves_measure();
	number_print("bench-loop", "-", "-", "-", &loop_cost);
	for (i = 0; i < NR_EXITS; i++)
		exit_print(i);
	printf("bench-end %u\n", failures);
	return failures ? 1 : 0;
}
