// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Exit reasons as the kernel writes them in the text of tracefs: its own list of names. */
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include <asm/kvm.h>
#include <asm/svm.h>

#include "reason.h"
#include "tool.h"

/**
 * reason_of_trace() - exit reason that a text of tracefs names
 * @word:	"cpuid" or "0x72", up to a blank
 * @index:	out: its index in the tables
 *
 * Return: false when there is no such reason.
 */
bool reason_of_trace(const char *word, unsigned int *index)
{
	static const struct {
		uint64_t code;
		const char *name;
	} names[] = { SVM_EXIT_REASONS };
	size_t len = strcspn(word, " "), i;
	char *end;

	*index = reason_index(strtoull(word, &end, 0));
	if (len && end == word + len)
		return true;
	for (i = 0; i < TOOL_NELEM(names); i++) {
		if (strlen(names[i].name) != len || strncmp(names[i].name, word, len))
			continue;
		*index = reason_index(names[i].code);
		return true;
	}
	return false;
}
