// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The events of the ring that lie in a gap. */
#include <inttypes.h>
#include <stdio.h>

#include "ctrace.h"
#include "../lib/show.h"

/* What the times of events are cut to */
#define EVENT_NS	1000

/**
 * gap_event_inside() - does an event belong to the last gap of a vCPU?
 * @view:	the gap
 * @e:		the event
 */
bool gap_event_inside(const struct gap_view *view, const struct ring_event *e)
{
	uint64_t start = tsc_to_ns(view->g.start, view->khz);
	uint64_t end = view->g.adopt ? tsc_to_ns(view->g.adopt, view->khz) : UINT64_MAX;

	return e->vm == view->v->tele.vm_id && e->vcpu == view->v->tele.vcpu &&
	       start != NS_NONE && e->ns + EVENT_NS > start && e->ns <= end;
}

/* From the start of the gap. An event that was cut to before it is at the start. */
static uint64_t event_offset(const struct gap_view *view, const struct ring_event *e)
{
	uint64_t start = tsc_to_ns(view->g.start, view->khz);

	return e->ns > start ? e->ns - start : 0;
}

static size_t events_inside(const struct gap_view *view, const struct ctele_set *set)
{
	size_t i, n = 0;

	for (i = 0; i < set->nr_events; i++)
		n += gap_event_inside(view, &set->events[i]);
	return n;
}

/**
 * gap_events_print() - the events of a gap for people
 * @view:	the gap
 * @set:	has the events
 *
 * Return: false when memory ran out; a message has told so.
 */
bool gap_events_print(const struct gap_view *view, const struct ctele_set *set)
{
	const struct ring_event *e;
	char buf[FMT_MAX];
	struct table t;
	size_t i;

	printf("events of the ring in this gap: %zu\n", events_inside(view, set));
	if (!events_inside(view, set))
		return true;
	table_begin(&t, 3, 1 << 1 | 1 << 2, "AT [s]", "EVENT", "WHAT");
	for (i = 0; i < set->nr_events; i++) {
		e = &set->events[i];
		if (!gap_event_inside(view, e))
			continue;
		table_text(&t, fmt_offset(event_offset(view, e), buf));
		table_text(&t, e->name);
		table_text(&t, e->text);
	}
	return table_end(&t, 2);
}

/**
 * gap_events_print_json() - the events of a gap as NDJSON
 * @view:	the gap
 * @set:	has the events
 */
void gap_events_print_json(const struct gap_view *view, const struct ctele_set *set)
{
	const struct ring_event *e;
	size_t i;

	for (i = 0; i < set->nr_events; i++) {
		e = &set->events[i];
		if (!gap_event_inside(view, e))
			continue;
		json_begin("ring");
		show_json(view->v);
		json_number("at_ns", event_offset(view, e));
		json_string("name", e->name);
		json_string("what", e->text);
		json_end();
	}
}
