// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Pauses of a handover and their causes. A pause begins when the vCPU can execute no more guest
 * instructions because of the handover, and ends when it can again: stop to run; the start of a
 * blocking exit to its end; kick to adopt. Those that touch are one. ctrace(1) says the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctrace.h"
#include "../lib/show.h"

static const struct {
	const char *name;
	const char *what;
	const char *remedy;
} causes[] = {
	[PAUSE_PRESERVE] = {
		"preserve", "preserve: left KVM, state copied, handed to the pCPU",
		"keep other work off the CPUs of the VMM while it preserves",
	},
	[PAUSE_IO] = {
		"blocked-io", "port I/O that nobody served",
		"load an exit handler for this port, or adopt earlier",
	},
	[PAUSE_MSR] = {
		"blocked-msr", "an MSR that is not served in the gap",
		"load an exit handler for MSRs; the guest's RCX at this RIP is the number",
	},
	[PAUSE_MMIO] = {
		"blocked-mmio", "an access to memory that is not RAM, which nobody serves",
		"load an exit handler of class mmio for this address; if there is one, the access is "
		"none that is decoded: keep this device quiet, or adopt earlier",
	},
	[PAUSE_HYPERCALL] = {
		"blocked-hypercall", "a hypercall that nobody served",
		"load an exit handler for VMMCALL, or adopt earlier",
	},
	[PAUSE_OTHER] = {
		"blocked-other", "an exit that nobody served",
		"load an exit handler for this reason if there is a class for it, or adopt earlier",
	},
	[PAUSE_ADOPT] = {
		"adopt", "adoption: the pCPU was told to stop, saved, a kernel took the state",
		"kick to park is the pCPU's share, park to adopt the kernel's",
	},
	[PAUSE_FAULT] = {
		"fault", "the Caretaker faulted: the vCPU is lost, when is not recorded",
		"see FAULTED in the runbook",
	},
};

static const char stray_what[] =
	"events that were not for the pCPU (NMI, #MC) were survived, their time is not recorded";
static const char stray_remedy[] =
	"find who sends them: NMI watchdogs, perf, IPMI, another CPU's NMI to all";

const char *pause_cause_name(enum pause_cause cause)
{
	return causes[cause].name;
}

const char *pause_remedy(enum pause_cause cause)
{
	return causes[cause].remedy;
}

static enum pause_cause cause_of_exit(uint64_t reason)
{
	switch (reason) {
	case 0x7b:
		return PAUSE_IO;
	case 0x7c:
		return PAUSE_MSR;
	case 0x81:
		return PAUSE_HYPERCALL;
	case 0x400:
		return PAUSE_MMIO;
	default:
		return PAUSE_OTHER;
	}
}

static void pause_add(struct pause_list *p, struct pause pause)
{
	if (p->nr < PAUSE_MAX)
		p->list[p->nr++] = pause;
}

/* Return: true when this stall lasted until the vCPU was asked for. */
static bool find_stall(struct pause_list *p, const struct gap_view *view, uint64_t i)
{
	const struct kvm_caretaker_stall *s = ctele_stall(&view->v->tele, i);
	bool adopt = view->g.kick && (!s->tsc_end || s->tsc_end >= view->g.kick);

	if (!ctele_stall_sane(s))
		return false;
	pause_add(p, (struct pause){
		.cause = cause_of_exit(s->reason), .from = s->tsc_start,
		.to = adopt ? view->g.adopt : s->tsc_end, .stall = i, .adopt = adopt,
	});
	return adopt;
}

/**
 * pause_find() - all pauses of the last gap of a vCPU
 * @p:		out
 * @view:	the gap
 */
