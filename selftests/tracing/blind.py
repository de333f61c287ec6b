#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: blind.py [SEED]

Does "ctrace gap --explain" name why a vCPU stood still? 100 pauses of 8 kinds, chosen by a seed, are
injected, one per gap, and the tool is not told which. Some are real: guests in a test host are
handed over, and blocked, kept waiting, or sent an NMI. The others are telemetry that is made up here,
from the layout and without a look at the tool's code. A judge reads what the tool prints.

The judge goes by rules that were fixed before: of the causes that the tool names, those of the
handover itself (preserve, adopt) count only when longer than 100 ms, for every gap has both; of
those that are left the longest is the tool's answer. Where only a stray event is left, it is that."""

import json
import os
import random
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../tools/lib/tests")]
import testhost as H    # noqa: E402
import tree as T        # noqa: E402

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 20261129
KINDS = ["preserve", "blocked-io", "blocked-msr", "blocked-mmio", "blocked-hypercall", "slow-handler",
         "stray", "adopt"]
REAL, ALL, WANTED = 48, 100, 95
SECS = 900
CTRACE = H.OUT + "/tools/ctrace/ctrace"
MS = 1000000            # the made-up TSC runs at 1 GHz
OWN_STEPS = {"preserve", "adopt"}
LONG_NS = 100 * MS

rng = random.Random(SEED)
host = H.Host()
answers = []            # (real, kind, named)


def length_us(kind):
    """How long it is to last; what is not set in the test host is seen there"""
    if kind in OWN_STEPS:
        return rng.randrange(160000, 250000)
    return rng.randrange(300, 900) if kind == "slow-handler" else rng.randrange(500, 60000)


def judged(records):
    found = [(r["lasts_ns"] or 0, r["cause"]) for r in records.get("pause", [])
             if r["cause"] not in OWN_STEPS or (r["lasts_ns"] or 0) > LONG_NS]
    found += [(r["max_ns"] or 0, r["cause"]) for r in records.get("slow", []) if r["server"] == "handler"]
    if not found:
        found = [(0, r["cause"]) for r in records.get("stray", [])]
    return max(found)[1] if found else "nothing"


def plan():
    """As many of each kind as possible, in an order of chance"""
    kinds = [KINDS[i % len(KINDS)] for i in range(ALL)]
    real, made = kinds[:REAL], kinds[REAL:]
    rng.shuffle(real)
    rng.shuffle(made)
    return real, made


def real_gaps(kinds):
    path = os.path.join(H.DIR, "plan")
    with open(path, "w", encoding="ascii") as f:
        f.writelines("%s %d\n" % (k, length_us(k)) for k in kinds)
    files = [H.guest_test("handlers_told"), H.guest_test("kernel_log"), path + ":/tests/plan",
             H.OUT + "/payload/caretaker.elf:/caretaker.elf", CTRACE]
    host.boot("init-blind", files, SECS, options=("-c", "3"))
    host.part("guests")
    for i, kind in enumerate(kinds, 1):
        truth = re.search(r"^expect gap kind=(\S+) .*us=(\d+)", host.part("truth-%d" % i), re.M)
        T.check_equal(truth.group(1), kind, "what was injected")
        text = host.part("explained-%d" % i)
        found = {}
        for line in text.splitlines():
            if line.startswith("{"):
                found.setdefault(json.loads(line)["type"], []).append(json.loads(line))
        answers.append((True, kind, judged(found)))


EXIT = {"blocked-io": 0x7B, "blocked-msr": 0x7C, "blocked-mmio": 0x400, "blocked-hypercall": 0x81}
INDEX_NPF = 0xE0


def info1_of(kind):
    if kind == "blocked-io":
        return rng.randrange(1 << 16) << 16 | 0x10 | rng.randrange(2)
    return rng.randrange(2) if kind == "blocked-msr" else 0x100000006 if kind == "blocked-mmio" else 0


