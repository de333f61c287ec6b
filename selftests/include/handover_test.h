/* SPDX-License-Identifier: GPL-2.0 */
/* The two stages of the kexec tests; the stage is ct_stage on the kernel command line. */
#ifndef SELFTESTS_HANDOVER_TEST_H
#define SELFTESTS_HANDOVER_TEST_H

#include <stdbool.h>

/* @poison: overwrite all free memory before the vCPU is adopted. Returns the exit status. */
int handover_main(bool poison);

#endif /* SELFTESTS_HANDOVER_TEST_H */
