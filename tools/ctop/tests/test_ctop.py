#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_ctop.py CTOP CTOP-WITH-SANITIZERS"""

import csv
import io
import os
import pty
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../lib/tests")]
import tree as T
from metrics import metrics

CTOP, ASAN = sys.argv[1:3]
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")


def ctop(t, *options, tool=ASAN, **how):
    return T.run(tool, "--debugfs", t.dir, "-b", *options, **how)


def one():
    return T.with_tree((231, 11, 0, T.demo_like(), "empty", 1, "uart"))


def counts_of_one_vcpu_equal_what_was_put_in():
    r = ctop(one(), "-n", "1", "-j")
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal([h["schema"] for h in got["header"]], [2])
    exits = {e["reason"]: [e[s] for s in T.SERVERS] for e in got["exit"]}
    T.check_equal(exits, {"CPUID": [15625, 0, 263, 0], "NPF": [0, 0, 20066, 0],
                          "IOIO": [0, 3354, 0, 1], "MSR": [0, 0, 0, 1]})
    v, = got["vcpu"]
    T.check_equal([v[k] for k in ("vm", "pid", "vcpu", "state", "apic_id", "handlers", "stalls",
                                  "stray", "fuel_out", "idle_ns")],
                  ["4ba3f2d1c0ffee00", 231, 0, "adopted", 1, "uart", 2, 2, 3, 77])


def handlers_are_shown_with_their_digest():
    t = T.with_tree((1, 1, 0, T.Telemetry(0, exits={(0x72, 0): 1}), "attached", 1, "uart", T.DIGEST, 3),
                    (1, 1, 1, T.Telemetry(1), "attached", 2, "uart", T.DIGEST[::-1], -1),
                    (1, 1, 2, T.Telemetry(2), "attached", 4, "uart", T.DIGEST),
                    (1, 1, 3, T.Telemetry(3), "attached", 5), (1, 1, 4, T.Telemetry(4), "attached", 6, "uart"),
                    (1, 1, 5, T.Telemetry(5), "attached", 7, "uart", T.DIGEST[1:]))
    want = [("uart", T.DIGEST), ("uart", T.DIGEST[::-1]), ("uart", T.DIGEST), ("none", None), ("uart", None),
            ("uart", None)]
    got = T.records(ctop(t, "-n", "1", "-j"))["vcpu"]
    T.check_equal([(v["handlers"], v["digest"]) for v in got], want)
    lines = list(csv.DictReader(io.StringIO(ctop(t, "-n", "1", "--csv").stdout.decode())))
    T.check_equal([(v["handlers"], v["digest"] or None) for v in lines], want)
    text = ctop(t, "-n", "1").stdout.decode()
    table = text.split("handler sets in use\n")[1].split("\n\n")[0].splitlines()
    T.check_equal([line.split() for line in table],
                  [["VCPUS", "HANDLERS", "DIGEST"], ["2", "uart", T.DIGEST], ["1", "uart", T.DIGEST[::-1]],
                   ["1", "none", "-"], ["2", "uart", "-"]])
    info = [v for k, v in metrics(ctop(t, "-n", "1", "--openmetrics").stdout.decode()) if
            k == "caretaker_vcpu_info"]
    T.check_equal([re.findall(r'(?:handlers|digest)="([^"]*)"', v) for v in info],
                  [[h, d or ("none" if h == "none" else "unknown")] for h, d in want])


def pcpu_is_the_one_that_the_kernel_names():
    t = T.with_tree((1, 1, 0, T.Telemetry(0), "attached", 40, "none", None, 7),
                    (1, 1, 1, T.Telemetry(1), "attached", 41, "none", None, -1))
    T.check_equal([v["pcpu"] for v in T.records(ctop(t, "-n", "1", "-j"))["vcpu"]], [7, None])
    T.check_equal([line.split()[2] for line in ctop(t, "-n", "1").stdout.decode().splitlines()[2:4]],
                  ["7", "apic41"])
    T.check_equal(re.findall('pcpu="([^"]*)"', ctop(t, "-n", "1", "--openmetrics").stdout.decode()),
                  ["7", "unknown"])


