#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_ring.py CTRACE CTRACE-WITH-SANITIZERS

Events of the rings: a directory like remotes/caretaker of tracefs, what is told of it live, in
recordings and of a gap, and which switches are touched."""

import atexit
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib/tests"))
import tree as T

CTRACE, ASAN = sys.argv[1:3]
DIR = tempfile.mkdtemp(prefix="ctrace-ring-")
atexit.register(shutil.rmtree, DIR, True)
NAMES = "exit stall resume run park inject ipi stray fault handler lost".split()
VM = 0xAB


class Tracefs:
    """A directory with remotes/caretaker in it"""

    def __init__(self, on=False, events=()):
        self.dir = tempfile.mkdtemp(dir=DIR)
        os.makedirs(self.path())
        for name in NAMES:
            os.makedirs(self.path("events", "caretaker", name))
            self.write(os.path.join("events/caretaker", name, "enable"), "%d\n" % (name in events))
        self.write("tracing_on", "%d\n" % on)
        self.write("trace_pipe", "")
        self.write("trace", "")

    def path(self, *parts):
        return os.path.join(self.dir, "remotes/caretaker", *parts)

    def write(self, name, text):
        with open(self.path(name) + ".new", "w", encoding="latin-1") as f:
            f.write(text)
        os.rename(self.path(name) + ".new", self.path(name))

    def trace(self, *lines):
        self.write("trace", "".join(line + "\n" for line in lines))

    def switches(self):
        """Names that are on, and tracing_on"""
        def is_on(name):
            with open(self.path(name), encoding="ascii") as f:
                return f.read(1) == "1"
        return ([n for n in NAMES if is_on(os.path.join("events/caretaker", n, "enable"))],
                is_on("tracing_on"))


def line(us, name="exit", more="reason=cpuid server=native detached=1 rip=0x10 info1=0x0 cycles=700",
         vm=VM, vcpu=0):
    return "[000]\t%5d.%06d: %s vm=%016x vcpu=%u apic_id=1 %s" % (us // 1000000, us % 1000000, name, vm,
                                                                  vcpu, more)


def vcpu(**fields):
    return T.with_tree((231, 11, 0, T.Telemetry(0, vm_id=VM, **fields), "attached"))


def start(t, fs, *words, tool=ASAN):
    p = subprocess.Popen([tool, *words, "--debugfs", t.dir, "--tracefs", fs.dir],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # A case that fails leaves nothing behind
    atexit.register(p.kill)
    return p


def next_ring(p):
    while True:
        record = json.loads(p.stdout.readline())
        if record.get("event") == "ring":
            return record["name"], record["what"]


def end(p, status=0):
    p.send_signal(signal.SIGINT)
    err = p.communicate(timeout=60)[1].decode()
    T.check_equal(p.returncode, status, err)
    return err


def live_tells_each_new_event_once():
    t, fs = vcpu(), Tracefs()
    fs.trace(line(5))
    p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "kept")
    assert json.loads(p.stdout.readline())["type"] == "header"
    T.check_equal(json.loads(p.stdout.readline())["event"], "seen")
    # The first one was there before. Two of one time, then a third of it
    fs.trace(line(5), line(7, "run", "halted=0 cycles=5 rip=0x1"), line(7, "handler", "reason=io len=8 data=01"))
    T.check_equal(next_ring(p), ("run", "run halted=0 cycles=5 rip=0x1"))
    T.check_equal(next_ring(p), ("handler", "handler reason=io len=8 data=01"))
    fs.trace(line(7, "run"), line(7, "handler"), line(7, "stall", "x=1"), line(9, "park", "x=2"))
    T.check_equal(next_ring(p), ("stall", "stall x=1"))
    T.check_equal(next_ring(p), ("park", "park x=2"))
    T.check_equal("missing" in end(p), False)


def filters_leave_out_events_of_others():
    t, fs = vcpu(), Tracefs()
    for option, want in (("-c", "0"), ("-g", "%016x" % VM)):
        fs.trace()
        p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "kept", option, want)
        p.stdout.readline()
        p.stdout.readline()
        fs.trace(line(7, "run", vm=VM + 1, vcpu=1), line(8, "park", "mine=1"))
        T.check_equal(next_ring(p), ("park", "park mine=1"))
        end(p)


def events_are_chosen_by_exit_reason():
    t, fs = vcpu(tsc_stop=1000, tsc_run=2000), Tracefs()
    fs.trace(line(5), line(6, "exit", "reason=io server=kvm"), line(7, "run", "halted=0"),
             line(8, "stall", "reason=msr info1=0x1"), line(9, "exit", "reason=0x7b x=1"),
             line(10, "exit", "reason=0x3ff x=1"), line(11, "handler", "reason=hypercall len=1"),
             line(12, "exit", "reason=what_is_new x=1"), line(13, "exit", "reason=npf x=1"))
    path, _ = record_of(t, fs, "reasons")

    def told(*options):
        shown = []
        for words in (("gap", "-E", "-j", "-i", path), ("gap", "-E", "-j", "--debugfs", t.dir, "--tracefs", fs.dir)):
            r = T.run(ASAN, *words, *options)
            T.check_status(r, 0)
            shown.append([e["what"].split()[0] for e in T.records(r)["ring"]])
        r = T.run(ASAN, "report", "-j", path, *options)
        shown.append([e["what"].split()[1] for e in T.records(r)["event"] if e["event"] == "ring"])
        T.check_equal((shown[1], shown[2]), (shown[0], shown[0]))
        return shown[0]

    # What has no reason, or one that this tool does not know, is not left out
    T.check_equal(told("-e", "CPUID"), ["reason=cpuid", "halted=0", "reason=what_is_new"])
    T.check_equal(told("-e", "IOIO,MSR"), ["reason=io", "halted=0", "reason=msr", "reason=0x7b", "reason=what_is_new"])
    T.check_equal(told("-e", "VMMCALL,NPF"), ["halted=0", "reason=hypercall", "reason=what_is_new", "reason=npf"])
    T.check_equal(len(told()), 9)


def only_what_was_off_is_switched_and_put_back():
    t, fs = vcpu(), Tracefs(events=("run",))
    p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "run,handler")
    p.stdout.readline()
    T.check_equal(fs.switches(), (["run", "handler"], True))
    end(p)
    T.check_equal(fs.switches(), (["run"], False))
    fs = Tracefs(on=True)
    T.check_status(T.run(ASAN, "live", "-n", "1", "-E", "all", "--debugfs", t.dir, "--tracefs", fs.dir), 0)
    T.check_equal(fs.switches(), ([], True))
    T.check_status(T.run(ASAN, "live", "-n", "1", "-E", "kept", "--debugfs", t.dir, "--tracefs", fs.dir), 0)
    T.check_equal(fs.switches(), ([], True))


def lost_events_are_told():
    t, fs = vcpu(), Tracefs()
    fs.trace(line(5))
    p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "kept", "--strict")
    p.stdout.readline()
    p.stdout.readline()
    fs.trace(line(5), "CPU:0 [LOST 17 EVENTS]", line(8, "park"))
    T.check_equal(next_ring(p)[0], "park")
    assert "17 events" in end(p, 5)
    # Nothing that was seen is there any more
    fs.trace(line(5))
    p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "kept")
    p.stdout.readline()
    p.stdout.readline()
    fs.trace(line(50, "run"))
    T.check_equal(next_ring(p)[0], "run")
    assert "events may be missing" in end(p)


def two_vms(**fields):
    return T.with_tree((231, 11, 0, T.Telemetry(0, vm_id=VM, **fields), "attached"),
                       (232, 11, 0, T.Telemetry(0, vm_id=VM + 1, **fields), "attached"))


def lost_of(result):
    """{(type, VM): what the records say is missing}; all of one kind say the same"""
    found = {}
    for kind, rows in T.records(result).items():
        for row in rows:
            T.check_equal(found.setdefault((kind, row.get("vm")), row["lost"]), row["lost"], row)
    return found


def overrun_of_a_ring_is_told_by_the_records_of_its_vcpu():
    t, fs = two_vms(), Tracefs()
    fs.trace(line(5), line(5, vm=VM + 1))
    p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "kept", "--strict")

    def until(name):
        for text in p.stdout:
            r = json.loads(text)
            if r.get("name") == name:
                return r["vm"], r["lost"]

    T.check_equal([json.loads(p.stdout.readline())["lost"] for _ in range(3)], [0] * 3)
    # Of that vCPU alone, and from look to look it gets more
    fs.trace(line(5), line(5, vm=VM + 1), line(8, "lost", "events=17"), line(9, "park"), line(9, "run", vm=VM + 1))
    T.check_equal([until("lost"), until("park"), until("run")],
                  [("%016x" % VM, 17), ("%016x" % VM, 17), ("%016x" % (VM + 1), 0)])
    fs.trace(line(9, "park"), line(9, "run", vm=VM + 1), line(10, "lost", "events=4"), line(11, "exit", "x=1"))
    T.check_equal(until("exit"), ("%016x" % VM, 21))
    assert "lost 21: 0 records of stalls that newer ones replaced, 0 vCPUs that could not be read, 21 events" in end(
        p, 5)


def overrun_of_a_ring_is_told_with_a_gap():
    stamps = dict(tsc_stop=10000500, tsc_run=10010000, tsc_kick=10900000, tsc_park=10901000, tsc_adopt=10950000,
                  gap_exits={(0x72, 0): 9})
    t, fs = two_vms(**stamps), Tracefs()
    there = ("--debugfs", t.dir, "--tracefs", fs.dir)
    fs.trace(line(10500, "lost", "events=17"), line(10600), line(10600, vm=VM + 1))
    mine, other = "%016x" % VM, "%016x" % (VM + 1)
    path, err = record_of(t, fs, "overrun")
    assert "17 events" in err, err
    T.check_equal([struct.unpack("<2Q", c[:16]) for kind, c in blocks(path) if kind == 7], [(17, 0)])
    for source in (there, ("-i", path)):
        r = T.run(ASAN, "gap", "-E", "-j", "-x", "--strict", *source)
        T.check_status(r, 5, "lost 17: 0 records", " 17 events")
        want = {("header", None): 17}
        for kind in ("gap", "step", "exit", "pause", "ring"):
            want.update({(kind, mine): 17, (kind, other): 0})
        T.check_equal(lost_of(r), want)
        title = T.run(ASAN, "gap", "-E", *source).stdout.decode()
        T.check_equal(re.findall(r"^VM .*  lost (\d+)$", title, re.M), ["17", "0"])
        r = T.run(ASAN, "gap", "-S", "-E", "-j", *source)
        T.check_equal(lost_of(r), {("header", None): 17, ("summary", None): 17})
    r = T.run(ASAN, "report", "-j", "--strict", path)
    T.check_status(r, 5, " 17 events")
    T.check_equal(lost_of(r), {("header", None): 17, ("event", mine): 17, ("event", other): 0})
    # What tracefs has lost comes on top of it, and is of no vCPU; of vCPUs that are not asked for nothing is missing
    fs.trace("CPU:0 [LOST 20 EVENTS]", line(10500, "lost", "events=17"), line(10600))
    T.check_equal(lost_of(T.run(ASAN, "gap", "-E", "-j", *there))["header", None], 20)
    fs.trace(line(10500, "lost", "events=17"), line(10600))
    T.check_equal(lost_of(T.run(ASAN, "gap", "-E", "-j", "-g", other, *there))["header", None], 0)
    for text in ("events=", "events=x", "more=1", "events=-1", "events= -1"):
        fs.trace(line(10500, "lost", text), line(10600))
        r = T.run(ASAN, "gap", "-E", "-j", "--strict", *there)
        T.check_equal((r.returncode in (0, 5), lost_of(r)["header", None] < 1 << 32), (True, True), text)


def rings(fs, *dropped, overrun=0):
    fs.write("rings", "vm vcpu apic_id events written read lost dropped tsc_khz state\n" + "".join(
        "%016x 0 %u 0x3ff 100 90 0 %u 1000000 good\n" % (VM + i, i + 1, n) for i, n in enumerate(dropped)) +
             "# overrun %u\n" % overrun)


def events_that_never_came_to_be_in_a_ring_are_lost():
    t, fs = two_vms(tsc_stop=10000500, tsc_run=10010000, tsc_kick=10900000, tsc_park=10901000,
                    tsc_adopt=10950000), Tracefs()
    there = ("--debugfs", t.dir, "--tracefs", fs.dir)
    mine, other = "%016x" % VM, "%016x" % (VM + 1)
    # All of them, and once more from a recording
    fs.trace(line(10500, "lost", "events=17"), line(10600), line(10600, vm=VM + 1))
    rings(fs, 4, 0)
    path, err = record_of(t, fs, "dropped")
    assert "21 events" in err, err
    for source in (there, ("-i", path)):
        r = T.run(ASAN, "gap", "-E", "-j", "--strict", *source)
        T.check_status(r, 5, " 21 events")
        T.check_equal({k: v for k, v in lost_of(r).items() if k[0] in ("header", "ring")},
                      {("header", None): 21, ("ring", mine): 21, ("ring", other): 0})
        T.check_equal([e["what"] for e in T.records(r)["ring"] if e["name"] == "lost"],
                      ["events=17", "events=4, an NMI came with each"])
    fs.trace("CPU:0 [LOST 20 EVENTS]", line(10500, "lost", "events=17"), line(10600))
    T.check_equal(lost_of(T.run(ASAN, "gap", "-E", "-j", *there))["header", None], 24)
    T.check_equal(lost_of(T.run(ASAN, "gap", "-E", "-j", "-g", other, *there))["header", None], 20)
    # What tracefs' buffer has overwritten, those of the rings included
    for overrun, lost in ((16, 21), (17, 21), (18, 22), (1017, 1021)):
        fs.trace(line(10500, "lost", "events=17"), line(10600))
        rings(fs, 4, 0, overrun=overrun)
        r = T.run(ASAN, "gap", "-E", "-j", "--strict", *there)
        T.check_status(r, 5, " %u events" % lost)
        T.check_equal(lost_of(r)["header", None], lost)
    # Live what they grow by, also when a ring is new
    fs.trace(line(5))
    p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "kept", "--strict")
    T.check_equal([json.loads(p.stdout.readline())["lost"] for _ in range(3)], [0] * 3)
    for at, (n, sum_of) in enumerate(((6, 2), (1, 3), (1, 3), (5, 7))):
        # Read behind the trace, so they are there when the event is
        rings(fs, n, 0, overrun=99)
        fs.trace(line(5), *(line(10 + i, "park") for i in range(at + 1)))
        T.check_equal(next(r["lost"] for r in map(json.loads, p.stdout) if r.get("name") == "park"), sum_of)
    assert " 7 events" in end(p, 5)
    for text in ("", "\n\n", "vm\n", "zz 0 0 0x0 1 1 0 3 1 good\n", "1 0 0 0x0 1 1 0 -\n",
                 "%016x 0 1 0x1 1 1 0 %d" % (VM, 1 << 70)):
        fs.write("rings", text)
        r = T.run(ASAN, "gap", "-E", "-j", *there)
        T.check_equal((r.returncode, lost_of(r)["header", None] < 1 << 33), (0, True), text)


def record_of(t, fs, name, *more):
    path = os.path.join(DIR, name)
    r = T.run(ASAN, "record", "-o", path, "-n", "1", "-E", "kept", "--debugfs", t.dir, "--tracefs", fs.dir,
              *more)
    T.check_status(r, 0)
    return path, r.stderr.decode()


def blocks(path):
    with open(path, "rb") as f:
        data = f.read()
    at, found = 128, []
    while at < len(data):
        magic, crc, kind, length, seq = struct.unpack_from("<4IQ", data, at)
        T.check_equal((magic, crc, seq), (0x4B425443, zlib.crc32(data[at + 8:at + 24 + length]), len(found)))
        found.append((kind, data[at + 24:at + 24 + length]))
        at += 24 + length
    return found


def with_empty_looks(path, nr):
    """The same recording, going on after its vCPUs have gone"""
    with open(path, "rb") as f:
        head = f.read(128)
    found = blocks(path)
    look = [(k, struct.pack("<2I", 0, 0) + c[8:] if k == 3 else c) for k, c in found if k in (1, 3)]
    with open(path + ".longer", "wb") as f:
        f.write(head)
        for seq, (kind, content) in enumerate(found[:-1] + look * nr + [(4, struct.pack("<Q", 1 + nr))]):
            rest = struct.pack("<2IQ", kind, len(content), seq) + content
            f.write(struct.pack("<2I", 0x4B425443, zlib.crc32(rest)) + rest)
    return path + ".longer"


def losses_of_a_recording_are_counted_once():
    fs = Tracefs()
    fs.trace("CPU:0 [LOST 3 EVENTS]", line(2000007), line(2000008, vm=7))
    path, _ = record_of(vcpu(tsc_stop=10000500, tsc_run=10010000), fs, "once")
    for nr in (0, 1, 4):
        r = T.run(ASAN, "gap", "-E", "-j", "-i", with_empty_looks(path, nr))
        T.check_status(r, 0)
        T.check_equal(lost_of(r)["header", None], 3)


def recording_has_events_as_the_manual_page_says():
    fs = Tracefs()
    fs.trace("CPU:0 [LOST 3 EVENTS]", line(2000007, "handler", "reason=io len=8 data=0102"), line(2000008, vm=7))
    path, err = record_of(vcpu(), fs, "manual")
    assert "2 events" in err and "lost 3" in err, err
    found = blocks(path)
    T.check_equal([kind for kind, _ in found], [1, 2, 6, 6, 7, 3, 4])
    content = found[2][1]
    T.check_equal(struct.unpack_from("<2Q2I16s", content), (2000007000, VM, 0, 1, b"handler".ljust(16, b"\0")))
    T.check_equal(content[40:], b"reason=io len=8 data=0102")
    T.check_equal(struct.unpack("<Q2I", found[4][1]), (3, 0, 0))


def report_tells_events_of_recordings():
    t, fs = vcpu(), Tracefs()
    fs.trace(line(8, "run", "halted=0"), line(9, "park", "halted=1"))
    path, _ = record_of(t, fs, "report")
    r = T.run(ASAN, "report", "-j", path)
    T.check_status(r, 0)
    T.check_equal([(e["name"], e["what"]) for e in T.records(r)["event"] if e["event"] == "ring"],
                  [("run", "run halted=0"), ("park", "park halted=1")])
    assert "ring    run halted=0" in T.run(ASAN, "report", path).stdout.decode()


def events_of_a_gap_are_those_between_its_steps():
    # The TSC runs at 1 GHz: 1000 cycles are a microsecond, to which times of events are cut
    t = vcpu(tsc_stop=10000500, tsc_run=10010000, tsc_kick=10900000, tsc_park=10901000, tsc_adopt=10950000)
    fs = Tracefs()
    fs.trace(line(9999, "exit", "before=1"), line(10000, "run", "at=stop"), line(10500, "handler", "data=41"),
             line(10600, "exit", "other=1", vm=VM + 1), line(10950, "park", "at=adopt"),
             line(10951, "exit", "after=1"))
    r = T.run(ASAN, "gap", "-E", "-j", "--debugfs", t.dir, "--tracefs", fs.dir)
    T.check_status(r, 0)
    want = [(0, "run", "at=stop"), (499500, "handler", "data=41"), (949500, "park", "at=adopt")]
    T.check_equal([(e["at_ns"], e["name"], e["what"]) for e in T.records(r)["ring"]], want)
    text = T.run(ASAN, "gap", "-E", "--explain", "--debugfs", t.dir, "--tracefs", fs.dir).stdout.decode()
    assert "events of the ring in this gap: 3\n" in text and "0.000499500  handler  data=41\n" in text, text
    # Of a recording, all looks count
    path, _ = record_of(t, fs, "gap")
    r = T.run(ASAN, "gap", "-E", "-j", "-i", path)
    T.check_equal([(e["at_ns"], e["name"], e["what"]) for e in T.records(r)["ring"]], want)
    assert "ring" not in T.records(T.run(ASAN, "gap", "-j", "-i", path))


def hostile_text_is_harmless():
    rng, t, fs = T.seeded(), vcpu(), Tracefs()
    good = line(8, "run", "halted=0")
    for i in range(60):
        noisy = list(good)
        for _ in range(rng.randrange(1, 9)):
            noisy[rng.randrange(len(noisy))] = chr(rng.randrange(1, 256))
        fs.trace(*["".join(noisy).replace("\n", ""), good, "x" * 5000, "[000] 1.5: " + "y" * 3000])
        r = T.run(ASAN, "gap" if i % 2 else "record", *([] if i % 2 else ["-o", DIR + "/noise", "-n", "1"]),
                  "-E", *([] if i % 2 else ["kept"]), "--debugfs", t.dir, "--tracefs", fs.dir)
        assert r.returncode in (0, 4), r
        assert "make no sense" in r.stderr.decode(), r.stderr
    fs.trace(line(8, "run", "\x1b[31mred\x07"))
    path, _ = record_of(t, fs, "escape")
    text = T.run(ASAN, "report", path).stdout
    assert b"run ?[31mred?" in text and b"\x1b" not in text, text
    for record in T.run(ASAN, "report", "-j", path).stdout.splitlines():
        json.loads(record)


def statuses_are_as_documented():
    t, fs = vcpu(), Tracefs()
    there = ["--debugfs", t.dir, "--tracefs", fs.dir]
    r = T.run(ASAN, "live", "-n", "1", "-E", "exit,nonsense", *there)
    T.check_status(r, 2, 'no event "nonsense"')
    T.check_status(T.run(ASAN, "live", "-n", "1", "-E", "", *there), 2, "no event")
    r = T.run(ASAN, "live", "-E", "help")
    T.check_status(r, 0)
    T.check_equal(r.stdout.decode().split(), NAMES + ["all", "kept"])
    T.check_status(T.run(ASAN, "live", "-n", "1", "-E", "all", "--debugfs", t.dir, "--tracefs", DIR), 4,
                   "CONFIG_KVM_CARETAKER", "mount -t tracefs")
    T.check_status(T.run(ASAN, "list", "-E", *there), 2)
    os.chmod(fs.path("trace_pipe"), 0)
    for d in (DIR, fs.dir):
        os.chmod(d, 0o755)
    T.check_status(T.run(CTRACE, "gap", "-E", *there, drop_root=True), 3, "CAP_DAC_READ_SEARCH")
    os.chmod(fs.path("trace_pipe"), 0o644)
    os.chmod(fs.path("events/caretaker/exit/enable"), 0o444)
    T.check_status(T.run(CTRACE, "live", "-n", "1", "-E", "exit", *there, drop_root=True), 3,
                   "CAP_DAC_OVERRIDE")


def events_end_with_the_signal_in_time():
    fs = Tracefs()
    p = start(vcpu(), fs, "live", "-j", "-d", "60", "-E", "exit")
    p.stdout.readline()
    while not fs.switches()[1]:
        time.sleep(0.02)
    end(p)
    T.check_equal(fs.switches(), ([], False))


def switches_are_put_back_however_it_ends():
    for sig in (signal.SIGTERM, signal.SIGHUP):
        fs = Tracefs()
        p = start(vcpu(), fs, "live", "-j", "-d", "60", "-E", "run")
        p.stdout.readline()
        T.check_equal(fs.switches(), (["run"], True))
        p.send_signal(sig)
        p.communicate(timeout=60)
        T.check_equal((p.returncode, fs.switches()), (0, ([], False)), sig)
    # Its reader went away
    fs = Tracefs()
    t = vcpu()
    p = start(t, fs, "live", "-j", "-d", "0.05", "-E", "run")
    p.stdout.readline()
    p.stdout.close()
    shutil.rmtree(t.path("kvm", "231-11"))
    assert "writing the output: Broken pipe" in p.stderr.read().decode()
    T.check_equal((p.wait(timeout=60), fs.switches()), (1, ([], False)))


T.main([live_tells_each_new_event_once, events_are_chosen_by_exit_reason, filters_leave_out_events_of_others,
        only_what_was_off_is_switched_and_put_back, lost_events_are_told,
        overrun_of_a_ring_is_told_by_the_records_of_its_vcpu, overrun_of_a_ring_is_told_with_a_gap,
        events_that_never_came_to_be_in_a_ring_are_lost,
        losses_of_a_recording_are_counted_once, recording_has_events_as_the_manual_page_says, report_tells_events_of_recordings,
        events_of_a_gap_are_those_between_its_steps, hostile_text_is_harmless,
        statuses_are_as_documented, events_end_with_the_signal_in_time, switches_are_put_back_however_it_ends])
