// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What happened between two looks, in the order of time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctrace.h"
#include "../lib/show.h"

/**
 * struct event - something that happened to a vCPU
 * @v:		the vCPU
 * @at_ns:	CLOCK_REALTIME
 * @exact:	@at_ns comes from a stamp; else it is the look that saw it
 * @what:	one word
 * @text:	more
 * @lasts_ns:	how long, NS_NONE: no such thing
 * @ring:	the event of a ring that it is, NULL for none
 */
struct event {
	const struct ctele_vcpu *v;
	uint64_t at_ns;
	bool exact;
	const char *what;
	char text[320];
	uint64_t lasts_ns;
	const struct ring_event *ring;
};

struct event_list {
	const struct ctele_set *set;
	struct event *list;
	size_t nr;
	size_t cap;
	bool bad;
};

/* CLOCK_REALTIME of a stamp, by the two clocks of the look */
static bool event_time(const struct ctele_set *set, const struct ctele_vcpu *v, uint64_t tsc,
		       uint64_t *at_ns)
{
	uint64_t ago = tsc_span(tsc, set->tsc, v->tele.tsc_khz);

	*at_ns = set->realtime_ns;
	if (ago == NS_NONE || ago > set->realtime_ns)
		return false;
	*at_ns -= ago;
	return true;
}

/* @tsc: stamp, 0 when there is none */
static struct event *event_add(struct event_list *l, const struct ctele_vcpu *v, uint64_t tsc,
			       const char *what)
{
	static struct event nowhere;
	struct event *list;
	size_t cap;

	if (l->nr == l->cap) {
		cap = l->cap ? 2 * l->cap : 64;
		list = l->bad ? NULL : realloc(l->list, cap * sizeof(*list));
		if (!list) {
			l->bad = true;
			return &nowhere;
		}
		l->list = list;
		l->cap = cap;
	}
	list = &l->list[l->nr++];
	*list = (struct event){ .v = v, .what = what, .lasts_ns = NS_NONE };
	list->exact = event_time(l->set, v, tsc, &list->at_ns);
	return list;
}

static void events_of_steps(struct event_list *l, const struct ctele_vcpu *v,
			    const struct ctele_vcpu *before)
{
	struct gap_view now, was;
	unsigned int i;

	if (!gap_view_make(&now, v))
		return;
	if (!before || !gap_view_make(&was, before))
		memset(&was, 0, sizeof(was));
	for (i = 0; i < GAP_NR_STEPS; i++)
		if (now.at[i] && now.at[i] != was.at[i])
			snprintf(event_add(l, v, now.at[i], gap_step_names[i])->text,
				 sizeof(l->list->text), "%s", gap_step_texts[i]);
}

/* Of the kernel that the look before did not know */
static void events_of_boot(struct event_list *l, const struct ctele_vcpu *v,
			   const struct boot *before)
{
	const struct boot *boot = &l->set->boot;
	struct gap_view view;
	unsigned int i;

	if (!gap_view_make(&view, v))
		return;
	view.boot = boot;
	for (i = 0; i < BOOT_NR_PHASES; i++)
		if (boot->tsc[i] != before->tsc[i] && gap_boot_inside(&view, i))
			snprintf(event_add(l, v, boot->tsc[i], "boot")->text,
				 sizeof(l->list->text), "%s", boot_texts[i]);
}

/* @end: its end, else its start */
static void event_of_stall(struct event_list *l, const struct ctele_vcpu *v, uint64_t i,
			   bool end)
{
	const struct kvm_caretaker_stall *s = ctele_stall(&v->tele, i);
	char name[REASON_NAME_MAX], detail[REASON_DETAIL_MAX];
	struct event *e;

	e = event_add(l, v, end ? s->tsc_end : s->tsc_start, end ? "resume" : "stall");
	if (end)
		e->lasts_ns = tsc_span(s->tsc_start, s->tsc_end, v->tele.tsc_khz);
	reason_detail(s->reason, s->info1, s->info2, detail);
	snprintf(e->text, sizeof(e->text), "%" PRIu64 ": %s%s%s at rip 0x%" PRIx64, i,
		 reason_name(s->reason, name), detail[0] ? " " : "", detail, (uint64_t)s->rip);
}

static void events_of_stalls(struct event_list *l, const struct ctele_vcpu *v,
			     const struct ctele_vcpu *before, const struct ctrace_options *opts)
{
	uint64_t seen = before && before->tele.nr_stalls <= v->tele.nr_stalls ?
			before->tele.nr_stalls : 0, i;
	const struct kvm_caretaker_stall *s;

	for (i = ctele_stall_first(&v->tele); i < v->tele.nr_stalls; i++) {
		s = ctele_stall(&v->tele, i);
		if (!ctele_stall_sane(s) || !opts->reasons[reason_index(s->reason)])
			continue;
		if (i >= seen)
			event_of_stall(l, v, i, false);
		if (s->tsc_end && (i >= seen || !ctele_stall(&before->tele, i)->tsc_end))
			event_of_stall(l, v, i, true);
	}
	i = ctele_stalls_lost(&v->tele);
	if (i > seen)
		snprintf(event_add(l, v, 0, "lost")->text, sizeof(l->list->text),
			 "%" PRIu64 " records of stalls were replaced before this look", i - seen);
}

