/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* A vCPU in the output of every tool: the same cells, the same keys. */
#ifndef CTOOLS_SHOW_H
#define CTOOLS_SHOW_H

#include "ctele.h"
#include "output.h"

/* Columns PID, VCPU, PCPU, STATE, STALLS */
void show_cells(struct table *t, const struct ctele_vcpu *v);
/* Keys vm, pid, vcpu */
void show_json(const struct ctele_vcpu *v);

#endif /* CTOOLS_SHOW_H */
