// SPDX-License-Identifier: GPL-2.0
/*
 * An uncorrected machine check while there is no kernel costs the vCPU; the next kernel finds the
 * record, and the pCPU can be used again.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_LOST);
}
