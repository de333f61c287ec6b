// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* libFuzzer target: any bytes as a recording. "-seed_dir=DIR" writes good ones and stops. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void seed_write(const char *dir, long vcpus)
{
	struct ctele_source src = { .debugfs = "", .synthetic = vcpus, .pid = -1, .vcpu = -1 };
	struct record_writer w;
	struct ctele_reader r;
	struct ctele_set set;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%ld", dir, vcpus);
	f = fopen(path, "w");
	if (!f)
		exit(1);
	ctele_open(&r, &src);
	ctele_load(&r, &set);
	if (!record_write_head(&w, f, &set) || !record_write_look(&w, &set) ||
	    !record_write_end(&w))
		exit(1);
	ctele_free(&set);
	ctele_close(&r);
	fclose(f);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	long vcpus;

	tool_err_hold(true);
	if (*argc < 2 || strncmp((*argv)[1], "-seed_dir=", 10))
		return 0;
	for (vcpus = 1; vcpus < 12; vcpus++)
		seed_write((*argv)[1] + 10, vcpus);
	exit(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctele_source all = { .pid = -1, .vcpu = -1 };
	struct record_reader r;
	enum record_got got;
	struct ctele_set set;
	FILE *f;

	if (!size)
		return 0;
	f = fmemopen((void *)data, size, "r");
	if (!f)
		return 0;
	if (record_read_head(&r, f, "input") == TOOL_OK) {
		do {
			memset(&set, 0, sizeof(set));
			got = record_read_look(&r, &all, &set);
			ctele_set_lost(&set);
			ctele_free(&set);
		} while (got == RECORD_GOT_LOOK);
		record_read_done(&r);
	}
	fclose(f);
	return 0;
}
