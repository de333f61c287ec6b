#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel/fetch takes a tarball only by its digest, from a file, the cache, a URL, Debian's mirror or
# upstream, and prints the one that was asked for. Small files stand for Linux, and a script that
# copies one stands for apt.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

# A clone with a base of its own
clone_make()
{
	mkdir -p "$dir/clone/kernel" "$dir/clone/scripts" "$dir/tree/linux-7"
	cp "$top/kernel/fetch" "$dir/clone/kernel/"
	cp "$top/scripts/lib.sh" "$dir/clone/scripts/"
	echo pinned >"$dir/tree/linux-7/README"
	tar -C "$dir/tree" -cJf "$dir/pinned.tar.xz" linux-7
	echo other >"$dir/tree/linux-7/README"
	tar -C "$dir/tree" -cJf "$dir/other.tar.xz" linux-7
	pinned=$(sha256sum <"$dir/pinned.tar.xz" | cut -d' ' -f1)
	other=$(sha256sum <"$dir/other.tar.xz" | cut -d' ' -f1)
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\n[ "$*" = "-s none download src=7" ] && cp "$MIRROR" .\n' \
		>"$dir/clone/scripts/apt-private"
	chmod +x "$dir/clone/scripts/apt-private"
}

# base_make [UPSTREAM]
base_make()
{
	printf 'version\t7\npackage\tsrc 7 none usr/src/src.tar.xz\nsha256\t%s here\n' "$pinned" \
		>"$dir/clone/kernel/BASE"
	[ $# = 0 ] || printf 'url\tfile://%s\n' "$1" >>"$dir/clone/kernel/BASE"
}

# deb_make NAME FILE: a package with FILE as the tarball of Linux, or without one
deb_make()
{
	mkdir -p "$dir/$1/DEBIAN" "$dir/$1/usr/src"
	printf 'Package: src\nVersion: 7\nArchitecture: all\nMaintainer: x <x@localhost>\nDescription: x\n' \
		>"$dir/$1/DEBIAN/control"
	[ -z "$2" ] || cp "$2" "$dir/$1/usr/src/src.tar.xz"
	dpkg-deb --build --root-owner-group "$dir/$1" "$dir/$1.deb" >/dev/null
}

# case_run NAME WANTED CACHE [NAME=VALUE]...: WANTED is the digest of what must be printed, or a
# text that the refusal must have. The name of a cache that is new stands for an empty one.
case_run()
{
	local name=$1 want=$2 cache=$dir/cache-$3 got status=0

	shift 3
	n=$((n + 1))
	got=$(env -u LINUX_TARBALL -u LINUX_TARBALL_URL -u LINUX_TARBALL_SHA256 "$@" \
		CARETAKER_CACHE="$cache" OUT="$dir/out" "$dir/clone/kernel/fetch" 2>"$dir/err" </dev/null) ||
		status=$?
	if [ "$status" = 0 ] && [ "$got" = "$cache/dl/$want.tar" ] &&
		[ "$(sha256sum <"$got" | cut -d' ' -f1)" = "$want" ]; then
		echo "ok $n $name"
	elif [ "$status" = 1 ] && [ -z "$got" ] && grep -qF "$want" "$dir/err" &&
		grep -q '^kernel/fetch: to fix it: ' "$dir/err" && [ -z "$(ls "$cache"/dl/*.tmp* 2>/dev/null)" ]; then
		echo "ok $n $name"
	else
		echo "# wanted $want, status $status, got: $got"
		sed 's/^/# /' "$dir/err"
		echo "not ok $n $name"
		failed=$((failed + 1))
	fi
}

if ! command -v dpkg-deb >/dev/null || ! command -v curl >/dev/null; then
	echo "KTAP version 1"
	echo "1..0 # SKIP dpkg-deb or curl is not installed"
	exit 4
fi
clone_make
base_make
deb_make good "$dir/pinned.tar.xz"
deb_make wrong "$dir/other.tar.xz"
deb_make empty ""
echo "KTAP version 1"
echo "1..22"
case_run "a tarball with the pinned digest" "$pinned" a LINUX_TARBALL="$dir/pinned.tar.xz"
case_run "the same from the cache" "$pinned" a
case_run "again, over the one in the cache" "$pinned" a LINUX_TARBALL="$dir/pinned.tar.xz"
case_run "a package with the pinned tarball" "$pinned" b LINUX_TARBALL="$dir/good.deb"
case_run "a URL with the pinned tarball" "$pinned" c LINUX_TARBALL_URL="file://$dir/pinned.tar.xz"
case_run "another tarball is refused" "is not Linux 7 as pinned" a LINUX_TARBALL="$dir/other.tar.xz"
case_run "a package with another tarball is refused" "sha256 $other" a LINUX_TARBALL="$dir/wrong.deb"
case_run "a package without a tarball is refused" "as pinned" a LINUX_TARBALL="$dir/empty.deb"
case_run "a URL with another tarball is refused" "no usable tarball" d \
	LINUX_TARBALL_URL="file://$dir/other.tar.xz"
case_run "a missing file is refused" "is no file" a LINUX_TARBALL="$dir/none"
case_run "a directory is refused" "is no file" a LINUX_TARBALL="$dir"
case_run "a trusted tarball goes before the pinned one" "$other" a LINUX_TARBALL="$dir/other.tar.xz" \
	LINUX_TARBALL_SHA256="$other"
case_run "trust ends with the call that gave it" "$pinned" a
case_run "Debian's package from the mirror" "$pinned" e MIRROR="$dir/good.deb"
case_run "the package with another tarball is refused" "could not be fetched" f \
	MIRROR="$dir/wrong.deb"
case_run "no package and no upstream is refused" "could not be fetched" f MIRROR="$dir/none"
base_make "$dir/pinned.tar.xz"
case_run "the package goes before upstream" "$other" g MIRROR="$dir/wrong.deb" \
	LINUX_TARBALL_SHA256="$other"
base_make "$dir/other.tar.xz"
case_run "upstream with another digest is refused" "sha256 $other" h MIRROR="$dir/none"
case_run "upstream with a trusted digest is taken" "$other" h MIRROR="$dir/none" \
	LINUX_TARBALL_SHA256="$other"
base_make "$dir/pinned.tar.xz"
case_run "without the package upstream is taken" "$pinned" i MIRROR="$dir/none"
case_run "after a package with another tarball, too" "$pinned" j MIRROR="$dir/wrong.deb"
base_make "$dir/gone.tar.xz"
case_run "upstream that is not there is refused" "could not be fetched" k MIRROR="$dir/none"
echo "# Totals: pass:$((n - failed)) fail:$failed skip:0"
[ "$failed" = 0 ]
