/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_LOCKDOWN_H
#define SELFTESTS_LOCKDOWN_H

#include "ktap.h"

/* NULL when this kernel can be locked down, else why it cannot. */
const char *lockdown_missing(void);
/* A case: locks it down (integrity). Tests in the same boot that need more come before. */
enum ktap_result locks_down(void);

#endif /* SELFTESTS_LOCKDOWN_H */
