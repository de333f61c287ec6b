#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_page.py CTRACE CTRACE-WITH-SANITIZERS

The page and the trace file, each read by something that did not write it."""

import atexit
import html.parser
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib/tests"))
import tree as T

CTRACE, ASAN = sys.argv[1:3]
DIR = tempfile.mkdtemp(prefix="ctrace-page-")
atexit.register(shutil.rmtree, DIR, True)


def made(kind, *options, tool=ASAN):
    path = os.path.join(DIR, "made." + kind)
    r = T.run(tool, "gap", "--" + kind, path, *options)
    T.check_status(r, 0)
    T.check_equal(r.stdout, b"")
    with open(path) as f:
        return f.read()


class Page(html.parser.HTMLParser):
    """Tables, and whether each element that is opened is closed"""
    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.titles, self.tags = [], [], [], set()
        self.cell = None
        self.feed(text)
        self.close()
        T.check_equal(self.open, [], "elements left open")

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = ""
        elif tag == "i" and dict(attrs).get("title"):
            self.titles.append((dict(attrs)["class"], dict(attrs)["title"]))

    def handle_endtag(self, tag):
        T.check_equal(self.open.pop(), tag)
        if tag in ("td", "th"):
            self.tables[-1][-1].append(self.cell)
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


def page_shows_what_the_gap_was():
    t = T.with_tree((231, 11, 0, T.demo_like(), "empty", 1, "uart"))
    p = Page(made("html", "--debugfs", t.dir))
    pauses, exits = p.tables
    T.check_equal([row[2:5] for row in pauses[1:]],
                  [["0.000000000", "1.00 us", "preserve"], ["0.001000000", "6.00 ms", "blocked-io"]])
    T.check_equal(pauses[2][5], "IOIO out port 0x3f8, 1 byte at rip 0x403195: port I/O that nobody served")
    T.check_equal({row[0]: row[2:7] for row in exits[1:]},
                  {"CPUID": ["54", "0", "0", "0", "54"], "IOIO": ["0", "3354", "0", "1", "3355"],
                   "MSR": ["0", "0", "0", "1", "1"]})
    T.check_equal([c for c, _ in p.titles], ["gap", "step", "blocked", "step"])


def page_shows_times_and_the_ledger():
    tele = T.timed()
    text = made("html", "--debugfs", T.with_tree((231, 11, 0, tele, "empty")).dir)
    p = Page(text)
    T.check_equal({row[0]: row[7:] for row in p.tables[1][1:]},
                  {"CPUID": ["4.00 us", "400 ns", "-", "-"],
                   "IOIO": ["6.06 ms", "275.25 us", "6.00 ms", "6.00 ms"]})
    bar = text[text.index("Time of each vCPU"):]
    widths = {kind: float(w) for kind, w in re.findall(r'<i class="(\w+)" style="left:[0-9.]+%;width:([0-9.]+)%', bar)}
    T.check_equal(widths, {a: round(tele.ledger[a] / 200000, 3) for a in T.ACCOUNTS})
    assert "residual 0</span>" in bar, bar
    tele.ledger["guest"] -= 300000
    text = made("html", "--debugfs", T.with_tree((231, 11, 0, tele, "empty")).dir)
    assert re.search(r'class="v bad"[^>]*>residual 300.00 us \(1.500 %!\)</span>', text), text
    old = T.demo_like()
    old.abi = 1
    text = made("html", "--debugfs", T.with_tree((231, 11, 0, old, "empty")).dir)
    assert "telemetry of 1 vCPUs has no time ledger" in text
    Page(text)


def page_needs_nothing_but_itself():
    text = made("html", "--synthetic", "40")
    p = Page(text)
    T.check_equal(p.tags & {"script", "link", "img", "iframe", "object", "base"}, set())
    for word in ("http:", "https:", "url(", "@import", "src=", "href="):
        assert word not in text, word
    assert "prefers-color-scheme:dark" in text


def page_of_500_vcpus_has_them_all():
    text = made("html", "--synthetic", "500", tool=CTRACE)
    p = Page(text)
    # Those in a gap: all but the attached ones, and a stall for those that stalled or were adopted
    T.check_equal(len(re.findall(r'<div class="bar"><i class="gap"', text.replace("\n", ""))), 203)
    T.check_equal(sum(row[4] == "preserve" for row in p.tables[0][1:]), 203)
    T.check_equal(sum(row[4].startswith("blocked") for row in p.tables[0][1:]), 149)


def odd_text_does_not_become_markup():
    d = T.with_tree((1, 1, 0, T.demo_like(), "empty")).dir
    path = os.path.join(DIR, "odd.ctr")
    T.check_status(T.run(ASAN, "record", "-o", path, "-n", "1", "--debugfs", d), 0)
    with open(path, "rb") as f:
        data = bytearray(f.read())
    data[48:80] = b"<script>alert(1)</script>&\"'".ljust(32, b"\0")
    struct.pack_into("<I", data, 124, zlib.crc32(data[:124]))
    with open(path, "wb") as f:
        f.write(data)
    text = made("html", "-i", path)
    assert "<script" not in text and "&#60;script&#62;" in text
    Page(text)
    T.check_equal(json.loads(made("perfetto", "-i", path))["displayTimeUnit"], "ns")


def trace(*options, tool=ASAN):
    return json.loads(made("perfetto", *options, tool=tool))["traceEvents"]


def trace_has_all_slices():
    t = T.with_tree((231, 11, 0, T.demo_like(), "empty", 1, "uart"))
    got = trace("--debugfs", t.dir)
    names = {(e["name"], e["args"]["name"]) for e in got if e["ph"] == "M"}
    T.check_equal(names, {("process_name", "VM 4ba3f2d1c0ffee00"), ("thread_name", "vCPU 0")})
    T.check_equal([(e["name"], e["ts"], e["dur"]) for e in got if e["ph"] == "X"],
                  [("handover", 0, 7000.7), ("preserve: stop to run", 0, 1),
                   ("in the Caretaker", 1, 6999), ("blocked: IOIO", 1000, 6000),
                   ("adopt: kick to park", 7000, 0.5), ("adopt: park to continue in KVM", 7000.5, 0.2)])
    stall, = [e for e in got if e["name"].startswith("blocked")]
    T.check_equal(stall["args"], {"stall": 1, "rip": "0x403195", "what": "out port 0x3f8, 1 byte",
                                  "ended_by_adoption": True})


def ns(x):
    return round(x * 1000)


def slices_of_a_vcpu_nest():
    """A viewer draws slices of a thread inside each other: none may leave the one it began in."""
    threads = {}
    for e in trace("--synthetic", "500", tool=CTRACE):
        assert e["ph"] in "XM" and isinstance(e["pid"], int) and isinstance(e["tid"], int), e
        if e["ph"] == "X":
            threads.setdefault((e["pid"], e["tid"]), []).append(e)
    T.check_equal(len(threads), 203)
    for slices in threads.values():
        open_until = []
        for e in sorted(slices, key=lambda e: (ns(e["ts"]), -ns(e["dur"]))):
            start, end = ns(e["ts"]), ns(e["ts"]) + ns(e["dur"])
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1], e
            open_until.append(end)


def files_that_cannot_be_written_are_told():
    for kind in ("html", "perfetto"):
        T.check_status(T.run(ASAN, "gap", "--" + kind, DIR, "--synthetic", "9"), 1, "Is a directory")
        T.check_status(T.run(ASAN, "gap", "--" + kind, "/dev/full", "--synthetic", "9"), 1, "/dev/full")
        path = os.path.join(DIR, "nothing")
        T.check_status(T.run(ASAN, "gap", "--" + kind, path, "--synthetic", "1"), 4, "preserve")
        T.check_equal(os.path.exists(path), False)


def damaged_telemetry_does_not_crash_it():
    rng, t = T.seeded(), T.Tree()
    for i, blob in enumerate(T.damaged_blobs(rng, 200)):
        t.add(1, 1, i, blob or b"\0")
    for kind in ("html", "perfetto"):
        path = os.path.join(DIR, "odd")
        T.check_status(T.run(ASAN, "gap", "--" + kind, path, "--debugfs", t.dir), 1, "cut short")
        with open(path) as f:
            (Page if kind == "html" else json.loads)(f.read())
    for options in (["-x"], ["-x", "-j"], ["-S"], ["-S", "-j"]):
        T.check_status(T.run(ASAN, "gap", "--debugfs", t.dir, *options), 1)


def png_pixels(path):
    """Width, height and rows of a PNG file with 8 bits per channel, without alpha or with it"""
    with open(path, "rb") as f:
        data = f.read()
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", data, at + 8)
        elif kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    assert depth == 8 and colour in (2, 6), (depth, colour)
    size = {2: 3, 6: 4}[colour]
    raw, rows = zlib.decompress(packed), []
    before = bytes(width * size)
    for y in range(height):
        line = raw[y * (width * size + 1):(y + 1) * (width * size + 1)]
        before = unfilter(line[0], bytearray(line[1:]), before, size)
        rows.append([tuple(before[i:i + 3]) for i in range(0, len(before), size)])
    return rows


def unfilter(kind, line, up, size):
    for i in range(len(line)):
        a = line[i - size] if i >= size else 0
        b, c = up[i], up[i - size] if i >= size else 0
        if kind == 1:
            line[i] = (line[i] + a) & 255
        elif kind == 2:
            line[i] = (line[i] + b) & 255
        elif kind == 3:
            line[i] = (line[i] + (a + b) // 2) & 255
        elif kind == 4:
            p = a + b - c
            near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + near) & 255
    return bytes(line)


def browser_shows_the_page_in_light_and_dark():
    browser = shutil.which("chromium")
    if not browser:
        raise T.Skip("no chromium here (package chromium; scripts/install-deps -x)")
    path = os.path.join(DIR, "made.html")
    made("html", "--synthetic", "40")
    # Background, colours that the timeline has to show
    for scheme, ground, wanted in ((1, (255, 255, 255), [(200, 69, 47), (158, 201, 179)]),
                                   (0, (20, 24, 29), [(239, 109, 85), (46, 92, 72)])):
        shot = os.path.join(DIR, "shot%d.png" % scheme)
        r = subprocess.run((browser, "--headless=new", "--no-sandbox", "--disable-gpu",
                            "--hide-scrollbars", "--user-data-dir=" + os.path.join(DIR, "profile"),
                            "--force-color-profile=srgb", "--window-size=800,700",
                            "--blink-settings=preferredColorScheme=%d" % scheme,
                            "--screenshot=" + shot, "file://" + path),
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)
        assert os.path.exists(shot), r.stdout.decode(errors="replace")[-600:]
        rows = png_pixels(shot)
        T.check_equal(rows[3][3], ground, "background")
        pixels = [p for row in rows for p in row]
        for colour in wanted:
            assert pixels.count(colour) > 1000, (scheme, colour, pixels.count(colour))


T.main([page_shows_what_the_gap_was, page_shows_times_and_the_ledger, page_needs_nothing_but_itself, page_of_500_vcpus_has_them_all,
        odd_text_does_not_become_markup, trace_has_all_slices, slices_of_a_vcpu_nest,
        files_that_cannot_be_written_are_told, damaged_telemetry_does_not_crash_it,
        browser_shows_the_page_in_light_and_dark])
