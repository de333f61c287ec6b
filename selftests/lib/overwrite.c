// SPDX-License-Identifier: GPL-2.0
/* Memory that nobody owns is written by the test, and by nobody else. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "kvm_guest.h"
#include "overwrite.h"

#define CHUNK		(8UL << 20)
#define LEAVE_FREE	(48UL << 20)

static uint64_t mem_available(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %lu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024UL;
}

static void chunk_fill(uint64_t *p, uint64_t seed)
{
	size_t i;

	for (i = 0; i < CHUNK / sizeof(*p); i++)
		p[i] = 0x5aa5c33c0ff0aa55UL ^ (seed + i);
}

static bool chunk_intact(const uint64_t *p, uint64_t seed)
{
	size_t i;

	for (i = 0; i < CHUNK / sizeof(*p); i++)
		if (p[i] != (0x5aa5c33c0ff0aa55UL ^ (seed + i)))
			return false;
	return true;
}

enum ktap_result overwrite_free_memory(bool (*alive)(void))
{
	static uint64_t *chunk[4096];
	unsigned int n = 0, i;

	while (n < ARRAY_SIZE(chunk) && mem_available() > LEAVE_FREE + CHUNK) {
		chunk[n] = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (chunk[n] == MAP_FAILED)
			break;
		chunk_fill(chunk[n], n);
		CHECK(alive(), "the guest stopped at %u MiB", n * 8);
		n++;
	}
	ktap_diag("%u MiB overwritten, %lu MiB left", n * 8, mem_available() >> 20);
	CHECK(mem_available() < LEAVE_FREE + 2 * CHUNK, "%lu MiB could not be overwritten",
	      mem_available() >> 20);
	sleep_ms(500);
	CHECK(alive(), "the guest stopped afterwards");
	for (i = 0; i < n; i++) {
		CHECK(chunk_intact(chunk[i], i), "someone wrote into chunk %u", i);
		munmap(chunk[i], CHUNK);
	}
	return KTAP_PASS;
}
