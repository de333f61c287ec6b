#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_caretaker-verify.py CARETAKER-VERIFY CARETAKER-VERIFY-WITH-SANITIZERS"""

import glob
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib/tests"))
import tree as T

VERIFY, ASAN = sys.argv[1:3]
OUT = os.path.join(os.path.dirname(VERIFY), "../..")
REFUSED = os.path.join(OUT, "selftests/handlers/refuse/%s.bpf.o")
ACCEPTED = sorted(glob.glob(os.path.join(OUT, "selftests/handlers/accept/*.bpf.o")) +
                  glob.glob(os.path.join(OUT, "handlers/*.bpf.o")))
GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/operators.md")


def guide():
    with open(GUIDE) as f:
        return f.read()


def same_compiler():
    """Costs in the guide are those of one compiler's objects"""
    want = re.search("for objects of clang (\\d+)", guide()).group(1)
    r = subprocess.run([os.environ.get("CLANG", "clang"), "--version"], stdout=subprocess.PIPE)
    is_now = re.search("clang version (\\d+)", r.stdout.decode()).group(1)
    if is_now != want:
        raise T.Skip("the guide's costs are of clang %s, not %s" % (want, is_now))


def verify(*words, **how):
    return T.run(ASAN, *words, **how)


def scratch(data):
    f = tempfile.NamedTemporaryFile(suffix=".o")
    f.write(data)
    f.flush()
    return f


def good_object():
    with open(os.path.join(OUT, "handlers/uart.bpf.o"), "rb") as f:
        return f.read()


def shipped_and_accepted_objects_have_a_cost():
    r = verify("-j", *ACCEPTED)
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal(got["header"][0]["schema"], 2)
    T.check_equal(len(got["object"]), len(ACCEPTED))
    for p in got["program"]:
        assert 0 < p["worst_case"] <= 20000 and p["instructions"] and p["stack_bytes"], p
        assert p["loops"] or p["worst_case"] == p["longest_path"], p


def no_root_is_needed():
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        for name, data in (("verify", open(VERIFY, "rb").read()), ("a.o", good_object())):
            with open(os.path.join(d, name), "wb") as f:
                f.write(data)
            os.chmod(os.path.join(d, name), 0o755)
        T.check_status(T.run(os.path.join(d, "verify"), os.path.join(d, "a.o"), drop_root=True), 0)


def refusal_names_program_line_rule_and_remedy():
    r = verify(REFUSED % "helper")
    T.check_status(r, 1)
    for word in ("refused: handler io (helper): instruction 0: helper.bpf.c:", "(number 5)",
                 "[HELPER]", "use own functions"):
        assert word in r.stdout.decode(), r.stdout
    o, = T.records(verify("-j", REFUSED % "helper"))["object"]
    T.check_equal([o[k] for k in ("accepted", "rule", "handler", "program", "instruction")],
                  [False, "HELPER", "io", "helper", 0])


def line_is_that_of_the_source():
    for name, what in (("helper", "bpf_ktime_get_ns()"), ("callback", "bpf_loop("),
                       ("over_budget", "D100"), ("recursion", "again(a")):
        o, = T.records(verify("-j", REFUSED % name))["object"]
        line = int(o["reason"].split(".bpf.c:")[1].split(":")[0])
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "../../../selftests/handlers/refuse/%s.bpf.c" % name)
        with open(source) as f:
            text = f.read().splitlines()[line - 1]
        assert what in text, "%s:%d: %s" % (name, line, text)


def set_is_judged_too():
    for name, text in (("abi_version", "version 99"), ("license", "not GPL compatible"),
                       ("no_link", "needs a link"), ("flags", "flags")):
        r = verify(REFUSED % name)
        T.check_status(r, 1)
        assert text in r.stdout.decode(), (name, r.stdout)