def times_below(ns):
    return [rng.randrange(300, ns) for _ in range(rng.randrange(1, 200))]


def made_up(kind):
    """A vCPU after a gap with this one pause in it, among ordinary exits of chance"""
    us, start = 1000 * length_us(kind), rng.randrange(1, 1 << 40) * 1000
    stop_run = us if kind == "preserve" else rng.randrange(100000, 20 * MS)
    adopt = us if kind == "adopt" else rng.randrange(100000, 20 * MS)
    gap = rng.randrange(500, 5000) * MS
    run = start + stop_run
    kick = run + gap
    park = kick + adopt * rng.randrange(1, 10) // 10
    t = T.Telemetry(vcpu=0, vm_id=rng.getrandbits(63) | 1, tsc_stop=start, tsc_run=run,
                    tsc_kick=kick, tsc_park=park, tsc_adopt=kick + adopt, idle_tsc=rng.randrange(gap))
    for reason, server in ((0x72, T.NATIVE), (0x60, T.NATIVE), (0x7C, T.NATIVE), (0x78, T.NATIVE),
                           (0x7B, T.HANDLER)):
        t.gap_times[reason, server] = times_below(9000)
    for reason, server in ((INDEX_NPF, T.KVM), (0x60, T.KVM), (0x72, T.NATIVE)):
        t.times[reason, server] = times_below(90000)
    if kind in EXIT:
        at = run + rng.randrange(1, gap - us) if us < gap else run + 1
        t.stalls.append((EXIT[kind], info1_of(kind), rng.getrandbits(32), rng.getrandbits(47), at,
                         at + us))
        index = INDEX_NPF if kind == "blocked-mmio" else EXIT[kind]
        t.gap_times[index, T.BLOCKED] = [us]
    elif kind == "slow-handler":
        t.gap_times[0x7B, T.HANDLER].append(us)
    elif kind == "stray":
        t.stray = rng.randrange(1, 5)
    return t


def made_up_gaps(kinds):
    for kind in kinds:
        tree = T.with_tree((100, 10, 0, made_up(kind), "empty"))
        r = T.run(CTRACE, "gap", "--explain", "-j", "--debugfs", tree.dir)
        T.check_status(r, 0)
        answers.append((False, kind, judged(T.records(r))))


def real_pauses_are_injected_and_explained():
    real_gaps(PLAN[0])


def made_up_pauses_are_explained():
    made_up_gaps(PLAN[1])


def table(rows):
    """The confusion table: a row per kind, a column per answer"""
    named = sorted({n for _, _, n in rows}, key=lambda n: (KINDS + [n]).index(n))
    print("# %-18s %s" % ("injected \\ named", " ".join("%17s" % n for n in named)))
    for kind in KINDS:
        cells = [sum(1 for _, k, n in rows if (k, n) == (kind, name)) for name in named]
        print("# %-18s %s" % (kind, " ".join("%17d" % c for c in cells)))


def at_least_95_of_100_are_named_right():
    for real in (True, False):
        rows = [a for a in answers if a[0] == real]
        print("# %s: %d pauses, %d named right" % ("real" if real else "made up", len(rows),
                                                   sum(k == n for _, k, n in rows)))
        table(rows)
    right = sum(k == n for _, k, n in answers)
    print("# seed %d: %d of %d named right" % (SEED, right, len(answers)))
    T.check_equal(len(answers), ALL, "pauses")
    assert right >= WANTED, "%d of %d named right" % (right, ALL)
    T.check_equal(len({k for real, k, _ in answers if real}), len(KINDS), "kinds that were real")


def kernel_log_has_no_complaint():
    host.part("kernel-log")


H.needs("kernel/fast/bzImage-a", "payload/caretaker.elf", "selftests/guest-tests/handlers_told",
        "tools/ctrace/ctrace")
PLAN = plan()
T.main([real_pauses_are_injected_and_explained, made_up_pauses_are_explained,
        at_least_95_of_100_are_named_right, kernel_log_has_no_complaint])
