// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The boot of the next kernel, where it lies in the gap. */
#include <stdio.h>

#include "ctrace.h"
#include "../lib/show.h"

/**
 * gap_boot_inside() - does a phase of the boot lie in the gap?
 * @view:	the gap
 * @phase:	enum boot_phase
 *
 * That of a handover within one kernel was before it.
 */
bool gap_boot_inside(const struct gap_view *view, unsigned int phase)
{
	uint64_t tsc = view->boot ? view->boot->tsc[phase] : 0;

	return tsc > view->g.run && (!view->g.kick || tsc < view->g.kick);
}

/**
 * gap_boot_end() - when does a phase of the boot end?
 * @view:	the gap, in which the phase lies
 * @phase:	enum boot_phase
 *
 * Return: TSC of the next phase, then of when the kernel asked for the vCPU; 0: it did not yet.
 */
uint64_t gap_boot_end(const struct gap_view *view, unsigned int phase)
{
	unsigned int next;

	for (next = phase + 1; next < BOOT_NR_PHASES; next++)
		if (gap_boot_inside(view, next) && view->boot->tsc[next] >= view->boot->tsc[phase])
			return view->boot->tsc[next];
	return view->g.kick;
}

static uint64_t phase_lasts(const struct gap_view *view, unsigned int phase)
{
	return tsc_span(view->boot->tsc[phase], gap_boot_end(view, phase), view->khz);
}

/**
 * gap_boot_rows() - phases up to a time, in the timeline
 * @t:		the table
 * @view:	the gap
 * @next:	the first phase that has no row yet; is moved on
 * @until:	TSC
 */
void gap_boot_rows(struct table *t, const struct gap_view *view, unsigned int *next,
		   uint64_t until)
{
	char buf[FMT_MAX];

	for (; *next < BOOT_NR_PHASES; ++*next) {
		if (!gap_boot_inside(view, *next))
			continue;
		if (view->boot->tsc[*next] > until)
			return;
		table_text(t, fmt_offset(gap_offset(view, view->boot->tsc[*next]), buf));
		table_text(t, fmt_ns(phase_lasts(view, *next), buf));
		table_text(t, "  boot");
		table_cell(t, "%s: %s", boot_names[*next], boot_texts[*next]);
	}
}

/**
 * gap_boot_print_json() - the same as NDJSON
 * @view:	the gap
 */
void gap_boot_print_json(const struct gap_view *view)
{
	unsigned int i;

	for (i = 0; i < BOOT_NR_PHASES; i++) {
		if (!gap_boot_inside(view, i))
			continue;
		json_begin("boot");
		show_json(view->v);
		json_string("phase", boot_names[i]);
		json_string("what", boot_texts[i]);
		json_ns("at_ns", gap_offset(view, view->boot->tsc[i]));
		json_ns("lasts_ns", phase_lasts(view, i));
		json_end();
	}
}
