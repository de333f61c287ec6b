// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Puts the view onto the screen. */
#include <inttypes.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "screen.h"

enum draw_pair {
	DRAW_STALLED = 1,
	DRAW_FAULTED,
	DRAW_DETACHED,
	DRAW_SOFT,
};

/* A vCPU that was entered has a line for its ledger, and one for its pCPU and handlers. */
#define DRAW_HEAD	3
#define DRAW_HEAD_MAX	5
#define DRAW_BAR	40

void draw_init(struct screen *s)
{
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	set_escdelay(25);
	keypad(stdscr, TRUE);
	intrflush(stdscr, FALSE);
	if (!s->color)
		return;
	start_color();
	use_default_colors();
	init_pair(DRAW_STALLED, COLOR_YELLOW, -1);
	init_pair(DRAW_FAULTED, COLOR_RED, -1);
	init_pair(DRAW_DETACHED, COLOR_CYAN, -1);
	init_pair(DRAW_SOFT, COLOR_BLUE, -1);
}

static int draw_head_lines(const struct screen *s)
{
	return s->view.level >= VIEW_VCPU ? DRAW_HEAD_MAX : DRAW_HEAD;
}

/* Lines that may be written; the last one is kept for the foot. */
static int lines_max;

/* Text from @x on, cut at the right edge; what a terminal must not get is a question mark. */
static void put(int y, int x, const char *fmt, ...)
{
	char text[512], *p;
	va_list ap;

	if (y >= lines_max || x >= COLS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
	mvaddnstr(y, x, text, COLS - x);
}

static int state_attr(const struct screen *s, const char *state)
{
	if (!s->color)
		return strncmp(state, "stalled", 7) && strncmp(state, "faulted", 7) ? A_NORMAL :
		       A_BOLD;
	if (!strncmp(state, "faulted", 7))
		return COLOR_PAIR(DRAW_FAULTED) | A_BOLD;
	if (!strncmp(state, "stalled", 7))
		return COLOR_PAIR(DRAW_STALLED) | A_BOLD;
	return strncmp(state, "detached", 8) ? A_NORMAL : COLOR_PAIR(DRAW_DETACHED);
}

static void head_rehearsals(const struct screen *s, char *buf, size_t len)
{
	const struct ctele_set *set = &s->now;
	unsigned int passed = 0;
	size_t i;

	for (i = 0; i < set->nr_rehearsals; i++)
		passed += set->rehearsals[i].passed;
	snprintf(buf, len, "%zu rehearsal%s, %u passed%s", set->nr_rehearsals,
		 set->nr_rehearsals == 1 ? "" : "s", passed, s->view.gap ? "" : ", all exits");
}

static void head_what(const struct screen *s, char *buf, size_t len)
{
	struct ctop_gap g = gap_of_set(&s->now);
	char ns[FMT_MAX], when[FMT_MAX];

	if (s->now.nr_rehearsals)
		head_rehearsals(s, buf, len);
	else if (s->base.nr)
		snprintf(buf, len, "exits%s since reset, %s", s->view.gap ? " in gaps" : "",
			 fmt_ns(s->now.realtime_ns - s->base.realtime_ns, ns));
	else if (!s->view.gap)
		snprintf(buf, len, "exits since install");
	else if (g.in_gap)
		snprintf(buf, len, "exits in gaps; gap %s, %u still in it", fmt_ns(g.ns, ns),
			 g.in_gap);
	else
		snprintf(buf, len, "exits in gaps; gap %s, ended %s", fmt_ns(g.ns, ns),
			 g.ended_ns == NS_NONE ? "-" : print_clock(g.ended_ns, when, "%H:%M:%S"));
}

static unsigned int count_state(const struct ctele_set *set, const char *state)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < set->nr; i++)
		n += !strcmp(set->vcpus[i]->state, state);
	return n;
}

static void head_states(const struct screen *s, int y)
{
	put(y, 0, "%sattached %u  detached %u  stalled %u  faulted %u  adopted %u  delay %g s%s",
	    s->paused ? "PAUSED  " : "", count_state(&s->now, "attached"),
	    count_state(&s->now, "detached"),
	    count_state(&s->now, "stalled"), count_state(&s->now, "faulted"),
	    count_state(&s->now, "adopted"), s->opts->delay,
	    s->now.unreadable ? "  some cannot be read" : "");
}

