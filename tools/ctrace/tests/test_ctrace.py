#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_ctrace.py CTRACE CTRACE-WITH-SANITIZERS"""

import csv
import io
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib/tests"))
import tree as T

CTRACE, ASAN = sys.argv[1:3]


def ctrace(t, command, *options, tool=ASAN, **how):
    return T.run(tool, command, "--debugfs", t.dir, *options, **how)


def one():
    return T.with_tree((231, 11, 0, T.demo_like(), "empty", 1, "uart"))


def steps_of_the_gap_are_what_was_put_in():
    r = ctrace(one(), "gap", "-j")
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal(got["header"][0]["schema"], 2)
    T.check_equal([(s["step"], s["at_ns"], s["lasts_ns"]) for s in got["step"]],
                  [("stop", 0, 1000), ("run", 1000, 6999000), ("kick", 7000000, 500),
                   ("park", 7000500, 200), ("adopt", 7000700, None)])
    g, = got["gap"]
    T.check_equal([g[k] for k in ("vm", "pid", "vcpu", "state", "away_ns", "gap_ns", "stalls",
                                  "stalls_earlier", "stray", "fuel_out", "bad_records", "lost")],
                  ["4ba3f2d1c0ffee00", 231, 0, "adopted", 7000700, 6999000, 1, 1, 2, 3, 0, 0])


def exits_of_the_gap_are_what_was_put_in():
    got = T.records(ctrace(one(), "gap", "-j"))
    T.check_equal({e["reason"]: [e[s] for s in T.SERVERS] for e in got["exit"]},
                  {"CPUID": [54, 0, 0, 0], "IOIO": [0, 3354, 0, 1], "MSR": [0, 0, 0, 1]})


def stalls_of_the_gap_are_what_was_put_in():
    got = T.records(ctrace(one(), "gap", "-j"))
    s, = got["stall"]
    T.check_equal([s[k] for k in ("nr", "reason", "code", "rip", "what", "at_ns", "lasts_ns",
                                  "going_on")],
                  [1, "IOIO", "7b", "403195", "out port 0x3f8, 1 byte", 1000000, 6000400, False])


def table_shows_the_same():
    text = ctrace(one(), "gap").stdout.decode()
    for line in ("0.000000000 1.00 us stop left KVM for the handover",
                 "0.000001000 7.00 ms run first VMRUN in the Caretaker",
                 "0.001000000 6.00 ms stall 1: IOIO",
                 "0.007000700 - adopt continues in KVM",
                 "IOIO 0 3354 0 1 3355 0 ns 0 ns",
                 "1 IOIO 0x403195 0.001000000 6.00 ms out port 0x3f8, 1 byte"):
        assert line in [" ".join(x.split()) for x in text.splitlines()], line + "\n" + text


def stall_that_goes_on_has_no_length():
    tele = T.Telemetry(tsc_stop=100, tsc_run=200, stalls=[(0x7C, 1, 0, 0x1000, 300, 0)])
    t = T.with_tree((1, 1, 0, tele, "stalled"))
    r = ctrace(t, "gap", "-j")
    T.check_status(r, 0)
    s, = T.records(r)["stall"]
    T.check_equal((s["going_on"], s["lasts_ns"], s["what"]), (True, None, "wrmsr"))
    text = ctrace(t, "gap").stdout.decode()
    assert "going on" in text and "not yet" in text, text


def stamps_of_a_former_handover_are_not_shown():
    tele = T.Telemetry(tsc_stop=1000, tsc_run=1100, tsc_kick=500, tsc_park=510, tsc_adopt=520)
    got = T.records(ctrace(T.with_tree((1, 1, 0, tele, "detached")), "gap", "-j"))
    T.check_equal([s["at_ns"] for s in got["step"]], [0, 100, None, None, None])
    T.check_equal((got["gap"][0]["gap_ns"], got["gap"][0]["away_ns"]), (None, None))


