#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: overrun.py

The event ring of a vCPU overruns in a gap over a kexec: while no kernel looks, a guest has more exits
than fit. ctrace has to say how many events are missing, everywhere, and the rest has to be right."""

import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../tools/lib/tests")]
import testhost as H    # noqa: E402
import tree as T        # noqa: E402

SECS = 400
# An exit needs 32 bytes; of 7 sub-buffers of 1008 one may be just begun, and there are a few other events
FEWEST, MOST = 6 * (1008 // 32) - 8, 7 * (1008 // 32)
host = H.Host()


def flood():
    return int(re.search(r"^flood (\d+)$", host.part("take"), re.M).group(1))


def cpuids(rings):
    """Of ring records: (name, what)"""
    return [what for name, what in rings if name == "exit" and "reason=cpuid " in what]


def missing():
    """What the guest did, less what is there: only its CPUIDs are so old that they can be missing"""
    shown = cpuids([(r["name"], r["what"]) for r in host.records("gap", 5)["ring"]])
    assert FEWEST <= len(shown) <= MOST, len(shown)
    return flood() - len(shown)


def ring_overruns_in_the_gap():
    files = [H.guest_test("trace_guest"), H.guest_test("kernel_log"),
             H.OUT + "/payload/caretaker.elf:/caretaker.elf", H.OUT + "/tools/ctrace/ctrace",
             H.OUT + "/tools/ctop/ctop"]
    host.boot("init-overrun", files, SECS, next_kernel=True, options=("-c", "3"))
    assert flood() > 2 * MOST, flood()


def kernel_and_guest_agree_on_the_number():
    (vm, vcpu, lost), = re.findall(r"^([0-9a-f]{16}) (\d+) \d+ 0x[0-9a-f]+ \d+ \d+ (\d+) 0 \d+ good$",
                                   host.part("rings"), re.M)
    T.check_equal((int(vcpu), int(lost)), (0, missing()))
    T.check_equal(re.findall(r"lost vm=%s vcpu=0 apic_id=\d+ events=(\d+)$" % vm, host.part("ring-events"), re.M),
                  [lost])


def gap_tells_it_in_each_object_and_as_a_total():
    got = host.records("gap", 5)
    for kind in ("header", "gap", "step", "exit", "ring", "ledger"):
        T.check_equal({r["lost"] for r in got[kind]}, {missing()}, kind)
    T.check_equal({r["lost"] for r in host.records("sums")["summary"]}, {missing()})
    for name, status in (("gap", 5), ("gap-table", 0), ("sums", 0), ("record", 0), ("recorded", 5),
                         ("recorded-gap", 0)):
        text = host.part(name, status)
        assert "lost %d: 0 records of stalls" % missing() in text and " %d events\n" % missing() in text, text[-500:]
    title = host.part("gap-table").splitlines()
    T.check_equal(re.findall(r"^VM .* lost (\d+)$", "\n".join(title), re.M), [str(missing())])


def recording_keeps_the_number():
    for name, status, kinds in (("recorded", 5, ("header", "event")), ("recorded-gap", 0, ("header", "gap", "ring"))):
        got = host.records(name, status)
        for kind in kinds:
            T.check_equal({r["lost"] for r in got[kind]}, {missing()}, name + " " + kind)
    live, recorded = ([(r["name"], r["what"], r["at_ns"]) for r in host.records(name, status)["ring"]]
                      for name, status in (("gap", 5), ("recorded-gap", 0)))
    T.check_equal(live == recorded, True, "the same events")


def what_is_left_is_whole_and_in_order():
    got = host.records("gap", 5)
    rings = [(r["name"], r["what"]) for r in got["ring"]]
    T.check_equal(rings[0], ("lost", "events=%d" % missing()))
    T.check_equal(rings[-1][0], "park")
    T.check_equal([r for r in rings if r[0] in ("lost", "run", "park")], [rings[0], rings[-1]])
    T.check_equal({re.sub(r" cycles=\d+", "", what) for what in cpuids(rings)}, {
        "reason=cpuid server=native detached=1 rip=%s info1=0x0" % re.search(r"rip=(\S+)", rings[1][1]).group(1)})
    at = [r["at_ns"] for r in got["ring"]]
    T.check_equal(at, sorted(at))
    steps = {s["step"]: s["at_ns"] for s in got["step"]}
    assert steps["run"] <= at[0] and at[-1] <= steps["adopt"], (steps, at[0], at[-1])


def boot_of_the_next_kernel_is_in_the_timeline():
    for name, status in (("gap", 5), ("recorded-gap", 0)):
        got = host.records(name, status)
        steps = {s["step"]: s["at_ns"] for s in got["step"]}
        T.check_equal([b["phase"] for b in got["boot"]], ["clock", "cpus", "init"], name)
        at = [steps["run"]] + [b["at_ns"] for b in got["boot"]] + [got["ring"][0]["at_ns"], steps["kick"]]
        # The guest is told to make exits by a program that init has started
        T.check_equal(at, sorted(at), name)
        for b, end in zip(got["boot"], at[2:4] + [steps["kick"]]):
            assert abs(b["at_ns"] + b["lasts_ns"] - end) <= 1, b
    T.check_equal(len(re.findall("^ .*  boot  .*$", host.part("gap-table"), re.M)), 3)


def counts_miss_nothing():
    for name, status in (("gap", 5), ("counts", 0)):
        row, = [e for e in host.records(name, status)["exit"] if e["reason"] == "CPUID"]
        T.check_equal((row["native"], row["handler"], row["kvm"], row["blocked"]), (flood(), 0, 0, 0), name)
    ledger, = host.records("gap", 5)["ledger"]
    T.check_equal(ledger["residual_ns"], 0)


def kernel_log_has_no_complaint():
    host.part("kernel-log")


H.needs("kernel/fast/bzImage-b", "payload/caretaker.elf", "selftests/guest-tests/trace_guest", "tools/ctop/ctop",
        "tools/ctrace/ctrace")
T.main([ring_overruns_in_the_gap, kernel_and_guest_agree_on_the_number, gap_tells_it_in_each_object_and_as_a_total,
        recording_keeps_the_number, what_is_left_is_whole_and_in_order,
        boot_of_the_next_kernel_is_in_the_timeline, counts_miss_nothing,
        kernel_log_has_no_complaint])
