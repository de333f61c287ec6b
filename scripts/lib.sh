# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Shared by the scripts: messages, the cache directory, progress of long steps.
# Source it, after setting "prog" to the script's name.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for those who source this
out=${OUT:-$top/out}
[[ $out == /* ]] || out=$top/$out

msg()
{
	printf '  %-8s %s\n' "$1" "$2"
}

note()
{
	printf '%s: %s\n' "${prog:-caretaker}" "$*" >&2
}

# die MESSAGE [REMEDY]: both go to stderr, the exit status is 1.
die()
{
	note "$1"
	[ -z "${2:-}" ] || note "to fix it: $2"
	exit 1
}

# Prints the directory for downloads and build results, outside any clone.
cache_dir()
{
	local d=${CARETAKER_CACHE:-/var/cache/caretaker}

	if mkdir -p "$d" 2>/dev/null && [ -w "$d" ]; then
		echo "$d"
		return
	fi
	[ -z "${CARETAKER_CACHE:-}" ] || die "cache directory $d is not writable" \
		"set CARETAKER_CACHE to a directory that you may write to"
	d=${XDG_CACHE_HOME:-$HOME/.cache}/caretaker
	mkdir -p "$d" || die "cache directory $d cannot be made" "set CARETAKER_CACHE"
	echo "$d"
}

# Where the Linux tree, the object trees and their lock are
work_dir()
{
	echo "$(cache_dir)/work"
}

# Prints the QEMU that runs test hosts: $QEMU, else the one of scripts/qemu-build, else the system's
qemu_path()
{
	if [ -n "${QEMU:-}" ]; then
		echo "$QEMU"
	elif [ -x "$out/qemu/qemu-system-x86_64" ]; then
		echo "$out/qemu/qemu-system-x86_64"
	else
		echo qemu-system-x86_64
	fi
}

# file_sha256 FILE: prints the digest alone
file_sha256()
{
	sha256sum "$1" | cut -d' ' -f1
}

# tree_sha256 PATH...: one digest over the names and contents of the files below
tree_sha256()
{
	find "$@" -type f ! -name '.*' ! -name '*~' ! -name '*.orig' ! -name '*.rej' \
		! -name '*.o' -print0 2>/dev/null | LC_ALL=C sort -z |
		xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1
}

# run_logged LABEL LOG COUNT_REGEX COMMAND...: output goes to LOG, and a line with the
# elapsed time and the number of log lines that match COUNT_REGEX comes out now and then.
run_logged()
{
	local label=$1 log=$2 re=$3 start=$SECONDS next pid rc=0

	shift 3
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	# shellcheck disable=SC2064 # the pid of now is meant
	trap "kill $pid 2>/dev/null; exit 130" INT TERM
	next=$((SECONDS + ${PROGRESS_SECS:-15}))
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		[ "$SECONDS" -ge "$next" ] || continue
		msg "" "$label: $((SECONDS - start)) s, $(grep -cE "$re" "$log") done"
		next=$((SECONDS + ${PROGRESS_SECS:-15}))
	done
	wait "$pid" || rc=$?
	trap - INT TERM
	if [ "$rc" -ne 0 ]; then
		note "$label failed with status $rc after $((SECONDS - start)) s; the end of $log:"
		{ grep -nE '(error|Error|ERROR|FAILED|undefined reference)' "$log" | head -n 20
		  echo "..."
		  tail -n 25 "$log"; } | sed 's/^/  | /' >&2
	fi
	return "$rc"
}

# take_lock FILE: one at a time, until this process ends; says so when it has to wait
take_lock()
{
	local fd

	mkdir -p "$(dirname "$1")"
	exec {fd}>"$1"
	flock -n "$fd" && return
	note "waiting for another run that holds $1"
	flock "$fd"
}

# descendants PID: the processes that it started, and those that they did
descendants()
{
	local p

	for p in $(pgrep -P "$1"); do
		descendants "$p"
		echo "$p"
	done
}
