// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that blocks in the gap, on a port that nobody serves, waits there over the kexec. The next
 * kernel's KVM does the instruction, once.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_STALLS);
}