def overwritten_stop_is_not_known():
    tele = T.Telemetry(tsc_stop=9000, tsc_run=1100, tsc_kick=1500, tsc_park=1510, tsc_adopt=1520)
    got = T.records(ctrace(T.with_tree((1, 1, 0, tele)), "gap", "-j"))
    T.check_equal([s["at_ns"] for s in got["step"]], [None, 0, 400, 410, 420])
    T.check_equal(got["gap"][0]["stop_known"], False)


def replaced_stall_records_are_told_as_lost():
    stalls = [(0x7C, 0, 0, i, 1000 + 10 * i, 1005 + 10 * i) for i in range(70)]
    t = T.with_tree((1, 1, 0, T.Telemetry(tsc_stop=10, tsc_run=20, stalls=stalls)))
    got = T.records(ctrace(t, "gap", "-j"))
    T.check_equal([s["nr"] for s in got["stall"]], list(range(6, 70)))
    T.check_equal([int(s["rip"], 16) for s in got["stall"]], list(range(6, 70)))
    T.check_equal((got["gap"][0]["lost"], got["header"][0]["lost"]), (6, 6))
    assert "lost 6" in ctrace(t, "gap").stdout.decode().splitlines()[0]


def unknown_frequency_gives_no_times():
    tele = T.demo_like()
    tele.tsc_khz = 0
    r = ctrace(T.with_tree((1, 1, 0, tele)), "gap", "-j")
    T.check_status(r, 0)
    T.check_equal({s["at_ns"] for s in T.records(r)["step"]}, {None})


def damaged_stall_record_is_status_1():
    tele = T.Telemetry(tsc_stop=10, tsc_run=20, stalls=[(0x7C, 0, 0, 1, 500, 400)])
    r = ctrace(T.with_tree((1, 1, 0, tele)), "gap", "-j")
    T.check_status(r, 1, "1 stall records are damaged")
    T.check_equal(T.records(r)["gap"][0]["bad_records"], 1)


def fault_is_shown():
    tele = T.Telemetry(tsc_stop=10, tsc_run=20, fault=14, fault_rip=0xABC, fault_addr=0xDEF)
    text = ctrace(T.with_tree((1, 1, 0, tele, "faulted")), "gap").stdout.decode()
    assert "FAULT: vector 13 at rip 0xabc, address or error code 0xdef" in text, text


def gaps_of_500_vcpus_are_shown():
    t = T.Tree()
    for i in range(500):
        t.add(1000 + i // 8, 10, i % 8, T.Telemetry(
            i % 8, tsc_stop=1000, tsc_run=2000, tsc_kick=3000 + i, tsc_park=4000 + i,
            tsc_adopt=5000 + i))
    r = ctrace(t, "gap", "-j")
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal(sorted(g["gap_ns"] for g in got["gap"]), [1000 + i for i in range(500)])
    T.check_equal(len(ctrace(t, "list").stdout.splitlines()), 501)


def list_shows_all_vcpus():
    t = T.with_tree((231, 11, 0, T.demo_like(), "empty", 3, "uart"), (7, 5, 1, T.Telemetry(1), "attached"))
    r = ctrace(t, "list", "-j")
    T.check_status(r, 0)
    T.check_equal([(v["pid"], v["vcpu"], v["state"], v["handlers"], v["gap_ns"])
                   for v in T.records(r)["vcpu"]],
                  [(7, 1, "attached", "none", None), (231, 0, "adopted", "uart", 6999000)])
    lines = ctrace(t, "list").stdout.decode().splitlines()
    T.check_equal(lines[2].split()[:5], ["4ba3f2d1c0ffee00", "231", "0", "apic3", "adopted"])


