// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target of the payload parser. With -seed_dir=DIR it writes the good file and the
 * malformed ones there as a corpus and ends.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_cases.h"
#include "elf_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void seed_write(const char *dir, unsigned int n, const void *buf, size_t size)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/seed-%03u", dir, n);
	f = fopen(path, "w");
	if (!f || fwrite(buf, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void seeds_write(const char *dir)
{
	static unsigned char buf[ELF_CASE_MAX];
	unsigned int i;
	size_t size;

	elf_good_make(buf);
	seed_write(dir, 0, buf, ELF_GOOD_SIZE);
	for (i = 0; i < nr_elf_cases; i++) {
		size = elf_case_make(&elf_cases[i], buf);
		if (size && size <= ELF_GOOD_SIZE)
			seed_write(dir, i + 1, buf, size);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int i;

	for (i = 1; i < *argc; i++) {
		if (strncmp((*argv)[i], "-seed_dir=", 10))
			continue;
		seeds_write((*argv)[i] + 10);
		exit(0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong, *why;
	int err;

	wrong = elf_check(data, size, &err, &why);
	if (wrong) {
		fprintf(stderr, "elf_fuzz: %s\n", wrong);
		abort();
	}
	return 0;
}