def counts_of_500_vcpus_equal_what_was_put_in():
    rng, t, want = T.seeded(), T.Tree(), {}
    for i in range(500):
        vm, vcpu = divmod(i, 8)
        tele = T.random_telemetry(rng, vcpu, vm + 1)
        t.add(1000 + vm, 10, vcpu, tele)
        for table in (tele.exits, tele.gap_exits):
            for (reason, server), n in table.items():
                row = want.setdefault((1000 + vm, vcpu, reason), [0] * 4)
                row[server] += n
    start = time.monotonic()
    r = ctop(t, "-n", "1", "-j", tool=CTOP)
    print("# 500 vCPUs in %.0f ms" % ((time.monotonic() - start) * 1000))
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal((got["header"][0]["vcpus"], got["header"][0]["vms"]), (500, 63))
    T.check_equal(len(got["vcpu"]), 500)
    exits = {(e["pid"], e["vcpu"], e["index"]): [e[s] for s in T.SERVERS] for e in got["exit"]}
    T.check_equal(exits == want, True, "all counts")
    for e in got["exit"]:
        T.check_equal(e["total"], sum(e[s] for s in T.SERVERS))
    text = ctop(t, "-n", "1", tool=CTOP).stdout.decode().splitlines()
    rows = {(int(w[0]), int(w[1]), w[5]): [int(n) for n in w[6:10]]
            for w in (line.split() for line in text[2:text.index("")])}
    names = {e["index"]: e["reason"] for e in got["exit"]}
    T.check_equal(rows == {(p, v, names[i]): n for (p, v, i), n in want.items()}, True,
                  "the table")


def gap_shows_gap_exits_alone():
    r = ctop(one(), "-n", "1", "-j", "--gap")
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal({e["reason"]: e["total"] for e in got["exit"]},
                  {"CPUID": 54, "IOIO": 3355, "MSR": 1})
    T.check_equal(got["header"][0]["gap_ns"], 9000000 - 2001000)
    text = ctop(one(), "-n", "1", "--gap").stdout.decode()
    assert "gap 7.00 ms" in text.splitlines()[0], text
    assert "lost 0" in text.splitlines()[0], text


def gap_without_handover_is_no_data():
    t = T.with_tree((1, 1, 0, T.Telemetry(exits={(0x72, 0): 1})))
    T.check_status(ctop(t, "-n", "1", "--gap"), 4, "none of 1", "preserve")
    T.check_equal(ctop(t, "-n", "1", "--gap").stdout, b"")


def states_are_named():
    t = T.Tree()
    states = ["attached", "detaching", "detached", "stalled", "adopting", "parked", "faulted"]
    for i, s in enumerate(states):
        t.add(1, 1, i, T.Telemetry(i), s)
    got = T.records(ctop(t, "-n", "1", "-j"))
    T.check_equal([v["state"] for v in got["vcpu"]], states)


def vcpu_without_exits_is_shown():
    r = ctop(T.with_tree((1, 1, 5, T.Telemetry(5))), "-n", "1")
    T.check_status(r, 0)
    T.check_equal(r.stdout.decode().splitlines()[2].split()[:6],
                  ["1", "5", "apic1", "attached", "0", "-"])


def filters_select():
    t = T.with_tree((1, 1, 0, T.Telemetry(0, vm_id=0xA, exits={(0x72, 0): 1, (0x78, 2): 2})),
                  (1, 1, 1, T.Telemetry(1, vm_id=0xA, exits={(0x72, 0): 4})),
                  (2, 1, 0, T.Telemetry(0, vm_id=0xB, exits={(0x72, 0): 8})))

    def totals(*options):
        r = ctop(t, "-n", "1", "-j", *options)
        T.check_status(r, 0)
        return sorted(e["total"] for e in T.records(r).get("exit", []))

    T.check_equal(totals(), [1, 2, 4, 8])
    T.check_equal(totals("-p", "2"), [8])
    T.check_equal(totals("-c", "0"), [1, 2, 8])
    T.check_equal(totals("-p", "1", "-c", "1"), [4])
    T.check_equal(totals("-e", "HLT"), [2])
    T.check_equal(totals("-e", "hlt,0x72", "-p", "1"), [1, 2, 4])
    T.check_equal(totals("-g", "000000000000000b"), [8])
    T.check_status(ctop(t, "-n", "1", "-p", "77"), 4, "3 vCPUs were left out")