def budget_is_taken_and_the_path_is_named():
    with scratch(good_object()) as f:
        worst = max(p["worst_case"] for p in T.records(verify("-j", f.name))["program"])
        T.check_status(verify(f.name, "-b", str(worst)), 0)
        r = verify("--budget", str(worst - 1), f.name)
        T.check_status(r, 1)
        assert "[COST]" in r.stdout.decode() and "uart.bpf.c:" in r.stdout.decode(), r.stdout


def one_bad_object_of_several_is_status_1():
    r = verify("-j", ACCEPTED[0], REFUSED % "helper", ACCEPTED[1])
    T.check_status(r, 1)
    T.check_equal([o["accepted"] for o in T.records(r)["object"]], [True, False, True])


def rules_are_listed():
    r = verify("-r", "-j")
    T.check_status(r, 0)
    rules = [x["rule"] for x in T.records(r)["rule"]]
    assert len(rules) == len(set(rules)) and {"HELPER", "COST", "STACK"} <= set(rules), rules


def usage_errors_are_status_2():
    for words, text in (((), "no object named"), (("-x",), "usage"), (("-b",), "usage"),
                        (("-b", "0", "x"), "too small"), (("-b", "many", "x"), "not a number"),
                        (("-b", str(1 << 40), "x"), "more than")):
        T.check_status(verify(*words), 2, text)


def help_and_version_are_status_0():
    r = verify("-h")
    T.check_status(r, 0)
    assert b"usage: caretaker-verify" in r.stdout
    T.check_status(verify("-V"), 0)


def what_is_no_object_is_refused():
    for path, text in (("/nonexistent", "No such file"), ("/", "Is a directory"),
                       ("/etc/passwd", "no BPF object"), ("/dev/null", "no BPF object"),
                       ("/dev/zero", "longer than"), (VERIFY, "no BPF object")):
        r = verify(path)
        T.check_status(r, 1)
        assert text in r.stdout.decode() or text == "Is a directory", (path, r.stdout)


def output_that_cannot_be_written_is_status_1():
    with open("/dev/full", "wb") as full:
        T.check_status(verify("-r", stdout=full), 1, "writing the output")


def damaged_objects_do_not_crash_it():
    rng, good = T.seeded(), good_object()
    files = []
    for i in range(400):
        data = bytearray(good)
        if i % 4 == 0:
            data = data[:rng.randrange(len(data))]
        for _ in range(rng.choice((1, 4, 40))):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        files.append(scratch(bytes(data)))
    state = scratch(b"\xa5" * 5 * 4096)
    for f in files[::8]:
        r = verify("-s", state.name, f.name)
        assert r.returncode in (0, 1), r.stderr.decode()[:2000]
    r = verify("-j", *[f.name for f in files])
    assert r.returncode in (0, 1), r.stderr.decode()[:2000]
    T.check_equal(len(T.records(r)["object"]), len(files))


def state_values(name, data, *words):
    """What -s says of the state in data: {variable: value}"""
    with scratch(data) as f:
        r = verify("-j", "-s", f.name, os.path.join(OUT, name + ".bpf.o"), *words)
    T.check_status(r, 0)
    return {v["variable"]: v.get("value", v.get("bytes")) for v in T.records(r).get("value", [])}


def state_is_decoded_by_the_types():
    uart = struct.pack("<4I4Q", 16736, 1, 16384, 0, 5, 3, 0, 7) + b"hello"
    T.check_equal(state_values("handlers/uart", uart.ljust(5 * 4096, b"\0")),
                  {"uart_state.size": 16736, "uart_state.version": 1, "uart_state.ring_size": 16384,
                   "uart_state.head": 5, "uart_state.drained": 3, "uart_state.polls": 7,
                   "uart_state.ring": b"hello".hex()})
    msr = struct.pack("<IIQ", 400, 0, 2**64 - 1)
    T.check_equal(state_values("handlers/msr", msr.ljust(4096, b"\0")),
                  {"msr_state.size": 400, "msr_state.others": 2**64 - 1})
    T.check_equal(state_values("selftests/handlers/accept/bit_fields",
                               struct.pack("<I", 1 | 2 << 1 | 0x3f8 << 4).ljust(4096, b"\0")),
                  {"f.in": 1, "f.size": 2, "f.port": 0x3f8})


