#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each uapi header compiles alone and without a warning, as C and as C++, and includes nothing but
# linux/types.h and its own kind.

set -u
dir=$(cd "$(dirname "$0")" && pwd)
CC=${CC:-gcc}
CXX=${CXX:-g++}
n=0
failed=0
skipped=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		failed=$((failed + 1))
	fi
}

# compile LANGUAGE STANDARD HEADER: included twice, alone
compile()
{
	local tool=$CC

	[ "$1" = c ] || tool=$CXX
	printf '#include <linux/%s>\n#include <linux/%s>\n' "$3" "$3" |
		$tool -x "$1" "-std=$2" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$uapi" - 2>&1 |
		sed 's/^/# /'
	return "${PIPESTATUS[1]}"
}

compile_each()
{
	local h lang std

	for h in "${headers[@]}"; do
		for lang in c:gnu11 c:c11 c++:c++11 c++:c++17; do
			std=${lang#*:}
			lang=${lang%%:*}
			if [ "$lang" = c++ ] && ! command -v "$CXX" >/dev/null; then
				n=$((n + 1))
				skipped=$((skipped + 1))
				echo "ok $n $h compiles alone as $std # SKIP $CXX is not installed"
				continue
			fi
			compile "$lang" "$std" "$h"
			result $? "$h compiles alone as $std"
		done
	done
}

includes_only_uapi()
{
	! grep -Hn '^[[:space:]]*#[[:space:]]*include' "$uapi/linux/$1" |
		grep -Ev '<linux/(types|kvm_caretaker[a-z_]*)\.h>' | sed 's/^/# /' | grep .
}

spdx_first()
{
	head -n 1 "$uapi/linux/$1" |
		grep -q 'SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note'
}

# uapi_find: include/uapi of this repository, or of the Linux tree that this is in, also installed
uapi_find()
{
	local d

	for d in "${CARETAKER_UAPI:-}" "$dir/../../include/uapi" "$dir/../../../../../include/uapi"; do
		if [ -e "$d/linux/kvm_caretaker.h" ]; then
			echo "$d"
			return
		fi
	done
}

echo "KTAP version 1"
uapi=$(uapi_find)
if [ -z "$uapi" ]; then
	echo "1..0 # SKIP no headers here: give their directory in CARETAKER_UAPI"
	exit 4
fi
# A Linux tree's other headers need to be installed before user space can include them
alone=$(mktemp -d)
trap 'rm -rf "$alone"' EXIT
mkdir "$alone/linux"
cp "$uapi"/linux/kvm_caretaker*.h "$alone/linux/"
uapi=$alone
mapfile -t headers < <(cd "$uapi/linux" && ls kvm_caretaker*.h)
echo "1..$((${#headers[@]} * 6))"
compile_each
for h in "${headers[@]}"; do
	includes_only_uapi "$h"
	result $? "$h includes only linux/types.h and its own kind"
	spdx_first "$h"
	result $? "$h carries the syscall note"
done
echo "# Totals: pass:$((n - failed - skipped)) fail:$failed skip:$skipped"
[ "$failed" = 0 ]
