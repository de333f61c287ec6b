// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * libFuzzer target: any bytes as a recording, and as the text of an event ring.
 * "-seed_dir=DIR" writes good ones and stops.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "record.h"
#include "ring.h"
#include "times.h"

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

static void seed_write_ring(const char *dir)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/ring", dir);
	f = fopen(path, "w");
	if (!f)
		exit(1);
	fputs("CPU:0 [LOST 17 EVENTS]\n"
	      "[000]\t   12.345678: exit vm=00000000000000ab vcpu=0 apic_id=1 reason=cpuid rip=0x1\n"
	      "[000]\t   12.345678: lost vm=00000000000000ab vcpu=0 apic_id=1 events=12\n"
	      "[000]\t   12.345678: handler vm=00000000000000ab vcpu=0 apic_id=1 len=8 data=01\n",
	      f);
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
	seed_write_ring((*argv)[1] + 10);
	exit(0);
}

/* What the tools do with it, in short */
static void set_walk(const struct ctele_set *set)
{
	struct times x = { .count = 0 };
	struct ledger l = { .vcpus = 0 };
	char label[2 * FMT_MAX];
	unsigned int row, s;
	size_t i;

	for (i = 0; i < set->nr; i++) {
		for (row = 0; row < CTELE_NR_ROWS; row++)
			for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
				times_add(&x, &set->vcpus[i]->tele,
					  i ? &set->vcpus[i - 1]->tele : NULL, row, s, row & 1);
		ledger_add(&l, set->vcpus[i], i ? set->vcpus[i - 1] : NULL);
	}
	times_percentile_ns(&x, 99);
	times_mean_ns(&x);
	times_longer(&x, 10000);
	times_label(&x, 31, label);
	ledger_residual_text(&l, label, sizeof(label));
	ledger_residual_ns(&l);
}

static void ring_walk(const uint8_t *data, size_t size)
{
	struct ctele_source all = { .pid = -1, .vcpu = -1 };
	struct ring_reader r = { .pipe = -1 };
	struct ctele_set set = { .nr = 0 };
	char *text = malloc(size + 1);

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	ring_text_take(&r, &all, text, &set);
	memcpy(text, data, size);
	text[size] = '\0';
	ring_losses_take(&r, &all, text, &set, true);
	ring_lost_count(&set);
	ctele_free(&set);
	free(r.dropped);
	free(text);
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
	ring_walk(data, size);
	f = fmemopen((void *)data, size, "r");
	if (!f)
		return 0;
	if (record_read_head(&r, f, "input") == TOOL_OK) {
		do {
			memset(&set, 0, sizeof(set));
			got = record_read_look(&r, &all, &set);
			ring_lost_count(&set);
			ctele_set_lost(&set);
			set_walk(&set);
			ctele_free(&set);
		} while (got == RECORD_GOT_LOOK);
		record_read_done(&r);
	}
	fclose(f);
	return 0;
}