def state_of_several_sections_is_taken_apart():
    page = [struct.pack("<Q", n).ljust(4096, b"\0") for n in (1, 2, 3)]
    got = state_values("selftests/handlers/accept/several_sections", b"".join(page))
    T.check_equal(sorted(got), ["a", "b", "d"])
    T.check_equal(sorted(got.values()), [1, 2, 3])


def state_for_people():
    uart = struct.pack("<4I4Q", 16736, 0, 0, 0, 5, 0, 0, 0) + b"a\"\n\x1b"
    with scratch(uart.ljust(5 * 4096, b"\0")) as f:
        r = verify("-s", f.name, os.path.join(OUT, "handlers/uart.bpf.o"))
    T.check_status(r, 0)
    for line in ("  uart_state.size 16736\n", "  uart_state.head 5\n",
                 '  uart_state.ring "a\\"\\n\\x1b"\n'):
        assert line in r.stdout.decode(), (line, r.stdout)


def state_of_another_object_is_refused():
    for data, name, text in ((bytes(4096), "handlers/uart", "it is of another object"),
                             (bytes(1 << 20), "handlers/uart", "longer than any state"),
                             (bytes(4096), "selftests/handlers/accept/no_state", "no handler uses")):
        with scratch(data) as f:
            T.check_status(verify("-s", f.name, os.path.join(OUT, name + ".bpf.o")), 1, text)
    T.check_status(verify("-s", "/nonexistent", ACCEPTED[0]), 1, "No such file")
    T.check_status(verify("-s", "/dev/null", ACCEPTED[0], ACCEPTED[1]), 2, "name one")


def bpftool():
    path = os.environ.get("BPFTOOL") or os.path.join(OUT, "kernel/fast/bpftool")
    if not os.access(path, os.X_OK):
        raise T.Skip("there is no %s, which finds the places of variables: run make kernel" % path)
    return path


def kept_types(name):
    """BTF of an object with the places of its variables, as its loader gives it to the kernel"""
    with tempfile.TemporaryDirectory() as d:
        linked, btf = os.path.join(d, "o"), os.path.join(d, "btf")
        subprocess.run([bpftool(), "gen", "object", linked, os.path.join(OUT, name + ".bpf.o")],
                       check=True)
        subprocess.run(["llvm-objcopy", "--dump-section=.BTF=" + btf, linked], check=True)
        with open(btf, "rb") as f:
            return f.read()


def record(btf, state, *sections):
    """A file as cvmm writes it, see docs/abi.md; sections: (name, offset, bytes)"""
    kind = struct.pack("<4I", 176, 2, len(sections), 0)
    for name, offset, size in sections:
        kind += struct.pack("<3Q16s", offset, size, 0, name.encode())
    body = kind.ljust(176, b"\0") + btf + bytes(-len(btf) % 8) + state
    head = struct.pack("<8s2I2Q3I", b"CTSTATE", 1, 48, 48 + len(body), len(state), 176, len(btf), 0)
    return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body


def types(*kinds):
    """BTF of the given types: (name, kind, number of parts, size or type, words that follow)"""
    out, strings = b"", b"\0"
    for name, kind, parts, size, words in kinds:
        out += struct.pack("<3I", len(strings), kind << 24 | parts, size)
        out += struct.pack("<%dI" % len(words), *words)
        strings += name.encode() + b"\0"
    return struct.pack("<HBB5I", 0xeb9f, 1, 0, 24, 0, len(out), len(out), len(strings)) + out + strings


def kept_values(data, *words):
    """What -s says of a file without an object, or with one"""
    with scratch(data) as f:
        r = verify("-j", "-s", f.name, *words)
    T.check_status(r, 0)
    return {v["variable"]: v.get("value", v.get("bytes")) for v in T.records(r).get("value", [])}


