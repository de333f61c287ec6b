// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Which sets of exit handlers the vCPUs have: a line per set, with its whole digest. */
#include <stdio.h>

#include "ctop.h"
#include "../lib/output.h"

static bool handlers_known(const struct ctele_vcpu *v)
{
	char digest[CTELE_DIGEST_TEXT];

	return v->handlers[0] || ctele_digest(v, CTELE_DIGEST_SHORT, digest);
}

/* Sets are few. */
static bool set_is_new(const struct ctele_set *set, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (ctele_same_handlers(set->vcpus[j], set->vcpus[i]))
			return false;
	return handlers_known(set->vcpus[i]);
}

static void set_row(struct table *t, const struct ctele_set *set, size_t first)
{
	const struct ctele_vcpu *v = set->vcpus[first];
	char digest[CTELE_DIGEST_TEXT];
	uint64_t n = 0;
	size_t i;

	for (i = first; i < set->nr; i++)
		n += ctele_same_handlers(set->vcpus[i], v);
	table_number(t, n);
	table_text(t, v->handlers[0] ? v->handlers : "-");
	table_text(t, ctele_digest(v, 2 * CTELE_DIGEST_BYTES, digest) ? digest : "-");
}

/**
 * print_sets() - the sets of handlers in use, as a table; nothing where none is known
 * @set:	what was read
 *
 * Return: false when memory ran out; a message has told so.
 */
bool print_sets(const struct ctele_set *set)
{
	bool any = false;
	struct table t;
	size_t i;

	for (i = 0; i < set->nr && !any; i++)
		any = handlers_known(set->vcpus[i]);
	if (!any)
		return true;
	printf("\nhandler sets in use\n");
	table_begin(&t, 3, 1 << 1 | 1 << 2, "VCPUS", "HANDLERS", "DIGEST");
	for (i = 0; i < set->nr; i++)
		if (set_is_new(set, i))
			set_row(&t, set, i);
	return table_end(&t, 0);
}
