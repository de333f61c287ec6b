// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that sets its timer in the gap and executes HLT wakes in the next kernel, by its timer
 * alone.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_SLEEPS);
}
