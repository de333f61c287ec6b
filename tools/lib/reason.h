/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Names of exit reasons, and what the two information words of an exit say. */
#ifndef CTOOLS_REASON_H
#define CTOOLS_REASON_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/kvm_caretaker_telemetry.h>

/* Room for any name and for any text of reason_detail() */
#define REASON_NAME_MAX		32
#define REASON_DETAIL_MAX	64

/* Stands for all that shares the last index of the tables */
#define REASON_CODE_OTHER	(~0ULL - 1)

typedef bool reason_set[KVM_CARETAKER_NR_REASONS];

/* Name of a line that has no code: it is that of many reasons */
#define REASON_NAME_SHARED	"SHARED"

uint64_t reason_code(unsigned int index);
unsigned int reason_index(uint64_t code);
const char *reason_name(uint64_t code, char *buf);
const char *reason_name_index(unsigned int index, char *buf);
const char *reason_detail(uint64_t code, uint64_t info1, uint64_t info2, char *buf);
bool reason_of_trace(const char *word, unsigned int *index);
bool reason_set_parse(const char *list, reason_set set);
void reason_list(void);

#endif /* CTOOLS_REASON_H */
