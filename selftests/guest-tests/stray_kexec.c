// SPDX-License-Identifier: GPL-2.0
/*
 * A machine check while there is no kernel, then interrupts, NMIs, INITs and machine checks in the
 * next kernel, before the vCPU is adopted: all of them are counted and survived.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_STRAY);
}