static void head_path(const struct screen *s, int y)
{
	const struct view *v = &s->view;
	char text[256], name[REASON_NAME_MAX];
	size_t n;

	n = snprintf(text, sizeof(text), "host");
	if (v->level > VIEW_HOST)
		n += snprintf(text + n, sizeof(text) - n, " > VM %016" PRIx64,
			      v->path[VIEW_HOST].vm_id);
	if (v->level > VIEW_VM)
		n += snprintf(text + n, sizeof(text) - n, " > vCPU %ld", v->path[VIEW_VM].vcpu);
	if (v->level > VIEW_VCPU)
		n += snprintf(text + n, sizeof(text) - n, " > %s",
			      reason_name_index(v->path[VIEW_VCPU].reason, name));
	n += snprintf(text + n, sizeof(text) - n, "  [sort %s%s]%s", ctop_key_names[v->key],
		      v->invert ? " inverted" : "", view_is_ledger(v) ? "  [time ledger]" : "");
	if (v->filter[v->level][0])
		snprintf(text + n, sizeof(text) - n, "  [filter %s: %zu hidden]",
			 v->filter[v->level], v->hidden);
	put(y, 0, "%s", text);
}

/* The residual comes first: it is seen however narrow the screen is. */
static void head_ledger(const struct screen *s, int y)
{
	const struct ledger *l = &s->view.time;
	char text[256], residual[64], ns[FMT_MAX];
	unsigned int i;
	size_t n;

	if (!l->vcpus) {
		put(y, 0, "time: - (this telemetry has no ledger)");
		return;
	}
	n = snprintf(text, sizeof(text), "time %s  residual %s ",
		     fmt_ns(tsc_to_ns(l->elapsed, l->khz), ns),
		     ledger_residual_text(l, residual, sizeof(residual)));
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		if (ledger_percent(l, l->by[i]) >= 0.05)
			n += snprintf(text + n, sizeof(text) - n, " %s %.1f%%", ledger_names[i],
				      ledger_percent(l, l->by[i]));
	put(y, 0, "%s", text);
}

/* The digest comes last: its first digits are seen on a narrow screen. */
static void head_handlers(const struct screen *s, int y)
{
	const struct ctele_vcpu *v = s->view.vcpu;
	char digest[CTELE_DIGEST_TEXT], pcpu[32] = "-";

	if (!v)
		return;
	if (v->pcpu >= 0)
		snprintf(pcpu, sizeof(pcpu), "%d", v->pcpu);
	else if (v->apic_id >= 0)
		snprintf(pcpu, sizeof(pcpu), "apic%ld", v->apic_id);
	put(y, 0, "pCPU %s  handlers %s  digest %s", pcpu, v->handlers[0] ? v->handlers : "-",
	    ctele_digest(v, 2 * CTELE_DIGEST_BYTES, digest) ? digest : "-");
}

static void draw_head(const struct screen *s)
{
	char when[FMT_MAX], what[128];

	head_what(s, what, sizeof(what));
	attron(A_BOLD);
	put(0, 0, "ctop %s  lost %" PRIu64 "  VMs %u  vCPUs %zu  %s  kernel %s",
	    print_clock(s->now.realtime_ns, when, "%H:%M:%S"), ctele_set_lost(&s->now), s->now.vms,
	    s->now.nr, what, s->now.kernel[0] ? s->now.kernel : "-");
	attroff(A_BOLD);
	head_states(s, 1);
	head_path(s, 2);
	if (s->view.level < VIEW_VCPU)
		return;
	head_ledger(s, DRAW_HEAD);
	head_handlers(s, DRAW_HEAD + 1);
}