def rows_are_sorted_and_cut():
    t = T.with_tree((1, 1, 0, T.Telemetry(0, exits={(0x72, 0): 5, (0x78, 2): 9})),
                  (1, 1, 1, T.Telemetry(1, exits={(0x7B, 1): 7, (0x60, 2): 1})))

    def reasons(*options):
        r = ctop(t, "-n", "1", "-j", *options)
        T.check_status(r, 0)
        return [e["reason"] for e in T.records(r)["exit"]]

    T.check_equal(reasons(), ["HLT", "CPUID", "IOIO", "INTR"])
    T.check_equal(reasons("-s", "count"), ["HLT", "IOIO", "CPUID", "INTR"])
    T.check_equal(reasons("-s", "native")[0], "CPUID")
    T.check_equal(reasons("-s", "handler")[0], "IOIO")
    T.check_equal(reasons("-s", "name"), ["CPUID", "HLT", "INTR", "IOIO"])
    T.check_equal(reasons("-s", "count", "-r", "2"), ["HLT", "IOIO"])
    r = ctop(t, "-n", "1", "-r", "1")
    assert "(3 more rows)" in r.stdout.decode(), r.stdout
    T.check_equal(T.records(ctop(t, "-n", "1", "-r", "1", "-j"))["header"][0]["rows_cut"], 3)


def rates_come_with_the_second_look():
    t = T.with_tree((1, 1, 0, T.Telemetry(0, exits={(0x72, 0): 1000})))
    begin = time.monotonic()
    p = subprocess.Popen([ASAN, "--debugfs", t.dir, "-b", "-n", "2", "-d", "0.5", "-j"],
                         stdout=subprocess.PIPE)
    first = [p.stdout.readline() for _ in range(3)]
    t.add(1, 1, 0, T.Telemetry(0, exits={(0x72, 0): 1500}))
    rest = p.communicate(timeout=30)[0]
    took = time.monotonic() - begin
    T.check_equal(p.returncode, 0)
    rates = [T.json.loads(line)["rate_per_s"] for line in first + rest.splitlines()
             if b'"exit"' in line]
    T.check_equal(rates[0], None)
    # 500 more: in no less than the delay, which is kept to a millisecond, and in no more than all of it
    assert 500 / took - 0.1 < rates[1] < 500 / 0.499 + 0.1, rates


def sigint_ends_it_cleanly():
    p = subprocess.Popen([ASAN, "--debugfs", one().dir, "-b", "-d", "60"], stdout=subprocess.PIPE)
    p.stdout.readline()
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=10)
    T.check_equal(p.returncode, 0)


def replaced_stall_records_are_told_as_lost():
    t = T.with_tree((1, 1, 0, T.Telemetry(0, nr_stalls=70, exits={(0x72, 0): 1})))
    got = T.records(ctop(t, "-n", "1", "-j"))
    T.check_equal([r["lost"] for k in ("header", "vcpu", "exit") for r in got[k]], [6, 6, 6])
    assert "lost 6" in ctop(t, "-n", "1").stdout.decode()


def damaged_vcpu_does_not_hide_the_others():
    t = T.with_tree((1, 1, 0, T.demo_like()), (1, 1, 1, T.demo_like().pack()[:100]))
    r = ctop(t, "-n", "1", "-j")
    T.check_status(r, 1, "cut short", "vcpu1")
    got = T.records(r)
    T.check_equal((len(got["vcpu"]), got["header"][0]["unreadable"], got["header"][0]["lost"]),
                  (1, 1, 1))


def vcpu_without_caretaker_is_left_out():
    t = T.with_tree((1, 1, 0, T.demo_like()), (1, 1, 1, b""))
    r = ctop(t, "-n", "1", "-j")
    T.check_status(r, 0)
    T.check_equal(len(T.records(r)["vcpu"]), 1)


def saved_file_is_read():
    t = one()
    f = t.path("kvm", "231-11", "vcpu0", "caretaker_telemetry")
    r = T.run(ASAN, "-b", "-n", "1", "-j", "-i", f)
    T.check_status(r, 0)
    got = T.records(r)
    T.check_equal((got["vcpu"][0]["pid"], got["vcpu"][0]["state"]), (None, None))
    T.check_equal(sum(e["total"] for e in got["exit"]), 15571 + 263 + 20066 + 54 + 3354 + 2)


def names_in_json_are_escaped():
    t = T.with_tree((1, 1, 0, T.Telemetry(0), "attached", 1, 'q"\\\x1b[31m'))
    got = T.records(ctop(t, "-n", "1", "-j"))
    T.check_equal(got["vcpu"][0]["handlers"], 'q"\\\x1b[31m')


