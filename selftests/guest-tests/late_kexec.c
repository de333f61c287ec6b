// SPDX-License-Identifier: GPL-2.0
/*
 * A payload that does not give its vCPU back in time: KVM_RUN fails, the guest runs on as an
 * orphan, and a later KVM_RUN adopts it.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_LATE);
}
