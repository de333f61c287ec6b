/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* A vCPU in the output of every tool: the same cells, the same keys. */
#ifndef CTOOLS_SHOW_H
#define CTOOLS_SHOW_H

#include "ctele.h"
#include "output.h"
#include "times.h"

/* Columns PID, VCPU, PCPU, STATE, STALLS */
void show_cells(struct table *t, const struct ctele_vcpu *v);
/* Keys vm, pid, vcpu */
void show_json(const struct ctele_vcpu *v);
/* Keys timed, time_ns, mean_ns, p50_le_ns, p99_le_ns, max_ns, max_exact, buckets */
void show_json_times(const struct times *x);
/* Keys elapsed_ns, one per account, residual_ns, residual_percent */
void show_json_ledger(const struct ledger *l);

#endif /* CTOOLS_SHOW_H */
