#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel/apply makes a tree of base, overlay and patches, again and again: a second run changes
# nothing, what is taken away here goes there, and what does not fit exactly is refused before
# anything is written. A small tree stands for Linux.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
clone=$dir/clone
tree=$dir/made/linux
n=0
failed=0

# patch_make LINE...: the lines of a patch of file.c; the first one is where it begins
patch_make()
{
	printf -- '--- a/file.c\n+++ b/file.c\n@@ -%s,3 +%s,4 @@\n' "$1" "$1"
	shift
	printf '%s\n' "$@"
}

clone_make()
{
	rm -rf "$clone" "$dir/made"
	mkdir -p "$clone/kernel/patches" "$clone/kernel/overlay/new" "$clone/scripts" \
		"$clone/include/uapi/linux" "$clone/verifier-ext" "$dir/src/linux-7"
	cp "$top/kernel/fetch" "$top/kernel/apply" "$clone/kernel/"
	cp "$top/scripts/lib.sh" "$clone/scripts/"
	seq 1 20 | sed 's/^/line /' >"$dir/src/linux-7/file.c"
	tar -C "$dir/src" -cJf "$dir/linux.tar.xz" linux-7
	printf 'version\t7\nsha256\t%s here\n' "$(sha256sum <"$dir/linux.tar.xz" | cut -d' ' -f1)" \
		>"$clone/kernel/BASE"
	echo added >"$clone/kernel/overlay/new/added.c"
	echo uapi >"$clone/include/uapi/linux/x.h"
	echo rule >"$clone/verifier-ext/rule.c"
	patch_make 5 ' line 5' '+hook' ' line 6' ' line 7' >"$clone/kernel/patches/1.patch"
	echo 1.patch >"$clone/kernel/patches/series"
}

apply()
{
	LINUX_TARBALL=$dir/linux.tar.xz CARETAKER_CACHE=$dir/cache OUT=$dir/out \
		"$clone/kernel/apply" "$tree" >"$dir/log" 2>&1 </dev/null
}

# Names, contents and times of all files of the tree, those of apply itself left out
tree_state()
{
	( cd "$tree" && find . -path ./.caretaker -prune -o -type f -printf '%p %T@ ' -exec cat {} \; | sha256sum )
}

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		sed 's/^/# /' "$dir/log"
		echo "not ok $n $2"
		failed=$((failed + 1))
	fi
}

made()
{
	apply && grep -qx hook "$tree/file.c" && [ -e "$tree/new/added.c" ] &&
		[ -e "$tree/include/uapi/linux/x.h" ] && [ -e "$tree/virt/kvm/caretaker/rule.c" ]
}

again()
{
	local before

	before=$(tree_state)
	apply && [ "$before" = "$(tree_state)" ] && [ ! -s "$dir/log" ]
}

# refused TEXT: says so, and writes nothing
refused()
{
	local before

	before=$(tree_state)
	! apply && grep -q "^kernel/apply: .*$1" "$dir/log" && [ "$before" = "$(tree_state)" ]
}

# spoilt NAME TEXT COMMAND...: after COMMAND it is refused with TEXT
spoilt()
{
	local name=$1 text=$2

	shift 2
	clone_make
	made
	( cd "$clone/kernel" && "$@" )
	refused "$text"
	result $? "$name is refused, the tree is as it was"
}

with_fuzz()
{
	patch_make 5 ' line five' '+hook' ' line 6' ' line 7' >patches/1.patch
}

with_offset()
{
	patch_make 6 ' line 5' '+hook' ' line 6' ' line 7' >patches/1.patch
}

adding()
{
	printf -- '--- /dev/null\n+++ b/other.c\n@@ -0,0 +1 @@\n+x\n' >patches/1.patch
}

of_overlay()
{
	sed -i 's/file.c/new\/added.c/' patches/1.patch
}

over_linux()
{
	echo x >overlay/file.c
}

two_places()
{
	mkdir -p overlay/virt/kvm/caretaker
	echo x >overlay/virt/kvm/caretaker/rule.c
}

missing()
{
	echo 2.patch >>patches/series
}

taken_away()
{
	: >"$clone/kernel/patches/series"
	rm "$clone/kernel/overlay/new/added.c"
	apply && cmp -s "$tree/file.c" "$dir/src/linux-7/file.c" && [ ! -e "$tree/new/added.c" ]
}

echo "KTAP version 1"
echo "1..10"
clone_make
made
result $? "base, overlay and patches make a tree"
again
result $? "a second run changes nothing"
taken_away
result $? "what is taken away is taken out of the tree"
spoilt "a patch with fuzz" "does not apply" with_fuzz
spoilt "a patch with an offset" "applies only with an offset" with_offset
spoilt "a patch that adds a file" "does more than to edit files" adding
spoilt "a patch of an overlay's file" "of the overlay" of_overlay
spoilt "an overlay over a file of Linux" "may only add files" over_linux
spoilt "one place for two files" "the same place in Linux" two_places
spoilt "a series with a patch that is not there" "which is not there" missing
echo "# Totals: pass:$((n - failed)) fail:$failed skip:0"
[ "$failed" = 0 ]