def usage_errors_are_status_2():
    t = one()
    for bad in (["--nonsense"], ["-n", "0"], ["-n", "x"], ["-n", "-1"], ["-d", "0"], ["-d", "nan"],
                ["-d", "-1"], ["-d", "1e9"], ["-s", "nonsense"], ["-e", "NONSENSE"], ["-e", ""],
                ["-r", "0"], ["-c", "-1"], ["word"], ["-n"]):
        r = ctop(t, *bad)
        T.check_status(r, 2)
        assert r.stderr and not r.stdout, bad
    T.check_status(T.run(ASAN, "--debugfs", t.dir), 2, "full-screen", "-b")


def help_and_version_are_status_0():
    for o in ("-h", "-V", "--help", "--version"):
        r = T.run(ASAN, o)
        T.check_status(r, 0)
        assert r.stdout and not r.stderr, o
    assert b"native" in ctop(one(), "-s", "help").stdout
    assert b"CPUID" in ctop(one(), "-e", "help").stdout


def missing_permission_is_status_3():
    t = one()
    os.chmod(t.path("kvm"), 0)
    T.check_status(ctop(t, "-n", "1", tool=CTOP, drop_root=True), 3, "CAP_DAC_READ_SEARCH", "missing")
    os.chmod(t.path("kvm"), 0o755)
    f = t.path("kvm", "231-11", "vcpu0", "caretaker_telemetry")
    os.chmod(f, 0)
    T.check_status(ctop(t, "-n", "1", tool=CTOP, drop_root=True), 3, "CAP_DAC_READ_SEARCH")


def no_data_is_status_4_and_says_what_to_do():
    t = T.Tree()
    T.check_status(ctop(t, "-n", "1"), 4, "no VM runs", "KVM_SET_CARETAKER")
    os.makedirs(t.path("kvm", "5-6", "vcpu0"))
    T.check_status(ctop(t, "-n", "1"), 4, "CONFIG_KVM_CARETAKER")
    t.add(5, 6, 0, b"")
    T.check_status(ctop(t, "-n", "1"), 4, "none with a Caretaker")
    T.check_status(T.run(ASAN, "-b", "-n", "1", "--debugfs", t.path("kvm")), 4, "modprobe")
    T.check_status(T.run(ASAN, "-b", "-n", "1", "--debugfs", t.path("nowhere")), 4, "No such file")
    next_abi = T.demo_like()
    next_abi.abi = 3
    t.add(5, 6, 0, next_abi)
    T.check_status(ctop(t, "-n", "1"), 4, "ABI 3", "reads ABI 1 to 2")


def ways_to_live_data_are_told():
    t = one()
    T.check_status(ctop(t, "-n", "1", "-v"), 0, "reading " + t.dir)
    T.check_status(ctop(t, "-n", "1", "-v", "--source", "debugfs"), 0, "reading " + t.dir)
    T.check_status(ctop(t, "-n", "1", "--source", "nonsense"), 2, "auto, debugfs and bpf")
    # Whatever this host's kernel is: without the capability the iterators are refused by name
    r = ctop(t, "-n", "1", "--source", "bpf", tool=CTOP, drop_root=True)
    if b"built without them" in r.stderr:
        raise T.Skip("the tools were built without bpftool")
    T.check_status(r, 3, "CAP_BPF is missing")
    T.check_equal(r.stdout, b"")


def output_that_cannot_be_written_is_status_1():
    with open("/dev/full", "wb") as full:
        T.check_status(ctop(one(), "-n", "1", stdout=full), 1, "writing the output")
        T.check_status(ctop(one(), "-j", "-d", "0.01", stdout=full), 1)


