#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/qemu-build gives test hosts a QEMU of its own, once: what cannot be built is refused or, where
# that was asked for, noted, and the system's QEMU is taken. A small tree stands for QEMU.

set -u
# The runner's choice is not what is tested
unset QEMU
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
clone=$dir/clone
n=0
failed=0

# What configure makes of the tree: a build file for the emulator, a script that prints the patched line
configure_script()
{
	cat <<'END'
#!/bin/sh
cat >build.ninja <<NINJA
rule emulator
  command = (echo "#!/bin/sh"; sed s/^/echo\ / ../src/line) >\$out && chmod +x \$out
build qemu-system-x86_64: emulator
NINJA
END
}

# tree_make NAME LINE: a tarball of a tree with that line
tree_make()
{
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/qemu/configs/devices/x86_64-softmmu"
	echo "$2" >"$dir/tree/qemu/line"
	configure_script >"$dir/tree/qemu/configure"
	chmod +x "$dir/tree/qemu/configure"
	tar -C "$dir/tree" -cJf "$dir/$1" qemu
}

clone_make()
{
	mkdir -p "$clone/scripts/qemu"
	cp "$top/scripts/qemu-build" "$top/scripts/lib.sh" "$clone/scripts/"
	# An empty package stands for those of meson
	mkdir -p "$dir/meson/DEBIAN"
	printf 'Package: meson\nVersion: 7\nArchitecture: all\nMaintainer: x <x@localhost>\nDescription: x\n' \
		>"$dir/meson/DEBIAN/control"
	dpkg-deb --build --root-owner-group "$dir/meson" "$dir/meson.deb" >/dev/null
	# shellcheck disable=SC2016 # for the script that is written
	printf '#!/bin/sh\n[ "$3" = download ] && cp %s .\n' "$dir/meson.deb" >"$clone/scripts/apt-private"
	chmod +x "$clone/scripts/apt-private"
	printf -- '--- a/line\n+++ b/line\n@@ -1 +1 @@\n-broken\n+repaired\n' >"$clone/scripts/qemu/1.patch"
}

# case_run NAME STATUS TEXT [OPTION]...: TEXT has to be in what it prints
case_run()
{
	local name=$1 want=$2 text=$3 status=0

	shift 3
	n=$((n + 1))
	CARETAKER_CACHE=$dir/cache OUT=$dir/out "$clone/scripts/qemu-build" "$@" >"$dir/log" 2>&1 </dev/null ||
		status=$?
	if [ "$status" = "$want" ] && grep -qF -- "$text" "$dir/log"; then
		echo "ok $n $name"
		return
	fi
	sed 's/^/# /' "$dir/log"
	echo "# status $status, expected $want and the text: $text"
	echo "not ok $n $name"
	failed=$((failed + 1))
}

# path_check NAME PRINTED: what the emulator that test hosts get prints
path_check()
{
	local got

	n=$((n + 1))
	# shellcheck disable=SC2016 # for the inner shell
	got=$(PATH=$dir/bin:$PATH OUT=$dir/out bash -c '. "$1"; "$(qemu_path)"' - "$clone/scripts/lib.sh")
	if [ "$got" = "$2" ]; then
		echo "ok $n $1"
		return
	fi
	echo "# it printed \"$got\", expected \"$2\""
	echo "not ok $n $1"
	failed=$((failed + 1))
}

clone_make
tree_make good.tar.xz broken
tree_make other.tar.xz different
mkdir -p "$dir/bin"
printf '#!/bin/sh\necho system\n' >"$dir/bin/qemu-system-x86_64"
chmod +x "$dir/bin/qemu-system-x86_64"

echo "KTAP version 1"
echo "1..12"
case_run "an unknown option" 2 "usage: scripts/qemu-build" -x
QEMU_SOURCE=$dir/none.tar.xz case_run "a tarball that is not there" 1 "QEMU could not be built"
QEMU_SOURCE=$dir/none.tar.xz case_run "the same is only noted when that was asked for" 0 "the system's QEMU" -o
path_check "then the system's QEMU is taken" system
QEMU_SOURCE=$dir/other.tar.xz case_run "a patch that does not fit" 1 "QEMU: patch failed"
QEMU_SOURCE=$dir/good.tar.xz case_run "a tree that can be built" 0 "done in"
path_check "the result is patched, and is taken" repaired
QEMU_SOURCE=$dir/none.tar.xz case_run "a second run takes it from the cache" 0 "from the cache"
QEMU_SOURCE=$dir/none.tar.xz case_run "a build that is forced fails without the source" 1 "could not be built" -f
path_check "after that the system's QEMU is taken" system
case_run "the cache still has the result" 0 "from the cache"
export QEMU=echo
path_check "QEMU in the environment goes first" ""
[ "$failed" = 0 ]
