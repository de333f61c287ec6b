// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The timeline for trace viewers, in the JSON form of trace events that they all read: a VM is a
 * process there, a vCPU a thread. Slices of a thread have to nest, so a stall that the adoption
 * ends is drawn until the kick; its arguments tell the true end.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctrace.h"

struct perfetto {
	FILE *f;
	struct span span;
	const char *comma;
};

static void text_write(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

/* Start of an event; the caller goes on with "args" and ends it with "}}". */
static void event_begin(struct perfetto *p, const struct gap_view *view, const char *ph,
			const char *name)
{
	fprintf(p->f, "%s\n{\"ph\":\"%s\",\"pid\":%ld,\"tid\":%ld,\"name\":", p->comma, ph,
		view->v->pid < 0 ? 1 : view->v->pid, view->v->dir_vcpu + 1);
	text_write(p->f, name);
	p->comma = ",";
}

/* Microseconds with all nanoseconds; doubles would lose some. */
static void time_write(struct perfetto *p, const char *key, uint64_t ns)
{
	fprintf(p->f, ",\"%s\":%" PRIu64 ".%03" PRIu64, key, ns / 1000, ns % 1000);
}

/* A mark on the line of the vCPU: stalls may begin and end within a phase. */
static void boot_write(struct perfetto *p, const struct gap_view *view)
{
	unsigned int i;
	uint64_t at;

	for (i = 0; i < BOOT_NR_PHASES; i++) {
		if (!gap_boot_inside(view, i))
			continue;
		at = tsc_to_ns(view->boot->tsc[i] - p->span.from, p->span.khz);
		if (at == NS_NONE)
			continue;
		event_begin(p, view, "i", boot_texts[i]);
		fprintf(p->f, ",\"cat\":\"boot\",\"s\":\"t\"");
		time_write(p, "ts", at);
		fprintf(p->f, "}");
	}
}

/* Return: false when there is no such slice. */
static bool slice_begin(struct perfetto *p, const struct gap_view *view, const char *name,
			uint64_t from, uint64_t to)
{
	uint64_t at = tsc_to_ns(from - p->span.from, p->span.khz), ns;

	to = span_end(&p->span, to);
	ns = tsc_span(from, to, p->span.khz);
	if (!from || ns == NS_NONE || at == NS_NONE || from < p->span.from)
		return false;
	event_begin(p, view, "X", name);
	fprintf(p->f, ",\"cat\":\"caretaker\"");
	time_write(p, "ts", at);
	time_write(p, "dur", ns);
	fprintf(p->f, ",\"args\":{");
	return true;
}

static void slice(struct perfetto *p, const struct gap_view *view, const char *name, uint64_t from,
		  uint64_t to)
{
	if (slice_begin(p, view, name, from, to))
		fprintf(p->f, "\"going_on\":%s}}", to ? "false" : "true");
}

static void stall_write(struct perfetto *p, const struct gap_view *view, uint64_t i)
{
	const struct kvm_caretaker_stall *s = ctele_stall(&view->v->tele, i);
	char name[REASON_NAME_MAX], title[REASON_NAME_MAX + 16], detail[REASON_DETAIL_MAX];
	uint64_t to = s->tsc_end;

	if (!ctele_stall_sane(s))
		return;
	if (view->g.kick && (!to || to > view->g.kick))
		to = view->g.kick;
	snprintf(title, sizeof(title), "blocked: %s", reason_name(s->reason, name));
	if (!slice_begin(p, view, title, s->tsc_start, to))
		return;
	fprintf(p->f, "\"stall\":%" PRIu64 ",\"rip\":\"0x%" PRIx64 "\",\"what\":", i,
		(uint64_t)s->rip);
	text_write(p->f, reason_detail(s->reason, s->info1, s->info2, detail));
	fprintf(p->f, ",\"ended_by_adoption\":%s}}", to == view->g.kick ? "true" : "false");
}

/* The exits have no stamps: they stand with the gap that they were counted in. */
static void gap_write(struct perfetto *p, const struct gap_view *view)
{
	char name[REASON_NAME_MAX], ns[FMT_MAX];
	const char *comma = "";
	struct gap_exits x;
	unsigned int r;

	if (!slice_begin(p, view, "in the Caretaker", view->g.run, view->g.kick))
		return;
	for (r = 0; r < CTELE_NR_ROWS; r++) {
		if (!gap_exits_get(&x, &view->v->tele, r))
			continue;
		fprintf(p->f, "%s", comma);
		text_write(p->f, reason_name_index(r, name));
		fprintf(p->f, ":\"native %" PRIu64 ", handler %" PRIu64 ", kvm %" PRIu64
			", blocked %" PRIu64 "; time %s\"",
			x.by[KVM_CARETAKER_NATIVE].count, x.by[KVM_CARETAKER_HANDLER].count,
			x.by[KVM_CARETAKER_KVM].count, x.by[KVM_CARETAKER_BLOCKED].count,
			fmt_ns(times_ns(&x.all), ns));
		comma = ",";
	}
	fprintf(p->f, "}}");
}

static void names_write(struct perfetto *p, const struct gap_view *view)
{
	const struct ctele_vcpu *v = view->v;
	char name[64];

	snprintf(name, sizeof(name), "VM %016" PRIx64, (uint64_t)v->tele.vm_id);
	event_begin(p, view, "M", "process_name");
	fprintf(p->f, ",\"args\":{\"name\":\"%s\"}}", name);
	event_begin(p, view, "M", "thread_name");
	fprintf(p->f, ",\"args\":{\"name\":\"vCPU %ld\"}}", v->dir_vcpu);
}

static void vcpu_write(struct perfetto *p, const struct gap_view *view)
{
	uint64_t i;

	names_write(p, view);
	slice(p, view, "handover", view->g.start, view->g.adopt);
	if (view->g.stop)
		slice(p, view, "preserve: stop to run", view->g.stop, view->g.run);
	gap_write(p, view);
	boot_write(p, view);
	for (i = view->first; i < view->end; i++)
		stall_write(p, view, i);
	if (view->g.kick)
		slice(p, view, "adopt: kick to park", view->g.kick, view->g.park);
	if (view->g.park)
		slice(p, view, "adopt: park to continue in KVM", view->g.park, view->g.adopt);
}

/**
 * perfetto_write() - write the last gaps of all vCPUs for a trace viewer
 * @path:	file
 * @set:	the vCPUs
 */
enum tool_status perfetto_write(const char *path, const struct ctele_set *set)
{
	struct perfetto p = { .f = picture_open(path), .comma = "" };
	struct gap_view view;
	size_t i;

	if (!p.f)
		return TOOL_FAILED;
	span_find(&p.span, set);
	fprintf(p.f, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"tool\":\"ctrace %s\",\"schema\":%d,"
		"\"clock\":\"host TSC, from the first stop\",\"lost\":%" PRIu64 "},\"traceEvents\":[",
		TOOL_VERSION, TOOL_SCHEMA, ctele_set_lost(set));
	for (i = 0; i < set->nr; i++) {
		if (!gap_view_make(&view, set->vcpus[i]) || !view.khz)
			continue;
		view.boot = &set->boot;
		vcpu_write(&p, &view);
	}
	fprintf(p.f, "\n]}\n");
	return picture_close(p.f, path);
}
