/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* ctop: exits of all vCPUs with a Caretaker, by reason and by who served them. */
#ifndef CTOP_H
#define CTOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/ctele.h"
#include "../lib/reason.h"

enum ctop_key {
	CTOP_KEY_VCPU,
	CTOP_KEY_COUNT,
	CTOP_KEY_RATE,
	CTOP_KEY_NATIVE,
	CTOP_KEY_HANDLER,
	CTOP_KEY_KVM,
	CTOP_KEY_BLOCKED,
	CTOP_KEY_STALLS,
	CTOP_KEY_NAME,
	CTOP_NR_KEYS,
};

/**
 * struct ctop_options - what the command line says
 * @source:	where the data comes from, and of which vCPUs
 * @gap:	the exits in gaps alone
 * @json:	NDJSON
 * @delay:	seconds between two looks
 * @count:	looks, 0 for no end
 * @max_rows:	rows to show, 0 for all
 * @key:	order of the rows
 * @reasons:	exit reasons to show
 */
struct ctop_options {
	struct ctele_source source;
	bool gap;
	bool json;
	double delay;
	long count;
	long max_rows;
	enum ctop_key key;
	reason_set reasons;
};

#define CTOP_NO_REASON	(~0U)

/**
 * struct ctop_row - exits of one vCPU for one reason
 * @v:		the vCPU
 * @reason:	index in the tables; CTOP_NO_REASON for a vCPU without exits
 * @by:		exits by server
 * @total:	their sum
 * @rate:	exits per second since the look before, negative when not known
 */
struct ctop_row {
	const struct ctele_vcpu *v;
	unsigned int reason;
	uint64_t by[KVM_CARETAKER_NR_SERVERS];
	uint64_t total;
	double rate;
};

/**
 * struct ctop_rows - rows in the order in which they are shown
 * @rows:	the rows
 * @nr:		rows to show
 * @cut:	rows that -r leaves out
 */
struct ctop_rows {
	struct ctop_row *rows;
	size_t nr;
	size_t cut;
};

extern const char *const ctop_key_names[CTOP_NR_KEYS];

bool rows_make(struct ctop_rows *rows, const struct ctele_set *now, const struct ctele_set *before,
	       const struct ctop_options *opts);
void rows_free(struct ctop_rows *rows);

bool print_look(const struct ctele_set *set, const struct ctop_rows *rows,
		const struct ctop_options *opts, unsigned long look);

#endif /* CTOP_H */
