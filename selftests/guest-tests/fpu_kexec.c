// SPDX-License-Identifier: GPL-2.0
/*
 * A payload that leaves a broken FPU image to the next kernel: the vCPU is not adopted with wrong
 * registers, and the pCPU returns.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_BAD_FPU);
}
