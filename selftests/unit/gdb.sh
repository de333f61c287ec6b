#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# gdb stops a test host at a function of the kernel by its name; without a host it says what to do.

set -u
prog=gdb
# shellcheck source=../../scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"

dir=$(mktemp -d)
qemu=""
trap '[ -z "$qemu" ] || kill "$qemu" 2>/dev/null; rm -rf "$dir"' EXIT
export GDB_PORT=$((20000 + RANDOM))
n=0
failed=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		tail -n 20 "$dir/out" | sed 's/^/# /'
		echo "not ok $n $2"
		failed=$((failed + 1))
	fi
}

host_start()
{
	local i

	"$top/scripts/mkinitrd" -o "$dir/initrd" -i "$top/scripts/init-smoke" || return 1
	"$top/scripts/qemu-host" -g -k "$out/kernel/fast/bzImage-a" -i "$dir/initrd" -t 200 \
		-s "$dir/serial" >"$dir/out" 2>&1 &
	qemu=$!
	for ((i = 0; i < 100; i++)); do
		grep -qi ":$(printf %04X "$GDB_PORT") .* 0A " /proc/net/tcp /proc/net/tcp6 && return
		sleep 0.1
	done
	return 1
}

stops()
{
	# shellcheck disable=SC2016 # this is gdb's own
	"$top/scripts/host-gdb" -batch -ex 'hbreak start_kernel' -ex continue -ex 'info symbol $rip' \
		-ex kill </dev/null >"$dir/out" 2>&1
	grep '^start_kernel in section' "$dir/out"
}

refused()
{
	! "$top/scripts/host-gdb" -batch </dev/null >"$dir/out" 2>&1 &&
		grep -q "to fix it: start one in another terminal" "$dir/out"
}

echo "KTAP version 1"
if ! command -v gdb >/dev/null || [ ! -r "$out/kernel/fast/vmlinux" ]; then
	echo "1..0 # SKIP gdb is not installed, or there is no kernel"
	exit 4
fi
echo "1..3"
refused
result $? "without a test host it says how to start one"
host_start
result $? "a test host waits for gdb"
stops >/dev/null
result $? "it stops at a function of the kernel by its name"
echo "# Totals: pass:$((n - failed)) fail:$failed skip:0"
[ "$failed" = 0 ]
