/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that nobody owns is written by the test, and by nobody else. */
#ifndef SELFTESTS_OVERWRITE_H
#define SELFTESTS_OVERWRITE_H

#include "ktap.h"

/* Fills all memory that is left; the guest must not notice (@alive), and must not write there. */
enum ktap_result overwrite_free_memory(bool (*alive)(void));

#endif /* SELFTESTS_OVERWRITE_H */
