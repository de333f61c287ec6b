// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Of the page: exits in gaps with their times, and the time ledgers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctrace.h"

static void bar_part(FILE *f, const char *kind, double left, double width)
{
	if (width > 0)
		fprintf(f, "<i class=\"%s\" style=\"left:%.3f%%;width:%.3f%%\"></i>", kind, left,
			width);
}

static void exits_row(FILE *f, unsigned int row, const struct gap_exits *x)
{
	char name[REASON_NAME_MAX], ns[FMT_MAX];
	double left = 0, width;
	unsigned int s;

	fprintf(f, "<tr><td class=\"l\">%s</td><td class=\"l\" style=\"width:22%%\"><div class=\"bar\">",
		reason_name_index(row, name));
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
		width = 100.0 * x->by[s].count / x->all.count;
		bar_part(f, ctrace_server_names[s], left, width);
		left += width;
	}
	fprintf(f, "</div></td>");
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
		fprintf(f, "<td title=\"%s\">%" PRIu64 "</td>", fmt_ns(times_ns(&x->by[s]), ns),
			x->by[s].count);
	fprintf(f, "<td>%" PRIu64 "</td><td>%s</td>", x->all.count, fmt_ns(times_ns(&x->all), ns));
	fprintf(f, "<td>%s</td>", fmt_ns(times_mean_ns(&x->all), ns));
	fprintf(f, "<td>%s</td>", fmt_ns(times_percentile_ns(&x->all, 99), ns));
	fprintf(f, "<td>%s</td></tr>\n", fmt_ns(times_max_ns(&x->all), ns));
}

/**
 * html_exits() - table of the exits in gaps
 * @f:		the page
 * @set:	the vCPUs
 */
void html_exits(FILE *f, const struct ctele_set *set)
{
	struct gap_exits sum, x;
	unsigned int r, s;
	size_t i;

	fprintf(f, "<h2>Exits in gaps, by who served them</h2><p class=\"key\">");
	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
		fprintf(f, "<span><i class=\"%s\"></i>%s</span>", ctrace_server_names[s],
			ctrace_server_names[s]);
	fprintf(f, "</p><div class=\"scroll\"><table><tr><th class=\"l\">reason</th><th class=\"l\">share</th>"
		"<th>native</th><th>handler</th><th>kvm</th><th>blocked</th><th>total</th>"
		"<th>time</th><th>mean</th><th>p99 &le;</th><th>max</th></tr>\n");
	for (r = 0; r < CTELE_NR_ROWS; r++) {
		memset(&sum, 0, sizeof(sum));
		for (i = 0; i < set->nr; i++) {
			if (!gap_exits_get(&x, &set->vcpus[i]->tele, r))
				continue;
			for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++)
				times_merge(&sum.by[s], &x.by[s]);
			times_merge(&sum.all, &x.all);
		}
		if (sum.all.count)
			exits_row(f, r, &sum);
	}
	fprintf(f, "</table></div>\n");
}

/* Return: false when this vCPU has none. */
static bool ledger_row(FILE *f, const struct ctele_vcpu *v)
{
	struct ledger l = { .vcpus = 0 };
	double left = 0, width;
	char ns[FMT_MAX], text[64];
	unsigned int i;

	ledger_add(&l, v, NULL);
	if (l.missing)
		return false;
	fprintf(f, "<div class=\"row\"><span class=\"n\">%016" PRIx64
		" vCPU %ld</span><div class=\"bar\" title=\"",
		(uint64_t)v->tele.vm_id, v->dir_vcpu);
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		fprintf(f, "%s %s, ", ledger_names[i], fmt_ns(tsc_to_ns(l.by[i], l.khz), ns));
	fprintf(f, "residual %s\">", ledger_residual_text(&l, text, sizeof(text)));
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++) {
		width = l.elapsed ? 100.0 * l.by[i] / l.elapsed : 0;
		/* Damaged data must not draw beyond the bar. */
		width = width > 100 - left ? 100 - left : width;
		bar_part(f, ledger_names[i], left, width);
		left += width;
	}
	fprintf(f, "</div><span class=\"v%s\" style=\"flex-basis:170px\">residual %s</span></div>\n",
		ledger_bad(&l) ? " bad" : "", ledger_residual_text(&l, text, sizeof(text)));
	return true;
}

/**
 * html_ledgers() - what the time of each vCPU went to
 * @f:		the page
 * @set:	the vCPUs
 */
void html_ledgers(FILE *f, const struct ctele_set *set)
{
	unsigned int i, missing = 0;
	size_t n;

	fprintf(f, "<h2>Time of each vCPU since the Caretaker was installed</h2><p class=\"key\">");
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		fprintf(f, "<span><i class=\"%s\"></i>%s</span>", ledger_names[i], ledger_names[i]);
	fprintf(f, "residual: time in no account</p>\n");
	for (n = 0; n < set->nr; n++)
		missing += !ledger_row(f, set->vcpus[n]);
	if (missing)
		fprintf(f, "<p>The telemetry of %u vCPUs has no time ledger (ABI 1).</p>\n",
			missing);
}
