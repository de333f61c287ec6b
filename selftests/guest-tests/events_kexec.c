// SPDX-License-Identifier: GPL-2.0
/*
 * Events cross a kexec: the next kernel shows those of the old kernel that are left, those of the
 * gap, and goes on showing what the orphan does, before and after it is adopted.
 */
#include "events.h"

int main(void)
{
	return events_kexec_main(false);
}
