// SPDX-License-Identifier: GPL-2.0
/* The payload parser refuses what it must, says why, and never leaves its buffers. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_cases.h"
#include "elf_check.h"
#include "ktap.h"

static unsigned char *scratch;

/* Parses an exact copy on the heap, @shift bytes off alignment, under the sanitizers. */
static const char *parse_copy(const void *file, size_t size, size_t shift, int *err,
			      const char **why)
{
	unsigned char *copy = malloc(size + shift + !(size + shift));
	const char *wrong;

	if (!copy)
		return "no memory for a copy";
	if (size)
		memcpy(copy + shift, file, size);
	wrong = elf_check(copy + shift, size, err, why);
	free(copy);
	return wrong;
}

static enum ktap_result case_refused(const struct elf_case *c)
{
	size_t shift, size = elf_case_make(c, scratch);
	const char *wrong, *why;
	int err;

	for (shift = 0; shift < 2; shift++) {
		wrong = parse_copy(scratch, size, shift, &err, &why);
		CHECK(!wrong, "%s", wrong);
		CHECK(err, "the file was accepted");
		CHECK(err == -c->err && strstr(why, c->why), "wanted %s (%s), got %s (%s)",
		      strerror(c->err), c->why, strerror(-err), why);
	}
	return KTAP_PASS;
}

static enum ktap_result good_accepted(void)
{
	const char *wrong, *why;
	size_t shift;
	int err;

	elf_good_make(scratch);
	for (shift = 0; shift < 8; shift++) {
		wrong = parse_copy(scratch, ELF_GOOD_SIZE, shift, &err, &why);
		CHECK(!wrong, "%s", wrong);
		CHECK(!err, "refused: %s (%s)", strerror(-err), why);
	}
	return KTAP_PASS;
}

static enum ktap_result truncations_refused(void)
{
	const char *wrong, *why;
	size_t size;
	int err;

	elf_good_make(scratch);
	for (size = 0; size < ELF_GOOD_SIZE; size++) {
		wrong = parse_copy(scratch, size, 0, &err, &why);
		CHECK(!wrong, "%zu bytes: %s", size, wrong);
		CHECK(err, "accepted when cut to %zu bytes", size);
	}
	return KTAP_PASS;
}

/* Where a changed byte can matter: headers, dynamic section, entry points, CCB */
static int byte_matters(size_t i)
{
	return i < 0x400 || (i >= 0x1000 && i < 0x1048) || (i >= 0x2000 && i < 0x2040) ||
	       (i >= 0x3000 && i < 0x3088);
}

static enum ktap_result bit_flips_survived(void)
{
	unsigned int accepted = 0, refused = 0;
	const char *wrong, *why;
	size_t bit;
	int err;

	elf_good_make(scratch);
	for (bit = 0; bit < ELF_GOOD_SIZE * 8UL; bit++) {
		if (!byte_matters(bit / 8))
			continue;
		scratch[bit / 8] ^= 1 << (bit % 8);
		wrong = parse_copy(scratch, ELF_GOOD_SIZE, 0, &err, &why);
		scratch[bit / 8] ^= 1 << (bit % 8);
		CHECK(!wrong, "bit %zu of byte %zu: %s", bit % 8, bit / 8, wrong);
		accepted += !err;
		refused += !!err;
	}
	ktap_diag("%u refused, %u harmless", refused, accepted);
	CHECK(refused > accepted / 4, "hardly any flip was noticed");
	return KTAP_PASS;
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void field_spoil(uint64_t *seed)
{
	static const uint64_t values[] = {
		0, 1, 7, 63, 64, 0xfff, 0x1000, 0x1001, 0x3000, 0x17fff, 0x18000, 0x18001,
		0x7fffffff, 0xffffffff, 0x7fffffffffffffffULL, 0xfffffffffffff000ULL,
		0xffffffffffffffffULL,
	};
	static const unsigned char lens[] = { 1, 2, 4, 8, 8, 8 };
	uint64_t val = values[random_next(seed) % ARRAY_SIZE(values)];
	size_t len = lens[random_next(seed) % ARRAY_SIZE(lens)];
	size_t off = random_next(seed) % (0x400 / len) * len;

	memcpy(scratch + off, &val, len);
}

static enum ktap_result random_fields_survived(void)
{
	uint64_t seed = 0x9e3779b97f4a7c15ULL;
	const char *wrong, *why;
	unsigned int i, n;
	int err;

	for (i = 0; i < 200000; i++) {
		elf_good_make(scratch);
		for (n = 1 + random_next(&seed) % 3; n; n--)
			field_spoil(&seed);
		wrong = parse_copy(scratch, ELF_GOOD_SIZE, 0, &err, &why);
		CHECK(!wrong, "round %u: %s", i, wrong);
	}
	return KTAP_PASS;
}

/* A payload that was built is accepted. */
static enum ktap_result file_accepted(const char *path)
{
	const char *wrong, *why;
	size_t size;
	FILE *f;
	int err;

	f = fopen(path, "r");
	CHECK(f, "%s: %s", path, strerror(errno));
	size = fread(scratch, 1, ELF_CASE_MAX, f);
	fclose(f);
	wrong = parse_copy(scratch, size, 0, &err, &why);
	CHECK(!wrong, "%s", wrong);
	CHECK(!err, "refused: %s (%s)", strerror(-err), why);
	return KTAP_PASS;
}

int main(int argc, char **argv)
{
	int i;

	scratch = malloc(ELF_CASE_MAX);
	if (!scratch)
		return KTAP_EXIT_FAIL;
	ktap_plan(nr_elf_cases + 4 + argc - 1);
	for (i = 1; i < argc; i++)
		ktap_result(file_accepted(argv[i]), "%s is accepted", basename(argv[i]));
	ktap_result(good_accepted(), "the unspoilt file is accepted at any alignment");
	for (i = 0; i < (int)nr_elf_cases; i++)
		ktap_result(case_refused(&elf_cases[i]), "%s is refused", elf_cases[i].name);
	ktap_result(truncations_refused(), "every truncation is refused");
	ktap_result(bit_flips_survived(), "every flipped bit is refused or harmless");
	ktap_result(random_fields_survived(), "random header fields are survived");
	free(scratch);
	return ktap_finish();
}
