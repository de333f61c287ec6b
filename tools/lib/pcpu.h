/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Which CPU of this host has an APIC id? */
#ifndef CTOOLS_PCPU_H
#define CTOOLS_PCPU_H

#include <stddef.h>

/**
 * struct pcpu_map - the CPUs that are online
 * @apic_ids:	APIC id of CPU i, -1 when it is not online
 * @nr:		CPUs
 */
struct pcpu_map {
	long *apic_ids;
	size_t nr;
};

void pcpu_load(struct pcpu_map *map);
int pcpu_find(const struct pcpu_map *map, long apic_id);
void pcpu_free(struct pcpu_map *map);

#endif /* CTOOLS_PCPU_H */