/* @item: NULL for the headings. Return: column behind the cell. */
static int draw_cell(const struct screen *s, const struct view_col *c, int y, int x,
		     const struct view_item *item)
{
	char text[VIEW_CELL_MAX];
	bool state = item && !strcmp(c->title, "STATE");

	if (item)
		c->cell(item, text);
	else
		snprintf(text, sizeof(text), "%s", c->title);
	if (state)
		attron(state_attr(s, item->state));
	put(y, x, c->left ? "%-*.*s" : "%*.*s", c->width, c->width, text);
	if (state)
		attroff(state_attr(s, item->state));
	return x + c->width + 1;
}

static bool col_shown(const struct view_col *c, const struct view *view)
{
	return c->levels & VIEW_BOTH || !(c->levels & VIEW_LEDGER) == !view_is_ledger(view);
}

/* What does not fit as a whole is left out, with all that follows. */
static void draw_line(const struct screen *s, int y, const struct view_item *item)
{
	const struct view_col *c;
	size_t i;
	int x = 0, end;

	for (i = 0; i < view_nr_cols; i++) {
		c = &view_cols[i];
		if (!(c->levels & 1U << s->view.level) || !col_shown(c, &s->view))
			continue;
		if (x && x + c->width > COLS)
			break;
		if (!item && c->key == s->view.key)
			attron(A_UNDERLINE);
		end = draw_cell(s, c, y, x, item);
		attroff(A_UNDERLINE);
		x = end;
	}
}

static void draw_list(struct screen *s)
{
	struct view *v = &s->view;
	int rows = getmaxy(stdscr), head = draw_head_lines(s), y;
	size_t i;

	s->page = rows > head + 2 ? rows - head - 2 : 1;
	if (v->cursor < s->top)
		s->top = v->cursor;
	if (v->cursor >= s->top + s->page)
		s->top = v->cursor - s->page + 1;
	attron(A_REVERSE);
	mvhline(head, 0, ' ', COLS);
	draw_line(s, head, NULL);
	attroff(A_REVERSE);
	for (i = s->top, y = head + 1; i < v->nr && i < s->top + s->page; i++, y++) {
		if (i == v->cursor)
			attron(A_REVERSE);
		if (i == v->cursor && y < LINES)
			mvhline(y, 0, ' ', COLS);
		draw_line(s, y, &v->items[i]);
		attroff(A_REVERSE);
	}
	if (!v->nr)
		put(head + 1, 0, v->hidden ? "(the filter hides all)" : "(nothing here)");
}

/* A bar of up to DRAW_BAR characters, with eighths where the terminal can */
static void draw_bar(const struct screen *s, int y, int x, double share)
{
	static const char *const eighths[] = { "", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
		"\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89" };
	int width = COLS - x < DRAW_BAR ? COLS - x : DRAW_BAR, part = share * width * 8 + 0.5, i;

	if (y >= lines_max || width <= 0)
		return;
	if (share > 0 && !part)
		part = 1;
	move(y, x);
	if (!s->utf8) {
		for (i = 0; i < (part + 7) / 8; i++)
			addch('#');
		return;
	}
	for (i = 0; i < part / 8; i++)
		addstr("\xe2\x96\x88");
	addstr(eighths[part % 8]);
}

static void server_line(const struct screen *s, const struct view_item *item, unsigned int i, int y)
{
	static const char *const names[] = { "native", "handler", "KVM", "blocked" };
	double share = item->total ? (double)item->by[i] / item->total : 0;
	char time[FMT_MAX], mean[FMT_MAX], p99[FMT_MAX], max[FMT_MAX];
	const struct times *x = &s->view.by_server[i];

	put(y, 2, "%-8s %10" PRIu64 " %6.2f %%", names[i], item->by[i], 100 * share);
	if (item->time.untimed)
		draw_bar(s, y, 42, share);
	else
		put(y, 32, "%9s %9s %9s %9s", fmt_ns(times_ns(x), time),
		    fmt_ns(times_mean_ns(x), mean), fmt_ns(times_percentile_ns(x, 99), p99),
		    fmt_ns(times_max_ns(x), max));
}

static int reason_servers(const struct screen *s, const struct view_item *item, int y)
{
	unsigned int i;

	put(y++, 2, "%-8s %10s %8s %11s %9s %9s %9s", "", "EXITS", "SHARE", "TIME", "MEAN", "P99<=",
	    "MAX");
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++, y++)
		server_line(s, item, i, y);
	put(y, 2, "%-8s %10" PRIu64, "total", item->total);
	return y + 1;
}

