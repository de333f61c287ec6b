#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_rehearsal.py CTOP CTOP-WITH-SANITIZERS

Rehearsals: files as a VMM writes them, and what ctop --rehearsal says of them."""

import os
import struct
import sys
import tempfile
import zlib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../lib/tests")]
import tree as T
from metrics import metrics

CTOP, ASAN = sys.argv[1:3]


def block(kind, content, seq):
    body = struct.pack("<2IQ", kind, len(content), seq) + content
    return struct.pack("<2I", 0x4B425443, zlib.crc32(body)) + body


def look(vcpus, ns, tsc):
    """(type, content) of a look by the manual page: each vCPU as one run of words"""
    found = [(1, struct.pack("<2Q2I", ns, tsc, 1, 0))]
    for t in vcpus:
        blob = t.pack()
        head = struct.pack("<4qiIQ16s32s", 77, 5, t.vcpu, -1, -1, len(blob) // 8, 0, b"attached", b"")
        found.append((2, head + struct.pack("<2H", 0, len(blob) // 8) + blob))
    return found + [(3, struct.pack("<2I", len(vcpus), 0))]


def rehearsal_file(directory, before, after, want=60, detached=60, rounds=2, blocked=0, passed=0, vm=None):
    head = struct.pack("<8s6I2Q64s12x", b"CTRECORD", 1, 128, 0x01020304, 2, 1, 1, 0, 0, b"7.3-test")
    data = head + struct.pack("<I", zlib.crc32(head))
    vm = after[0].vm_id if vm is None else vm
    what = struct.pack("<5Q2I", vm, want * 10 ** 9, detached * 10 ** 9, rounds, blocked, passed, 0)
    blocks = look(before, 10 ** 18, 21000000) + look(after, 10 ** 18 + 10 ** 9, 41000000)
    for seq, (kind, content) in enumerate(blocks + [(5, what), (4, struct.pack("<Q", 2))]):
        data += block(kind, content, seq)
    path = os.path.join(directory, "rehearsal-%016x.ctr" % vm)
    with open(path, "wb") as f:
        f.write(data)
    return path


def vcpu_after_rehearsal():
    """What timed() did once more, in which two more exits blocked"""
    t = T.timed()
    t.times = {k: v * 2 for k, v in t.times.items()}
    t.gap_times = {k: v * 2 for k, v in t.gap_times.items()}
    t.gap_times[0x7C, T.BLOCKED] = [70000, 90000]
    t.stalls = t.stalls + [(0x7C, 1, 0, 0x77, 30000000, 30070000),
                           (0x7C, 1, 0, 0x77, 31000000, 31090000)]
    t.ledger = {a: 2 * c for a, c in t.ledger.items()}
    t.tsc_last, t.classes = 41000000, {4: (44, 110000), 1: (5, 0)}
    return t


def rehearsal(d, *options, tool=ASAN, **how):
    return T.run(tool, "-b", "--rehearsal", "--rehearsal-dir", d, *options, **how)


def rehearsal_shows_what_it_made_alone():
    d = tempfile.mkdtemp(dir=T.Tree().dir)
    rehearsal_file(d, [T.timed()], [vcpu_after_rehearsal()], detached=59, blocked=2)
    r = rehearsal(d, "-j")
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal({e["reason"]: [e[s] for s in T.SERVERS] for e in got["exit"]},
                  {"CPUID": [10, 0, 0, 0], "IOIO": [0, 21, 0, 1], "MSR": [0, 0, 0, 2]})
    by = {e["reason"]: e for e in got["exit"]}
    # Both records are of the rehearsal; the one from before is not
    T.check_equal([by["MSR"][k] for k in ("stalled_ns", "max_stall_ns", "blocked_ns", "max_ns", "max_exact")],
                  [160000, 90000, 160000, 90000, True])
    # An exit was as long before: the end of the bucket is a bound
    T.check_equal((by["IOIO"]["handler_ns"], by["IOIO"]["max_exact"]), (55000, False))
    T.check_equal((got["vcpu"][0]["stalls"], got["class"][0]["calls"], len(got["class"])), (2, 22, 1))
    ledger, = got["ledger"]
    T.check_equal((ledger["elapsed_ns"], ledger["residual_ns"]), (20000000, 0))
    h, = got["rehearsal"]
    T.check_equal([h[k] for k in ("vm", "detached_ns", "rounds", "blocked_exits", "passed", "verdict")],
                  ["4ba3f2d1c0ffee00", 59 * 10 ** 9, 2, 2, False, "blocks"])
    T.check_equal(got["header"][0]["exits"], "rehearsal")
    text = rehearsal(d).stdout.decode()
    for words in ("VM 4ba3f2d1c0ffee00  rehearsed until", "detached 59.000 of 60.000 s in 2 rounds",
                  "would block: 2, verdict: blocks", "time of the rehearsal in %"):
        assert words in text, text


def rehearsals_of_several_vms_gate_an_update():
    d = tempfile.mkdtemp(dir=T.Tree().dir)
    for vm, passed, blocked, detached in ((1, 1, 0, 60), (2, 0, 3, 60), (3, 0, 0, 7)):
        before, after = T.Telemetry(vm_id=vm), T.Telemetry(vm_id=vm, gap_exits={(0x72, T.NATIVE): vm})
        rehearsal_file(d, [before], [after], passed=passed, blocked=blocked, detached=detached)
    got = T.records(rehearsal(d, "-j"))
    T.check_equal([(h["vm"][-1], h["verdict"]) for h in got["rehearsal"]],
                  [("1", "pass"), ("2", "blocks"), ("3", "too short")])
    found = metrics(rehearsal(d, "--openmetrics").stdout.decode())
    T.check_equal([found["caretaker_rehearsal_passed", 'vm="%016x"' % vm] for vm in (1, 2, 3)], [1, 0, 0])
    T.check_equal(found["caretaker_rehearsal_exits", 'vm="%016x",vcpu="0",reason="CPUID",server="native"' % 3], 3)
    T.check_equal([h["vm"][-1] for h in T.records(rehearsal(d, "-j", "-g", "0000000000000002"))["rehearsal"]], ["2"])


def rehearsals_that_are_not_whole_are_told():
    d = tempfile.mkdtemp(dir=T.Tree().dir)
    T.check_status(rehearsal(d), 4, "no rehearsal was made", "rehearse 60")
    T.check_status(rehearsal(os.path.join(d, "nowhere")), 4, "no rehearsal was made")
    T.check_status(rehearsal(d, "--gap"), 2, "source of its own")
    path = rehearsal_file(d, [T.timed()], [vcpu_after_rehearsal()])
    with open(path, "rb") as f:
        data = f.read()
    rng = T.seeded()
    for cut in [0, 1, 127, 128, len(data) - 1] + [rng.randrange(len(data)) for _ in range(20)]:
        with open(path, "wb") as f:
            f.write(data[:cut])
        T.check_status(rehearsal(d, "-j"), 1, "no complete rehearsal: make it anew")
    for before, after, vm in (([vcpu_after_rehearsal()], [T.timed()], None),
                              ([T.Telemetry(vm_id=5)], [T.timed()], None),
                              ([T.timed()], [vcpu_after_rehearsal()], 99),
                              ([T.timed()] * 2, [vcpu_after_rehearsal()], None)):
        os.unlink(path)
        path = rehearsal_file(d, before, after, vm=vm)
        T.check_status(rehearsal(d, "-j"), 1, "no complete rehearsal")


T.main([rehearsal_shows_what_it_made_alone,
        rehearsals_of_several_vms_gate_an_update,
        rehearsals_that_are_not_whole_are_told])
