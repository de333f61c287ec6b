// SPDX-License-Identifier: GPL-2.0
/* The guest of guest_smp.h from the host: making it, running it, judging it. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "smp_guest.h"

#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define TICK_US			10000

static const struct guest_vector smp_vectors[] = {
	{ 2, smp_on_nmi },
	{ 6, smp_on_ud },
	{ 8, smp_on_df },
	{ 13, smp_on_gp },
	{ 14, smp_on_pf },
	{ SMP_VECTOR_HOST, smp_on_host },
	{ SMP_VECTOR_PING, smp_on_ping },
	{ SMP_VECTOR_PONG, smp_on_pong },
	{ SMP_VECTOR_SELF, smp_on_self },
	{ SMP_VECTOR_TIMER, smp_on_timer },
	{ SMP_VECTOR_CAST + 0, smp_on_cast_0 },
	{ SMP_VECTOR_CAST + 1, smp_on_cast_1 },
	{ SMP_VECTOR_CAST + 2, smp_on_cast_2 },
	{ SMP_VECTOR_CAST + 3, smp_on_cast_3 },
};

static const struct guest_code guest_smp = {
	.start = __start_guest_smp, .end = __stop_guest_smp,
	.vectors = smp_vectors, .nr_vectors = ARRAY_SIZE(smp_vectors),
};

static const struct kvm_cpuid_entry2 *cpuid_entry(struct kvm_guest *g, uint32_t function)
{
	unsigned int i;

	for (i = 0; i < g->cpuid->nent; i++)
		if (g->cpuid->entries[i].function == function)
			return &g->cpuid->entries[i];
	return NULL;
}

/* Different on each vCPU, so that the state of one in another shows */
static void area_fill(struct kvm_guest *v, struct smp_area *a, unsigned int id)
{
	const struct kvm_cpuid_entry2 *ext = cpuid_entry(v, 0x80000001);
	unsigned int i;

	a->id = id;
	for (i = 0; i < 16; i++) {
		a->xmm[i][0] = 0x0123456789abcdefUL * (i + 1) + id;
		a->xmm[i][1] = 0xfedcba9876543210UL ^ (0x1111111111111111UL * i + id);
	}
	for (i = 0; i < ARRAY_SIZE(a->gpr); i++) {
		a->gpr[i] = 0x9e3779b97f4a7c15UL * (i + 3 + 16 * id);
		a->gpr_want[i] = a->gpr[i];
	}
	for (i = 0; i < ARRAY_SIZE(a->base); i++) {
		a->base[i] = 0xba5e000000000000UL + 16 * id + i;
		a->base_want[i] = a->base[i];
	}
	a->aux = 0x1c0 + id;
	a->has_aux = ext && ext->edx & (1U << 27);
	a->cpuid_id = id;
}

static uint64_t area_pa(unsigned int id, size_t off)
{
	return SMP_AREA(id) + off;
}

struct smp_msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[4];
};

static struct smp_msrs vcpu_msrs(const struct smp_area *a, unsigned int id)
{
	return (struct smp_msrs){
		.head.nmsrs = a->has_aux ? 4 : 3,
		.entry = {
			{ .index = MSR_KERNEL_GS_BASE,
			  .data = area_pa(id, offsetof(struct smp_area, base[2])) },
			{ .index = MSR_STAR, .data = 0x0023001000000000 },
			{ .index = MSR_LSTAR, .data = 0xffffffff81001000 + id },
			{ .index = MSR_TSC_AUX, .data = a->aux },
		},
	};
}

static int vcpu_reset(struct smp_guest *g, unsigned int id)
{
	struct kvm_guest *v = &g->vcpu[id];
	struct smp_area *a = smp_area(g, id);
	struct smp_msrs m;
	struct kvm_sregs s;
	int err;

	area_fill(v, a, id);
	err = guest_set_regs(v, GUEST_CODE + ((const char *)smp_start - __start_guest_smp),
			     area_pa(id + 1, -16), area_pa(id, 0));
	if (err)
		return err;
	if (ioctl(v->vcpu_fd, KVM_GET_SREGS, &s))
		return -errno;
	s.fs.base = area_pa(id, offsetof(struct smp_area, base[0]));
	s.gs.base = area_pa(id, offsetof(struct smp_area, base[1]));
	if (ioctl(v->vcpu_fd, KVM_SET_SREGS, &s))
		return -errno;
	m = vcpu_msrs(a, id);
	if (ioctl(v->vcpu_fd, KVM_SET_MSRS, &m) != (int)m.head.nmsrs) {
		ktap_diag("vCPU %u: KVM_SET_MSRS did not take all MSRs", id);
		return -EINVAL;
	}
	return 0;
}

