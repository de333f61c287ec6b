// SPDX-License-Identifier: GPL-2.0
/*
 * A payload that leaves a malformed event ring to the next kernel: that does not read it, says why,
 * and adopts the vCPU.
 */
#include "events.h"

int main(void)
{
	return events_kexec_main(true);
}