UART = struct.pack("<4I4Q", 16736, 1, 16384, 0, 5, 3, 0, 7) + b"hello"


def uart_record():
    return record(kept_types("handlers/uart"), UART.ljust(5 * 4096, b"\0"), (".bss", 0, 16736))


def state_with_its_types_needs_no_object():
    T.check_equal(kept_values(uart_record()), state_values("handlers/uart", UART.ljust(5 * 4096, b"\0")))
    T.check_equal(kept_values(record(kept_types("selftests/handlers/accept/bit_fields"),
                                     struct.pack("<I", 1 | 2 << 1 | 0x3f8 << 4).ljust(4096, b"\0"),
                                     (".bss", 0, 4))),
                  {"f.in": 1, "f.size": 2, "f.port": 0x3f8})
    # Several variables in a section, then several sections
    pc = bytearray(5 * 4096)
    struct.pack_into("<I", pc, 648, 24)
    struct.pack_into("<4I4Q", pc, 712, 16736, 1, 16384, 0, 5, 3, 0, 7)
    got = kept_values(record(kept_types("handlers/pc"), bytes(pc), (".bss", 0, 17448)))
    T.check_equal((got["pmtimer_state.size"], got["uart_state.head"], got["uart_state.polls"]), (24, 5, 7))
    page = [struct.pack("<Q", n).ljust(4096, b"\0") for n in (1, 2, 3)]
    T.check_equal(kept_values(record(kept_types("selftests/handlers/accept/several_sections"), b"".join(page),
                                     (".data.more", 4096, 8), (".bss", 8192, 8), (".data", 0, 8))),
                  {"b": 1, "d": 2, "a": 3})


def state_with_its_types_for_people():
    with scratch(uart_record()) as f:
        r = verify("-s", f.name)
    T.check_status(r, 0)
    for line in (": 20480 bytes, by the %d bytes of types in it\n" % len(kept_types("handlers/uart")),
                 "  uart_state.head 5\n", '  uart_state.ring "hello"\n'):
        assert line in r.stdout.decode(), (line, r.stdout)


def types_of_state_and_object_are_compared():
    objects = [os.path.join(OUT, "handlers/%s.bpf.o" % name) for name in ("uart", "msr")]
    T.check_equal(kept_values(uart_record(), objects[0]), kept_values(uart_record()))
    several = "selftests/handlers/accept/several_sections"
    # The object's order of sections, then another one
    page = state_values(several, b"".join(struct.pack("<Q", n).ljust(4096, b"\0") for n in range(1, 4)))
    order = [page[name] - 1 for name in "abd"]
    for order, status in ((order, 0), (order[1:] + order[:1], 1)):
        at = [4096 * i for i in order]
        data = record(kept_types(several), bytes(3 * 4096), (".bss", at[0], 8), (".data", at[1], 8),
                      (".data.more", at[2], 8))
        with scratch(data) as f:
            T.check_status(verify("-s", f.name, os.path.join(OUT, several + ".bpf.o")), status,
                           *["name no object"] * status)
    # All zeros: what they are makes the difference. A name, a size, another set
    zeros = bytes(5 * 4096)
    btf = kept_types("handlers/uart")
    renamed = btf.replace(b"\0drained\0", b"\0drainee\0")
    array = re.escape(struct.pack("<3I", 0, 3 << 24, 0)) + b"(.{8})" + re.escape(struct.pack("<I", 16384))
    shorter = re.sub(array, struct.pack("<3I", 0, 3 << 24, 0) + b"\\1" + struct.pack("<I", 16383), btf, flags=re.S)
    assert renamed != btf != shorter
    # and a variable that is elsewhere
    pc, place = kept_types("handlers/pc"), struct.pack("<2I", 648, 24)
    T.check_equal(pc.count(place), 1)
    moved = pc.replace(place, struct.pack("<2I", 656, 24))
    objects.append(os.path.join(OUT, "handlers/pc.bpf.o"))
    T.check_equal(kept_values(record(pc, zeros, (".bss", 0, 17448)), objects[2]), {})
    for other, path, size in ((renamed, objects[0], 16736), (shorter, objects[0], 16736),
                              (btf, objects[1], 16736), (moved, objects[2], 17448)):
        with scratch(record(other, zeros, (".bss", 0, size))) as f:
            T.check_status(verify("-s", f.name, path), 1, "name no object to print it by its own types")


