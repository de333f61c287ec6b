#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-elf must pass the images that were built and refuse each image below, which breaks one
# rule, with a message that names it. The linker script must refuse what it can see.

set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
core=$here/..
out=${OUT:-$core/../out}
objects=$out/payload/obj
cc=${CC:-gcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

core_objects=()
for name in $(make -s -C "$here/.." core-list); do
	core_objects+=("$objects/core/$name.o")
done

result()
{
	number=$((number + 1))
	if (($1)); then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		sed 's/^/# /' "$work/log"
		failed=1
	fi
}

# link OUTPUT SCRIPT OBJECT...
link()
{
	local output=$1 script=$2

	shift 2
	"$cc" -nostdlib -pie -Wl,--no-dynamic-linker -Wl,--build-id=none -Wl,-z,norelro \
		-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
		-Wl,-T,"$script" -o "$output" "$@" > "$work/log" 2>&1
}

# expect NAME TEXT FILE: check-elf refuses the file and says TEXT
expect()
{
	local good=0

	if ! "$core/check-elf" "$3" > "$work/log" 2>&1 && grep -q -- "$2" "$work/log"; then
		good=1
	fi
	result $good "refuses $1"
}

# assemble TEXT: one more object from assembly text
assemble()
{
	printf '\t.text\n%b\n\t.section .note.GNU-stack, "", @progbits\n' "$1" > "$work/extra.S"
	"$cc" -c -I"$objects" -I"$core" -o "$work/extra.o" "$work/extra.S" > "$work/log" 2>&1
}

# A script without the linker's own assertions, edited by a sed expression
script()
{
	sed -e '/ASSERT/d' -e "$1" "$core/payload.lds" > "$work/script.lds"
}

# code NAME TEXT ASSEMBLY
expect_code()
{
	script ''
	if assemble "$3" && link "$work/bad.elf" "$work/script.lds" "${core_objects[@]}" \
	   "$work/extra.o"; then
		expect "$1" "$2" "$work/bad.elf"
	else
		result 0 "refuses $1 (could not be built)"
	fi
}

# expect_layout NAME TEXT SED-EXPRESSION
expect_layout()
{
	script "$3"
	if link "$work/bad.elf" "$work/script.lds" "${core_objects[@]}"; then
		expect "$1" "$2" "$work/bad.elf"
	else
		result 0 "refuses $1 (could not be built)"
	fi
}

# expect_patch NAME TEXT OFFSET BYTES: bytes of the good image overwritten
expect_patch()
{
	cp "$out/payload/caretaker.elf" "$work/bad.elf"
	printf '%b' "$4" | dd of="$work/bad.elf" bs=1 seek="$3" conv=notrunc 2> /dev/null
	expect "$1" "$2" "$work/bad.elf"
}

# expect_link_fails NAME TEXT ASSEMBLY: the real linker script refuses it
expect_link_fails()
{
	local good=0

	if assemble "$3" && ! link "$work/bad.elf" "$core/payload.lds" "${core_objects[@]}" \
	   "$work/extra.o" && grep -q -- "$2" "$work/log"; then
		good=1
	fi
	result $good "linker refuses $1"
}

# offset_of SYMBOL: its place in the file of the good image
offset_of()
{
	local image=$out/payload/caretaker.elf address

	address=0x$(readelf -sW "$image" | awk -v name="$1" '$8 == name { print $2 }')
	readelf -lW "$image" | awk '$1 == "LOAD" { print $2, $3, $5 }' |
		while read -r offset vaddr filesz; do
			((address >= vaddr && address < vaddr + filesz)) || continue
			echo $((offset + address - vaddr))
		done
}

test_good()
{
	local image good

	for image in caretaker floor; do
		good=0
		"$core/check-elf" "$out/payload/$image.elf" > "$work/log" 2>&1 && good=1
		result $good "passes $image.elf"
	done
	script ''
	good=0
	link "$work/good.elf" "$work/script.lds" "${core_objects[@]}" &&
		"$core/check-elf" "$work/good.elf" > "$work/log" 2>&1 && good=1
	result $good "passes the unbroken image that the next cases break"
}

test_code()
{
	expect_code "an SSE instruction" "SSE, AVX, MMX or x87" "movaps %xmm0, %xmm1"
	expect_code "an AVX instruction" "SSE, AVX, MMX or x87" "vpxor %ymm0, %ymm1, %ymm2"
	expect_code "an MMX instruction" "SSE, AVX, MMX or x87" "movq %mm0, %mm1"
	expect_code "an x87 instruction" "x87 instruction" "fld1"
	expect_code "an MXCSR access" "FPU instruction" "ldmxcsr (%rax)"
	expect_code "a stack protector's FS access" "FS or GS" "mov %fs:0x28, %rax"
	expect_code "a GS access" "FS or GS" "mov %gs:0, %rax"
	expect_code "an indirect jump" "indirect branch" "jmp *%rax"
	expect_code "a jump table" "indirect branch" "jmp *(%rax,%rcx,8)"
	expect_code "a jump through another pointer of the CCB" "indirect branch" \
		"jmp *ccb + 0x58(%rip)"
	expect_code "an indirect call through another cell" "indirect branch" "call *ccb(%rip)"
	expect_code "a third call of handlers" "indirect branch" "call *payload_call + 8(%rip)"
	expect_code "an indirect call through a register" "indirect branch" "call *%rbx"
	expect_code "a NOTRACK branch" "NOTRACK" "notrack jmp *%rax"
	expect_code "an absolute address" "rela.dyn is not empty" \
		".data\n.quad ccb\n"
	expect_code "a GOT entry" "got is not empty" \
		".globl thing\n.data\nthing: .quad 0\n.text\nlea thing@GOTPCREL(%rip), %rax\n\
		push thing@GOTPCREL(%rip)"
}

test_layout()
{
	expect_layout "writable code" "writable and executable" 's/FLAGS(5)/FLAGS(7)/'
	expect_layout "an image without CCB program header" "no CCB program header" \
		's/0x60434342/0x60434343/; s/:data :ccb/:data :ccb/'
	expect_layout "a CCB in a read-only segment" "writable segment" \
		's/^\tdata\tPT_LOAD FLAGS(6)/\tdata\tPT_LOAD FLAGS(4)/'
	expect_layout "entry points outside code" "not in read-only code" 's/FLAGS(5)/FLAGS(4)/'
	expect_layout "an image that is too large" "image spans" \
		's/\*(.stacks)/*(.stacks) . += 96K;/'
	expect_layout "a section .ccb under another name" "no section .ccb" \
		's/^\t\.ccb :/\t.block :/'
}

test_patch()
{
	local image=$out/payload/caretaker.elf ccb attached

	ccb=$(offset_of ccb)
	attached=$(offset_of entry_attached)
	expect_patch "a wrong magic" "wrong magic" "$ccb" 'XXXX'
	expect_patch "another CCB ABI" "CCB ABI" $((ccb + 4)) '\x01'
	expect_patch "a wrong CCB size" "CCB size" $((ccb + 8)) '\x00\x02'
	expect_patch "an entry without ENDBR64" "no ENDBR64 at entry_attached" "$attached" '\x90'
	expect_patch "an entry beyond the image" "not in read-only code" $((ccb + 0x78)) \
		'\x00\x00\x00\x7f\x00\x00\x00\x00'
	# p_vaddr of the fifth program header
	expect_patch "a CCB that is not aligned" "64-byte aligned" $((64 + 4 * 56 + 16)) '\x08'
	expect_patch "a fixed-address file" "not ET_DYN" 16 '\x02'
	expect_patch "another machine" "not for x86-64" 18 '\xb7'
	head -c 100 "$image" > "$work/bad.elf"
	expect "a truncated file" "." "$work/bad.elf"
	: > "$work/bad.elf"
	expect "an empty file" "not an ELF file" "$work/bad.elf"
	expect "an ordinary program" "INTERP" /proc/self/exe
}

test_linker()
{
	expect_link_fails "an absolute address" "must not need relocations" ".data\n.quad ccb\n"
	expect_link_fails "a GOT entry" "must not need a GOT" \
		".globl thing\n.data\nthing: .quad 0\n.text\npush thing@GOTPCREL(%rip)"
	expect_link_fails "an image that is too large" "larger than 96 KiB" ".bss\n.skip 98304\n"
}

echo "KTAP version 1"
test_good
test_code
test_layout
test_patch
test_linker
echo "1..$number"
exit $failed