static void hist_line(const struct screen *s, int y, const char *label, uint64_t n, uint64_t most)
{
	put(y, 2, "%24s %12" PRIu64, label, n);
	draw_bar(s, y, 42, (double)n / most);
}

static int reason_stalls(const struct screen *s, const struct hist *h, int y)
{
	unsigned int first, last, i;
	char label[2 * FMT_MAX];
	uint64_t most = 0;

	if (!hist_range(h, &first, &last))
		return y;
	for (i = first; i <= last; i++)
		most = h->slots[i] > most ? h->slots[i] : most;
	for (i = first; i <= last; i++, y++) {
		hist_label(i, label);
		hist_line(s, y, label, h->slots[i], most);
	}
	return y;
}

static int times_lines(const struct screen *s, const struct times *x, int y)
{
	unsigned int first, last, i;
	char label[2 * FMT_MAX];
	uint64_t most = 0;

	if (!times_range(x, &first, &last))
		return y;
	for (i = first; i <= last; i++)
		most = x->buckets[i] > most ? x->buckets[i] : most;
	for (i = first; i <= last; i++) {
		times_label(x, i, label);
		/* Lines are few: a run of empty buckets takes one. */
		if (x->buckets[i])
			hist_line(s, y++, label, x->buckets[i], most);
		else if (x->buckets[i - 1])
			put(y++, 2, "%24s %12s", "...", "0");
	}
	return y;
}

/* Why there is no histogram; NULL when there is one */
static const char *times_missing(const struct times *x, bool gap)
{
	if (!x->count)
		return "no such exit";
	if (x->untimed)
		return "this telemetry counts exits, it does not time them";
	if (x->no_hist)
		return gap ? "exits outside of gaps are in the same histogram" :
			     "its counters of 32 bits have wrapped";
	return x->timed ? NULL : "none has ended";
}

static int reason_times(const struct screen *s, const struct view_item *item, int y)
{
	const struct view *v = &s->view;
	bool all = v->server >= KVM_CARETAKER_NR_SERVERS;
	const struct times *x = all ? &item->time : &v->by_server[v->server];
	const char *missing = times_missing(x, v->gap);
	char p50[FMT_MAX], p99[FMT_MAX], max[FMT_MAX];

	if (missing) {
		put(y++, 0, "time per exit, %s: - (%s)", all ? "all" : server_names[v->server],
		    missing);
		return y;
	}
	put(y++, 0, "time per exit, %s: p50 <= %s, p99 <= %s, max %s%s; %" PRIu64 " timed",
	    all ? "all" : server_names[v->server], fmt_ns(times_percentile_ns(x, 50), p50),
	    fmt_ns(times_percentile_ns(x, 99), p99), x->max_le ? "<= " : "",
	    fmt_ns(times_max_ns(x), max), x->timed);
	return times_lines(s, x, y);
}

static void draw_reason(struct screen *s)
{
	const struct view_item *item = s->view.items;
	char rate[32] = "-", sum[FMT_MAX], max[FMT_MAX];
	int y = draw_head_lines(s);

	if (!s->view.nr) {
		put(y, 0, "(this vCPU is not here any more)");
		return;
	}
	if (item->rate >= 0)
		snprintf(rate, sizeof(rate), "%.1f", item->rate);
	put(y++, 0, "%s: exits by who served them, %s per second", item->name, rate);
	y = reason_servers(s, item, y);
	put(y++, 0, "stalls on record: %" PRIu64 ", going on %" PRIu64 ", together %s, longest %s",
	    item->stalled.nr + item->stalled.open, item->stalled.open,
	    fmt_ns(item->stalled.nr ? item->stalled.sum : NS_NONE, sum),
	    fmt_ns(item->stalled.nr ? item->stalled.max : NS_NONE, max));
	y = reason_times(s, item, y);
	if (item->stalled.nr)
		put(y++, 0, "stalls by length:");
	reason_stalls(s, &item->stalled, y);
}

