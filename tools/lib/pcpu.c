// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* APIC ids of the CPUs, from /proc/cpuinfo, which lists those that are online. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcpu.h"

#define PCPU_MAX	(1 << 16)

static bool pcpu_put(struct pcpu_map *map, size_t cpu, long apic_id)
{
	long *ids;

	if (cpu >= PCPU_MAX)
		return false;
	if (cpu >= map->nr) {
		ids = realloc(map->apic_ids, (cpu + 1) * sizeof(*ids));
		if (!ids)
			return false;
		map->apic_ids = ids;
		while (map->nr <= cpu)
			ids[map->nr++] = -1;
	}
	map->apic_ids[cpu] = apic_id;
	return true;
}

/**
 * pcpu_load() - read the APIC ids
 * @map:	out; empty when they cannot be read
 */
void pcpu_load(struct pcpu_map *map)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[4096], *value;
	size_t cpu = PCPU_MAX;

	memset(map, 0, sizeof(*map));
	while (f && fgets(line, sizeof(line), f)) {
		value = strchr(line, ':');
		if (!value)
			continue;
		if (!strncmp(line, "processor\t", 10))
			cpu = strtoul(value + 1, NULL, 10);
		else if (!strncmp(line, "apicid\t", 7) && !pcpu_put(map, cpu, atol(value + 1)))
			break;
	}
	if (f)
		fclose(f);
}

/**
 * pcpu_find() - number of the CPU with an APIC id
 * @map:	the CPUs
 * @apic_id:	APIC id, negative: not known
 *
 * Return: the CPU; -1 when none that is online has this APIC id.
 */
int pcpu_find(const struct pcpu_map *map, long apic_id)
{
	size_t i;

	for (i = 0; apic_id >= 0 && i < map->nr; i++)
		if (map->apic_ids[i] == apic_id)
			return i;
	return -1;
}

void pcpu_free(struct pcpu_map *map)
{
	free(map->apic_ids);
	memset(map, 0, sizeof(*map));
}
