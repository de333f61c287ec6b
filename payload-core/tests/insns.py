#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compares what the payload decodes of instructions with what objdump makes of them.

usage: insns.py UNIT, the unit tests' program, which lists random instructions that it decodes.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

NAMES = "ax cx dx bx sp bp si di".split()
NO_REG, RIP = 255, 254
SUFFIX = {1: "b", 2: "w", 4: "l", 8: "q"}
# Prefixes without a meaning, as objdump prints those that it cannot make part of the instruction
PREFIX = re.compile(r"^((cs|ds|es|ss|data16|addr32|rex(\.[WRXB]+)?) )*")


def register(number, width, high):
    """AT&T name of a register of @width bytes."""
    if high:
        return "%" + "acdb"[number] + "h"
    if number >= 8:
        return f"%r{number}" + {1: "b", 2: "w", 4: "d", 8: ""}[width]
    name = NAMES[number]
    if width == 1:
        return "%" + (name[0] + "l" if number < 4 else name + "l")
    return "%" + {2: "", 4: "e", 8: "r"}[width] + name


def mnemonic(insn):
    """The mnemonics that objdump may use: with a register operand the suffix of MOV is left out."""
    size, width = SUFFIX[insn["bytes"]], SUFFIX[insn["width"]]
    if insn["write"] or insn["bytes"] == insn["width"]:
        names = {"mov" + size} if insn["is_imm"] else {"mov"}
        # MOVZX and MOVSX of a word to a word
        if not insn["write"] and insn["bytes"] == 2:
            names |= {"movzww", "movsww"}
        return names
    if insn["sign"]:
        return {f"movs{size}{width}"} | ({"movslq", "movsxd"} if insn["bytes"] == 4 else set())
    return {f"movz{size}{width}"}


def memory(insn, address_bytes):
    """The operand in memory, displacements as numbers."""
    def name(number):
        return register(number, address_bytes, False)
    base, index = insn["base"], insn["index"]
    disp = insn["disp"] & (2 ** (8 * address_bytes) - 1)
    if base == RIP:
        return disp, "(%rip)" if address_bytes == 8 else "(%eip)"
    inner = "" if base == NO_REG else name(base)
    if index != NO_REG:
        inner += f",{name(index)},{1 << insn['scale']}"
    return disp, f"({inner})" if inner else ""


def split_memory(text):
    """Displacement and the rest of an operand as objdump prints it; %riz is no index."""
    text = re.sub(r"^%[c-g]s:", "", text)
    found = re.match(r"(-?0x[0-9a-f]+)?(\(.*\))?$", text)
    if not found:
        return None
    inner = re.sub(r",%[re]iz,[1248]", "", found.group(2) or "")
    return int(found.group(1) or "0", 16), "" if inner == "()" else inner


def operands(text):
    """Splits at the comma that is in no parentheses."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def agrees(insn, text):
    """Whether a line of objdump's says what was decoded."""
    text = PREFIX.sub("", re.sub(r"\s+", " ", text.split("#")[0].strip()) + " ").strip()
    op, _, rest = text.partition(" ")
    parts = operands(rest)
    if op not in mnemonic(insn) or len(parts) != 2:
        return False
    value, place = parts if insn["write"] else reversed(parts)
    if insn["is_imm"]:
        bits = 2 ** (8 * insn["bytes"]) - 1
        if not value.startswith("$") or (int(value[1:], 16) ^ insn["imm"]) & bits:
            return False
    elif value != register(insn["reg"], insn["width"], insn["high"]):
        return False
    got = split_memory(place)
    if not got:
        return False
    for size in (8, 4):
        disp, inner = memory(insn, size)
        if got[1] == inner and not (got[0] ^ disp) & (2 ** (8 * size) - 1):
            return True
        # What has neither base nor index is printed as an address
        if not inner and not got[1] and not (got[0] ^ disp) & 0xffffffff:
            return True
    return False


def parse(line):
    """One line of the unit tests' listing."""
    keys = "length bytes write reg width sign high base index scale is_imm disp imm".split()
    return dict(zip(keys, map(int, line.split())))


def disassemble(path):
    """{offset: text} of all instructions in a file."""
    out = subprocess.run(["objdump", "-D", "-z", "-w", "-b", "binary", "-m", "i386:x86-64",
                          "--no-show-raw-insn", path], check=True, capture_output=True, text=True)
    lines = (re.match(r"\s*([0-9a-f]+):\s+(.*)$", line) for line in out.stdout.splitlines())
    return {int(found.group(1), 16): found.group(2) for found in lines if found}


def compare(unit, path):
    """Lines that tell what is wrong, and the number of instructions."""
    out = subprocess.run([unit, path], check=True, capture_output=True, text=True)
    insns = [parse(line) for line in out.stdout.splitlines()]
    texts = disassemble(path)
    wrong = []
    for i, insn in enumerate(insns):
        text = texts.get(16 * i, "in the middle of another instruction")
        if 16 * i + insn["length"] not in texts or not agrees(insn, text):
            wrong.append(f"{text}: {insn}")
    return wrong, len(insns)


def main():
    print("KTAP version 1\n1..1")
    name = "random instructions are decoded as objdump does"
    if not shutil.which("objdump"):
        print(f"ok 1 {name} # SKIP no objdump")
        return 4
    with tempfile.TemporaryDirectory() as tmp:
        wrong, count = compare(sys.argv[1], os.path.join(tmp, "insns"))
    for line in wrong[:20]:
        print("#", line)
    print(f"# {count} compared, {len(wrong)} differ")
    good = count > 1000 and not wrong
    print(f"{'' if good else 'not '}ok 1 {name}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