void smp_share(struct smp_guest *g, unsigned int i)
{
	struct kvm_guest *v = &g->vcpu[i];

	*v = g->vcpu[0];
	v->vcpu_fd = -1;
	v->run = NULL;
	v->cpuid = NULL;
}

int smp_add_vcpu(struct smp_guest *g)
{
	int err;

	smp_share(g, g->nr);
	err = guest_create_vcpu(&g->vcpu[g->nr], g->nr);
	if (!err)
		err = vcpu_reset(g, g->nr);
	g->nr++;
	return err;
}

static int create_vcpus(struct smp_guest *g, unsigned int nr)
{
	int err, khz;

	g->nr = 1;
	khz = ioctl(g->vcpu[0].vcpu_fd, KVM_GET_TSC_KHZ, 0);
	if (khz <= 0)
		return -EINVAL;
	smp_shared(g)->nr = nr;
	smp_shared(g)->tsc_khz = khz;
	smp_shared(g)->tick_us = TICK_US;
	err = vcpu_reset(g, 0);
	while (!err && g->nr < nr)
		err = smp_add_vcpu(g);
	return err;
}

int smp_create(struct smp_guest *g, unsigned int nr)
{
	int err;

	memset(g, 0, sizeof(*g));
	err = guest_create(&g->vcpu[0], &guest_smp);
	if (err)
		return err;
	err = create_vcpus(g, nr);
	if (err)
		smp_destroy(g);
	return err;
}

/* Descriptors and RAM of the VM are the first vCPU's. */
void smp_destroy(struct smp_guest *g)
{
	unsigned int i;

	for (i = g->nr; i-- > 1;) {
		struct kvm_guest *v = &g->vcpu[i];

		v->kvm_fd = -1;
		v->vm_fd = -1;
		v->mem_fd = -1;
		v->ram = NULL;
		guest_destroy(v);
	}
	guest_destroy(&g->vcpu[0]);
}

int smp_start_threads(struct smp_guest *g)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < g->nr; i++)
		err = runner_start(&g->runner[i], &g->vcpu[i]);
	return err;
}

int smp_stop_threads(struct smp_guest *g)
{
	int err = 0, r;
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		r = runner_stop(&g->runner[i]);
		if (!err)
			err = r;
	}
	return err;
}

int smp_interrupt(struct smp_guest *g, unsigned int i)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000 | i << 12, .data = SMP_VECTOR_HOST };

	if (ioctl(g->vcpu[0].vm_fd, KVM_SIGNAL_MSI, &msi) < 0) {
		ktap_diag("KVM_SIGNAL_MSI to vCPU %u: %s", i, strerror(errno));
		return -errno;
	}
	return 0;
}

void smp_work(struct smp_guest *g, uint64_t work)
{
	bool idle = smp_shared(g)->work & SMP_IDLE;
	unsigned int i;

	smp_shared(g)->work = work;
	for (i = 0; idle && i < g->nr; i++)
		smp_interrupt(g, i);
}

static bool all_in_hlt(struct smp_guest *g, uint64_t *rounds)
{
	bool all = true;
	unsigned int i;

	*rounds = 0;
	for (i = 0; i < g->nr; i++) {
		struct smp_area *a = smp_area(g, i);

		*rounds += a->rounds;
		all &= a->in_hlt && !a->waiting;
	}
	return all;
}

bool smp_idles(struct smp_guest *g, unsigned int ms)
{
	uint64_t before, after;
	unsigned int tries;

	for (tries = ms / 50; tries; tries--) {
		if (all_in_hlt(g, &before)) {
			sleep_ms(50);
			if (all_in_hlt(g, &after) && before == after)
				return true;
		}
		sleep_ms(1);
	}
	smp_describe(g);
	return false;
}

