#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The demo's report against runs that are made up: what belongs to which gap, what is wrong, what is
over target. And the programs around it: wrong usage, a combination of the matrix that fails."""

import atexit
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path[:0] = [os.path.join(TOP, "tools/lib/tests"), os.path.join(TOP, "scripts")]
import tree as T    # noqa: E402

DIR = tempfile.mkdtemp(prefix="demo-report-")
atexit.register(shutil.rmtree, DIR, True)

MS = 1000000            # cycles: the TSC runs at 1 GHz
START = 100 * 1000 * MS
STEP = 40 * 1000 * MS   # from one preserve to the next
OFFSET = 1 << 63
EMPTY_KB = 2000000
COUNTERS = ("timer_fired", "injected", "ipi_sent", "ipi_received", "ipi_kicks", "nr_stalls")
NR_HIST, NR_RING, NR_CPUS, NR_CPU_RING = 256, 24576, 16, 4096


def telemetry(vcpu, **more):
    t = dict.fromkeys(("tsc_stop", "tsc_run", "tsc_kick", "tsc_adopt", "idle_tsc", *COUNTERS), 0)
    t.update(vcpu=vcpu, stalls=[], exits=[], gap_exits=[], tsc_first=0, tsc_last=1 << 40,
             ledger={**dict.fromkeys(T.ACCOUNTS, 0), "guest": 1 << 40})
    t.update(more)
    return t


def report(stage, kexecs, *vcpus):
    names = "preserve_start stopped restored replayed".split()
    return {"tsc_khz": MS, "tsc_offset": OFFSET, "nr_vcpus": len(vcpus), "stopped_before": 0,
            "host": {"release": "7-%s" % "ab"[stage % 2], "version": "v", "boot_id": "id-%d" % stage},
            "steps": dict.fromkeys(names, 0), "clock_error_ns": 5 * stage,
            "past": {"updates": 3, "cancels": 2, "kexecs": kexecs},
            "console": {"replayed": 0}, "loops_at_retrieve": 0, "loops_at_adopt": 0,
            "vcpus": [{"tsc_offset": OFFSET, "telemetry": t, "caretaker": {}} for t in vcpus]}


class Made:
    """A run of two vCPUs: gap N (from 0) stops at START + N * STEP, 10 s long, the second one with the
    longest pauses; a test changes parts of it before write()"""

    def __init__(self, name="software", gaps=1):
        self.base = tempfile.mkdtemp(dir=DIR)
        self.dir = os.path.join(self.base, name)
        self.name, self.nr = name, gaps
        os.mkdir(self.dir)
        self.before, self.reports, self.adopted = [], [], []
        for n in range(gaps):
            self.gap_add(n)
        self.reports.append(dict(self.adopted[-1]))
        self.mem = {n: (EMPTY_KB - 5000, EMPTY_KB) for n in range(2, gaps + 2)}
        self.mem.update({gaps + 2: (EMPTY_KB,), gaps + 3: (EMPTY_KB,)})
        self.latency = {0: [], 1: []}   # (ms, ms at which it ended, against START) of each CPU
        self.distances = {}             # of TSC readings: end of the slice in ms: (ms, ms at which it ended)
        self.boxes = {}                 # stage: so many of the latencies are in its mailbox
        self.clock = [5, 0, 0, 10, 20]
        self.dmesg = []
        self.results()

    def results(self):
        h = "0"
        for _ in range(3):
            h = hashlib.sha256((h + "\n").encode()).hexdigest()
        self.console = ["RESULT hash_steps=3 hash=" + h, "RESULT hackbench_runs=1 hackbench_bad=0",
                        "RESULT stress_status=0", "RESULT end=1"]

    def gap_add(self, n):
        """Counters go on from kexec to kexec. What each vCPU did in a gap differs from gap to gap."""
        stop, slow = START + n * STEP, (0, 2, 1)[n]
        base = {c: 1000 * (n + 1) for c in COUNTERS[:-1]}
        base.update(idle_tsc=50 * MS + n * 9000 * MS)
        new = [dict(base, idle_tsc=base["idle_tsc"] + (9600 + 100 * v) * MS,
                    **{c: base[c] + n + v + 1 for c in COUNTERS[:-1]}) for v in (0, 1)]
        stamps = [dict(tsc_stop=stop + MS, tsc_run=stop + (4 + slow + v) * MS) for v in (0, 1)]
        kicks = [dict(s, tsc_kick=stop + 10000 * MS, tsc_adopt=stop + (10002 + slow + v) * MS)
                 for v, s in enumerate(stamps)]
        self.before.append(report(n + 1, n, *[telemetry(v, **base) for v in (0, 1)]))
        old = report(n + 1, n, *[telemetry(v, **base, **stamps[v]) for v in (0, 1)])
        old["steps"]["preserve_start"] = stop
        self.reports.append(old)
        self.adopted.append(report(n + 2, n + 1, *[
            telemetry(v, **new[v], **kicks[v], open="") for v in (0, 1)]))
        self.adopted[-1]["steps"]["replayed"] = stop + 10010 * MS

    def vcpu(self, gap, v):
        """Telemetry after the adoption"""
        return self.adopted[gap]["vcpus"][v]["telemetry"]

    def put(self, name, data):
        with open(os.path.join(self.dir, name), "wb" if isinstance(data, bytes) else "w") as f:
            f.write(data if isinstance(data, (bytes, str)) else json.dumps(data))

    def cpu(self, latencies):
        """The newest slice counts as half written: an empty one follows"""
        ring = [(int(ms * MS), (START + int(at * MS) + OFFSET) % (1 << 64)) for ms, at in latencies]
        ring.append((0, 0))
        most = max((n for n, _ in ring), default=0)
        head = struct.pack("<16Q", len(ring), 7, most, 0, self.clock[0], self.clock[1], self.clock[2],
                           self.clock[3], self.clock[4], 0, 9, 0, 0, 0, 0, 0)
        data = bytearray(NR_CPU_RING * 16)
        for i, entry in enumerate(ring):
            struct.pack_into("<2Q", data, i % NR_CPU_RING * 16, *entry)
        return head + bytes(NR_HIST * 8) + bytes(data)

    def mailbox(self, stage):
        """Loops: one per ms of host time"""
        n = self.boxes.get(stage)
        times = [START - 20000 * MS + i * 500 * MS for i in range(40 + (self.nr + 1) * 80)]
        head = struct.pack("<4I13Q17Q", 0x584F424C, 1, 0, 0, len(times) + 1, *[0] * 11, 1, 2,
                           len(self.dmesg), *[0] * 15)
        data = bytearray(NR_RING * 32)
        for i, t in enumerate(times):
            ms, at = self.distances.get((t - START) // MS, (0, 0))
            struct.pack_into("<4Q", data, i * 32, (t + OFFSET) % (1 << 64), (t - times[0]) // MS, ms * MS,
                             (START + at * MS + OFFSET) % (1 << 64))
        cpus = [self.cpu(self.latency[c][:n]) for c in (0, 1)]
        return (head + bytes(NR_HIST * 8) + bytes(data) + b"".join(cpus) +
                bytes((NR_CPUS - 2) * len(cpus[0])))

    def write(self):
        last = self.nr + 1
        self.reports[-1] = self.adopted[-1]
        for i, r in enumerate(self.reports, 1):
            self.put("report-%d.json" % i, r)
            self.put("console-%d.log" % i, "")
            self.put("mailbox-%d.bin" % i, self.mailbox(i))
        self.put("before-1.json", self.before[0])
        for i in range(2, last):
            # After the adoption, and before the next preserve
            merged = json.loads(json.dumps(self.adopted[i - 2]))
            self.put("before-%d.json" % i, merged)
        self.put("console-%d.log" % last, "\n".join(
            ["DMESG BAD tsc=%d %s" % ((START + ms * MS + OFFSET) % (1 << 64), text)
             for ms, text in self.dmesg] + self.console) + "\n")
        for n, kb in self.mem.items():
            self.put("mem-%d.txt" % n, "".join("%d\n" % x for x in kb))
        return self

    def judged(self, status=0, *texts):
        """The report of this run, after demo-report ended as it should have"""
        self.write()
        r = T.run(os.path.join(TOP, "scripts/demo-report"), self.base, self.name)
        T.check_status(r, status, *texts)
        self.text = r.stdout.decode()
        with open(os.path.join(self.base, "report.json")) as f:
            return json.load(f)["runs"][0]


def one_gap_is_measured_by_its_stamps():
    r = Made().judged()
    T.check_equal([v["preserve_ns"] for v in r["vcpus"]], [3 * MS, 4 * MS])
    T.check_equal([v["adopt_ns"] for v in r["vcpus"]], [2 * MS, 3 * MS])
    T.check_equal(r["kexecs"][0]["gap_ns"], 9995 * MS)
    T.check_equal(r["faults"], [])


def counters_from_before_the_gap_are_left_out():
    v = Made().judged()["vcpus"][1]
    T.check_equal([v[c] for c in COUNTERS[:-1]], [2] * 5)
    T.check_equal(v["halted_ns"], 9700 * MS)


def of_several_gaps_pauses_are_the_longest_and_counts_are_sums():
    m = Made(gaps=3)
    for n in (1, 2):    # goes on where the last gap ended
        for v in (0, 1):
            last, now = m.vcpu(n - 1, v), m.vcpu(n, v)
            old = m.reports[n]["vcpus"][v]["telemetry"]
            for c in COUNTERS[:-1]:
                now[c] += last[c] - old[c]
                old[c] = last[c]
            now["idle_tsc"] = last["idle_tsc"] + 9600 * MS
    r = m.judged()
    T.check_equal(len(r["kexecs"]), 3)
    T.check_equal([v["preserve_ns"] for v in r["vcpus"]], [5 * MS, 6 * MS])
    T.check_equal([v["adopt_ns"] for v in r["vcpus"]], [4 * MS, 5 * MS])
    T.check_equal([v["ipi_sent"] for v in r["vcpus"]], [1 + 2 + 3, 2 + 3 + 4])
    T.check_equal([k["vcpus"][0]["preserve_ns"] for k in r["kexecs"]], [3 * MS, 5 * MS, 4 * MS])
    T.check_equal(r["clocks"]["kvmclock_error_ns"], 20)
    rows = m.text.split("Kexecs in a row")[1].splitlines()[2:5]
    T.check_equal([row.split()[0] for row in rows], ["1", "2", "3"])


def latencies_go_to_the_phase_in_which_most_of_them_lies():
    m = Made(gaps=2)
    m.latency[0] = [(9, -500), (7, -300), (30, 28), (80, 5000), (20, 10012), (6, 20000),
                    (40, 40038), (81, 45000), (5, 70000)]
    r = m.judged()["guest_cpus"]
    T.check_equal(r[0]["latency_ns"], {"before": 9 * MS, "preserve": 0, "gap": 81 * MS,
                                       "adopt": 20 * MS, "after": 6 * MS})
    T.check_equal(set(r[1]["latency_ns"].values()), {0})
    m = Made()
    m.latency[1] = [(8, 4.5)]
    T.check_equal(m.judged()["guest_cpus"][1]["latency_ns"]["preserve"], 8 * MS)


def what_the_ring_lost_is_in_the_mailbox_of_an_earlier_kernel():
    m = Made(gaps=2)
    m.latency[0] = [(90, 5000)] + [(1, 20000 + i) for i in range(NR_CPU_RING + 10)]
    m.boxes = {1: 1, 2: 4}
    T.check_equal(m.judged()["guest_cpus"][0]["latency_ns"]["gap"], 90 * MS)


def steps_of_the_handover_are_told_from_the_machines_delays():
    m = Made("smp", gaps=2)
    # The steps are from 1 to 4 and from 10000 to 10002; of the second gap from 40001 and 50000 on
    m.distances = {500: (30, 32), 3000: (80, 2800), 10500: (7, 10008), 20000: (90, 19900),
                   40500: (6, 40010), 50500: (8, 50009), 60000: (95, 59900)}
    m.write()
    r = T.run(os.path.join(TOP, "scripts/demo-report"), m.base, m.name)
    with open(os.path.join(m.base, "report.json")) as f:
        got = json.load(f)["runs"][0]
    T.check_equal(got["step_pause_ns"], {"preserve": 30 * MS, "adopt": 8 * MS})
    T.check_equal(got["max_pause_ns"], 80 * MS)
    assert b"over the steps at preserve, adoption  30 ms, 8 ms" in r.stdout, r.stdout
    T.check_equal(Made().judged()["step_pause_ns"], {})


def round_trips_are_counted_in_the_gap():
    T.check_equal(Made().judged()["ipi_round_trips"], {"total": 18, "gap": 9995, "longest_ns": 0})


def blocked_exits_are_counted_and_missed():
    m = Made()
    m.vcpu(0, 1)["nr_stalls"] = 2
    m.vcpu(0, 1)["stalls"] = [{"reason": 0x7B, "start": 5, "end": 9}] * 2
    T.check_equal(m.judged()["blocked_exits"], 2)
    assert "MISSED    exits that blocked" in m.text, m.text


def idle_guest_is_judged_by_the_vcpu_that_halts_least():
    for halted, word in ((9600, "reached"), (9400, "MISSED ")):
        m = Made("idle")
        m.vcpu(0, 0)["idle_tsc"] = (50 + halted) * MS
        T.check_equal(m.judged()["halted_share"], round(halted / 9995, 4))
        assert "%s   pCPUs halted in the gap, run idle, >= 95 %%" % word in m.text, m.text


def page_without_an_owner_is_found():
    m = Made(gaps=2)
    m.mem[2] = (EMPTY_KB - 5000, EMPTY_KB - 8)
    T.check_equal(m.judged(1, "pages of preserved memory have no owner")["memory"]["lost_pages"], 2)
    assert "MISSED    pages without an owner after 2 kexecs" in m.text, m.text


def kernels_are_compared_with_themselves():
    m = Made(gaps=2)
    m.mem = {2: (100, 2000), 3: (100, 3000), 4: (2000,), 5: (3000,)}
    T.check_equal(m.judged()["memory"], {"kept_back_pages": [475, 725], "lost_pages": 0,
                                       "could_hide_pages": 0})


def measure_of_pages_that_measures_nothing_is_wrong():
    m = Made(gaps=2)
    m.mem[3] = (EMPTY_KB, EMPTY_KB)
    m.judged(1, "MemTotal does not show what is preserved")


def pages_that_could_hide_are_told():
    m = Made(gaps=2)
    m.mem[3] = (EMPTY_KB - 5000, EMPTY_KB + 8)
    T.check_equal(m.judged()["memory"]["could_hide_pages"], 2)


def pages_are_unknown_when_nobody_looked():
    m = Made()
    m.mem = {2: (100, 200)}
    T.check_equal(m.judged()["memory"]["lost_pages"], None)
    assert "without an owner" not in m.text, m.text


def counters_of_the_soak_are_reported():
    m = Made(gaps=2)
    T.check_equal(m.judged()["past"], {"updates": 3, "cancels": 2, "kexecs": 2})
    assert "3 updates, 2 cancels, 2 kexecs" in m.text, m.text


def exits_of_a_rehearsal_are_not_of_the_gap():
    m = Made()
    for v, before, after in ((0, 5, 12), (1, 9, 9)):
        e = {"reason": 0x72, "served_by": "native"}
        m.before[0]["vcpus"][v]["telemetry"]["gap_exits"] = [dict(e, count=before)]
        m.vcpu(0, v)["gap_exits"] = [dict(e, count=after)]
    m.put("ctop-gap.ndjson", "".join(json.dumps({
        "type": "exit", "index": 0x72, "native": n, "handler": 0, "kvm": 0, "blocked": 0}) + "\n" for n in (12, 9)))
    T.check_equal(m.judged()["exits"], [
        {"vcpu": 0, "reason": "CPUID", "served_by": "native", "count": 7}])


def rehearsal_is_reported():
    m = Made()
    m.put("rehearse.json", {"detached_ns": 3000000000, "blocked_exits": 4, "blocked": [
        {"count": 4, "vcpu": 1, "reason": "IOIO", "detail": "out 0x80", "rip": 4096}]})
    T.check_equal(m.judged()["rehearsal"]["blocked_exits"], 4)
    assert "vCPU 1  IOIO out 0x80 rip 0x1000" in m.text, m.text


def adoption_missing(m):
    m.adopted[-1]["past"]["kexecs"] -= 1


def offset_changed(m):
    m.adopted[0]["vcpus"][1]["tsc_offset"] += 1


def same_kernel(m):
    m.adopted[-1]["host"]["release"] = m.reports[-2]["host"]["release"]


def clock_back(m):
    m.clock[1] = 1


def hash_wrong(m):
    m.console[0] = m.console[0][:-1] + "x"


def dmesg_line(m):
    m.dmesg = [(-5000, "rcu: INFO: stall")]


def wrong_runs_are_told_and_end_with_status_1():
    for change, text in ((adoption_missing, "an adoption is missing"),
                         (offset_changed, "TSC offset changed"),
                         (same_kernel, "both kernels have one version"),
                         (clock_back, "CLOCK_MONOTONIC stepped back"),
                         (hash_wrong, "the chain of hashes is wrong"),
                         (dmesg_line, "1 lines that should not be there")):
        m = Made(gaps=2)
        change(m)
        r = m.judged(1, text)
        T.check_equal(len(r["faults"]), 1, change.__name__)
    T.check_equal(r["dmesg_bad_lines"], ["before: rcu: INFO: stall"])


def bad_lines_of_the_kernel_log_come_with_their_phase():
    m = Made(gaps=2)
    m.dmesg = [(-5000, "a"), (2, "b"), (5000, "c"), (10001, "d"), (20000, "e")]
    r = m.judged(1, "5 lines that should not be there")
    T.check_equal(r["dmesg_bad_lines"], ["before: a", "preserve: b", "gap: c", "adopt: d", "after: e"])
    assert "in its kernel log: gap: c" in m.text, m.text


def control(m, *lines):
    """The files of a run control, from those of a run"""
    d = os.path.join(m.base, "control")
    os.mkdir(d)
    for name in ("report-%d.json", "mailbox-%d.bin", "console-%d.log"):
        shutil.copy(os.path.join(m.dir, name % (m.nr + 1)), os.path.join(d, name % 1))
    with open(os.path.join(d, "console-1.log"), "a") as f:
        f.writelines(line + "\n" for line in lines)


def control_is_reported_apart_from_the_runs():
    m = Made()
    m.latency = {0: [(3, -500), (9, -300)], 1: [(4, -500)]}
    m.write()
    control(m, "DMESG BAD tsc=5 hrtimer: interrupt took 7 ns", "DMESG good")
    for names in ((m.name, "control"), ("control",)):
        r = T.run(os.path.join(TOP, "scripts/demo-report"), m.base, *names)
        T.check_status(r, 0)
        text = r.stdout.decode()
        assert "in its kernel log: hrtimer: interrupt took 7 ns" in text, text
        with open(os.path.join(m.base, "report.json")) as f:
            got = json.load(f)
        T.check_equal(len(got["runs"]), len(names) - 1)
        T.check_equal(got["control"]["latency_ns"], [9 * MS, 4 * MS])
        T.check_equal(got["control"]["dmesg_bad_lines"], ["hrtimer: interrupt took 7 ns"])
        T.check_equal(got["control"]["faults"], [])


def control_that_is_wrong_ends_with_status_1():
    m = Made().write()
    control(m, "RESULT stress_status=2")
    r = T.run(os.path.join(TOP, "scripts/demo-report"), m.base, m.name, "control")
    T.check_status(r, 1, "control: stress-ng --verify ended with 2")
    path = os.path.join(m.base, "control", "report-1.json")
    with open(path, "w") as f:
        json.dump({**m.reports[-1], "nr_vcpus": 3}, f)
    r = T.run(os.path.join(TOP, "scripts/demo-report"), m.base, m.name, "control")
    T.check_status(r, 1, "control: the guest did not start all its CPUs")


def files_that_are_cut_or_missing_are_named():
    for name in ("before-1.json", "report-2.json", "mailbox-2.bin", "console-1.log"):
        m = Made().write()
        with open(os.path.join(m.dir, name), "r+b") as f:
            f.truncate(40 if name != "console-1.log" else 0)
        if name == "console-1.log":
            os.remove(f.name)
        r = T.run(os.path.join(TOP, "scripts/demo-report"), m.base, m.name)
        T.check_status(r, 1, name)
        assert b"Traceback" not in r.stderr, r.stderr


def demo_refuses_wrong_usage():
    for args, text in ((("-K", "0", "idle"), "-K 0"), (("-K", "1x", "idle"), "-K 1x"),
                       (("-U", "-1", "idle"), "-U -1"), (("-c", "64", "smp"), "-c 64"),
                       (("-K", "2", "handler"), "none of them is made"),
                       (("-K", "2", "control"), "none of them is made"),
                       (("-d", "/tmp/a:b", "idle"), "its name has a colon"),
                       (("idler",), "there is no such run")):
        T.check_status(T.run(os.path.join(TOP, "scripts/demo"), *args), 2, text)


def matrix_in(demo):
    """demo-matrix beside another scripts/demo"""
    scripts = os.path.join(tempfile.mkdtemp(dir=DIR), "scripts")
    os.mkdir(scripts)
    for f in ("demo-matrix", "demo_text.py"):
        shutil.copy(os.path.join(TOP, "scripts", f), scripts)
    with open(os.path.join(scripts, "demo"), "w") as f:
        f.write("#!/bin/sh\n" + demo)
    os.chmod(f.name, 0o755)
    return os.path.join(scripts, "demo-matrix"), os.path.join(scripts, "../out/demo-matrix")


def matrix_goes_on_after_a_failure_and_ends_with_status_1():
    m = Made(gaps=2)
    m.judged()
    matrix, out = matrix_in('''
[ "$2/$4" != 6.12/2 ] || { echo "demo: idle: it did not come to its end"; exit 1; }
[ "$7 $8" = "-K 2" ] && cp %s/report.json "$6/"
''' % m.base)
    r = T.run(matrix, "-g", "6.1,6.12", "-c", "1,2", "--", "-K", "2")
    T.check_status(r, 1)
    text = r.stdout.decode()
    T.check_equal([line.split()[:4] for line in text.splitlines() if " ok " in line or "FAILED" in line],
                  [["6.1", "1", "software", "ok"], ["6.1", "2", "software", "ok"],
                   ["6.12", "1", "software", "ok"], ["6.12", "2", "-", "FAILED"]])
    assert "6.12, 2 vCPUs: scripts/demo ended with status 1: demo: idle: it did" in text, text
    with open(os.path.join(out, "matrix.json")) as f:
        rows = json.load(f)["runs"]
    T.check_equal([(x["guest"], x["vcpus"], x.get("kexecs")) for x in rows],
                  [("6.1", 1, 2), ("6.1", 2, 2), ("6.12", 1, 2), ("6.12", 2, None)])
    T.check_equal(rows[0]["preserve_ns"], 6 * MS)


def matrix_takes_no_report_of_an_earlier_time():
    m = Made()
    m.judged()
    matrix, _ = matrix_in('[ -e %s/once ] && exit 3\ntouch %s/once\ncp %s/report.json "$6/"\n' % (
        (m.base,) * 3))
    T.check_status(T.run(matrix, "-g", "own", "-c", "2"), 0)
    r = T.run(matrix, "-g", "own", "-c", "2")
    T.check_status(r, 1)
    assert b"ended with status 3" in r.stdout, r.stdout


def matrix_refuses_what_it_does_not_know():
    matrix = os.path.join(TOP, "scripts/demo-matrix")
    for args, text in ((("-g", "5.10"), "there is no '5.10'"), (("-c", "1,0"), "'0' is not a number"),
                       (("-c", "64"), "1 to 63"), (("-r", "handler"), "there is no 'handler'")):
        T.check_status(T.run(matrix, *args), 2, text)
    r = T.run(matrix, "-h")
    T.check_status(r, 0)
    assert r.stdout.startswith(b"usage: scripts/demo-matrix"), r.stdout


CASES = [v for k, v in list(globals().items())
         if callable(v) and getattr(v, "__code__", None) and not v.__code__.co_argcount and
         v.__module__ == "__main__" and k not in ("main",)]

if __name__ == "__main__":
    T.main(CASES)
