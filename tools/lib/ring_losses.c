// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Losses that the events do not tell of; the file "rings" has their numbers.
 *
 * Events that never came to be in a ring: an NMI had one while another one was being written. They
 * are counted from the start of each ring; what a number grew by since the look before is told as
 * one more event "lost". And events that tracefs' buffer has overwritten: they matter to who looks
 * back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

static struct ring_dropped *dropped_find(struct ring_reader *r, uint64_t vm, uint32_t vcpu)
{
	size_t i;

	for (i = 0; i < r->nr_dropped; i++)
		if (r->dropped[i].vm == vm && r->dropped[i].vcpu == vcpu)
			return &r->dropped[i];
	return NULL;
}

/* NULL when memory ran out */
static struct ring_dropped *dropped_add(struct ring_reader *r, uint64_t vm, uint32_t vcpu)
{
	struct ring_dropped *more = realloc(r->dropped, (r->nr_dropped + 1) * sizeof(*more));

	if (!more)
		return NULL;
	r->dropped = more;
	more[r->nr_dropped] = (struct ring_dropped){ .vm = vm, .vcpu = vcpu };
	return &more[r->nr_dropped++];
}

static bool dropped_tell(struct ring_reader *r, const struct ctele_source *src,
			 const struct ring_dropped *d, uint32_t apic_id, struct ctele_set *set)
{
	struct ring_event e = {
		.ns = r->last_us * 1000, .vm = d->vm, .vcpu = d->vcpu, .apic_id = apic_id,
	};

	snprintf(e.name, sizeof(e.name), "lost");
	snprintf(e.text, sizeof(e.text), "events=%" PRIu64 ", an NMI came with each", d->nr);
	if (!ring_event_wanted(src, &e))
		return true;
	/* ring_lost_count() takes the larger number of tracefs and events; these are in both. */
	set->events_lost += d->nr < UINT32_MAX ? d->nr : UINT32_MAX;
	return ring_event_add(set, &e);
}

/* Return: false when memory ran out; a message has told so. */
static bool dropped_take(struct ring_reader *r, const struct ctele_source *src, const char *line,
			 struct ctele_set *set, bool tell)
{
	unsigned long long vm, nr;
	struct ring_dropped *d;
	unsigned int vcpu, apic;
	uint64_t was;

	if (sscanf(line, "%llx %u %u %*x %*u %*u %*u %llu", &vm, &vcpu, &apic, &nr) != 4)
		return true;
	d = dropped_find(r, vm, vcpu);
	if (!d)
		d = dropped_add(r, vm, vcpu);
	if (!d) {
		tool_err("reading events: no memory for vCPU number %zu", r->nr_dropped + 1);
		return false;
	}
	/* A smaller number is of a new ring. */
	was = d->seen <= nr ? d->seen : 0;
	d->seen = nr;
	d->nr = nr - was;
	return !tell || !d->nr || dropped_tell(r, src, d, apic, set);
}

/**
 * ring_losses_take() - the file "rings": what is missing since the look before
 * @r:		the remote
 * @src:	which vCPUs are wanted
 * @text:	what is in the file; is written to
 * @set:	the look, with all that "trace" says
 * @tell:	false: this look is one at what is there, nothing of it is told
 *
 * Return: false when memory ran out; a message has told so.
 */
bool ring_losses_take(struct ring_reader *r, const struct ctele_source *src, char *text,
		      struct ctele_set *set, bool tell)
{
	uint64_t said = set->events_lost;
	unsigned long long overrun = 0, nr;
	char *line, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "# overrun %llu", &nr) == 1)
			overrun = nr;
		if (!dropped_take(r, src, line, set, tell))
			return false;
	}
	/* Of all since the kernel's start. Later looks find out whether they join up. */
	if (overrun > UINT32_MAX)
		overrun = UINT32_MAX;
	if (tell && !r->looked && overrun > said)
		set->events_lost += overrun - said;
	r->looked = true;
	return true;
}
