// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that executes HLT in the gap is still halted after the kexec, and an interrupt wakes it.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_HALTS);
}