void pause_find(struct pause_list *p, const struct gap_view *view)
{
	bool adopted = false;
	uint64_t i;

	p->nr = 0;
	if (view->g.stop)
		pause_add(p, (struct pause){ PAUSE_PRESERVE, view->g.stop, view->g.run, 0, false });
	for (i = view->first; i < view->end; i++)
		adopted |= find_stall(p, view, i);
	if (view->g.kick && !adopted)
		pause_add(p, (struct pause){ PAUSE_ADOPT, view->g.kick, view->g.adopt, 0, true });
	if (view->v->tele.fault && !view->g.adopt)
		pause_add(p, (struct pause){ PAUSE_FAULT, 0, 0, 0, false });
}

static bool pause_is_stall(const struct pause *p)
{
	return p->cause >= PAUSE_IO && p->cause <= PAUSE_OTHER;
}

static void text_of_stall(const struct gap_view *view, const struct pause *p, char *buf, size_t len)
{
	const struct kvm_caretaker_stall *s = ctele_stall(&view->v->tele, p->stall);
	char name[REASON_NAME_MAX], detail[REASON_DETAIL_MAX];

	reason_detail(s->reason, s->info1, s->info2, detail);
	snprintf(buf, len, "%s%s%s at rip 0x%" PRIx64 ": %s", reason_name(s->reason, name),
		 detail[0] ? " " : "", detail, (uint64_t)s->rip, causes[p->cause].what);
}

/**
 * pause_text() - the cause in words
 * @view:	the gap
 * @p:		the pause
 * @buf:	out
 * @len:	room in @buf
 */
const char *pause_text(const struct gap_view *view, const struct pause *p, char *buf, size_t len)
{
	if (pause_is_stall(p))
		text_of_stall(view, p, buf, len);
	else
		snprintf(buf, len, "%s", causes[p->cause].what);
	return buf;
}

static bool pause_open(const struct pause *p)
{
	return p->from && !p->to;
}

/**
 * pause_ns() - length of a pause, up to the look for one that goes on
 * @view:	the gap
 * @p:		the pause
 *
 * Return: nanoseconds or NS_NONE.
 */
uint64_t pause_ns(const struct gap_view *view, const struct pause *p)
{
	return tsc_span(p->from, pause_open(p) ? view->v->tsc : p->to, view->khz);
}

/* Which steps are in an adoption, and how much of a stall was waiting for it */
static void explain_steps(const struct gap_view *view, const struct pause *p)
{
	char a[FMT_MAX], b[FMT_MAX], c[FMT_MAX];

	if (!p->adopt)
		return;
	if (pause_is_stall(p))
		printf("      waited %s until a kernel asked for the vCPU; then adoption:\n",
		       fmt_ns(tsc_span(p->from, view->g.kick, view->khz), c));
	printf("      kick to park %s (the pCPU stops and saves), park to adopt %s (the kernel takes it)\n",
	       fmt_ns(gap_until_next(view, GAP_KICK), a),
	       fmt_ns(gap_until_next(view, GAP_PARK), b));
}

static void explain_pause(const struct gap_view *view, const struct pause *p)
{
	char at[FMT_MAX], ns[FMT_MAX], text[256];

	printf("  at %s  lasts %s%s  %s\n", fmt_offset(gap_offset(view, p->from), at),
	       fmt_ns(pause_ns(view, p), ns), pause_open(p) ? " so far, going on" : "",
	       pause_cause_name(p->cause));
	printf("      %s\n", pause_text(view, p, text, sizeof(text)));
	explain_steps(view, p);
	printf("      to do: %s\n", pause_remedy(p->cause));
}

struct explain_sum {
	uint64_t all_ns;
	uint64_t short_ns;
	unsigned int shorts;
	const struct pause *longest;
	uint64_t longest_ns;
};

static void explain_add(struct explain_sum *sum, const struct gap_view *view,
			const struct pause *p)
{
	uint64_t ns = pause_ns(view, p);

	if (ns == NS_NONE)
		return;
	sum->all_ns += ns;
	if (ns <= PAUSE_NAMED_NS) {
		sum->shorts++;
		sum->short_ns += ns;
	}
	if (!sum->longest || ns > sum->longest_ns) {
		sum->longest = p;
		sum->longest_ns = ns;
	}
}

