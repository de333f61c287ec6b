#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: linux-table.sh TREE DIR
#
# Makes DIR/kernel_tests.h of the programs in Linux' own BPF test module (lib/test_bpf.c), and
# what they need of Linux' headers, for linux_table.c. Nothing of it is kept in the project.

set -eu
tree=$1
dir=$2
mkdir -p "$dir/linux"

# The encoding, without what only kernel builds have
for h in bpf.h bpf_common.h filter.h; do
	sed '/#include <linux\/compiler.h>/d; s/\b__user\b//g' "$tree/include/uapi/linux/$h" \
		>"$dir/linux/$h"
done

{
	# How the fill functions say that they are wrong
	echo '#define BUG_ON(c) do { if (c) abort(); } while (0)'
	# Macros that make instructions
	sed -n '/^#define BPF_REG_ARG1/,/^#define bytes_to_bpf_size/p' "$tree/include/linux/filter.h" |
		sed '/^#define bytes_to_bpf_size/d'
	# From the first definition to the end of the table
	sed -n '/^#define MAX_SUBTESTS/,/^static struct net_device dev/p' "$tree/lib/test_bpf.c" |
		sed '/^static struct net_device dev/d'
} >"$dir/kernel_tests.h.new"
grep -q '^static struct bpf_test tests\[\] = {' "$dir/kernel_tests.h.new" || {
	echo "linux-table.sh: $tree/lib/test_bpf.c has no table of tests: it is of another release" >&2
	exit 1
}
mv "$dir/kernel_tests.h.new" "$dir/kernel_tests.h"
