#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kfunc-blob.sh HEADER SOURCE COMPILER [FLAG]...: the kernel functions of exit handlers as bytes
#
# Compiles SOURCE (kfunc_blob.c) to code that can be put anywhere, proves that it is such code, and
# writes it to HEADER, per function with its size and its longest path in instructions. Kernel and
# user space build it by this script: FLAGs say where headers are, all else is the same. The code
# runs in the Caretaker, so what it may hold does not depend on the configuration of a kernel, nor on
# what a compiler likes: anything that is not on the lists below fails the build.
#
# OBJDUMP, OBJCOPY and NM in the environment are other binutils, or those of LLVM.
#
# Status: 0, or 1 with each breach named; 2 on wrong usage.

set -u
export LC_ALL=C

: "${OBJDUMP:=objdump}" "${OBJCOPY:=objcopy}" "${NM:=nm}"
max_bytes=1024

# Baseline instructions alone, and the registers of its caller as they are: no frame, no stack
flags="-std=gnu11 -O2 -Wall -Werror -march=x86-64 -mtune=generic"
flags="$flags -m64 -mgeneral-regs-only -mno-red-zone -ffreestanding -fno-builtin -fPIE"
flags="$flags -fcf-protection=none -fomit-frame-pointer -fno-stack-protector -fno-jump-tables"
flags="$flags -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-common -fno-ident"
flags="$flags -fno-strict-aliasing -fno-tree-vectorize -ffunction-sections -fno-lto -g0"
# Where the compiler has them. What they keep out is refused, if it gets in.
wishes="-ffixed-r9 -ffixed-r10 -ffixed-r12 -mharden-sls=return -fno-stack-clash-protection
-fno-tree-loop-distribute-patterns -falign-jumps=1 -falign-labels=1 -falign-loops=1
-fms-extensions -fno-sanitize=all -fno-profile-arcs"

die()
{
	echo "kfunc-blob: $name: $*" >&2
	exit 1
}

# Sections that would be in memory besides code, relocations, names of others
outside()
{
	"$OBJDUMP" -h "$tmp.o" | awk '
		$1 ~ /^[0-9]+$/ { name = $2; size = $3 }
		/ALLOC|DATA$|BSS$/ && size !~ /^0+$/ && name !~ /^\.(text|note)/ {
			print "has section " name }'
	"$OBJDUMP" -r "$tmp.o" | awk '
		/^RELOCATION RECORDS/ { name = $NF }
		/^[0-9a-f]+ / && name !~ /debug/ { print "has a relocation: " $NF }'
	"$NM" "$tmp.o" | awk '$(NF - 1) != "T" && $(NF - 1) != "a" {
		print "has symbol " $NF " of type " $(NF - 1) }'
}

