#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# As tools/testing/selftests/caretaker of a Linux tree this directory builds and installs with
# kselftest's own make, and kselftest's runner runs it. The tree is the one that the kernels were
# built from, by symbolic links: it is not written to.

set -u
prog=linux_tree
# shellcheck source=../../scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"

linux=$(work_dir)/linux
khdr=$out/kernel/fast/usr/include
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

# result NAME COMMAND...
result()
{
	local name=$1

	shift
	n=$((n + 1))
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $n $name"
	else
		tail -n 20 "$dir/out" | sed 's/^/# /'
		echo "not ok $n $name"
		failed=$((failed + 1))
	fi
}

links()
{
	local f

	mkdir -p "$2"
	for f in "$1"/*; do
		[ -e "$2/${f##*/}" ] || ln -s "$f" "$2/"
	done
}

# The tree with this clone's own parser, headers and tests in it
tree_make()
{
	mkdir -p "$tree/virt/kvm" "$tree/include/uapi/linux" "$tree/include/linux/kho" "$tests"
	cp -r "$top/kernel/overlay/virt/kvm/caretaker" "$tree/virt/kvm/"
	cp "$top"/include/uapi/linux/kvm_caretaker*.h "$tree/include/uapi/linux/"
	cp -r "$top/kernel/overlay/include/linux/kho/abi" "$tree/include/linux/kho/"
	cp -r "$top/selftests" "$tests/caretaker"
	links "$linux/tools/testing/selftests" "$tests"
	links "$linux/tools/testing" "$tree/tools/testing"
	links "$linux/tools" "$tree/tools"
	links "$linux" "$tree"
}

ksft()
{
	make -C "$tests" TARGETS=caretaker FORCE_TARGETS=1 OUT= KHDR_INCLUDES="-isystem $khdr" \
		INSTALL_PATH="$dir/inst" "$@"
}

# Programs by the names in the Makefile: those of unit/ are listed, the others only installed
installed()
{
	local t

	# shellcheck disable=SC2016 # these are make's own
	for t in $(make -s -f - -C "$tests/caretaker" <<<'include Makefile
names: ; @echo $(UNIT_TESTS) headers.sh $(GUEST_TESTS)
.DEFAULT_GOAL := names'); do
		[ -x "$dir/inst/caretaker/$t" ] || { echo "$t is not installed"; return 1; }
	done
}

listed()
{
	( cd "$dir/inst" && ./run_kselftest.sh -l ) | sort >"$dir/list"
	printf 'caretaker:%s\n' abi_layout elf_refuse headers.sh klog_scan ring_read state_model |
		diff - "$dir/list"
}

# headers.sh finds no headers beside an installed directory, and skips
runner_passes()
{
	( cd "$dir/inst" && CARETAKER_UAPI=$tree/include/uapi ./run_kselftest.sh -c caretaker ) |
		grep '^# Totals: pass:6 fail:0 xfail:0 xpass:0 skip:0 error:0$'
}

cleaned()
{
	ksft clean
	diff -r -x out "$top/selftests" "$tests/caretaker"
}

echo "KTAP version 1"
if [ ! -r "$linux/tools/testing/selftests/lib.mk" ] || [ ! -d "$khdr" ]; then
	echo "1..0 # SKIP there is no Linux tree at $linux, or no $khdr: run kernel/build -f fast"
	exit 4
fi
tree=$dir/linux
tests=$tree/tools/testing/selftests
tree_make
unset MAKEFLAGS MAKELEVEL MFLAGS
echo "1..5"
result "it builds and installs" ksft install
result "all programs are installed" installed
result "the runner lists what needs no test host" listed
result "the runner's tests pass" runner_passes
result "clean leaves what was there" cleaned
echo "# Totals: pass:$((n - failed)) fail:$failed skip:0"
[ "$failed" = 0 ]