def list_shows_the_digest_of_the_handlers():
    t = T.with_tree((231, 11, 0, T.demo_like(), "empty", 3, "uart", T.DIGEST, 5),
                    (231, 11, 1, T.Telemetry(1), "attached", 4))
    T.check_equal([(v["pcpu"], v["handlers"], v["digest"]) for v in T.records(ctrace(t, "list", "-j"))["vcpu"]],
                  [(None, "none", None), (5, "uart", T.DIGEST)])
    lines = ctrace(t, "list").stdout.decode().splitlines()
    T.check_equal([line.split()[-2:] for line in lines],
                  [["HANDLERS", "DIGEST"], ["none", "-"], ["uart", "0123456789ab"]])


def saved_file_is_read():
    f = os.path.join(one().dir, "kvm/231-11/vcpu0/caretaker_telemetry")
    r = T.run(ASAN, "gap", "-j", "-i", f)
    T.check_status(r, 0)
    T.check_equal(T.records(r)["gap"][0]["gap_ns"], 6999000)


def usage_errors_are_status_2():
    t = one()
    for bad in ([], ["nonsense"], ["-j"], ["gap", "--nonsense"], ["gap", "word"], ["gap", "-c", "x"],
                ["gap", "-p", "-1"], ["list", "-i"]):
        r = T.run(ASAN, *bad)
        T.check_status(r, 2)
        assert r.stderr and not r.stdout, bad
    T.check_status(T.run(ASAN, "gap", "--debugfs", "/" + "x" * 5000), 2, "too long")
    T.check_status(ctrace(t, "gap", "-c", "9"), 4, "left out")


def help_and_version_are_status_0():
    for o in (["-h"], ["-V"], ["gap", "-h"], ["list", "-h"], ["gap", "-V"]):
        r = T.run(ASAN, *o)
        T.check_status(r, 0)
        assert r.stdout and not r.stderr, o


def missing_permission_is_status_3():
    t = one()
    os.chmod(t.path("kvm"), 0)
    T.check_status(ctrace(t, "gap", tool=CTRACE, drop_root=True), 3, "CAP_DAC_READ_SEARCH")
    T.check_status(ctrace(t, "list", tool=CTRACE, drop_root=True), 3, "CAP_DAC_READ_SEARCH")


def no_data_is_status_4_and_says_what_to_do():
    t = T.with_tree((1, 1, 0, T.Telemetry()))
    T.check_status(ctrace(t, "gap"), 4, "preserve")
    T.check_equal(ctrace(t, "gap", "-j").stdout, b"")
    T.check_status(ctrace(T.Tree(), "gap"), 4, "KVM_SET_CARETAKER")
    T.check_status(ctrace(T.Tree(), "list"), 4, "KVM_SET_CARETAKER")


def output_that_cannot_be_written_is_status_1():
    with open("/dev/full", "wb") as full:
        T.check_status(ctrace(one(), "gap", stdout=full), 1, "writing the output")


def timed():
    return T.with_tree((231, 11, 0, T.timed(), "empty", 1, "uart"))


def times_of_exits_in_gaps_are_what_was_put_in():
    got = T.records(ctrace(timed(), "gap", "-j"))
    T.check_equal({e["reason"]: [e[s + "_ns"] for s in T.SERVERS] + [e["time_ns"], e["max_ns"]]
                   for e in got["exit"]},
                  {"CPUID": [4000, None, None, None, 4000, None],
                   "IOIO": [None, 55000, None, 6000400, 6055400, 6000400]})
    ledger, = got["ledger"]
    T.check_equal({a: ledger[a + "_ns"] for a in T.ACCOUNTS}, T.timed().ledger)
    T.check_equal(ledger["residual_ns"], 0)


def ledger_is_shown_with_its_residual():
    for off, text in ((0, "residual 0"), (300000, "residual 300.00 us (1.500 %!)")):
        tele = T.timed()
        tele.ledger["guest"] -= off
        t = T.with_tree((231, 11, 0, tele, "empty"))
        for command in (["gap"], ["gap", "-x"]):
            line, = [x for x in ctrace(t, *command).stdout.decode().splitlines() if "time ledger" in x]
            assert "halted 500.00 us (2.50 %)" in line and line.endswith(text), line


