// SPDX-License-Identifier: GPL-2.0
/*
 * As kexec_path, but before it takes the vCPU over, the next kernel overwrites all memory that it
 * believes to be free, while the guest runs: what the Caretaker uses must have been preserved.
 */
#include "handover_test.h"

int main(void)
{
	return handover_main(HANDOVER_POISON);
}
