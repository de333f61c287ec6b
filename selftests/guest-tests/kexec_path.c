// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU runs on while its host is replaced by kexec. Stage 1, in the old kernel: preserve, then
 * start the next kernel. Stage 2, there: watch the orphan, take it over, check everything.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_COUNTS);
}