def old_telemetry_is_read_and_says_what_it_lacks():
    old = T.demo_like()
    old.abi = 1
    t = T.with_tree((231, 11, 0, old, "empty", 1, "uart"))
    for command in (["gap"], ["gap", "-x"], ["gap", "-S"], ["hist"], ["list"]):
        T.check_status(ctrace(t, *command), 0)
    got, new = T.records(ctrace(t, "gap", "-j")), T.records(ctrace(one(), "gap", "-j"))
    T.check_equal([[e[s] for s in T.SERVERS] for e in got["exit"]],
                  [[e[s] for s in T.SERVERS] for e in new["exit"]])
    T.check_equal((got["header"][0]["untimed"], "ledger" in got), (1, False))
    T.check_equal({e["time_ns"] for e in got["exit"]}, {None})
    assert "time ledger: not known" in ctrace(t, "gap").stdout.decode()
    assert "telemetry of ABI 1" in ctrace(t, "gap", "-x").stdout.decode()
    assert "telemetry of ABI 1" in ctrace(t, "hist").stdout.decode()
    old.abi = 3
    T.check_status(ctrace(T.with_tree((1, 1, 0, old)), "gap"), 4, "ABI 3", "use the tools that came")


def csv_has_one_table_with_the_keys_and_values_of_the_json():
    t = T.with_tree((231, 11, 0, T.demo_like(), "empty", 1, "a,b \"c\""))
    for args, kind in ((["list"], "vcpu"), (["gap"], "exit"), (["gap", "-x"], "pause"), (["gap", "-S"], "summary")):
        want = T.records(ctrace(t, *args, "-j"))[kind]
        rows = list(csv.DictReader(io.StringIO(ctrace(t, *args, "--csv").stdout.decode())))
        assert want and len(rows) == len(want), (args, rows)
        for row, record in zip(rows, want):
            flat = {k: v for k, v in record.items() if k not in ("type", "buckets")}
            T.check_equal({k: "" if v is None else str(v).lower() if isinstance(v, bool) else str(v)
                           for k, v in flat.items()}, row, kind)
    for args in (["gap", "--csv", "-j"], ["live", "--csv", "-n", "1"], ["hist", "--csv"]):
        T.check_status(ctrace(t, *args), 2)
    T.check_status(ctrace(t, "gap", "--no-color"), 0)


def damaged_telemetry_does_not_crash_it():
    rng, t = T.seeded(), T.Tree()
    for i, blob in enumerate(T.damaged_blobs(rng, 200)):
        t.add(1, 1, i, blob or b"\0")
    for command in ("gap", "list"):
        T.check_status(ctrace(t, command), 1, "cut short")
        r = ctrace(t, command, "-j")
        T.check_status(r, 1)
        T.check_equal(T.records(r)["header"][0]["unreadable"] >= 50, True, "unreadable")


def binary_is_static():
    T.check_static(CTRACE)


T.main([steps_of_the_gap_are_what_was_put_in, exits_of_the_gap_are_what_was_put_in,
        stalls_of_the_gap_are_what_was_put_in, table_shows_the_same,
        stall_that_goes_on_has_no_length, stamps_of_a_former_handover_are_not_shown,
        overwritten_stop_is_not_known, replaced_stall_records_are_told_as_lost,
        unknown_frequency_gives_no_times, damaged_stall_record_is_status_1, fault_is_shown,
        times_of_exits_in_gaps_are_what_was_put_in, ledger_is_shown_with_its_residual,
        old_telemetry_is_read_and_says_what_it_lacks,
        gaps_of_500_vcpus_are_shown, list_shows_all_vcpus, list_shows_the_digest_of_the_handlers, saved_file_is_read,
        usage_errors_are_status_2, help_and_version_are_status_0, missing_permission_is_status_3,
        no_data_is_status_4_and_says_what_to_do, output_that_cannot_be_written_is_status_1,
        csv_has_one_table_with_the_keys_and_values_of_the_json,
        damaged_telemetry_does_not_crash_it, binary_is_static])