static void explain_sum(struct explain_sum *sum, const struct gap_view *view,
			const struct pause_list *list)
{
	unsigned int i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < list->nr; i++)
		explain_add(sum, view, &list->list[i]);
}

static void explain_verdict(const struct gap_view *view, const struct explain_sum *sum,
			    unsigned int nr)
{
	char all[FMT_MAX], away[FMT_MAX], most[FMT_MAX];

	printf("stood still %s in %u pauses", fmt_ns(sum->all_ns, all), nr);
	printf(", away from KVM %s",
	       fmt_ns(tsc_span(view->g.stop, view->g.adopt, view->khz), away));
	if (sum->longest)
		printf(", longest %s: %s", fmt_ns(sum->longest_ns, most),
		       pause_cause_name(sum->longest->cause));
	putchar('\n');
}

/**
 * explain_print() - name the cause of every pause that is longer than 10 us
 * @view:	the gap
 */
bool explain_print(const struct gap_view *view)
{
	struct pause_list list;
	struct explain_sum sum;
	char ns[FMT_MAX];
	unsigned int i;

	pause_find(&list, view);
	explain_sum(&sum, view, &list);
	gap_title(view);
	explain_verdict(view, &sum, list.nr);
	for (i = 0; i < list.nr; i++)
		if (pause_ns(view, &list.list[i]) > PAUSE_NAMED_NS)
			explain_pause(view, &list.list[i]);
	if (sum.shorts)
		printf("  %u pauses of 10 us or less, together %s\n", sum.shorts,
		       fmt_ns(sum.short_ns, ns));
	served_print(view);
	if (ctele_stalls_lost(&view->v->tele))
		printf("  records of %" PRIu64 " stalls were replaced: those are not explained\n",
		       ctele_stalls_lost(&view->v->tele));
	if (!view->g.stop)
		printf("  the pause at preserve is not known: the vCPU stopped once more since\n");
	if (view->v->tele.stray)
		printf("  stray: %" PRIu64 " %s\n      to do: %s\n", (uint64_t)view->v->tele.stray,
		       stray_what, stray_remedy);
	ledger_print(view);
	return true;
}

static void explain_json_pause(const struct gap_view *view, const struct pause *p)
{
	char text[256];

	json_begin("pause");
	show_json(view->v);
	json_string("cause", pause_cause_name(p->cause));
	json_string("what", pause_text(view, p, text, sizeof(text)));
	json_string("remedy", pause_remedy(p->cause));
	json_ns("at_ns", gap_offset(view, p->from));
	json_ns("lasts_ns", pause_ns(view, p));
	json_bool("going_on", pause_open(p));
	json_bool("ended_by_adoption", p->adopt);
	json_ns("waited_ns", p->adopt ? tsc_span(p->from, view->g.kick, view->khz) : NS_NONE);
	json_ns("kick_to_park_ns", p->adopt ? gap_until_next(view, GAP_KICK) : NS_NONE);
	json_ns("park_to_adopt_ns", p->adopt ? gap_until_next(view, GAP_PARK) : NS_NONE);
	json_end();
}

/* They have a count, and no time. */
static void explain_json_stray(const struct gap_view *view)
{
	if (!view->v->tele.stray)
		return;
	json_begin("stray");
	show_json(view->v);
	json_string("cause", "stray");
	json_string("what", stray_what);
	json_string("remedy", stray_remedy);
	json_number("count", view->v->tele.stray);
	json_end();
}

/**
 * explain_print_json() - all pauses as NDJSON, short ones as well, slow exits, stray events
 * @view:	the gap
 */
void explain_print_json(const struct gap_view *view)
{
	struct pause_list list;
	unsigned int i;

	pause_find(&list, view);
	for (i = 0; i < list.nr; i++)
		explain_json_pause(view, &list.list[i]);
	served_print_json(view);
	explain_json_stray(view);
}