def reader_that_goes_away_ends_it():
    for ignored, want, text in ((False, -signal.SIGPIPE, ""), (True, 1, "writing the output: Broken pipe")):
        p = subprocess.Popen([ASAN, "-b", "-d", "0.01", "-j", "--synthetic", "20"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, restore_signals=not ignored)
        p.stdout.readline()
        p.stdout.close()
        err = p.stderr.read().decode()
        T.check_equal(p.wait(timeout=60), want, err)
        assert text in err, err


def terminal_that_goes_away_ends_it():
    """Also where nobody hangs it up: it must not go on, with no keys to wait for"""
    main, end = pty.openpty()
    p = subprocess.Popen([CTOP, "-d", "36000", "--synthetic", "3"], stdin=end, stdout=end, stderr=subprocess.PIPE,
                         start_new_session=True, env=dict(os.environ, TERM="vt100", LINES="24", COLUMNS="80"),
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.close(end)
    os.read(main, 1)
    os.close(main)
    err = p.communicate(timeout=60)[1].decode()
    T.check_equal(p.returncode in (0, 1), True, err)


def odd_files_are_refused():
    t = one()
    for path in ("/dev/null", "/dev/zero", t.dir, t.path("nowhere")):
        r = T.run(ASAN, "-b", "-n", "1", "-i", path)
        T.check_status(r, 1)
        assert r.stderr and not r.stdout, path


def odd_directory_names_are_left_out():
    t = one()
    for name in ("x", "1", "-", "1-", "-1", "1-x", "99999999999999999999-1", "231-11x", "a-1"):
        os.makedirs(t.path("kvm", name, "vcpu0"))
    for name in ("vcpu", "vcpux", "vcpu-1", "vcpu0x", "vcpu99999999999999999999"):
        os.makedirs(t.path("kvm", "231-11", name))
    r = ctop(t, "-n", "1", "-j")
    T.check_status(r, 0)
    T.check_equal(len(T.records(r)["vcpu"]), 1)


def damaged_telemetry_does_not_crash_it():
    rng, t = T.seeded(), T.Tree()
    for i, blob in enumerate(T.damaged_blobs(rng, 200)):
        t.add(1, 1, i, blob or b"\0")
    for options in (["-j"], [], ["-j", "--gap"], ["--gap", "-s", "count"]):
        r = ctop(t, "-n", "1", *options)
        T.check_status(r, 1, "cut short")
        if "-j" in options:
            T.check_equal(T.records(r)["header"][0]["unreadable"] >= 50, True, "unreadable")


def csv_has_what_json_has():
    for vcpus, options in ((500, []), (40, ["--gap"]), (40, ["-e", "CPUID,IOIO"])):
        made = ("--synthetic", str(vcpus), "-n", "1", *options)
        text = T.run(CTOP, "-b", "--csv", *made).stdout.decode()
        lines = list(csv.DictReader(io.StringIO(text)))
        got = T.records(T.run(CTOP, "-b", "-j", *made))
        want = [{k: "" if e[k] is None else str(e[k]) for k in
                 ("vm", "pid", "vcpu", "reason", "native", "handler", "kvm", "blocked", "total",
                  "stalled_ns", "max_stall_ns", "lost")} for e in got["exit"]]
        have = [{k: v[k] for k in want[0]} for v in lines if v["reason"]]
        T.check_equal(have == want, True, "all cells")
    r = T.run(ASAN, "-b", "--csv", "--synthetic", "3", "-n", "3", "-d", "0.01")
    T.check_equal(r.stdout.decode().count("time_ns"), 1, "headings")
    rates = {v["rate_per_s"] for v in csv.DictReader(io.StringIO(r.stdout.decode()))
             if v["reason"] == "HLT" and v["time_ns"] == "1767225603000000000"}
    T.check_equal(rates, {"20.000"})


def odd_names_are_quoted_in_csv_and_metrics():
    t = T.with_tree((1, 1, 0, T.Telemetry(0, exits={(0x72, 0): 1}), "attached", 1, 'q"\\\x1b,x'))
    r = ctop(t, "-n", "1", "--csv")
    v, = csv.DictReader(io.StringIO(r.stdout.decode()))
    T.check_equal(v["handlers"], 'q"\\?,x')
    text = ctop(t, "-n", "1", "--openmetrics").stdout.decode()
    assert 'handlers="q\\"\\\\?,x"' in text, text


def strict_makes_a_loss_an_exit_status():
    T.check_status(T.run(ASAN, "-b", "-n", "1", "--synthetic", "50", "--strict"), 5,
                   "lost 6: 6 records of stalls", "0 vCPUs")
    T.check_status(T.run(ASAN, "-b", "-n", "1", "--synthetic", "50"), 0, "lost 6")
    r = T.run(ASAN, "-b", "-n", "1", "--synthetic", "49", "--strict")
    T.check_status(r, 0)
    T.check_equal(r.stderr, b"")


def invert_turns_the_rows_round():
    def rows(*options):
        lines = T.run(ASAN, "-b", "-n", "1", "--synthetic", "9", *options).stdout.splitlines()
        return lines[2:lines.index(b"")]

    for key in ("vcpu", "count", "name", "stalled", "longest", "kvm", "time", "mean", "p99", "max"):
        T.check_equal(rows("-s", key, "-I"), rows("-s", key)[::-1], key)


def stalled_time_is_shown_by_reason():
    got = T.records(ctop(one(), "-n", "1", "-j"))
    T.check_equal({e["reason"]: (e["stalled_ns"], e["max_stall_ns"]) for e in got["exit"]},
                  {"CPUID": (None, None), "NPF": (None, None), "IOIO": (6000400, 6000400),
                   "MSR": (100, 100)})


def times_are_what_was_put_in():
    got = T.records(ctop(T.with_tree((231, 11, 0, T.timed(), "empty", 1, "uart")), "-n", "1", "-j"))
    keys = ("native_ns", "handler_ns", "kvm_ns", "blocked_ns", "timed", "time_ns", "mean_ns", "p50_le_ns",
            "p99_le_ns", "max_ns", "max_exact", "share_percent")
    exits = {e["reason"]: [e[k] for k in keys] for e in got["exit"]}
    cpuid = 49000 + 93000 + 4000
    T.check_equal(exits["CPUID"], [cpuid, None, None, None, 110, cpuid, cpuid // 110, 512, 4096, 90000, True,
                                   0.73])
    T.check_equal(exits["HLT"][2:9], [6000000, None, 3, 6000000, 2000000, 2000000, 2000000])
    io = 55000 + 6000400
    T.check_equal(exits["IOIO"], [None, 55000, None, 6000400, 22, io, io // 22, 2048, 6000400, 6000400, True,
                                  30.277])
    cpuid, = [e for e in got["exit"] if e["reason"] == "CPUID"]
    T.check_equal({b["from_ns"]: b["count"] for b in cpuid["buckets"] if b["count"]},
                  {256: 108, 2048: 1, 65536: 1})
    for b in cpuid["buckets"]:
        T.check_equal(b["below_ns"], 2 * b["from_ns"])


def percentiles_are_bounds_of_what_was_put_in():
    rng = T.seeded()
    for _ in range(20):
        cycles = [int(2 ** rng.uniform(0, 30)) for _ in range(rng.randrange(1, 300))]
        t = T.with_tree((1, 1, 0, T.Telemetry(0, times={(0x72, 0): cycles})))
        e, = T.records(ctop(t, "-n", "1", "-j"))["exit"]
        for percent, key in ((50, "p50_le_ns"), (99, "p99_le_ns")):
            true = sorted(cycles)[(len(cycles) * percent + 99) // 100 - 1]
            assert true <= e[key] <= max(2 * true, 32), (percent, true, e[key])
        T.check_equal((e["max_ns"], e["time_ns"], e["mean_ns"]),
                      (max(cycles), sum(cycles), sum(cycles) // len(cycles)))


def gap_shows_times_of_gaps_alone():
    t = T.with_tree((231, 11, 0, T.timed(), "empty"))
    got = {e["reason"]: e for e in T.records(ctop(t, "-n", "1", "-j", "--gap"))["exit"]}
    # Attached CPUID exits are in the same histogram: only sums are known
    T.check_equal([got["CPUID"][k] for k in ("total", "time_ns", "mean_ns", "p99_le_ns", "max_ns", "buckets")],
                  [10, 4000, 400, None, None, None])
    T.check_equal([got["IOIO"][k] for k in ("total", "time_ns", "p50_le_ns", "max_ns")],
                  [22, 6055400, 2048, 6000400])
    T.check_equal(got["IOIO"]["share_percent"], round(100 * 6055400 / 6059400, 3))


def ledger_is_what_was_put_in():
    tele = T.timed()
    got, = T.records(ctop(T.with_tree((231, 11, 0, tele)), "-n", "1", "-j"))["ledger"]
    T.check_equal({a: got[a + "_ns"] for a in T.ACCOUNTS}, tele.ledger)
    T.check_equal((got["elapsed_ns"], got["residual_ns"]), (20000000, 0))
    text = ctop(T.with_tree((231, 11, 0, tele)), "-n", "1").stdout.decode()
    line, = [x for x in text.splitlines() if "20.00 ms" in x]
    T.check_equal(line.split()[-1], "0")


def residual_of_the_ledger_is_never_hidden():
    for off, text in ((300000, "300.00 us (1.500 %!)"), (-500, "-500 ns (0.003 %)")):
        tele = T.timed()
        tele.ledger["guest"] -= off
        t = T.with_tree((231, 11, 0, tele))
        got, = T.records(ctop(t, "-n", "1", "-j"))["ledger"]
        T.check_equal(got["residual_ns"], off)
        assert text in ctop(t, "-n", "1").stdout.decode()
        rows = list(csv.DictReader(io.StringIO(ctop(t, "-n", "1", "--csv").stdout.decode())))
        T.check_equal({r["residual_ns"] for r in rows}, {str(off)})
        found = metrics(ctop(t, "-n", "1", "--openmetrics").stdout.decode())
        T.check_equal([v for (n, _), v in found.items() if n == "caretaker_vcpu_ledger_residual_seconds"],
                      [off / 1e9])


def handlers_are_shown_by_class():
    t = T.with_tree((231, 11, 0, T.timed()))
    got = {c["class"]: (c["calls"], c["time_ns"], c["mean_ns"])
           for c in T.records(ctop(t, "-n", "1", "-j"))["class"]}
    T.check_equal(got, {"io": (22, 55000, 2500), "cpuid": (5, 0, 0)})
    text = ctop(t, "-n", "1").stdout.decode()
    assert re.search(r"^231 +0 +io +22 +55\.00 us +2\.50 us$", text, re.M), text


def old_telemetry_is_read_and_says_what_it_lacks():
    old = T.demo_like()
    old.abi = 1
    t = T.with_tree((231, 11, 0, old, "empty", 1, "uart"))
    r, new = ctop(t, "-n", "1", "-j"), ctop(one(), "-n", "1", "-j")
    T.check_status(r, 0)
    a, b = T.records(r), T.records(new)
    for key in ("total", "native", "handler", "kvm", "blocked", "stalled_ns"):
        T.check_equal([e[key] for e in a["exit"]], [e[key] for e in b["exit"]], key)
    T.check_equal({(e["time_ns"], e["p99_le_ns"], e["share_percent"]) for e in a["exit"]}, {(None, None, None)})
    T.check_equal((a["header"][0]["untimed"], a["vcpu"][0]["abi"], "ledger" in a), (1, 1, False))
    text = ctop(t, "-n", "1").stdout.decode()
    assert "no times and no ledger for 1 vCPUs (telemetry of ABI 1)" in text and "%TIME" not in text, text
    t.add(232, 11, 0, T.timed())
    text = ctop(t, "-n", "1").stdout.decode()
    assert "for 1 vCPUs" in text and "%TIME" in text and "not known" in text, text
    rows = list(csv.DictReader(io.StringIO(ctop(t, "-n", "1", "--csv").stdout.decode())))
    T.check_equal({(r["exits_ns"], r["elapsed_ns"]) for r in rows if r["pid"] == "231"}, {("", "")})


def reasons_that_share_a_slot_have_one_row():
    exits = {(r, 2): 1 + r for r in range(0x40, 0x40 + 40)}
    t = T.with_tree((1, 1, 0, T.Telemetry(0, exits=exits)))
    got = T.records(ctop(t, "-n", "1", "-j"))["exit"]
    T.check_equal(len(got), 32)
    shared, = [e for e in got if e["reason"] == "SHARED"]
    T.check_equal((shared["index"], shared["total"]), (256, sum(1 + r for r in range(0x5F, 0x68))))
    T.check_equal(shared["shared"][1:4], ["INTR", "NMI", "SMI"])
    T.check_equal(sum(e["total"] for e in got), sum(exits.values()))
    got = T.records(ctop(t, "-n", "1", "-j", "-e", "NMI,EXCP_UD"))["exit"]
    T.check_equal({e["reason"] for e in got}, {"SHARED", "EXCP_UD"})


def slots_that_make_no_sense_are_told():
    offset = T.HEAD.size + T.TIMES.size + 16 * 16
    for at, value in ((offset + 0x7B, 99), (offset + 0x7B, 1), (offset + T.NR_REASONS, 0x40)):
        blob = bytearray(T.demo_like().pack())
        blob[at] = value
        t = T.with_tree((1, 1, 0, bytes(blob)), (1, 1, 1, T.demo_like()))
        r = ctop(t, "-n", "1", "-j")
        T.check_status(r, 1, "the telemetry is damaged", "vCPU 0")
        got = T.records(r)
        T.check_equal((len(got["vcpu"]), got["header"][0]["damaged"]), (2, 1))


def filters_fit_synthetic_data():
    for options, n in ((["-p", "1001"], 8), (["-c", "3"], 63), (["-g", "9e3779b97f4a7c15"], 8),
                       (["-p", "1062", "-c", "3"], 1)):
        got = T.records(T.run(CTOP, "-b", "-n", "1", "-j", "--synthetic", "500", *options))
        T.check_equal(len(got["vcpu"]), n, options)
    T.check_status(T.run(ASAN, "-b", "-n", "1", "--synthetic", "5", "-p", "7"), 4, "left out")


def kernel_names(path, what, prefix):
    """A table of names as a source has it: [CONSTANT] = "name", by constant"""
    with open(os.path.join(TOP, path)) as f:
        table = re.search(r"\b%s\[[A-Z_]+\] = \{(.*?)\};" % what, f.read(), re.S).group(1)
    found = dict(re.findall(r'\[%s(\w+)\]\s*= "([^"]*)"' % prefix, table))
    assert len(found) > 3, table
    return found


def names_are_those_that_the_kernel_prints():
    debugfs = "kernel/overlay/virt/kvm/caretaker/debugfs.c"
    if not os.path.exists(os.path.join(TOP, debugfs)):
        raise T.Skip("no kernel sources here")
    accounts = kernel_names(debugfs, "account_names", "KVM_CARETAKER_TIME_")
    classes = kernel_names(debugfs, "class_names", "KVM_CARETAKER_CLASS_")
    states = kernel_names(debugfs, "state_names", "KVM_CARETAKER_")
    T.check_equal(kernel_names("verifier-ext/user/btf.c", "members", "KVM_CARETAKER_CLASS_"), classes)
    # What ctop prints for data that has each account and each class once
    t = T.timed()
    t.classes = {i: (i + 1, 1) for i in range(len(classes))}
    got = T.records(ctop(T.with_tree((1, 1, 0, t)), "-n", "1", "-j"))
    T.check_equal([c["class"] for c in got["class"]], list(classes.values()))
    T.check_equal([k[:-3] for k in got["ledger"][0] if k.endswith("_ns")][1:-1], list(accounts.values()))
    tree = T.Tree()
    for i, text in enumerate(states.values()):
        tree.add(1, 1, i, T.Telemetry(i), text)
    T.check_equal([v["state"] for v in T.records(ctop(tree, "-n", "1", "-j"))["vcpu"]],
                  [s.replace("detached, running", "detached").replace("detached, stalled", "stalled")
                   for s in states.values()])


def one_form_at_a_time():
    for two in (["-j", "--csv"], ["--csv", "--openmetrics"], ["-j", "--openmetrics"]):
        T.check_status(T.run(ASAN, "-b", "--synthetic", "1", *two), 2, "only one")


def binary_is_static():
    T.check_static(CTOP)


T.main([counts_of_one_vcpu_equal_what_was_put_in, handlers_are_shown_with_their_digest,
        pcpu_is_the_one_that_the_kernel_names, counts_of_500_vcpus_equal_what_was_put_in,
        gap_shows_gap_exits_alone, gap_without_handover_is_no_data, states_are_named,
        vcpu_without_exits_is_shown, filters_select, rows_are_sorted_and_cut,
        rates_come_with_the_second_look, sigint_ends_it_cleanly,
        replaced_stall_records_are_told_as_lost, damaged_vcpu_does_not_hide_the_others,
        vcpu_without_caretaker_is_left_out, saved_file_is_read, names_in_json_are_escaped,
        usage_errors_are_status_2, help_and_version_are_status_0, missing_permission_is_status_3,
        no_data_is_status_4_and_says_what_to_do, ways_to_live_data_are_told, output_that_cannot_be_written_is_status_1,
        reader_that_goes_away_ends_it, terminal_that_goes_away_ends_it,
        odd_files_are_refused, odd_directory_names_are_left_out,
        damaged_telemetry_does_not_crash_it, csv_has_what_json_has,
        odd_names_are_quoted_in_csv_and_metrics,
        strict_makes_a_loss_an_exit_status,
        times_are_what_was_put_in, percentiles_are_bounds_of_what_was_put_in,
        gap_shows_times_of_gaps_alone, ledger_is_what_was_put_in,
        residual_of_the_ledger_is_never_hidden, handlers_are_shown_by_class,
        old_telemetry_is_read_and_says_what_it_lacks, reasons_that_share_a_slot_have_one_row,
        slots_that_make_no_sense_are_told, invert_turns_the_rows_round, stalled_time_is_shown_by_reason, filters_fit_synthetic_data,
        one_form_at_a_time, names_are_those_that_the_kernel_prints, binary_is_static])
