// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The last gaps as one page that can be put to a ticket: no script, nothing from a network. Text
 * that comes from data goes through html_text().
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctrace.h"
#include "../lib/hist.h"

static const char page_head[] =
"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
"<meta name=\"color-scheme\" content=\"light dark\"><title>Caretaker: the last gap</title>\n<style>\n"
":root{--bg:#fff;--fg:#1c2530;--soft:#5a6673;--line:#d9dfe6;--track:#eef1f4;--native:#2f7d5b;"
"--handler:#2b6cb0;--kvm:#8a6fb8;--blocked:#c8452f;--gap:#9ec9b3;--step:#e0a526}\n"
"@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e4e9ee;--soft:#9aa7b4;--line:#333c46;"
"--track:#20272e;--native:#4fae85;--handler:#5b9bdf;--kvm:#a992d6;--blocked:#ef6d55;--gap:#2e5c48;"
"--step:#e8b84a}}\n"
"body{margin:0 auto;padding:24px;max-width:1100px;background:var(--bg);color:var(--fg);"
"font:14px/1.5 system-ui,sans-serif}\nh1{font-size:22px;margin:0 0 4px}"
"h2{font-size:16px;margin:32px 0 8px}p,.soft{color:var(--soft);margin:0 0 8px}\n"
"table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
"th,td{text-align:right;padding:3px 10px;border-bottom:1px solid var(--line);white-space:nowrap}"
"th{color:var(--soft);font-weight:600}th.l,td.l{text-align:left}td.w{white-space:normal}\n"
".scroll{overflow-x:auto}.row{display:flex;align-items:center;gap:10px;margin:3px 0}"
".row .n{flex:0 0 230px;font-family:ui-monospace,monospace;font-size:12px;white-space:nowrap}"
".row .v{flex:0 0 76px;text-align:right;font-size:12px}\n"
".bar{position:relative;flex:1;height:16px;background:var(--track);border-radius:3px;overflow:hidden}"
".bar i{position:absolute;top:0;bottom:0;min-width:2px}\n"
".key span{margin-right:16px;white-space:nowrap}.key i{display:inline-block;width:11px;height:11px;"
"border-radius:2px;margin-right:5px}\n"
".native{background:var(--native)}.handler{background:var(--handler)}.kvm{background:var(--kvm)}"
".blocked{background:var(--blocked)}.guest{background:var(--gap)}.halted{background:var(--soft)}"
".handover{background:var(--step)}.gap{background:var(--gap)}.step{background:var(--step)}"
".boot{background:var(--kvm)}.clock{opacity:.4}.cpus{opacity:.7}"
".bad{color:var(--blocked);font-weight:600}.axis{display:flex;justify-content:space-between;margin-left:240px;padding-right:86px}"
".facts{display:flex;flex-wrap:wrap;gap:8px 32px;margin:12px 0}.facts b{display:block;font-size:20px}\n"
"</style></head><body>\n";

static const char boot_key[] =
"<span><i class=\"boot\"></i>the next kernel boots: its clock, CPUs, init</span>";

void html_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '<' || *s == '>' || *s == '&' || *s == '"' || *s == '\'')
			fprintf(f, "&#%d;", *s);
		else
			fputc((unsigned char)*s < ' ' || (unsigned char)*s > '~' ? '?' : *s, f);
	}
}

static double percent(const struct span *span, uint64_t tsc)
{
	if (span->to <= span->from || tsc <= span->from)
		return 0;
	return 100.0 * (tsc - span->from) / (span->to - span->from);
}

static void segment(FILE *f, const struct span *span, const char *kind, uint64_t from, uint64_t to,
		    const char *title)
{
	char ns[FMT_MAX];

	to = span_end(span, to);
	if (!from || to < from)
		return;
	fprintf(f, "<i class=\"%s\" style=\"left:%.4f%%;width:%.4f%%\" title=\"", kind,
		percent(span, from), percent(span, to) - percent(span, from));
	html_text(f, title);
	fprintf(f, ": %s\"></i>", fmt_ns(tsc_span(from, to, span->khz), ns));
}

static const char *pause_kind(const struct pause *p)
{
	return p->cause == PAUSE_PRESERVE || p->cause == PAUSE_ADOPT ? "step" : "blocked";
}

