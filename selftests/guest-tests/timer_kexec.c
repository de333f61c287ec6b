// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that sets its timer in the gap and executes HLT is woken by it, before the next kernel
 * adopts it.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_SLEEPS);
}
