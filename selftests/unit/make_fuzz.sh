#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/fuzz: what it says when nothing fails, and that it finds a mistake in the compiler and names
# a command that shows it again.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${OUT:-$top/out}
[[ $out == /* ]] || out=$top/$out
good=$out/verifier-ext/ctv_test
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 bad=0

result()
{
	local ok=$1

	shift
	n=$((n + 1))
	if [ "$ok" = 0 ]; then
		echo "ok $n $*"
	else
		sed 's/^/# /' "$tmp/log"
		echo "not ok $n $*"
		bad=1
	fi
}

# planted NAME FROM TO [FILE]: the test program with one line of the compiler changed
planted()
{
	local d=$tmp/$1 f=${4:-ctv_jit_x86.c}

	mkdir -p "$d"
	cp -r "$top/verifier-ext/." "$d"
	sed -i "s/$2/$3/" "$d/$f"
	! cmp -s "$d/$f" "$top/verifier-ext/$f" || return 1
	"$d/kfunc-blob.sh" "$d/ctv_kfunc_blob.h" "$d/kfunc_blob.c" "${CC:-gcc}" \
		-I"$top/include/uapi" >"$tmp/log" 2>&1 || return 1
	"${CC:-gcc}" -O1 -std=gnu11 -w -I"$top/include/uapi" -I"$d" -I"$d/tests" \
		-iquote "$top/bpf-handlers" "$d"/ctv_*.c "$d"/user/*.c "$d"/tests/*.c -o "$d/ctv_fuzz"
}

# found NAME PROGRAMS: the mistake is found, and found again by the command that is printed
found()
{
	local program=$tmp/$1/ctv_fuzz again

	! OUT=$tmp/out FUZZ_PROGRAM=$program "$top/scripts/fuzz" -n "$2" -s 1 -t 0 >"$tmp/log" 2>&1 ||
		return 1
	grep -q FAILED "$tmp/log" || return 1
	again=$(sed -n "s/.*# \\(.*ctv_fuzz -r -k 1 -s 1 -f [0-9]* -n 1\\)\$/\\1/p" "$tmp/log" | head -n 1)
	[ -n "$again" ] || return 1
	echo "again: $again" >>"$tmp/log"
	# shellcheck disable=SC2086 # a command line
	! $again >>"$tmp/log" 2>&1 && ! grep -q '^ok 1 ' <<<"$($again)" &&
		"$good" ${again#* } >>"$tmp/log" 2>&1
}

echo "KTAP version 1"
echo "1..7"
OUT=$tmp/out FUZZ_PROGRAM=$good "$top/scripts/fuzz" -n 1001 -s 7 -t 0 -j 2 >"$tmp/log" 2>&1 &&
	grep -q '1001 random programs of seed 7, .*: 0 mismatches' "$tmp/log" &&
	grep -q 'nothing failed' "$tmp/log"
result $? "all programs are shared out, and the summary says so"
"$top/scripts/fuzz" -n none >"$tmp/log" 2>&1
result $(($? != 2)) "wrong usage ends with status 2"
planted condition 'case CTV_JLT: return X86_B;' 'case CTV_JLT: return X86_BE;' && found condition 4000
result $? "a wrong condition in the compiler is found"
planted width 'x86_mov(b, wide, dst, JIT_TMP);' 'x86_mov(b, true, dst, X86_R10);' && found width 4000
result $? "a wrong register in the compiler is found"
planted cost 'x86_rr(&j->b, wide, 0xf7, 3, dst);' \
	'for (int k = 0; k < 3000; k++) x86_rr(\&j->b, wide, 0xf7, 3, dst); x86_rr(\&j->b, wide, 0xf7, 3, dst);' &&
	found cost 4000
result $? "code that executes more than was verified is found"
planted event 'ctv_do_emit_word(exit, data, size, 7);' '' ctv_kfunc_code.h && found event 8000
result $? "a kernel function that leaves something out is found"
planted vector 'vector >= CTV_NR_VECTORS)' 'vector > CTV_NR_VECTORS)' ctv_kfunc_code.h && found vector 8000
result $? "a kernel function that takes a vector too many is found"
exit $bad