static void timeline_row(FILE *f, const struct span *span, const struct gap_view *view)
{
	char ns[FMT_MAX], text[256];
	struct pause_list list;
	unsigned int i;

	pause_find(&list, view);
	fprintf(f, "<div class=\"row\"><span class=\"n\">%016" PRIx64
		" vCPU %ld</span><div class=\"bar\">",
		(uint64_t)view->v->tele.vm_id, view->v->dir_vcpu);
	segment(f, span, "gap", view->g.run, view->g.kick, "in the Caretaker");
	for (i = 0; i < list.nr; i++)
		segment(f, span, pause_kind(&list.list[i]), list.list[i].from, list.list[i].to,
			pause_text(view, &list.list[i], text, sizeof(text)));
	if (view->g.kick)
		segment(f, span, "step", view->g.kick, view->g.adopt, "adoption");
	fprintf(f, "</div><span class=\"v\">%s</span></div>\n",
		fmt_ns(tsc_span(view->g.start, span_end(span, view->g.adopt), view->khz), ns));
}

static bool boot_find(struct gap_view *view, const struct ctele_set *set)
{
	unsigned int phase;
	size_t i;

	for (i = 0; i < set->nr; i++) {
		if (!gap_view_make(view, set->vcpus[i]) || !view->khz)
			continue;
		view->boot = &set->boot;
		for (phase = 0; phase < BOOT_NR_PHASES; phase++)
			if (gap_boot_inside(view, phase))
				return true;
	}
	return false;
}

/* The next kernel is one for all vCPUs: those that it asks for later go on in the Caretaker. */
static void boot_row(FILE *f, const struct span *span, const struct gap_view *view)
{
	unsigned int phase;
	char kind[32];

	fprintf(f, "<div class=\"row\"><span class=\"n\">next kernel</span><div class=\"bar\">");
	for (phase = 0; phase < BOOT_NR_PHASES; phase++) {
		if (!gap_boot_inside(view, phase))
			continue;
		snprintf(kind, sizeof(kind), "boot %s", boot_names[phase]);
		segment(f, span, kind, view->boot->tsc[phase], gap_boot_end(view, phase),
			boot_texts[phase]);
	}
	fprintf(f, "</div><span class=\"v\"></span></div>\n");
}

static void timeline_write(FILE *f, const struct span *span, const struct ctele_set *set)
{
	struct gap_view view, boot;
	bool booted = boot_find(&boot, set);
	char ns[FMT_MAX];
	size_t i;

	fprintf(f, "<h2>Timeline</h2><p class=\"key\"><span><i class=\"gap\"></i>guest runs in the Caretaker"
		"</span><span><i class=\"blocked\"></i>blocked</span><span><i class=\"step\"></i>"
		"preserve, adoption</span>%s</p>\n", booted ? boot_key : "");
	if (booted)
		boot_row(f, span, &boot);
	for (i = 0; i < set->nr; i++)
		if (gap_view_make(&view, set->vcpus[i]) && view.khz)
			timeline_row(f, span, &view);
	fprintf(f, "<div class=\"axis soft\"><span>0</span><span>%s</span></div>\n",
		fmt_ns(tsc_span(span->from, span->to, span->khz), ns));
}

static void pauses_histogram(FILE *f, const struct ctele_set *set)
{
	struct hist h = { .nr = 0 };
	unsigned int first, last, n;
	char label[2 * FMT_MAX];
	struct pause_list list;
	struct gap_view view;
	uint64_t most = 0, ns;
	size_t i;

	for (i = 0; i < set->nr; i++) {
		if (!gap_view_make(&view, set->vcpus[i]))
			continue;
		pause_find(&list, &view);
		for (n = 0; n < list.nr; n++) {
			ns = tsc_span(list.list[n].from, list.list[n].to, view.khz);
			if (ns != NS_NONE)
				hist_add(&h, ns);
		}
	}
	fprintf(f, "<h2>Pauses by length</h2>\n");
	if (!hist_range(&h, &first, &last)) {
		fprintf(f, "<p>None has ended.</p>\n");
		return;
	}
	for (n = first; n <= last; n++)
		most = h.slots[n] > most ? h.slots[n] : most;
	for (n = first; n <= last; n++) {
		hist_label(n, label);
		fprintf(f, "<div class=\"row\"><span class=\"n\">%s</span><div class=\"bar\">",
			label);
		if (h.slots[n])
			fprintf(f, "<i class=\"handler\" style=\"left:0;width:%.2f%%\"></i>",
				100.0 * h.slots[n] / most);
		fprintf(f, "</div><span class=\"v\">%" PRIu64 "</span></div>\n", h.slots[n]);
	}
}

