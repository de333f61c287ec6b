// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What the page and the trace file have in common: one time for all vCPUs, and the file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctrace.h"

/* One host, one TSC: the stamps of all vCPUs can be compared. */
static void span_add(struct span *span, const struct gap_view *view, uint64_t now)
{
	uint64_t to = view->g.adopt, i;
	unsigned int s;

	if (!view->khz)
		return;
	for (s = 0; s < GAP_NR_STEPS; s++)
		to = view->at[s] > to ? view->at[s] : to;
	for (i = view->first; i < view->end; i++)
		if (ctele_stall_sane(ctele_stall(&view->v->tele, i)) &&
		    ctele_stall(&view->v->tele, i)->tsc_end > to)
			to = ctele_stall(&view->v->tele, i)->tsc_end;
	if (!view->g.adopt && now > to)
		to = now;
	if (!span->khz || view->g.start < span->from)
		span->from = view->g.start;
	if (to > span->to)
		span->to = to;
	span->khz = view->khz;
}

/**
 * span_find() - from the first stop to the last adoption
 * @span:	out
 * @set:	the vCPUs
 */
void span_find(struct span *span, const struct ctele_set *set)
{
	struct gap_view view;
	size_t i;

	memset(span, 0, sizeof(*span));
	for (i = 0; i < set->nr; i++)
		if (gap_view_make(&view, set->vcpus[i]))
			span_add(span, &view, set->tsc);
}

/* What goes on is drawn to the end. */
uint64_t span_end(const struct span *span, uint64_t tsc)
{
	return tsc ? tsc : span->to;
}

FILE *picture_open(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		tool_err("%s: %s", path, strerror(errno));
	return f;
}

enum tool_status picture_close(FILE *f, const char *path)
{
	bool bad = ferror(f);

	errno = 0;
	if (!fclose(f) && !bad)
		return TOOL_OK;
	tool_err("%s: writing it: %s", path, errno ? strerror(errno) : "failed");
	return TOOL_FAILED;
}