static int ledger_lines(const struct screen *s, const struct ledger *l, int y)
{
	char ns[FMT_MAX], text[64];
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++, y++) {
		put(y, 2, "%-10s %11s %8.3f %%", ledger_names[i],
		    fmt_ns(tsc_to_ns(l->by[i], l->khz), ns), ledger_percent(l, l->by[i]));
		draw_bar(s, y, 42, l->elapsed ? (double)l->by[i] / l->elapsed : 0);
	}
	put(y++, 2, "%-10s %s", "residual", ledger_residual_text(l, text, sizeof(text)));
	return y;
}

/* Since install, whatever the base */
static void class_lines(const struct ctele_vcpu *v, int y)
{
	char ns[FMT_MAX], name[24];
	uint64_t mean;
	unsigned int c;

	put(y++, 0, "calls of handlers by exit class, since install:");
	for (c = 0; c < KVM_CARETAKER_NR_CLASS_USES; c++) {
		if (!v->tele.classes[c].calls)
			continue;
		mean = tsc_to_ns(v->tele.classes[c].cycles / v->tele.classes[c].calls,
				 v->tele.tsc_khz);
		put(y++, 2, "%-10s %11llu  mean %s", class_name(c, name, sizeof(name)),
		    v->tele.classes[c].calls, fmt_ns(mean, ns));
	}
}

static void draw_ledger(struct screen *s)
{
	int y = draw_head_lines(s);

	if (!s->view.vcpu || !s->view.time.vcpus) {
		put(y, 0, "(this vCPU has no time ledger, or is not here any more)");
		return;
	}
	y = ledger_lines(s, &s->view.time, y + 1);
	class_lines(s->view.vcpu, y + 1);
}

static const char *const help_lines[] = {
	"ctop: exits of vCPUs by who served them", "",
	"  Up Down j k PgUp PgDn Home End   move the mark",
	"  Enter Right   into it: host > VM > vCPU > exit reason",
	"  Esc Left Backspace   back",
	"  s S   next, previous order: name, rate, count, ...",
	"  I   the other way round",
	"  f /   filter lines by name, state, handlers, digest or pid",
	"  g   exits in gaps alone, all exits    l   the time ledger, the exits",
	"  t   histogram of all servers, of native, handler, KVM, blocked",
	"  r   count from now on; at once again: from install",
	"  + -   longer, shorter delay",
	"  Space   pause",
	"  Ctrl-L   draw anew        q   quit", "",
	"  STATE of a VM is the gravest of its vCPUs, with a + when they differ;",
	"  HANDLERS and DIGEST are those of its first one, with a + when others differ.",
	"  BLOCKD: exits that nobody served; STALLED: time spent in those on record.",
	"  P50, P99 are upper bounds: ends of buckets that double. - is not known.",
	"  %TIME: of the time of the vCPU; in gaps: of that of all exits in gaps.",
	"  RESIDUAL: time that the ledger has in no account; ! is more than 0.1 %.",
};

static void draw_help(void)
{
	size_t i;

	for (i = 0; i < TOOL_NELEM(help_lines); i++)
		put(i, 0, "%s", help_lines[i]);
}

static void draw_foot(const struct screen *s)
{
	int rows = getmaxy(stdscr);

	if (rows < DRAW_HEAD + 3)
		return;
	if (s->editing)
		put(rows - 1, 0, "filter: %s_  (Enter takes it, Esc does not)", s->typed);
	else if (tool_err_held()[0])
		put(rows - 1, 0, "%s", tool_err_held());
	else
		put(rows - 1, 0, "h help  Enter in  Esc back  s sort  f filter  g gap  l time  r reset  q quit");
}

void draw_screen(struct screen *s)
{
	erase();
	lines_max = getmaxy(stdscr);
	if (s->help) {
		draw_help();
	} else {
		draw_foot(s);
		lines_max -= lines_max > DRAW_HEAD + 2;
		draw_head(s);
		if (s->view.level == VIEW_REASON)
			draw_reason(s);
		else if (s->view.level == VIEW_VCPU && s->view.ledger)
			draw_ledger(s);
		else
			draw_list(s);
	}
	refresh();
}
