// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The full-screen mode: looks, keys and drawing take turns. */
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "screen.h"
#include "../lib/pace.h"

static double clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/*
 * What cannot be read now may be there at the next look; the message stays on the screen. The
 * end of a recording is a pause.
 */
static enum tool_status screen_look(struct screen *s, struct ctele_reader *r)
{
	enum tool_status status;
	struct ctele_set now;

	tool_err_forget();
	status = ctele_load(r, &now);
	if (r->end || status != TOOL_OK) {
		s->paused |= r->end;
		ctele_free(&now);
		return status;
	}
	ctele_free(&s->before);
	s->before = s->now;
	s->now = now;
	s->looks++;
	return TOOL_OK;
}

static bool screen_show(struct screen *s)
{
	struct view_data data = { &s->now, &s->before, &s->base };

	if (!view_build(&s->view, &data))
		return false;
	draw_screen(s);
	return true;
}

static int screen_key(double until)
{
	double ms = (until - clock_now()) * 1000;

	timeout(ms < 1 ? 1 : ms > 1000 ? 1000 : (int)ms);
	return getch();
}

/* Without it there are no keys, nor a wait for them. */
static bool terminal_gone(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static enum tool_status screen_loop(struct screen *s, struct ctele_reader *r)
{
	double next = clock_now() + s->opts->delay;
	int key;

	while (screen_show(s)) {
		key = screen_key(next);
		if (key != ERR)
			keys_take(s, key);
		if (s->quit || pace_stopped() || (key == ERR && terminal_gone()) ||
		    (long)s->looks == s->opts->count)
			return TOOL_OK;
		if (clock_now() < next)
			continue;
		next = clock_now() + s->opts->delay;
		if (!s->paused)
			screen_look(s, r);
	}
	return TOOL_FAILED;
}

static bool screen_begin(struct screen *s)
{
	const char *no_color = getenv("NO_COLOR");

	setlocale(LC_ALL, "");
	s->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!newterm(NULL, stdout, stdin)) {
		tool_err("TERM=%s: this terminal is not known here (terminfo): set TERM, or use -b",
			 getenv("TERM") ? getenv("TERM") : "");
		return false;
	}
	s->color = has_colors() && !s->opts->no_color && !(no_color && no_color[0]);
	draw_init(s);
	return true;
}

static void screen_free(struct screen *s)
{
	view_free(&s->view);
	ctele_free(&s->now);
	ctele_free(&s->before);
	ctele_free(&s->base);
}

static enum tool_status screen_with(struct screen *s, struct ctele_reader *r)
{
	enum tool_status status;

	status = screen_look(s, r);
	if (status == TOOL_OK && !s->looks) {
		tool_err("%s: nothing was recorded in it", s->opts->source.file);
		status = TOOL_NODATA;
	}
	if (status != TOOL_OK)
		return status;
	if (!screen_begin(s))
		return TOOL_NODATA;
	tool_err_hold(true);
	status = screen_loop(s, r);
	endwin();
	tool_err_hold(false);
	if (status != TOOL_OK)
		tool_err("%s", tool_err_held());
	else
		status = s->now.status == TOOL_OK ? r->damage : s->now.status;
	return ctele_lost_end(&s->now, s->opts->strict, status);
}

/**
 * screen_run() - the full-screen mode
 * @opts:	command line
 *
 * Return: exit status.
 */
enum tool_status screen_run(struct ctop_options *opts)
{
	struct screen s = { .opts = opts };
	enum tool_status status;
	struct ctele_reader r;

	s.view.key = opts->key;
	s.view.invert = opts->invert;
	s.view.gap = opts->gap;
	s.view.reasons = opts->reasons;
	s.view.server = KVM_CARETAKER_NR_SERVERS;
	status = ctele_open(&r, &opts->source);
	if (status != TOOL_OK)
		return status;
	status = screen_with(&s, &r);
	screen_free(&s);
	ctele_close(&r);
	return status;
}
