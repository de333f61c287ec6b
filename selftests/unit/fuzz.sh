#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: fuzz.sh PROGRAM SECONDS
# Fuzzes the payload parser for a short time, from a corpus of the good and the malformed files.

set -u
fuzzer=$1
secs=$2
echo "KTAP version 1"
echo "1..1"
name="the payload parser survives $secs s of fuzzing"
if [ ! -x "$fuzzer" ]; then
	echo "ok 1 $name # SKIP $fuzzer was not built: clang has no libFuzzer here (package libclang-rt-dev)"
	exit 4
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/corpus"
# Where inputs that it fails on stay; without FUZZ_KEEP they are in the output alone
keep=${FUZZ_KEEP:-$dir}
if "$fuzzer" "-seed_dir=$dir/corpus" &&
   "$fuzzer" "-max_total_time=$secs" -max_len=16384 -print_final_stats=1 \
	"-artifact_prefix=$keep/" "-seed=${FUZZ_SEED:-0}" "$dir/corpus" >"$dir/log" 2>&1; then
	grep -E '^stat::number_of_executed_units|cov: ' "$dir/log" | tail -n 2 | sed 's/^/# /'
	echo "ok 1 $name"
	exit 0
fi
tail -n 40 "$dir/log" | sed 's/^/# /'
while read -r f; do
	[ ! -f "$f" ] || base64 "$f" | sed 's/^/# input: /'
	[ -z "${FUZZ_KEEP:-}" ] || echo "# to run it again: $fuzzer $f"
done < <(sed -n 's/.*Test unit written to //p' "$dir/log")
echo "not ok 1 $name"
exit 1
