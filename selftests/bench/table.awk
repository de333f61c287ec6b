# SPDX-License-Identifier: GPL-2.0
#
# The benchmark's numbers as a table, with the targets beside them.

function verdict(met)
{
	return met ? "met" : "not met"
}

function target(reason, by, cr3, value)
{
	if (reason == "vmmcall" && by == "one-line" && cr3 == "shared" && native != "")
		return sprintf("<= native + 40 = %.2f: %s", native + 40, verdict(value <= native + 40))
	if (by == "native" && cr3 == "shared" && reason in uncounted)
		counting = counting sprintf("  Counting and timing a native %s: %.2f of these, <= 30: %s\n", reason,
			value - uncounted[reason], verdict(value - uncounted[reason] <= 30))
	if (reason != "cpuid" || cr3 != "shared")
		return ""
	if (by == "kvm")
		return "2785 when the targets were set"
	if (by == "native")
		return "<= 200: " verdict(value <= 200)
	if (by == "bpf" && native != "")
		return sprintf("<= native + 80 = %.2f: %s", native + 80, verdict(value <= native + 80))
	return ""
}

function row(reason, by, cr3, value, spread, note)
{
	printf "  %-9s %-24s %-9s %12s %7s  %s\n", reason, by, cr3, value, spread, note
}

$1 == "bench-loop" { loop = $5; next }
$1 == "bench-leaves" { leaves = $2; low = $3; high = $4; next }
$1 == "bench-jit" { jit[++nr_jit] = $0; next }
$1 == "bench-none" { none = none " " $2; next }
$1 != "bench-case" && $1 != "bench-forward" { next }
!n++ { row("exit", "served by", "CR3", "instructions", "spread", "target") }
{
	by = $1 == "bench-case" ? $3 : "kvm, payload of " $3
	if ($3 == "uncounted" && $4 == "shared")
		uncounted[$2] = $5
	if ($2 == "cpuid" && $3 == "native" && $4 == "shared")
		native = $5
	if ($3 == "kvm")
		$4 = $4 == "shared" ? "-" : $4
	row($2, by, $4, $5, $6, target($2, $3, $4 == "-" ? "shared" : $4, $5))
}
END {
	printf "%s", counting
	if (leaves)
		printf "  Native CPUID over all %d leaves of the guest: %.2f to %.2f instructions.\n", leaves, low, high
	if (loop != "")
		printf "  Already taken off: the loop itself, %.2f instructions per round.\n", loop
	print "  Spread: difference of two runs in one boot, each with a new VM."
	if (none != "")
		print "  Not measured, not intercepted by KVM or not decoded by the CPU of this host:" none
	if (nr_jit)
		printf "\n  %-21s %-10s %-11s %11s %10s %6s  %s\n", "compiled handler", "member", "call", "kernel's JIT", "Caretaker", "ratio", "target"
	for (i = 1; i <= nr_jit; i++) {
		split(jit[i], f)
		printf "  %-21s %-10s %-11s %11d %10d %6.2f  %s\n", f[2], f[3], f[4], f[5], f[6], f[6] / f[5],
			"<= 1.3: " verdict(f[6] <= 1.3 * f[5])
	}
}
