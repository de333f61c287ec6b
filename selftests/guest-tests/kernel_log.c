// SPDX-License-Identifier: GPL-2.0
/* After all other tests: the kernel did not complain about anything. */
#include "klog.h"
#include "ktap.h"

static enum ktap_result clean(void)
{
	int bad = klog_complaints();

	CHECK(!bad, "%d complaints in the kernel log", bad);
	return KTAP_PASS;
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "the kernel log has no complaint", clean },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 30);
}
