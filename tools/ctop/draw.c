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

#define DRAW_HEAD	3
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

/* Text from @x on, cut at the right edge; what a terminal must not get is a question mark. */
static void put(int y, int x, const char *fmt, ...)
{
	char text[512], *p;
	va_list ap;

	if (y >= LINES || x >= COLS)
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

static void head_what(const struct screen *s, char *buf, size_t len)
{
	struct ctop_gap g = gap_of_set(&s->now);
	char ns[FMT_MAX], when[FMT_MAX];

	if (s->base.nr)
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
	n += snprintf(text + n, sizeof(text) - n, "  [sort %s%s]", ctop_key_names[v->key],
		      v->invert ? " inverted" : "");
	if (v->filter[v->level][0])
		snprintf(text + n, sizeof(text) - n, "  [filter %s: %zu hidden]",
			 v->filter[v->level], v->hidden);
	put(y, 0, "%s", text);
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

/* What does not fit as a whole is left out, with all that follows. */
static void draw_line(const struct screen *s, int y, const struct view_item *item)
{
	const struct view_col *c;
	size_t i;
	int x = 0, end;

	for (i = 0; i < view_nr_cols; i++) {
		c = &view_cols[i];
		if (!(c->levels & 1U << s->view.level))
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
	int rows = getmaxy(stdscr), y;
	size_t i;

	s->page = rows > DRAW_HEAD + 2 ? rows - DRAW_HEAD - 2 : 1;
	if (v->cursor < s->top)
		s->top = v->cursor;
	if (v->cursor >= s->top + s->page)
		s->top = v->cursor - s->page + 1;
	attron(A_REVERSE);
	mvhline(DRAW_HEAD, 0, ' ', COLS);
	draw_line(s, DRAW_HEAD, NULL);
	attroff(A_REVERSE);
	for (i = s->top, y = DRAW_HEAD + 1; i < v->nr && i < s->top + s->page; i++, y++) {
		if (i == v->cursor)
			attron(A_REVERSE);
		if (i == v->cursor && y < LINES)
			mvhline(y, 0, ' ', COLS);
		draw_line(s, y, &v->items[i]);
		attroff(A_REVERSE);
	}
	if (!v->nr)
		put(DRAW_HEAD + 1, 0, v->hidden ? "(the filter hides all)" : "(nothing here)");
}

/* A bar of up to DRAW_BAR characters, with eighths where the terminal can */
static void draw_bar(const struct screen *s, int y, int x, double share)
{
	static const char *const eighths[] = { "", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
		"\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89" };
	int width = COLS - x < DRAW_BAR ? COLS - x : DRAW_BAR, part = share * width * 8 + 0.5, i;

	if (y >= LINES || width <= 0)
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

static int reason_servers(const struct screen *s, const struct view_item *item, int y)
{
	static const char *const names[] = { "native", "handler", "KVM", "blocked" };
	double share;
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++, y++) {
		share = item->total ? (double)item->by[i] / item->total : 0;
		put(y, 2, "%-8s %20" PRIu64 " %6.2f %%", names[i], item->by[i], 100 * share);
		draw_bar(s, y, 42, share);
	}
	put(y, 2, "%-8s %20" PRIu64, "total", item->total);
	return y + 1;
}

static int reason_hist(const struct screen *s, const struct hist *h, int y)
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
		put(y, 2, "%24s %12" PRIu64, label, h->slots[i]);
		draw_bar(s, y, 42, (double)h->slots[i] / most);
	}
	return y;
}

static void draw_reason(struct screen *s)
{
	const struct view_item *item = s->view.items;
	char rate[32] = "-", sum[FMT_MAX], max[FMT_MAX];
	int y = DRAW_HEAD + 1;

	if (!s->view.nr) {
		put(y, 0, "(this vCPU is not here any more)");
		return;
	}
	if (item->rate >= 0)
		snprintf(rate, sizeof(rate), "%.1f", item->rate);
	put(y++, 0, "%s: exits by who served them, %s per second", item->name, rate);
	y = reason_servers(s, item, y) + 1;
	if (item->time)
		y = reason_hist(s, item->time, y) + 1;
	else
		put(y++, 0, "time per exit: - (this telemetry counts exits, it does not time them)");
	y++;
	put(y++, 0, "stalls on record: %" PRIu64 ", going on %" PRIu64 ", together %s, longest %s",
	    item->stalled.nr + item->stalled.open, item->stalled.open,
	    fmt_ns(item->stalled.nr ? item->stalled.sum : NS_NONE, sum),
	    fmt_ns(item->stalled.nr ? item->stalled.max : NS_NONE, max));
	reason_hist(s, &item->stalled, y);
}

static const char *const help_lines[] = {
	"ctop: exits of vCPUs by who served them", "",
	"  Up Down j k PgUp PgDn Home End   move the mark",
	"  Enter Right   into it: host > VM > vCPU > exit reason",
	"  Esc Left Backspace   back",
	"  s S   next, previous order: name, rate, count, ...",
	"  I   the other way round",
	"  f /   filter lines by name, state, handlers or pid",
	"  g   exits in gaps alone, all exits",
	"  r   count from now on; at once again: from install",
	"  + -   longer, shorter delay",
	"  Space   pause",
	"  Ctrl-L   draw anew        q   quit", "",
	"  STATE of a VM is the gravest of its vCPUs, with a + when they differ.",
	"  BLOCKD: exits that nobody served; STALLED: time spent in those on record.",
	"  MEAN, P99, MAX of exits are - as long as the telemetry does not time them.",
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
		put(rows - 1, 0, "h help  Enter in  Esc back  s sort  f filter  g gap  r reset  Space pause  q quit");
}

void draw_screen(struct screen *s)
{
	erase();
	if (s->help) {
		draw_help();
	} else {
		draw_head(s);
		if (s->view.level == VIEW_REASON)
			draw_reason(s);
		else
			draw_list(s);
		draw_foot(s);
	}
	refresh();
}