def state_without_types_needs_an_object():
    with scratch(bytes(4096)) as f:
        T.check_status(verify("-s", f.name), 1, "there are no types in it: name the object that it is of")
    T.check_status(verify("-s", "/nonexistent"), 1, "No such file")
    T.check_status(verify("-s", "/dev/zero"), 1, "longer than any state")


def damaged_state_is_refused():
    good = uart_record()
    for data, text in ((good[:-1], "bytes are there"), (good[:40], "cut off"), (good + b"\0", "bytes are there"),
                       (good[:300] + b"\xff" + good[301:], "checksum"),
                       (record(b"", bytes(64), (".bss", 0, 8)), "(BTF) are damaged"),
                       (record(kept_types("handlers/uart"), bytes(4096), (".bss", 0, 16736)), "not within"),
                       (record(kept_types("handlers/uart"), bytes(4096), (".data", 0, 8)), "not in the types")):
        with scratch(data) as f:
            r = verify("-s", f.name)
            T.check_status(r, 1, text)
            assert not r.stdout, r.stdout
            T.check_status(verify("-s", f.name, os.path.join(OUT, "handlers/uart.bpf.o")), 1, text)


def types_that_mislead_are_refused():
    integer, variable = ("int", 1, 0, 8, [64]), ("v", 14, 0, 1, [1])

    def section(var, off=0, size=8):
        return (".bss", 15, 1, 8, [var, off, size])

    ok = (integer, variable, section(2))
    T.check_equal(kept_values(record(types(*ok), struct.pack("<Q", 7), (".bss", 0, 8))), {"v": 7})
    for name, kinds in (
            ("variable behind the section", (integer, variable, section(2, off=1))),
            ("variable far behind it", (integer, variable, section(2, off=2**32 - 8))),
            ("bytes behind it", (("char", 1, 0, 1, [8]), ("v", 14, 0, 3, [1]), ("", 3, 0, 0, [1, 1, 8]),
                                 section(2, off=8))),
            ("no variable", (integer, ("p", 2, 0, 1, []), section(2))),
            ("type that is not there", (integer, ("v", 14, 0, 99, [1]), section(2))),
            ("type zero", (integer, ("v", 14, 0, 0, [1]), section(2))),
            ("names in a circle", (("t", 8, 0, 1, []), variable, section(2))),
            ("struct within itself", (("s", 4, 1, 8, [0, 1, 0]), variable, section(2))),
            ("array of itself", (("", 3, 0, 0, [1, 1, 2]), variable, section(2))),
            ("array of too many", (integer, ("", 3, 0, 0, [1, 1, 2**32 - 1]), ("v", 14, 0, 2, [1]), section(3))),
            ("array of nothing", (("s", 4, 0, 0, []), ("", 3, 0, 0, [1, 1, 2**32 - 1]), ("v", 14, 0, 2, [1]),
                                  section(3))),
            ("bit field beyond", (integer, ("s", 4, 1 | 1 << 31, 8, [0, 1, 0xff << 24 | 60]),
                                  ("v", 14, 0, 2, [1]), section(3))),
            ("members cut off", (integer, ("v", 14, 0, 4, [1]), section(2), ("s", 4, 60000, 8, [0, 1, 0]))),
            ("function", (("f", 12, 0, 0, []), variable, section(2)))):
        with scratch(record(types(*kinds), bytes(8), (".bss", 0, 8))) as f:
            r = verify("-s", f.name)
        assert r.returncode == 1 and b"damaged types, or too many values" in r.stderr, (name, r)
        assert not r.stdout, (name, r.stdout)
    # Two to the power of what fits into the depth
    doubles = [integer] + [("s", 4, 2, 8, [0, i, 0, 0, i, 0]) for i in range(1, 30)]
    doubles += [("v", 14, 0, 30, [1]), section(31)]
    with scratch(record(types(*doubles), bytes(8), (".bss", 0, 8))) as f:
        T.check_status(verify("-s", f.name), 1, "too many values")


