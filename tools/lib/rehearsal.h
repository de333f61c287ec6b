/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * The last rehearsal of each VM since the kernel booted. A VMM leaves it as a recording of two
 * looks, before and after; caretaker-record(5) describes the file.
 */
#ifndef CTOOLS_REHEARSAL_H
#define CTOOLS_REHEARSAL_H

#include <stdbool.h>

#include "ctele.h"

#define REHEARSAL_DIR	"/run/caretaker"

bool rehearsal_save(const char *dir, const struct ctele_set *before, const struct ctele_set *after,
		    const struct ctele_rehearsal *what);
const char *rehearsal_verdict(const struct ctele_rehearsal *what);

#endif /* CTOOLS_REHEARSAL_H */
