// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What keys do. */
#include <ncurses.h>
#include <string.h>

#include "screen.h"

#define KEY_ESC		27
#define KEY_CTRL(c)	((c) & 0x1f)
#define KEYS_DELAY_MIN	0.125
#define KEYS_DELAY_MAX	64.0

static void cursor_move(struct screen *s, long by)
{
	struct view *v = &s->view;
	long to = (long)v->cursor + by, last = (long)v->nr - 1;

	if (last < 0)
		return;
	v->follow = true;
	v->cursor = to < 0 ? 0 : to > last ? last : to;
}

static void filter_begin(struct screen *s)
{
	s->editing = true;
	strcpy(s->typed, s->view.filter[s->view.level]);
}

/* While the filter is typed all keys belong to it. */
static void filter_key(struct screen *s, int key)
{
	size_t n = strlen(s->typed);

	if (key == KEY_ESC) {
		s->editing = false;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		s->editing = false;
		strcpy(s->view.filter[s->view.level], s->typed);
	} else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') && n) {
		s->typed[n - 1] = '\0';
	} else if (key == KEY_CTRL('u')) {
		s->typed[0] = '\0';
	} else if (key >= ' ' && key <= '~' && n + 1 < sizeof(s->typed)) {
		s->typed[n] = key;
		s->typed[n + 1] = '\0';
	}
}

/* Counts begin anew; a second time at once shows all again. */
static void reset(struct screen *s)
{
	size_t i;

	if (s->base.nr && s->base.realtime_ns == s->now.realtime_ns) {
		ctele_free(&s->base);
		return;
	}
	ctele_free(&s->base);
	s->base.realtime_ns = s->now.realtime_ns;
	for (i = 0; i < s->now.nr; i++)
		if (!ctele_vcpu_add(&s->base, s->now.vcpus[i]))
			break;
}

static void delay_change(struct screen *s, double factor)
{
	double d = s->opts->delay * factor;

	/* One that was longer from the start can be made shorter. */
	if (factor < 1 ? d >= KEYS_DELAY_MIN : d <= KEYS_DELAY_MAX)
		s->opts->delay = d;
}

static bool keys_move(struct screen *s, int key)
{
	switch (key) {
	case KEY_UP: case 'k':
		cursor_move(s, -1);
		return true;
	case KEY_DOWN: case 'j':
		cursor_move(s, 1);
		return true;
	case KEY_PPAGE:
		cursor_move(s, -(long)s->page);
		return true;
	case KEY_NPAGE:
		cursor_move(s, s->page);
		return true;
	case KEY_HOME:
		s->view.cursor = 0;
		s->view.follow = false;
		return true;
	case KEY_END:
		cursor_move(s, s->view.nr);
		return true;
	case '\n': case '\r': case KEY_ENTER: case KEY_RIGHT:
		view_enter(&s->view);
		return true;
	case KEY_ESC: case KEY_BACKSPACE: case 127: case KEY_LEFT:
		view_leave(&s->view);
		return true;
	}
	return false;
}

static void keys_order(struct screen *s, int step)
{
	s->view.key = (s->view.key + CTOP_NR_KEYS + step) % CTOP_NR_KEYS;
}

static void keys_act(struct screen *s, int key)
{
	switch (key) {
	case 'q': case KEY_CTRL('c'):
		s->quit = true;
		break;
	case 'h': case '?':
		s->help = true;
		break;
	case 's':
		keys_order(s, 1);
		break;
	case 'S':
		keys_order(s, -1);
		break;
	case 'I':
		s->view.invert = !s->view.invert;
		break;
	case 'f': case '/':
		filter_begin(s);
		break;
	case 'g':
		s->view.gap = !s->view.gap;
		break;
	case 'l':
		s->view.ledger = !s->view.ledger;
		break;
	case 't':
		s->view.server = (s->view.server + 1) % (KVM_CARETAKER_NR_SERVERS + 1);
		break;
	case 'r':
		reset(s);
		break;
	case '+':
		delay_change(s, 2);
		break;
	case '-':
		delay_change(s, 0.5);
		break;
	case ' ':
		s->paused = !s->paused;
		break;
	case KEY_CTRL('l'):
		redrawwin(stdscr);
		break;
	}
}

/**
 * keys_take() - do what a key says
 * @s:		the screen
 * @key:	of ncurses
 */
void keys_take(struct screen *s, int key)
{
	if (key == KEY_RESIZE)
		return;
	if (s->help)
		s->help = false;
	else if (s->editing)
		filter_key(s, key);
	else if (!keys_move(s, key))
		keys_act(s, key);
}
