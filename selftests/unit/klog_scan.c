// SPDX-License-Identifier: GPL-2.0
/* The scan of the kernel log finds complaints, and nothing else. */
#include <stdio.h>

#include "klog.h"
#include "ktap.h"

static enum ktap_result found(const char *const *lines, unsigned int n, int want)
{
	char log[256];
	unsigned int i;

	for (i = 0; i < n; i++) {
		int got;

		snprintf(log, sizeof(log), "[    1.0] before\n%s\n[    1.2] after\n", lines[i]);
		got = klog_scan(log);
		CHECK(got == want, "%d complaints in: %s", got, lines[i]);
	}
	return KTAP_PASS;
}

static enum ktap_result complaints(void)
{
	static const char *const lines[] = {
		"[    1.1] WARNING: CPU: 0 PID: 1 at kernel/liveupdate/kexec_handover.c:100 x+0x1/0x2",
		"[    1.1] WARNING: possible circular locking dependency detected",
		"[    1.1] WARNING: suspicious RCU usage",
		"[    1.1] BUG: KASAN: use-after-free in caretaker_set+0x1/0x2",
		"[    1.1] BUG: sleeping function called from invalid context at mm/slub.c:1",
		"[    1.1] BUG: unable to handle page fault for address: ffff888000000000",
		"[    1.1] Oops: general protection fault, probably for non-canonical address",
		"[    1.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
		"[    1.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]",
		"[    1.1] INFO: task cancel_cycles:68 blocked for more than 120 seconds.",
		"[    1.1] UBSAN: array-index-out-of-bounds in x.c:1:2",
		"[    1.1] Kernel panic - not syncing: Fatal exception",
	};

	return found(lines, ARRAY_SIZE(lines), 1);
}

static enum ktap_result ordinary(void)
{
	static const char *const lines[] = {
		"[    0.0] kasan: KernelAddressSanitizer initialized (generic)",
		"[    0.0] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar",
		"[    0.0] rcu: Hierarchical RCU implementation.",
		"[    1.1] smpboot: CPU 1 is now offline",
		"[    1.1] caretaker: vCPU 0: not preserved, it runs on in KVM: the TSC is scaled",
		"[    1.1] Spectre V2 : Vulnerable",
		"[    1.1] AMD Zen1 DIV0 bug detected. Disable SMT for full protection.",
	};

	return found(lines, ARRAY_SIZE(lines), 0);
}

int main(void)
{
	static const struct ktap_case cases[] = {
		{ "complaints are found, each once", complaints },
		{ "ordinary lines are no complaints", ordinary },
	};

	return ktap_run(cases, ARRAY_SIZE(cases), 10);
}
