// SPDX-License-Identifier: GPL-2.0
/*
 * A payload whose telemetry is of another version than the next kernel's: the vCPU is not taken
 * over, for the kernel would write into it, and the guest runs on.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_BAD_TELEMETRY);
}
