#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make shell" gives a shell with tools, kernels, payload, handlers and a guest in it, and what it
# tells to type works: the guest runs on a Caretaker over a kexec.

set -u
prog=shell
# shellcheck source=../../scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"

dir=$(mktemp -d)
shell=""
trap '[ -z "$shell" ] || kill "$shell" 2>/dev/null; rm -rf "$dir"' EXIT
n=0
failed=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		tail -n 30 "$dir/out" | tr -d '\r' | awk '{ print "# " $0 }'
		echo "not ok $n $2"
		failed=$((failed + 1))
	fi
}

shell_start()
{
	mkfifo "$dir/in"
	"$top/scripts/host-shell" <"$dir/in" >"$dir/out" 2>&1 &
	shell=$!
	exec 3>"$dir/in"
}

# wait_line SECONDS PATTERN [NUMBER]: until so many lines fit, default 1
wait_line()
{
	local i

	for ((i = 0; i < 10 * $1; i++)); do
		[ "$(tr -d '\r' <"$dir/out" | grep -cE "$2")" -lt "${3:-1}" ] || return 0
		kill -0 "$shell" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# The commands that kernel NUMBER shows when it comes up, one a line
shown()
{
	tr -d '\r' <"$dir/out" | awk -v nr="$1" '/^Test host / { n++ } n == nr' |
		sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | sed -n 's/^  \([a-z].*\)/\1/p'
}

# typed COMMAND...: its exit status; what the shell echoes does not fit the pattern
typed()
{
	typed_nr=$((typed_nr + 1))
	printf '%s; echo "status $? of" %s\n' "$*" "$typed_nr" >&3
	wait_line 100 "^status [0-9]+ of $typed_nr\$" &&
		tr -d '\r' <"$dir/out" | grep -q "^status 0 of $typed_nr\$"
}

# typed_until COMMAND: again until it succeeds, or for a minute
typed_until()
{
	typed "for i in \$(seq 300); do $1 && break; sleep 0.2; done; $1"
}

has_all()
{
	typed 'ls /bin/cvmm /bin/ctop /bin/ctrace /bin/caretaker-verify /bin/bpftool /boot/bzImage-b' \
		'/guest/initrd' \
		'/lib/caretaker/caretaker.elf /lib/caretaker/uart.bpf.o'
}

# Up to the kexec, which takes the shell away
first_kernel()
{
	local line

	shown 1 | grep -q '^cvmm run ' || return 1
	while IFS= read -r line; do
		case $line in
		*kexec-load\ -x*) ;;
		# 6: an exit would have blocked, as it may be
		*rehearse*) typed "$line; case \$? in 0|6) true;; *) false;; esac" ;;
		*\&) typed "{ $line }" && typed_until 'grep -q starts /run/console' ;;
		*) typed "$line" ;;
		esac || return 1
	done < <(shown 1)
	echo "kexec-load -x" >&3
	wait_line 100 '^Test host' 2
}

next_kernel()
{
	local line

	# Its last line: the first ones may be there before the others
	wait_line 60 '^  ctrace gap; ' || return 1
	shown 2 | grep -q '^cvmm resume ' || return 1
	while IFS= read -r line; do
		case $line in
		*\&) typed "{ $line }" && typed_until 'ctrace list | grep -q adopted' ;;
		*) typed "$line" ;;
		esac || return 1
	done < <(shown 2)
}

# What the handler absorbed in the gap, by the types beside it, is what cvmm replayed; without them
# it is bytes, which need the object.
# shellcheck disable=SC2016 # for the shell in the test host
state_tells()
{
	typed 'head() { grep -w uart_state.head /run/"$1" | sed "s/.* //"; }' \
		'&& caretaker-verify -s /run/state >/run/values && [ "$(head values)" -gt 0 ]' \
		'&& drained=$(grep -w uart_state.drained /run/values | sed "s/.* //")' \
		'&& cvmm ctl /run/vm status >/run/status' \
		'&& grep "\"replayed\": $(($(head values) - ${drained:-0}))}," /run/status' || return 1
	typed 'cvmm ctl /run/vm state /run/raw raw && ! caretaker-verify -s /run/raw' \
		'&& caretaker-verify -s /run/raw /lib/caretaker/uart.bpf.o >/run/by-object' \
		'&& [ "$(head by-object)" = "$(head values)" ]' \
		'&& caretaker-verify -s /run/state /lib/caretaker/uart.bpf.o >/dev/null'
}

leaves()
{
	local i

	echo "poweroff -f" >&3
	for ((i = 0; i < 200; i++)); do
		kill -0 "$shell" 2>/dev/null || { wait "$shell"; return; }
		sleep 0.1
	done
	return 1
}

echo "KTAP version 1"
for f in kernel/fast/bzImage-b tools/cvmm/guest.cpio payload/caretaker.elf handlers/uart.bpf.o; do
	[ -r "$out/$f" ] && continue
	echo "1..0 # SKIP there is no out/$f: run make all"
	exit 4
done
echo "1..6"
typed_nr=0
shell_start
wait_line 60 '^  kexec-load -x'
result $? "a shell comes up and says what to type"
has_all
result $? "tools, kernels, payload, handlers and a guest are there"
first_kernel
result $? "a guest is started and preserved, the next kernel comes up"
next_kernel
result $? "it is taken over there"
state_tells
result $? "state of the gap is read by its own types, and is what was replayed"
leaves
result $? "poweroff ends it"
echo "# Totals: pass:$((n - failed)) fail:$failed skip:0"
[ "$failed" = 0 ]
