/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* The screen: what it knows, shared by keys and drawing. */
#ifndef CTOP_SCREEN_H
#define CTOP_SCREEN_H

#include "view.h"

/**
 * struct screen - the full-screen mode
 * @opts:	command line; delay is changed by keys
 * @view:	what is shown
 * @now:	the latest look
 * @before:	the one before
 * @base:	the one that "reset" was pressed at, empty for none
 * @looks:	so far
 * @paused:	no looks for now
 * @help:	the help is shown
 * @editing:	the filter is being typed
 * @typed:	what was typed so far
 * @top:	first line on the screen
 * @page:	lines that fit
 * @utf8:	the terminal takes UTF-8
 * @color:	and colours
 * @quit:	the end
 */
struct screen {
	struct ctop_options *opts;
	struct view view;
	struct ctele_set now;
	struct ctele_set before;
	struct ctele_set base;
	unsigned long looks;
	bool paused;
	bool help;
	bool editing;
	char typed[VIEW_FILTER_MAX];
	size_t top;
	size_t page;
	bool utf8;
	bool color;
	bool quit;
};

void draw_init(struct screen *s);
void draw_screen(struct screen *s);
void keys_take(struct screen *s, int key);

#endif /* CTOP_SCREEN_H */