static void events_of_counts(struct event_list *l, const struct ctele_vcpu *v,
			     const struct ctele_vcpu *before)
{
	uint64_t stray = before ? before->tele.stray : 0, fuel = before ? before->tele.fuel_out : 0;

	if (v->tele.stray > stray)
		snprintf(event_add(l, v, 0, "stray")->text, sizeof(l->list->text),
			 "%" PRIu64 " stray events (NMI, #MC ...)",
			 (uint64_t)v->tele.stray - stray);
	if (v->tele.fuel_out > fuel)
		snprintf(event_add(l, v, 0, "fuel")->text, sizeof(l->list->text),
			 "%" PRIu64 " handler calls ran out of fuel",
			 (uint64_t)v->tele.fuel_out - fuel);
	if (v->tele.fault && (!before || before->tele.fault != v->tele.fault))
		snprintf(event_add(l, v, 0, "fault")->text, sizeof(l->list->text),
			 "code %" PRIu64 " at rip 0x%" PRIx64 ", address or error code 0x%" PRIx64,
			 (uint64_t)v->tele.fault, (uint64_t)v->tele.fault_rip,
			 (uint64_t)v->tele.fault_addr);
}

/* The two clocks of the look give the time of day. */
static bool ring_time(const struct ctele_set *set, const struct ctele_vcpu *v, uint64_t ns,
		      uint64_t *at_ns)
{
	uint64_t now = tsc_to_ns(set->tsc, v->tele.tsc_khz);

	*at_ns = set->realtime_ns;
	if (!set->tsc || now == NS_NONE || (ns < now && now - ns > set->realtime_ns))
		return false;
	*at_ns += ns - now;
	return true;
}

static const struct ctele_vcpu *ring_vcpu(const struct ctele_set *set, const struct ring_event *e)
{
	size_t i;

	for (i = 0; i < set->nr; i++)
		if (set->vcpus[i]->tele.vm_id == e->vm && set->vcpus[i]->tele.vcpu == e->vcpu)
			return set->vcpus[i];
	return NULL;
}

/* Return: how many events are of vCPUs that neither look has. */
static size_t events_of_rings(struct event_list *l, const struct events *e)
{
	const struct ctele_vcpu *v = NULL;
	const struct ring_event *r;
	size_t i, strangers = 0;
	struct event *ev;

	for (i = 0; i < l->set->nr_events; i++) {
		r = &l->set->events[i];
		if (!v || v->tele.vm_id != r->vm || v->tele.vcpu != r->vcpu)
			v = ring_vcpu(l->set, r);
		if (!v)
			v = ring_vcpu(&e->before, r);
		if (!v) {
			strangers++;
			continue;
		}
		ev = event_add(l, v, 0, "ring");
		ev->ring = r;
		ev->exact = ring_time(l->set, v, r->ns, &ev->at_ns);
		snprintf(ev->text, sizeof(ev->text), "%s %s", r->name, r->text);
	}
	return strangers;
}

/* A look may know less of them than another one. */
static bool handlers_changed(const struct ctele_vcpu *before, const struct ctele_vcpu *v)
{
	char a[CTELE_DIGEST_TEXT], b[CTELE_DIGEST_TEXT];

	if (before->handlers[0] && v->handlers[0] && strcmp(before->handlers, v->handlers))
		return true;
	return ctele_digest(before, 2 * CTELE_DIGEST_BYTES, a) &&
	       ctele_digest(v, 2 * CTELE_DIGEST_BYTES, b) && strcmp(a, b);
}

static const char *name_or_dash(const struct ctele_vcpu *v)
{
	return v->handlers[0] ? v->handlers : "-";
}

static void event_of_first_look(struct event_list *l, const struct ctele_vcpu *v, const char *state)
{
	char digest[CTELE_DIGEST_TEXT];

	snprintf(event_add(l, v, 0, "seen")->text, sizeof(l->list->text),
		 "%s, pid %ld, handlers %s, digest %s", state, v->pid, name_or_dash(v),
		 ctele_digest(v, CTELE_DIGEST_SHORT, digest) ? digest : "-");
}

static void event_of_handlers(struct event_list *l, const struct ctele_vcpu *v,
			      const struct ctele_vcpu *before)
{
	char a[CTELE_DIGEST_TEXT], b[CTELE_DIGEST_TEXT];

	snprintf(event_add(l, v, 0, "update")->text, sizeof(l->list->text),
		 "handlers %s %s -> %s %s", name_or_dash(before),
		 ctele_digest(before, CTELE_DIGEST_SHORT, a) ? a : "-", name_or_dash(v),
		 ctele_digest(v, CTELE_DIGEST_SHORT, b) ? b : "-");
}