void smp_timers(struct smp_guest *g, enum smp_timer first)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++)
		smp_area(g, i)->timer = first == SMP_TIMER_OFF ? SMP_TIMER_OFF :
			1 + (first - 1 + i) % (SMP_NR_TIMERS - 1);
}

bool smp_timers_set(struct smp_guest *g, unsigned int ms)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		struct smp_area *a = smp_area(g, i);

		if (wait_equal(&a->timer_now, a->timer, ms))
			continue;
		ktap_diag("vCPU %u: timer %lu in use, wanted %lu", i, a->timer_now, a->timer);
		smp_describe(g);
		return false;
	}
	return true;
}

/* One too many: an interrupt came twice; one too few: it is under way, or lost. */
static void describe_casts(struct smp_guest *g, unsigned int i)
{
	unsigned int k;

	for (k = 0; k < g->nr; k++)
		if (smp_area(g, i)->cast_due[k] != smp_area(g, k)->cast_got[i])
			ktap_diag("vCPU %u: %lu broadcasts to vCPU %u, %lu came", i,
				  smp_area(g, i)->cast_due[k], k, smp_area(g, k)->cast_got[i]);
}

void smp_describe(struct smp_guest *g)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		struct smp_area *a = smp_area(g, i);

		ktap_diag("vCPU %u: round %lu, waits for %#lx%s; sent/got: ping %lu/%lu pong %lu self %lu/%lu nmi %lu/%lu broadcast %lu, timer %lu tick %lu",
			  i, a->rounds, a->waiting, a->in_hlt ? " in HLT" : "", a->ping_sent,
			  a->ping_got, a->pong_got, a->self_sent, a->self_got, a->nmi_sent,
			  a->nmi_got, a->cast_sent, a->timer_now, a->all_ticks);
		describe_casts(g, i);
		if (a->errors)
			ktap_diag("vCPU %u: %lu errors of kinds %#lx, the first: %#lx instead of %#lx",
				  i, a->errors, a->what, a->got, a->wanted);
		if (a->exception)
			ktap_diag("vCPU %u: exception %lu at %#lx, error code %#lx", i,
				  a->exception - 1, a->exception_rip, a->exception_code);
		if (g->runner[i].error)
			ktap_diag("vCPU %u: its thread ended with %d", i, g->runner[i].error);
	}
}

bool smp_right(struct smp_guest *g)
{
	bool right = true;
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		struct smp_area *a = smp_area(g, i);

		if (!a->errors && !g->runner[i].error)
			continue;
		right = false;
	}
	if (!right)
		smp_describe(g);
	return right;
}

/* What must go on while the guest does this work */
static const struct {
	const char *name;
	uint64_t work;
	size_t off;
} moves[] = {
	{ "pings to it", SMP_PING, offsetof(struct smp_area, ping_got) },
	{ "pongs to it", SMP_PING, offsetof(struct smp_area, pong_got) },
	{ "self-IPIs", SMP_SELF, offsetof(struct smp_area, self_got) },
	{ "NMIs to it", SMP_NMI, offsetof(struct smp_area, nmi_got) },
	{ "broadcasts", SMP_BROADCASTS, offsetof(struct smp_area, cast_sent) },
	{ "halts", SMP_NAP, offsetof(struct smp_area, naps) },
	{ "rounds", 0, offsetof(struct smp_area, rounds) },
	{ "ticks", 0, offsetof(struct smp_area, all_ticks) },
};

static const volatile uint64_t *mover(struct smp_guest *g, unsigned int i, unsigned int m)
{
	return (void *)((char *)smp_area(g, i) + moves[m].off);
}

static bool must_move(struct smp_guest *g, unsigned int i, unsigned int m)
{
	uint64_t work = smp_shared(g)->work;

	if (moves[m].off == offsetof(struct smp_area, all_ticks))
		return smp_area(g, i)->timer != SMP_TIMER_OFF;
	if (moves[m].off == offsetof(struct smp_area, rounds))
		return !(work & SMP_IDLE);
	return moves[m].work & work && !(work & (SMP_IDLE | SMP_SPIN));
}

static bool moved(const volatile uint64_t *p, uint64_t before, unsigned int *ms)
{
	for (; *p < before + 2; --*ms) {
		if (!*ms)
			return false;
		sleep_ms(1);
	}
	return true;
}

