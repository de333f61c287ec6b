/* SPDX-License-Identifier: GPL-2.0 */
/* What must hold after every call of the payload parser, whatever the file. */
#ifndef SELFTESTS_ELF_CHECK_H
#define SELFTESTS_ELF_CHECK_H

#include <stddef.h>

/*
 * Parses the file and, when it is accepted, loads it. Returns NULL when all promises of the
 * parser held, else what went wrong. *err: 0 or the negative errno, *why: the reason.
 */
const char *elf_check(const void *file, size_t size, int *err, const char **why);

#endif /* SELFTESTS_ELF_CHECK_H */
