#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_record.py CTRACE CTRACE-WITH-SANITIZERS

Recordings, what is told of them and live, causes of pauses, sums, histograms."""

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
DIR = tempfile.mkdtemp(prefix="ctrace-record-")
atexit.register(shutil.rmtree, DIR, True)


def ctrace(*words, tool=ASAN, **how):
    return T.run(tool, *words, **how)


def recording(name, *options, tool=CTRACE):
    path = os.path.join(DIR, name)
    T.check_status(ctrace("record", "-o", path, "-d", "0.01", *options, tool=tool), 0)
    return path


def of_tree(t, name):
    return recording(name, "--debugfs", t.dir, "-n", "1")


def events(result):
    return [(e["event"], e["what"]) for e in T.records(result).get("event", [])]


def blocks(data):
    """(type, content) of all blocks, read by what the manual page says"""
    magic, version, size, order, abi, isa, clock = struct.unpack_from("<8s6I", data)
    T.check_equal((magic, version, size, order, abi, isa, clock),
                  (b"CTRECORD", 1, 128, 0x01020304, 2, 1, 1))
    T.check_equal(zlib.crc32(data[:124]), struct.unpack_from("<I", data, 124)[0], "CRC of the head")
    at, found = size, []
    while at < len(data):
        magic, crc, kind, length, seq = struct.unpack_from("<4IQ", data, at)
        T.check_equal((magic, seq), (0x4B425443, len(found)))
        T.check_equal(zlib.crc32(data[at + 8:at + 24 + length]), crc, "CRC of a block")
        found.append((kind, data[at + 24:at + 24 + length]))
        at += 24 + length
    return found


def unpacked(content):
    """struct kvm_caretaker_telemetry of a block of type 2"""
    words, = struct.unpack_from("<I", content, 36)
    out, at, i = bytearray(8 * words), 96, 0
    while at < len(content):
        skip, n = struct.unpack_from("<2H", content, at)
        i += skip
        out[8 * i:8 * (i + n)] = content[at + 4:at + 4 + 8 * n]
        i += n
        at += 4 + 8 * n
    return bytes(out)


def format_is_as_the_manual_page_says():
    tele = T.demo_like()
    path = of_tree(T.with_tree((231, 11, 3, tele, "empty", 7, "uart")), "manual")
    with open(path, "rb") as f:
        found = blocks(f.read())
    T.check_equal([kind for kind, _ in found], [1, 2, 3, 4])
    content = found[1][1]
    T.check_equal(struct.unpack_from("<4qi", content), (231, 11, 3, 7, -1))
    T.check_equal((content[48:64].rstrip(b"\0"), content[64:96].rstrip(b"\0")), (b"adopted", b"uart"))
    T.check_equal(unpacked(content) == tele.pack(), True, "the telemetry")
    T.check_equal(struct.unpack("<2I", found[2][1]), (1, 0))
    T.check_equal(struct.unpack("<Q", found[3][1]), (1,))


def recording_gives_what_the_source_gives():
    t = T.Tree()
    rng = T.seeded()
    for i in range(100):
        t.add(1000 + i // 4, 10, i % 4, T.random_telemetry(rng, i % 4, i // 4 + 1))
    path = of_tree(t, "same")
    a, b = ctrace("list", "-j", "--debugfs", t.dir), ctrace("list", "-j", "-i", path)
    T.check_equal(a.stdout.splitlines()[1:] == b.stdout.splitlines()[1:], True, "the list")
    path = recording("demo", "--synthetic", "40", "-n", "1")
    for command in (["gap"], ["gap", "-x"], ["gap", "-j", "-x"], ["gap", "-S"], ["hist"], ["list"]):
        a, b = ctrace(*command, "--synthetic", "40"), ctrace(*command, "-i", path)
        T.check_equal(a.stdout == b.stdout, True, command)


def recording_of_500_vcpus_is_complete():
    path = recording("500", "--synthetic", "500", "-n", "3")
    with open(path, "rb") as f:
        found = blocks(f.read())
    # Every second VM of 8 vCPUs has handlers
    T.check_equal([i for i, (kind, _) in enumerate(found) if kind == 8],
                  [i + 1 for i, (kind, c) in enumerate(found) if kind == 2 and c[64:68] == b"uart"])
    kinds = [kind for kind, _ in found if kind != 8]
    T.check_equal(kinds, 3 * ([1] + 500 * [2] + [3]) + [4])
    r = ctrace("report", "-S", "-j", path, tool=CTRACE)
    T.check_status(r, 0)
    # From the first look to the last: 2 seconds
    cpuid, = [s for s in T.records(r)["summary"] if s["reason"] == "CPUID"]
    T.check_equal(cpuid["native"], 2 * sum(100 + i for i in range(500)))


def recording_that_is_cut_off_is_shown():
    path = recording("cut", "--synthetic", "3", "-n", "2")
    with open(path, "rb") as f:
        data = f.read()
    half = os.path.join(DIR, "half")
    for length in (len(data) - 1, len(data) - 30, len(data) - 200, 1000, 200, 128, 127, 9):
        with open(half, "wb") as f:
            f.write(data[:length])
        r = ctrace("report", half)
        T.check_status(r, 1, "cut off")
        assert length < 1500 or b"seen" in r.stdout, length
    T.check_status(ctrace("gap", "-i", half), 1)


def recording_that_is_damaged_is_shown_up_to_there():
    path = recording("bad", "--synthetic", "9", "-n", "2")
    with open(path, "rb") as f:
        data = bytearray(f.read())
    data[len(data) * 3 // 4] ^= 0x10
    bad = os.path.join(DIR, "damaged")
    with open(bad, "wb") as f:
        f.write(data)
    r = ctrace("report", "-j", bad)
    T.check_status(r, 1, "damaged after 1 complete looks")
    T.check_equal(len([e for e in events(r) if e[0] == "seen"]), 9)
    rng = T.seeded()
    for _ in range(60):
        noisy = bytearray(data)
        for _ in range(rng.randrange(1, 20)):
            noisy[rng.randrange(8, len(noisy))] = rng.randrange(256)
        with open(bad, "wb") as f:
            f.write(noisy)
        r = ctrace("report", bad)
        assert r.returncode in (1, 4) and r.stderr, r


def with_blocks(name, data, found):
    """A recording with the same head and these blocks"""
    out = data[:128]
    for seq, (kind, content) in enumerate(found):
        body = struct.pack("<2IQ", kind, len(content), seq) + content
        out += struct.pack("<2I", 0x4B425443, zlib.crc32(body)) + body
    path = os.path.join(DIR, name)
    with open(path, "wb") as f:
        f.write(out)
    return path


def digest_of_the_handlers_is_recorded():
    t = T.with_tree((1, 1, 0, T.Telemetry(0, vm_id=1), "attached", 1, "uart", T.DIGEST),
                    (1, 1, 1, T.Telemetry(1, vm_id=1), "attached", 2, "uart", T.DIGEST[::-1]),
                    (1, 1, 2, T.Telemetry(2, vm_id=1), "attached", 3),
                    (1, 1, 3, T.Telemetry(3, vm_id=1), "attached", 4, "uart", T.DIGEST))
    path = of_tree(t, "digest")
    with open(path, "rb") as f:
        data = f.read()
    found = blocks(data)
    T.check_equal([(kind, c.hex()) for kind, c in found if kind == 8], [(8, d) for d in (T.DIGEST, T.DIGEST[::-1], T.DIGEST)])

    def digests(path, *options):
        r = ctrace("list", "-j", "-i", path, *options)
        T.check_status(r, 0)
        return [v["digest"] for v in T.records(r)["vcpu"]]

    T.check_equal(digests(path), [T.DIGEST, T.DIGEST[::-1], None, T.DIGEST])
    # The digest of a vCPU that is not asked for is not another one's
    T.check_equal(digests(path, "-c", "2"), [None])
    T.check_equal(digests(path, "-c", "1"), [T.DIGEST[::-1]])
    # Older recordings have no such block; one that is too short, or belongs to none, says nothing
    T.check_equal(digests(with_blocks("digest-old", data, [b for b in found if b[0] != 8])), [None] * 4)
    T.check_equal(digests(with_blocks("digest-short", data, [(k, c[:31] if k == 8 else c) for k, c in found])),
                  [None] * 4)
    T.check_equal(digests(with_blocks("digest-first", data, found[:1] + [found[2]] + found[:2][1:] + found[3:])),
                  [None, T.DIGEST[::-1], None, T.DIGEST])


def boot_of_the_next_kernel_is_in_the_gap():
    # The TSC runs at 1 GHz; the log of that kernel has no message of its CPUs any more
    tele = T.Telemetry(0, vm_id=0xAB, tsc_stop=1000, tsc_run=2000, tsc_kick=9000, tsc_park=9100, tsc_adopt=9200,
                       stalls=[(0x7B, 0x3F80010, 0, 0x1234, 5000, 9050)], gap_exits={(0x7B, 3): 1})
    path = of_tree(T.with_tree((1, 1, 0, tele, "empty")), "boot")
    with open(path, "rb") as f:
        data = f.read()
    found = blocks(data)

    def booted(name, *tsc):
        return with_blocks(name, data, found[:1] + [(9, struct.pack("<%dQ" % len(tsc), *tsc))] + found[1:])

    def phases(path):
        r = ctrace("gap", "-j", "-i", path)
        T.check_status(r, 0)
        return [(b["phase"], b["at_ns"], b["lasts_ns"]) for b in T.records(r).get("boot", [])]

    path = booted("boot-9", 4000, 0, 6000)
    T.check_equal(phases(path), [("clock", 3000, 2000), ("init", 5000, 3000)])
    lines = [line.split()[:5] for line in ctrace("gap", "-i", path).stdout.decode().splitlines()[3:9]]
    T.check_equal([(line[0], line[3]) for line in lines if "e-" not in line[0]],
                  [("0.000000000", "stop"), ("0.000001000", "run"), ("0.000003000", "boot"), ("0.000004000", "stall"),
                   ("0.000005000", "boot"), ("0.000008000", "kick")])
    r = ctrace("report", "-j", path)
    T.check_equal([what for event, what in events(r) if event == "boot"],
                  ["the next kernel's clock starts", "it starts init"])
    picture = os.path.join(DIR, "boot.json")
    T.check_status(ctrace("gap", "--perfetto", picture, "-i", path), 0)
    with open(picture, encoding="ascii") as f:
        marks = [(e["ts"], e["name"]) for e in json.load(f)["traceEvents"] if e["ph"] == "i"]
    T.check_equal(marks, [(3, "the next kernel's clock starts"), (5, "it starts init")])
    page = os.path.join(DIR, "boot.html")

    def bars(path):
        T.check_status(ctrace("gap", "--html", page, "-i", path), 0)
        with open(page, encoding="utf-8") as f:
            text = f.read()
        T.check_equal('class="boot"' in text, ">next kernel<" in text)
        return re.findall(r'<i class="boot (\w+)" style="left:([0-9.]+)%;width:([0-9.]+)%', text)

    T.check_equal(bars(path), [("clock", "36.5854", "24.3902"), ("init", "60.9756", "36.5854")])
    T.check_equal(bars(booted("boot-early", 100, 200, 300)), [])
    # It was before the handover: within one kernel. And what is longer, shorter, or nonsense
    T.check_equal(phases(booted("boot-before", 100, 200, 300)), [])
    T.check_equal(phases(booted("boot-after", 9000, 10000, 1 << 63)), [])
    T.check_equal(phases(booted("boot-longer", 4000, 5000, 6000, 7000)),
                  [("clock", 3000, 1000), ("cpus", 4000, 1000), ("init", 5000, 3000)])
    T.check_equal(phases(booted("boot-shorter", 4000)), [])
    T.check_equal(phases(booted("boot-backwards", 6000, 5000, 4000)),
                  [("clock", 5000, 3000), ("cpus", 4000, 4000), ("init", 3000, 5000)])


def new_handlers_are_told():
    def look(name, *handlers):
        return of_tree(T.with_tree((1, 1, 0, T.Telemetry(0, vm_id=1), "attached", 1, *handlers)), name)

    def told(*paths):
        r = ctrace("report", "-j", *paths)
        T.check_status(r, 0)
        return [what for event, what in events(r) if event == "update"]

    a, b = look("set-a", "uart", T.DIGEST), look("set-b", "uart", T.DIGEST[::-1])
    T.check_equal(told(a, a), [])
    T.check_equal(told(a, b), ["handlers uart 0123456789ab -> uart %s" % T.DIGEST[::-1][:12]])
    T.check_equal(told(a, look("set-none")), ["handlers uart 0123456789ab -> none -"])
    # A look that does not know the digest tells of no change
    T.check_equal(told(a, look("set-unknown", "uart")), [])
    assert "handlers uart, digest 0123456789ab" in ctrace("report", a).stdout.decode()


def other_versions_are_refused_by_name():
    path = recording("version", "--synthetic", "1", "-n", "1")
    with open(path, "rb") as f:
        data = bytearray(f.read())
    for at, value, word in ((8, 2, "version 2"), (20, 3, "ABI 3"), (20, 0, "ABI 0"), (16, 2, "byte order")):
        other = bytearray(data)
        struct.pack_into("<I", other, at, value)
        struct.pack_into("<I", other, 124, zlib.crc32(other[:124]))
        with open(path, "wb") as f:
            f.write(other)
        T.check_status(ctrace("report", path), 4, word)


def recording_of_old_telemetry_is_read():
    old = T.demo_like()
    old.abi = 1
    path = of_tree(T.with_tree((231, 11, 0, old, "empty")), "old-abi")
    with open(path, "rb") as f:
        data = bytearray(f.read())
    content, = [c for kind, c in blocks(data) if kind == 2]
    T.check_equal(unpacked(content) == old.pack(), True, "the telemetry")
    # As the tools of that time wrote it
    struct.pack_into("<I", data, 20, 1)
    struct.pack_into("<I", data, 124, zlib.crc32(data[:124]))
    with open(path, "wb") as f:
        f.write(data)
    r = ctrace("gap", "-j", "-i", path)
    T.check_status(r, 0)
    T.check_equal({e["reason"]: e["native"] + e["handler"] + e["blocked"] for e in T.records(r)["exit"]},
                  {"CPUID": 54, "IOIO": 3355, "MSR": 1})
    # It promised no newer one
    new = of_tree(T.with_tree((231, 11, 0, T.demo_like())), "new-abi")
    with open(new, "rb") as f:
        data = bytearray(f.read())
    struct.pack_into("<I", data, 20, 1)
    struct.pack_into("<I", data, 124, zlib.crc32(data[:124]))
    with open(new, "wb") as f:
        f.write(data)
    T.check_status(ctrace("list", "-i", new), 1, "damaged")


def unknown_blocks_are_skipped():
    path = recording("unknown", "--synthetic", "2", "-n", "1")
    with open(path, "rb") as f:
        data = f.read()
    kinds = blocks(data)
    kinds[1:1] = [(77, b"something new")]
    out = data[:128]
    for seq, (kind, content) in enumerate(kinds):
        body = struct.pack("<2IQ", kind, len(content), seq) + content
        out += struct.pack("<2I", 0x4B425443, zlib.crc32(body)) + body
    with open(path, "wb") as f:
        f.write(out)
    r = ctrace("report", "-j", path)
    T.check_status(r, 0)
    T.check_equal(len(events(r)), 2)


def signal_ends_a_recording_cleanly():
    path = os.path.join(DIR, "signal")
    p = subprocess.Popen([ASAN, "record", "-o", path, "--synthetic", "5", "-d", "0.05"],
                         stderr=subprocess.PIPE)
    while not os.path.exists(path) or os.path.getsize(path) < 3000:
        time.sleep(0.02)
    p.send_signal(signal.SIGTERM)
    err = p.communicate(timeout=60)[1].decode()
    T.check_equal(p.returncode, 0)
    assert "looks, 5 vCPUs" in err, err
    with open(path, "rb") as f:
        T.check_equal(blocks(f.read())[-1][0], 4)


def words_of_a_recording_are_harmless():
    path = of_tree(T.with_tree((231, 11, 0, T.demo_like(), "empty", 7, "uart")), "hostile")
    evil = b"\x1b]0;x\x07\x9b2J"
    with open(path, "rb") as f:
        data = f.read()
    head = bytearray(data[:124])
    head[48:48 + len(evil)] = evil
    found = [(kind, c[:48] + evil.ljust(16, b"\0") + evil.ljust(32, b"\0") + c[96:] if kind == 2 else c)
             for kind, c in blocks(data)]
    path = with_blocks("hostile", bytes(head) + struct.pack("<I", zlib.crc32(head)), found)
    page = os.path.join(DIR, "hostile.html")
    for words in (["gap"], ["gap", "-x"], ["gap", "-j"], ["list"], ["list", "-j"], ["hist"], ["gap", "-S"],
                  ["gap", "--html", page], ["gap", "--perfetto", page + ".json"]):
        r = ctrace(*words, "-i", path)
        T.check_status(r, 0)
        assert not re.search(rb"[^\n -~]", r.stdout + r.stderr), (words, r)
    r = ctrace("report", path)
    assert r.stdout and not re.search(rb"[^\n -~]", r.stdout), r
    for name in (page, page + ".json"):
        with open(name, "rb") as f:
            assert not re.search(rb"[^\n -~]", f.read()), name


def recording_goes_into_a_pipe():
    p = subprocess.Popen([ASAN, "record", "-o", "/dev/stdout", "-n", "1", "--synthetic", "3"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    data, err = p.communicate(timeout=60)
    T.check_equal(p.returncode, 0, err)
    T.check_equal([kind for kind, _ in blocks(data)], [1, 2, 8, 2, 8, 2, 8, 3, 4])
    assert ("%d bytes" % len(data)).encode() in err, err


def nothing_to_record_leaves_the_file_alone():
    path = recording("keep", "--synthetic", "1", "-n", "1")
    before = os.path.getsize(path)
    T.check_status(ctrace("record", "-o", path, "--debugfs", T.Tree().dir), 4)
    T.check_equal(os.path.getsize(path), before)
    T.check_status(ctrace("record", "-o", os.path.join(DIR, "no/such"), "--synthetic", "1"), 1, "No such file")
    T.check_status(ctrace("record", "-o", "/dev/full", "--synthetic", "1", "-n", "1"), 1, "writing the recording")


def two_kernels_make_one_timeline():
    old = T.Telemetry(0, vm_id=0xAB, tsc_stop=1000, tsc_run=2000, exits={(0x72, 0): 5})
    new = T.Telemetry(0, vm_id=0xAB, tsc_stop=1000, tsc_run=2000, tsc_kick=9000, tsc_park=9100,
                      tsc_adopt=9200, exits={(0x72, 0): 5}, gap_exits={(0x7B, 3): 1},
                      stalls=[(0x7B, 0x3F80010, 0, 0x1234, 3000, 9050)])
    a = of_tree(T.with_tree((231, 11, 0, old, "detached")), "old")
    b = of_tree(T.with_tree((88, 5, 0, new, "empty")), "new")
    r = ctrace("report", "-j", a, b)
    T.check_status(r, 0)
    got = [e for e, _ in events(r)]
    T.check_equal(sorted(got), sorted(["seen", "stop", "run", "state", "stall", "resume", "kick", "park", "adopt"]))
    resume, = [e for e in T.records(r)["event"] if e["event"] == "resume"]
    T.check_equal((resume["lasts_ns"], resume["what"]),
                  (6050, "0: IOIO out port 0x3f8, 1 byte at rip 0x1234"))
    T.check_equal(("state", "detached -> adopted") in events(r), True)
    T.check_equal({e["vm"] for e in T.records(r)["event"]}, {"00000000000000ab"})
    r = ctrace("report", "-S", "-j", a, b)
    T.check_equal({s["reason"]: s["total"] for s in T.records(r)["summary"] if s["total"]}, {"IOIO": 1})


def live_tells_what_happens():
    t = T.with_tree((231, 11, 0, T.Telemetry(0, vm_id=0xAB), "attached"))
    p = subprocess.Popen([ASAN, "live", "-j", "-d", "0.05", "--debugfs", t.dir],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def until(word):
        while True:
            line = json.loads(p.stdout.readline())
            if line["type"] == "event" and line["event"] == word:
                return line["what"]

    def swap(tele, state):
        """As a kernel does it: never half of it"""
        d = t.path("kvm", "231-11", "vcpu0")
        with open(os.path.join(d, "new"), "wb") as f:
            f.write(tele.pack())
        with open(os.path.join(d, "text"), "w") as f:
            f.write("state: %s\n" % T.STATE_TEXT.get(state, state))
        os.rename(os.path.join(d, "text"), os.path.join(d, "caretaker"))
        os.rename(os.path.join(d, "new"), os.path.join(d, "caretaker_telemetry"))

    assert "attached" in until("seen")
    tele = T.Telemetry(0, vm_id=0xAB, tsc_stop=10, tsc_run=20, stalls=[(0x7C, 1, 0, 0x77, 30, 0)])
    swap(tele, "stalled")
    T.check_equal(until("state"), "attached -> stalled")
    T.check_equal(until("stall"), "0: MSR wrmsr at rip 0x77")
    tele.stalls = [(0x7C, 1, 0, 0x77, 30, 50)]
    tele.tsc_kick = 45
    tele.stray = 2
    swap(tele, "adopting")
    T.check_equal(until("resume"), "0: MSR wrmsr at rip 0x77")
    shutil.rmtree(t.path("kvm", "231-11"))
    until("gone")
    t.add(5, 6, 1, T.Telemetry(1, vm_id=0xCD), "attached")
    until("seen")
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=60)
    T.check_equal(p.returncode, 0)


def live_does_not_tell_of_what_was_before():
    r = ctrace("live", "-j", "-n", "1", "--synthetic", "20")
    T.check_equal({e for e, _ in events(r)}, {"seen"})
    r = ctrace("live", "-n", "2", "-d", "0.01", "--synthetic", "20")
    T.check_equal(len(r.stdout.splitlines()), 20)


def live_sums_up():
    r = ctrace("live", "-S", "-j", "-n", "4", "-d", "0.01", "--synthetic", "10")
    got = {s["reason"]: s["total"] for s in T.records(r)["summary"]}
    T.check_equal(got["HLT"], 3 * 20 * 10)
    T.check_equal(got["CPUID"], 3 * sum(100 + i for i in range(10)))
    r = ctrace("live", "-S", "-j", "-n", "2", "-d", "0.01", "--synthetic", "10", "-e", "HLT")
    T.check_equal([s["reason"] for s in T.records(r)["summary"]], ["HLT"])


def pauses(*stamps, **fields):
    """Causes and lengths that are found for a vCPU"""
    names = ("tsc_stop", "tsc_run", "tsc_kick", "tsc_park", "tsc_adopt")
    state = fields.pop("state", "empty")
    tele = T.Telemetry(**dict(zip(names, stamps)), **fields)
    r = ctrace("gap", "-x", "-j", "--debugfs", T.with_tree((1, 1, 0, tele, state)).dir)
    T.check_status(r, 0)
    return [(p["cause"], p["at_ns"], p["lasts_ns"], p["ended_by_adoption"])
            for p in T.records(r).get("pause", [])]


STEPS = (1000, 21000, 900000, 903000, 950000)


def pauses_begin_and_end_as_defined():
    T.check_equal(pauses(*STEPS), [("preserve", 0, 20000, False), ("adopt", 899000, 50000, True)])
    io = (0x7B, 0x3F80010, 0, 1, 30000, 40000)
    T.check_equal(pauses(*STEPS, stalls=[io]),
                  [("preserve", 0, 20000, False), ("blocked-io", 29000, 10000, False),
                   ("adopt", 899000, 50000, True)])
    # Ended by the adoption: one pause, until the vCPU goes on in KVM
    T.check_equal(pauses(*STEPS, stalls=[(0x7B, 0, 0, 1, 30000, 900500)]),
                  [("preserve", 0, 20000, False), ("blocked-io", 29000, 920000, True)])
    # The stop was overwritten
    T.check_equal(pauses(99000, *STEPS[1:]), [("adopt", 879000, 50000, True)])
    # Of an earlier gap
    T.check_equal(len(pauses(*STEPS, stalls=[(0x7B, 0, 0, 1, 10, 20)])), 2)
    T.check_equal(pauses(*STEPS[:2], stalls=[(0x7C, 0, 0, 1, 30000, 0)], state="stalled"),
                  [("preserve", 0, 20000, False), ("blocked-msr", 29000, None, False)])
    T.check_equal(pauses(*STEPS[:2], fault=15, state="faulted")[1][0], "fault")


def causes_are_named_by_exit_reason():
    for reason, cause in ((0x7B, "io"), (0x7C, "msr"), (0x400, "mmio"), (0x81, "hypercall"),
                          (0x6E, "other"), (0x14, "other"), (0xFFFFFFFFFFFFFFFF, "other")):
        got = pauses(*STEPS, stalls=[(reason, 0, 0, 1, 30000, 60000)])
        T.check_equal(got[1][0], "blocked-" + cause, hex(reason))


def explanation_is_for_people():
    t = T.with_tree((231, 11, 0, T.demo_like(), "empty"))
    text = ctrace("gap", "--explain", "--debugfs", t.dir).stdout.decode()
    for words in ("longest 6.00 ms: blocked-io", "IOIO out port 0x3f8, 1 byte at rip 0x403195",
                  "waited 6.00 ms until a kernel asked", "kick to park 500 ns", "park to adopt 200 ns",
                  "to do: load an exit handler for this port", "1 pauses of 10 us or less",
                  "stray: 2 events that were not for the pCPU"):
        assert words in text, "%s\n%s" % (words, text)
    stalls = [(0x7C, 0, 0, i, 30000 + 10 * i, 30005 + 10 * i) for i in range(70)]
    t = T.with_tree((1, 1, 0, T.Telemetry(tsc_stop=10, tsc_run=20, stalls=stalls)))
    text = ctrace("gap", "-x", "--debugfs", t.dir).stdout.decode()
    assert "records of 6 stalls were replaced" in text, text


def summary_puts_what_stalled_longest_first():
    r = ctrace("gap", "-S", "-j", "--synthetic", "20")
    got = [(s["reason"], s["stalled_ns"]) for s in T.records(r)["summary"]]
    T.check_equal(got[0][1] >= (got[1][1] or 0), True)
    T.check_equal({r for r, ns in got if ns}, {"IOIO", "MSR", "NPF", "VMMCALL"})
    text = ctrace("gap", "-S", "--synthetic", "20").stdout.decode()
    assert text.splitlines()[0].split()[:4] == ["%", "TIME", "TIME", "MEAN"], text


def histogram_counts_each_stall():
    stalls = [(0x7C, 0, 0, i, 1000, 1000 + (1 << i)) for i in range(3, 23)]
    t = T.with_tree((1, 1, 0, T.Telemetry(stalls=stalls + [(0x7B, 0, 0, 1, 5, 0)])))
    got = {h["reason"]: h for h in T.records(ctrace("hist", "-j", "--debugfs", t.dir))["hist"]}
    T.check_equal(got["MSR"]["slots"], [{"from_ns": 1 << i, "count": 1} for i in range(3, 23)])
    T.check_equal((got["MSR"]["stalls"], got["MSR"]["max_ns"], got["MSR"]["mean_ns"]),
                  (20, 1 << 22, sum(1 << i for i in range(3, 23)) // 20))
    T.check_equal((got["IOIO"]["stalls"], got["IOIO"]["stalls_open"]), (0, 1))
    text = ctrace("hist", "-e", "MSR", "--debugfs", t.dir).stdout.decode()
    assert text.startswith("MSR: 20 stalls on record") and "IOIO" not in text, text
    T.check_status(ctrace("hist", "-e", "CPUID", "--debugfs", t.dir), 4, "no stall")


def histogram_counts_each_exit():
    t = T.with_tree((1, 1, 0, T.timed()), (1, 1, 1, T.timed()))
    r = ctrace("hist", "-j", "--debugfs", t.dir)
    T.check_status(r, 0)
    got = {(h["reason"], h["server"]): h for h in T.records(r)["exit_hist"]}
    T.check_equal(sorted(got), [("CPUID", "native"), ("HLT", "kvm"), ("IOIO", "blocked"), ("IOIO", "handler")])
    h = got["CPUID", "native"]
    T.check_equal({b["from_ns"]: b["count"] for b in h["buckets"] if b["count"]}, {256: 216, 2048: 2, 65536: 2})
    T.check_equal((h["count"], h["time_ns"], h["max_ns"], h["p50_le_ns"]), (220, 292000, 90000, 512))
    text = ctrace("hist", "-e", "CPUID", "--debugfs", t.dir).stdout.decode()
    assert text.startswith("CPUID, native: 220 exits, together 292.00 us, mean 1.33 us, p50 <= 512 ns, "
                           "p99 <= 4.10 us, max 90.00 us\n"), text
    T.check_equal([line.split("|")[0].split()[-1] for line in text.splitlines()[1:]],
                  ["216", "0", "0", "2", "0", "0", "0", "0", "2"])
    assert "|@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|" in text and "HLT" not in text, text


def summary_has_times():
    t = T.with_tree((1, 1, 0, T.timed(), "empty"))
    got = {s["reason"]: s for s in T.records(ctrace("gap", "-S", "-j", "--debugfs", t.dir))["summary"]}
    T.check_equal([got["IOIO"][k] for k in ("handler_ns", "blocked_ns", "time_ns", "max_ns")],
                  [55000, 6000400, 6055400, 6000400])
    text = ctrace("gap", "-S", "--debugfs", t.dir).stdout.decode().splitlines()
    T.check_equal(text[1].split()[:3], ["99.93", "6.06", "ms"])
    T.check_equal(text[-1], "32 exits for 2 reasons, time 6.06 ms")
    # From the first look to the last: one second more, of ten vCPUs
    r = ctrace("live", "-S", "-j", "-n", "2", "-d", "0.01", "--synthetic", "10")
    hlt, = [s for s in T.records(r)["summary"] if s["reason"] == "HLT"]
    T.check_equal((hlt["kvm_ns"], hlt["timed"]), (10 * (18 * 500000 + 2 * 2000000), 200))


def slow_exits_are_explained():
    t = T.with_tree((231, 11, 0, T.timed(), "empty"))
    r = ctrace("gap", "-x", "-j", "--debugfs", t.dir)
    slow = {(s["reason"], s["server"]): s for s in T.records(r)["slow"]}
    T.check_equal(sorted(slow), [("CPUID", "native"), ("IOIO", "handler")])
    # 25 us and 90 us: in buckets that begin at 16 us and at 65 us
    T.check_equal([[slow[k][f] for f in ("at_least", "gaps_alone", "max_ns")] for k in sorted(slow)],
                  [[1, False, 90000], [1, True, 25000]])
    text = ctrace("gap", "-x", "--debugfs", t.dir).stdout.decode()
    for words in ("served in gaps: native 10 exits in 4.00 us (mean 400 ns), handler 21 exits in 55.00 us",
                  "slow: IOIO served by handler: at least 1 of 21 exits took longer than 10 us, the longest 25.00 us\n",
                  "the longest 90.00 us (those outside of gaps are among them)", "make the handler"):
        assert words in text, "%s\n%s" % (words, text)


def statuses_are_as_documented():
    for words in (["report"], ["record"], ["record", "-o"], ["gap", "-e", "NONSENSE"], ["live", "-d", "0"],
                  ["record", "-j"], ["list", "-x"], ["report", "-i", "x", "y"], ["hist", "word"]):
        r = ctrace(*words)
        T.check_status(r, 2)
        assert r.stderr and not r.stdout, words
    T.check_status(ctrace("report", os.path.join(DIR, "no such")), 1, "No such file")
    T.check_status(ctrace("report", "/dev/null"), 1)
    for command in (["gap"], ["list"], ["hist"], ["gap", "-S"], ["gap", "-x"], ["live", "-n", "1"]):
        T.check_status(ctrace(*command, "--synthetic", "50", "--strict"), 5, "lost 6")
        T.check_status(ctrace(*command, "--synthetic", "50"), 0, "lost 6")
        T.check_status(ctrace(*command, "--synthetic", "49", "--strict"), 0)
    T.check_status(ctrace("record", "-o", os.path.join(DIR, "s"), "-n", "1", "--synthetic", "50", "--strict"), 5)
    T.check_status(ctrace("gap", "-e", "help"), 0)
    for command in ("gap", "list", "hist", "live", "record", "report"):
        text = ctrace(command, "-h").stdout.decode()
        assert "example" in text and "Exit status: 0 done" in text, text


T.main([format_is_as_the_manual_page_says, recording_gives_what_the_source_gives,
        recording_of_500_vcpus_is_complete, recording_that_is_cut_off_is_shown,
        recording_that_is_damaged_is_shown_up_to_there, other_versions_are_refused_by_name,
        recording_of_old_telemetry_is_read,
        digest_of_the_handlers_is_recorded, boot_of_the_next_kernel_is_in_the_gap, new_handlers_are_told,
        unknown_blocks_are_skipped, signal_ends_a_recording_cleanly,
        nothing_to_record_leaves_the_file_alone, words_of_a_recording_are_harmless,
        recording_goes_into_a_pipe, two_kernels_make_one_timeline,
        live_tells_what_happens, live_does_not_tell_of_what_was_before, live_sums_up,
        pauses_begin_and_end_as_defined, causes_are_named_by_exit_reason, explanation_is_for_people,
        summary_puts_what_stalled_longest_first, histogram_counts_each_stall,
        histogram_counts_each_exit, summary_has_times, slow_exits_are_explained,
        statuses_are_as_documented])