bool smp_alive(struct smp_guest *g, unsigned int ms)
{
	uint64_t before[SMP_MAX_VCPUS][ARRAY_SIZE(moves)];
	unsigned int i, m;

	for (i = 0; i < g->nr; i++)
		for (m = 0; m < ARRAY_SIZE(moves); m++)
			before[i][m] = *mover(g, i, m);
	for (i = 0; i < g->nr; i++) {
		for (m = 0; m < ARRAY_SIZE(moves); m++) {
			if (!must_move(g, i, m) || moved(mover(g, i, m), before[i][m], &ms))
				continue;
			ktap_diag("vCPU %u: %s stand still at %lu", i, moves[m].name,
				  before[i][m]);
			smp_describe(g);
			return false;
		}
	}
	return smp_right(g);
}

static bool same(unsigned int from, unsigned int to, const char *what, uint64_t sent, uint64_t got)
{
	if (sent != got)
		ktap_diag("vCPU %u to vCPU %u: %lu %s sent, %lu came", from, to, sent, what, got);
	return sent == got;
}

/* Nothing is on its way */
static bool counts_agree(struct smp_guest *g)
{
	unsigned int i, k, n = smp_shared(g)->nr;
	bool ok = true;

	for (i = 0; i < n; i++) {
		struct smp_area *a = smp_area(g, i), *next = smp_area(g, (i + 1) % n);

		ok &= same(i, next->id, "pings", a->ping_sent, next->ping_got);
		ok &= same(next->id, i, "pongs", a->ping_sent, a->pong_got);
		ok &= same(i, i, "self-IPIs", a->self_sent, a->self_got);
		ok &= same(i, next->id, "NMIs", a->nmi_sent, next->nmi_got);
		for (k = 0; k < n; k++)
			ok &= same(i, k, "broadcasts", a->cast_due[k], smp_area(g, k)->cast_got[i]);
	}
	return ok;
}

bool smp_all_arrived(struct smp_guest *g, unsigned int ms)
{
	uint64_t work = smp_shared(g)->work;
	bool ok;

	smp_work(g, 0);
	/* After two rounds none of them has anything left to wait for */
	ok = smp_alive(g, ms) && counts_agree(g);
	smp_work(g, work);
	return ok;
}

void smp_totals(struct smp_guest *g, const char *what)
{
	uint64_t rounds = 0, ipis = 0, nmis = 0, ticks = 0, early = 0, step = 0, gap = 0, khz;
	unsigned int i;

	khz = smp_shared(g)->tsc_khz;
	for (i = 0; i < g->nr; i++) {
		struct smp_area *a = smp_area(g, i);

		rounds += a->rounds;
		ipis += a->ping_got + a->pong_got + a->self_got;
		nmis += a->nmi_got;
		ticks += a->all_ticks;
		early += a->early;
		step = a->tsc_step > step ? a->tsc_step : step;
		gap = a->tick_gap > gap ? a->tick_gap : gap;
		a->tsc_step = 0;
		a->tick_gap = 0;
	}
	ktap_diag("%s: %lu rounds, %lu IPIs, %lu NMIs, %lu ticks (%lu early) so far; since the last line: longest round %lu us, between two ticks %lu us",
		  what, rounds, ipis, nmis, ticks, early, step * 1000 / khz, gap * 1000 / khz);
}

int smp_check_host_side(struct smp_guest *g)
{
	struct smp_msrs want, got;
	unsigned int i, k;

	for (i = 0; i < g->nr; i++) {
		want = vcpu_msrs(smp_area(g, i), i);
		got = want;
		for (k = 0; k < want.head.nmsrs; k++)
			got.entry[k].data = 0;
		if (ioctl(g->vcpu[i].vcpu_fd, KVM_GET_MSRS, &got) != (int)want.head.nmsrs)
			return -EINVAL;
		for (k = 0; k < want.head.nmsrs; k++) {
			if (got.entry[k].data == want.entry[k].data)
				continue;
			ktap_diag("vCPU %u: MSR %#x is %#llx, wanted %#llx", i, want.entry[k].index,
				  got.entry[k].data, want.entry[k].data);
			return -EPROTO;
		}
	}
	return 0;
}