# Reads the disassembly of one function: breaches, or "path N"
path()
{
	awk '
	function breach(what) { print what; bad = 1 }
	# The place that the jump at instruction @i goes to
	function target(i, text) {
		sub(/^[a-z]+ +(0x)?/, "", text)
		sub(/ .*/, "", text)
		want[i] = text
	}
	function allowed(i, text,	op, n, part, j, mem) {
		op = text
		sub(/ .*/, "", op)
		if (op ~ /^(ret|retq)$/ && text !~ /\$/) { kind[i] = "ret"; return }
		if (op == "int3") { kind[i] = "int3"; return }
		if (op ~ /^jmpq?$/) { kind[i] = "jmp"; target(i, text) }
		else if (op ~ "^j" cc "$") { kind[i] = "jcc"; target(i, text) }
		if (kind[i]) {
			if (text !~ /^j[a-z]+ +(0x)?[0-9a-f]+( |$)/)
				breach("jumps other than to a place: " text)
			return
		}
		if (op !~ /^(nop[wl]?|rdtsc|cltq|cwtl|cltd|cqto|movabsq?|mov[sz][bwl][wlq])$/ &&
		    op !~ /^(mov|lea|add|sub|adc|sbb|and|or|xor|not|neg|cmp|test|inc|dec|sh[lr]|sa[lr]|imul)[bwlq]?$/ &&
		    op !~ "^(cmov|set)" cc "[bwlq]?$")
			breach("has an instruction that it may not have: " text)
		if (op ~ /^(nop|rdtsc)/)
			return
		sub(/^[a-z0-9]+ */, "", text)
		sub(/ *[#<].*/, "", text)
		# registers: rax rcx rdx rsi rdi r8 r11, which a call of a kernel function loses
		n = split(text, part, "%")
		for (j = 2; j <= n; j++) {
			sub(/[^a-z0-9].*/, "", part[j])
			if (part[j] !~ /^([re]?[acd]x|[acd][lh]|[re]?[sd]i|[sd]il|r(8|11)[bwd]?)$/)
				breach("touches register " part[j])
		}
		# operands: constants, registers, and memory by a register
		while (match(text, /-?(0x)?[0-9a-f]*\([^)]*\)/)) {
			mem = substr(text, RSTART, RLENGTH)
			if (mem !~ /\(%r/)
				breach("memory without a base: " text)
			text = substr(text, 1, RSTART - 1) "M" substr(text, RSTART + RLENGTH)
		}
		n = split(text, part, ",")
		for (j = 1; j <= n; j++)
			if (part[j] !~ /^ *(\$-?(0x)?[0-9a-f]+|%[a-z0-9]+|M)? *$/)
				breach("has an operand that it may not have: " text)
	}
	# Way out @n of instruction @i: 0 runs on, 1 jumps; -1: there is none
	function way(i, n) {
		if (n)
			return kind[i] !~ /^j/ ? -1 : (want[i] in number) ? number[want[i]] : nr
		return kind[i] == "jmp" || kind[i] == "ret" ? -1 : i + 1
	}
	# Most instructions from the first one to a return: depth first, with a stack of its own
	function longest(	depth, i, to) {
		depth = 1
		stack[1] = 0
		while (depth) {
			i = stack[depth]
			if (i >= nr || kind[i] == "int3") {
				breach("runs or jumps off its code")
				return
			}
			if (ways[i] == 2) {
				length_of[i]++
				state[i] = "done"
				depth--
				if (depth && length_of[i] > length_of[stack[depth]])
					length_of[stack[depth]] = length_of[i]
				continue
			}
			state[i] = "open"
			to = way(i, ways[i]++)
			if (to < 0)
				continue
			if (state[to] == "open") {
				breach("has a loop")
				return
			}
			if (state[to] != "done")
				stack[++depth] = to
			else if (length_of[to] > length_of[i])
				length_of[i] = length_of[to]
		}
		return length_of[0]
	}
	BEGIN {
		nr = 0
		cc = "(n?(a|ae|b|be|c|e|g|ge|l|le|o|p|s|z)|p[eo])"
	}
	/^ *[0-9a-f]+:[ \t]/ {
		at = text = $0
		sub(/^ */, "", at)
		sub(/:.*/, "", at)
		number[at] = nr
		sub(/^ *[0-9a-f]+:[ \t]+/, "", text)
		gsub(/\t/, " ", text)
		sub(/ +$/, "", text)
		# what compilers fill up with, the only ones with a prefix
		if (text ~ /^(data16 |cs )*nop/ || text ~ /^xchg +%ax,%ax$/)
			text = "nop"
		kind[nr] = ""
		allowed(nr, text)
		nr++
	}
	END {
		for (i = 0; i < nr; i++) {
			if (kind[i] == "ret" && kind[i + 1] != "int3")
				breach("has no int3 behind a return: does the compiler know -mharden-sls=return?")
			if (kind[i] == "int3" && kind[i - 1] != "ret" && kind[i - 1] != "jmp")
				breach("has an int3 that is not behind a return")
		}
		n = longest()
		if (!bad)
			print "path " n
	}'
}

# function_add NAME: its bytes and what is known of them go to the header
function_add()
{
	"$OBJDUMP" -dzw --no-show-raw-insn -j ".text.$1" "$tmp.o" | path >"$tmp.path"
	grep -q '^path ' "$tmp.path" || {
		sed "s/^/kfunc-blob: $name: $1 /" "$tmp.path" >&2
		bad=1
		return
	}
	"$OBJCOPY" -O binary -j ".text.$1" "$tmp.o" "$tmp.bin" || exit 1
	size=$(wc -c <"$tmp.bin" | tr -d ' ')
	bytes=$((bytes + size))
	{
		echo
		echo "#define CTV_BLOB_PATH_$1 $(sed -n 's/^path //p' "$tmp.path")"
		echo "#define CTV_BLOB_SIZE_$1 $size"
		echo "static const unsigned char ctv_blob_$1[] = {"
		od -An -v -t x1 "$tmp.bin" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1, /g; s/^/	/; s/ $//'
		echo "};"
	} >>"$tmp.h"
}

[ $# -ge 3 ] || { echo "usage: kfunc-blob.sh HEADER SOURCE COMPILER [FLAG]..." >&2; exit 2; }
header=$1 source=$2 name=${2##*/}
shift 2
# Another make may be at it, too
tmp=$header.$$
trap 'rm -f "$tmp" "$tmp".*' EXIT
: >"$tmp.c"
for f in $wishes; do
	"$@" -Werror "$f" -c -x c "$tmp.c" -o "$tmp.o" 2>/dev/null && flags="$flags $f"
done
# shellcheck disable=SC2086 # a list
"$@" $flags -c "$source" -o "$tmp.o" || die "does not compile"
outside >"$tmp.outside"
[ ! -s "$tmp.outside" ] || {
	sed "s/^/kfunc-blob: $name: /" "$tmp.outside" >&2
	exit 1
}
bad=0 bytes=0
echo "/* Made by kfunc-blob.sh of $name */" >"$tmp.h"
for f in $("$NM" "$tmp.o" | awk '$2 == "T" { print $3 }'); do
	function_add "$f"
done
[ "$bad" = 0 ] || exit 1
[ "$bytes" -gt 0 ] || die "has no function"
[ "$bytes" -le "$max_bytes" ] || die "has $bytes bytes of code, limit $max_bytes"
mv "$tmp.h" "$header"