def damaged_types_do_not_crash_it():
    rng, btf, accepted = T.seeded(), kept_types("handlers/pc"), 0
    for i in range(300):
        data = bytearray(btf)
        for _ in range(rng.choice((1, 4, 40))):
            data[rng.randrange(24, len(data))] = rng.choice((0, 1, 0xff, rng.randrange(256)))
        data[-1] = 0
        with scratch(record(bytes(data), b"\xa5" * 5 * 4096, (".bss", 0, 17448))) as f:
            r = verify("-s", f.name, "-j")
        assert r.returncode in (0, 1), r.stderr.decode()[:2000]
        accepted += not r.returncode
    assert 0 < accepted < 300, accepted


def names_cannot_steer_the_terminal():
    with scratch(good_object().replace(b"uart_io\0", b"ua\x1b[2J\n\0")) as f:
        r = verify(f.name)
    assert b"ua?[2J" in r.stdout and b"\x1b" not in r.stdout, r.stdout


def guide_has_a_row_for_each_shipped_set():
    rows = re.findall(r"^\| (\w+) \|[^|]*\| \d+ \| \d+ \|[^|]*\|$", guide(), re.M)
    sets = [os.path.basename(p).split(".")[0] for p in ACCEPTED if "/accept/" not in p]
    T.check_equal(sorted(rows), sorted(sets))


def guide_has_the_costs_that_are_verified():
    same_compiler()
    for name, cost, most in re.findall(r"^\| (\w+) \|[^|]*\| (\d+) \| (\d+) \|[^|]*\|$", guide(), re.M):
        r = verify("-j", os.path.join(OUT, "handlers/%s.bpf.o" % name))
        worst = max(p["worst_case"] for p in T.records(r)["program"])
        T.check_equal(int(cost), worst, name)
        assert 0 < int(most) <= worst, name


def guide_shows_what_it_prints():
    same_compiler()
    shown = re.search(r"caretaker-verify out/handlers/uart.bpf.o\n(.*?)\n\n", guide(), re.S).group(1)
    printed = T.run(ASAN, os.path.join(OUT, "handlers/uart.bpf.o")).stdout.decode()
    for line in [x.split("#")[0].split("...")[0].strip() for x in shown.splitlines()]:
        if line.startswith("digest"):
            continue
        assert line.replace("out/handlers/", "") in printed, (line, printed)


def binary_is_static():
    T.check_static(VERIFY)


T.main([shipped_and_accepted_objects_have_a_cost, no_root_is_needed,
        refusal_names_program_line_rule_and_remedy, line_is_that_of_the_source,
        set_is_judged_too, budget_is_taken_and_the_path_is_named,
        one_bad_object_of_several_is_status_1, rules_are_listed, usage_errors_are_status_2,
        help_and_version_are_status_0, what_is_no_object_is_refused,
        output_that_cannot_be_written_is_status_1, damaged_objects_do_not_crash_it,
        state_is_decoded_by_the_types, state_of_several_sections_is_taken_apart,
        state_for_people, state_of_another_object_is_refused,
        state_with_its_types_needs_no_object, state_with_its_types_for_people,
        types_of_state_and_object_are_compared, state_without_types_needs_an_object,
        damaged_state_is_refused, types_that_mislead_are_refused, damaged_types_do_not_crash_it,
        names_cannot_steer_the_terminal, guide_has_a_row_for_each_shipped_set,
        guide_has_the_costs_that_are_verified, guide_shows_what_it_prints, binary_is_static])
