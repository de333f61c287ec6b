// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that shuts down as an orphan of the next kernel cannot be adopted any more: that costs
 * the vCPU, but neither the pCPU nor the session.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_SHUTS_DOWN);
}