static void events_of_vcpu(struct event_list *l, const struct ctele_vcpu *v,
			   const struct ctele_vcpu *before, const struct events *e)
{
	const char *state = v->state[0] ? v->state : "?";

	if (!before)
		event_of_first_look(l, v, state);
	else if (strcmp(before->state, v->state))
		snprintf(event_add(l, v, 0, "state")->text, sizeof(l->list->text), "%s -> %s",
			 before->state[0] ? before->state : "?", state);
	if (before && handlers_changed(before, v))
		event_of_handlers(l, v, before);
	/* Without a look before, history is told only when that was asked for. */
	if (!before && !e->past && e->first)
		return;
	events_of_steps(l, v, before);
	events_of_boot(l, v, &e->before.boot);
	events_of_stalls(l, v, before, e->opts);
	events_of_counts(l, v, before);
}

/**
 * events_find() - the same vCPU in another look, also of another kernel: there the VM's process
 * has another number, its identity is the same
 * @set:	the look
 * @like:	the vCPU
 */
const struct ctele_vcpu *events_find(const struct ctele_set *set, const struct ctele_vcpu *like)
{
	const struct ctele_vcpu *v = ctele_find(set, like);
	size_t i;

	for (i = 0; !v && like->tele.vm_id && i < set->nr; i++)
		if (set->vcpus[i]->tele.vm_id == like->tele.vm_id &&
		    set->vcpus[i]->tele.vcpu == like->tele.vcpu)
			v = set->vcpus[i];
	return v;
}

static int event_compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x < y ? -1 : x > y;
}

static const char *event_clock(const struct events *e, const struct event *ev, char *buf)
{
	time_t t = ev->at_ns / 1000000000;
	struct tm tm;
	size_t n;

	if (!e->opts->clock && ev->at_ns >= e->start_ns)
		return fmt_offset(ev->at_ns - e->start_ns, buf);
	if (!e->opts->clock) {
		*buf = '-';
		snprintf(buf + 1, FMT_MAX - 1, "%" PRIu64 ".%09" PRIu64,
			 (e->start_ns - ev->at_ns) / 1000000000,
			 (e->start_ns - ev->at_ns) % 1000000000);
		return buf;
	}
	n = localtime_r(&t, &tm) ? strftime(buf, FMT_MAX, "%H:%M:%S", &tm) : 0;
	snprintf(buf + n, FMT_MAX - n, ".%09" PRIu64, ev->at_ns % 1000000000);
	return buf;
}

static void event_print(const struct events *e, const struct event *ev)
{
	char at[FMT_MAX], lasts[FMT_MAX], text[sizeof(ev->text)], *p;

	snprintf(text, sizeof(text), "%s", ev->text);
	for (p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
	printf("%16s%s %016" PRIx64 "/%-3ld %-7s %s", event_clock(e, ev, at),
	       ev->exact ? " " : "~", (uint64_t)ev->v->tele.vm_id, ev->v->dir_vcpu, ev->what, text);
	if (ev->lasts_ns != NS_NONE)
		printf(" <%s>", fmt_ns(ev->lasts_ns, lasts));
	putchar('\n');
}

static void event_json(const struct event *ev)
{
	json_begin("event");
	json_number("time_ns", ev->at_ns);
	json_bool("exact", ev->exact);
	show_json(ev->v);
	json_string("event", ev->what);
	json_string("what", ev->text);
	if (ev->ring)
		json_string("name", ev->ring->name);
	json_ns("lasts_ns", ev->lasts_ns);
	json_end();
}

static void events_gone(struct event_list *l, const struct events *e, const struct ctele_set *now)
{
	size_t i;

	for (i = 0; i < e->before.nr; i++)
		if (!events_find(now, e->before.vcpus[i]))
			event_add(l, e->before.vcpus[i], 0, "gone");
}

/**
 * events_look() - tell what happened since the look before
 * @e:		state, to be kept from look to look
 * @now:	the look
 *
 * Return: false when memory ran out; a message has told so.
 */
bool events_look(struct events *e, const struct ctele_set *now)
{
	struct event_list l = { .set = now };
	size_t i, strangers;

	if (e->first)
		e->start_ns = now->realtime_ns;
	events_gone(&l, e, now);
	for (i = 0; i < now->nr; i++)
		events_of_vcpu(&l, now->vcpus[i], events_find(&e->before, now->vcpus[i]), e);
	strangers = events_of_rings(&l, e);
	if (strangers && e->opts->source.pid < 0)
		tool_err("%zu events of vCPUs that came and went between two looks are not told",
			 strangers);
	if (l.nr)
		qsort(l.list, l.nr, sizeof(*l.list), event_compare);
	for (i = 0; i < l.nr; i++) {
		if (e->opts->json)
			event_json(&l.list[i]);
		else
			event_print(e, &l.list[i]);
	}
	e->nr += l.nr;
	e->first = false;
	free(l.list);
	if (l.bad)
		tool_err("telling what happened: no memory");
	return !l.bad;
}