static void pause_row(FILE *f, const struct gap_view *view, const struct pause *p)
{
	char at[FMT_MAX], ns[FMT_MAX], text[256];

	/* The length of what goes on is that until the look. */
	fprintf(f, "<tr><td class=\"l\">%016" PRIx64 "</td><td>%ld</td><td>%s</td><td>%s%s</td><td class=\"l\">%s</td>"
		"<td class=\"l w\">", (uint64_t)view->v->tele.vm_id, view->v->dir_vcpu,
		fmt_offset(gap_offset(view, p->from), at),
		fmt_ns(pause_ns(view, p), ns), p->from && !p->to ? " so far" : "",
		pause_cause_name(p->cause));
	html_text(f, pause_text(view, p, text, sizeof(text)));
	fprintf(f, "</td></tr>\n");
}

static void pauses_write(FILE *f, const struct ctele_set *set)
{
	struct pause_list list;
	struct gap_view view;
	unsigned int n;
	size_t i;

	fprintf(f, "<h2>Stalls and other pauses</h2><div class=\"scroll\"><table><tr><th class=\"l\">VM</th><th>vCPU</th>"
		"<th>at [s]</th><th>lasts</th><th class=\"l\">cause</th><th class=\"l\">what</th></tr>\n");
	for (i = 0; i < set->nr; i++) {
		if (!gap_view_make(&view, set->vcpus[i]))
			continue;
		pause_find(&list, &view);
		for (n = 0; n < list.nr; n++)
			pause_row(f, &view, &list.list[n]);
	}
	fprintf(f, "</table></div>\n");
}

struct page_facts {
	unsigned int vcpus;
	unsigned int stalled;
	unsigned int away;
	uint64_t longest_ns;
	bool longest_open;
};

static void facts_add(struct page_facts *facts, const struct gap_view *view)
{
	struct pause_list list;
	unsigned int n;
	uint64_t ns;

	facts->vcpus++;
	facts->stalled += view->end > view->first;
	facts->away += !view->g.adopt;
	pause_find(&list, view);
	for (n = 0; n < list.nr; n++) {
		ns = pause_ns(view, &list.list[n]);
		if (ns == NS_NONE || ns < facts->longest_ns)
			continue;
		facts->longest_ns = ns;
		facts->longest_open = !list.list[n].to;
	}
}

static void facts_write(FILE *f, const struct span *span, const struct ctele_set *set)
{
	struct page_facts facts = { .vcpus = 0 };
	char ns[FMT_MAX], most[FMT_MAX];
	struct gap_view view;
	size_t i;

	for (i = 0; i < set->nr; i++)
		if (gap_view_make(&view, set->vcpus[i]))
			facts_add(&facts, &view);
	fprintf(f, "<div class=\"facts\"><span><b>%s</b>first stop to %s</span>"
		"<span><b>%s</b>longest pause%s</span><span><b>%u</b>vCPUs handed over</span>"
		"<span><b>%u</b>of them blocked</span><span><b>%u</b>not adopted</span>"
		"<span><b>%" PRIu64 "</b>records lost</span></div>\n",
		fmt_ns(tsc_span(span->from, span->to, span->khz), ns),
		facts.away ? "this look" : "last adoption", fmt_ns(facts.longest_ns, most),
		facts.longest_open ? ", so far" : "", facts.vcpus, facts.stalled, facts.away,
		ctele_set_lost(set));
}

static void head_write(FILE *f, const struct ctele_set *set)
{
	time_t t = set->realtime_ns / 1000000000;
	char when[32] = "-";
	struct tm tm;

	fputs(page_head, f);
	if (gmtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fprintf(f, "<h1>The last gap</h1><p>Read %s on kernel ", when);
	html_text(f, set->kernel[0] ? set->kernel : "(not known)");
	fprintf(f, " by ctrace %s. Times are from the host&#39;s TSC. Exits are counted over all gaps since the "
		"Caretakers were installed. A pause is the time in which a vCPU can execute no guest instruction "
		"because of the handover.</p>\n", TOOL_VERSION);
}

/**
 * html_write() - write the last gaps of all vCPUs as a page
 * @path:	file
 * @set:	the vCPUs
 */
enum tool_status html_write(const char *path, const struct ctele_set *set)
{
	FILE *f = picture_open(path);
	struct span span;

	if (!f)
		return TOOL_FAILED;
	span_find(&span, set);
	head_write(f, set);
	facts_write(f, &span, set);
	timeline_write(f, &span, set);
	pauses_histogram(f, set);
	pauses_write(f, set);
	html_exits(f, set);
	html_ledgers(f, set);
	fprintf(f, "</body></html>\n");
	return picture_close(f, path);
}
