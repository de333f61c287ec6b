// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* A vCPU in the output of every tool. */
#include "show.h"

void show_cells(struct table *t, const struct ctele_vcpu *v)
{
	if (v->pid < 0)
		table_text(t, "-");
	else
		table_cell(t, "%ld", v->pid);
	table_cell(t, "%ld", v->dir_vcpu);
	if (v->pcpu >= 0)
		table_cell(t, "%d", v->pcpu);
	else if (v->apic_id >= 0)
		table_cell(t, "apic%ld", v->apic_id);
	else
		table_text(t, "-");
	table_text(t, v->state[0] ? v->state : "-");
	table_number(t, v->tele.nr_stalls);
}

void show_json(const struct ctele_vcpu *v)
{
	json_hex("vm", v->tele.vm_id, 16);
	if (v->pid < 0)
		json_null("pid");
	else
		json_number("pid", v->pid);
	json_number("vcpu", v->dir_vcpu);
}
