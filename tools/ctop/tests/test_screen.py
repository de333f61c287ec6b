#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_screen.py CTOP

Drives the full-screen mode in a terminal: tmux is the terminal."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib/tests"))
import tree as T

CTOP = os.path.abspath(sys.argv[1])
PATIENCE = 60


class Screen:
    """ctop in a terminal of its own"""

    def __init__(self, *options, size=(80, 24), locale="C.UTF-8", env="", term="tmux-256color"):
        if not shutil.which("tmux"):
            raise T.Skip("no tmux here (package tmux)")
        self.dir = tempfile.mkdtemp(prefix="ctop-screen-")
        atexit.register(self.end)
        self.socket = os.path.join(self.dir, "tmux")
        self.err = os.path.join(self.dir, "stderr")
        self.status = os.path.join(self.dir, "status")
        command = "export LC_ALL=%s TERM=%s TZ=UTC %s; %s %s 2>%s; echo $? >%s.new; mv %s.new %s; sleep 600" % (
            locale, term, env, CTOP, " ".join(options), self.err, self.status, self.status, self.status)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), command)

    def tmux(self, *words):
        env = dict(os.environ, LC_ALL="C.UTF-8")
        return subprocess.run(("tmux", "-S", self.socket) + words, env=env, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def text(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def wait(self, wanted, what=""):
        """Until wanted(lines) is true, or a text is on the screen"""
        if isinstance(wanted, str):
            what = wanted
            wanted = lambda lines, w=wanted: any(w in line for line in lines)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = self.text().split("\n")
            if wanted(lines):
                return lines
            time.sleep(0.1)
        raise AssertionError("never seen: %s\n%s" % (what() if callable(what) else what, self.text()))

    def expect(self, there, value, want):
        """Until a text is there and value(lines) is as wanted: a screen may be seen half drawn."""
        seen = []

        def right(lines):
            if any(there in line for line in lines):
                seen[:] = [value(lines)]
            return bool(seen) and seen[0] == want
        return self.wait(right, lambda: "%r with %r, last seen %r" % (there, want, seen))

    def wait_status(self):
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self.status):
            assert time.monotonic() < end, "it does not end:\n" + self.text()
            time.sleep(0.1)
        with open(self.status) as f:
            return int(f.read())

    def ctop(self):
        """Its process"""
        pane = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        return int(subprocess.check_output(("pgrep", "-P", pane)).split()[0])

    def end(self):
        """Before its terminal: the hangup would disturb the search for leaks, which then never ends"""
        if not os.path.exists(self.status):
            os.kill(self.ctop(), signal.SIGTERM)
            self.wait_status()
        self.tmux("kill-server")
        shutil.rmtree(self.dir, True)


def rows(lines):
    """The lines of the table: what is below the headings, without the last line"""
    head = [i for i, line in enumerate(lines) if line.startswith(("VM  ", "VCPU  ", "REASON  "))]
    return [line for line in lines[head[0] + 1:-2] if line.strip()] if head else []


def names(lines):
    return [line.split()[0] for line in rows(lines)]


def ctop(*options, **how):
    s = Screen("--synthetic", "500", *options, **how)
    s.wait("h help")
    return s


def still(*options, **how):
    """The first look stays: the next one is far away."""
    return ctop("-d", "36000", *options, **how)


def first_screen_shows_vms():
    s = still()
    for text in ("VMs 63", "vCPUs 500", "lost 60", "attached 297", "stalled 49", "[sort rate]",
                 "9e3779b97f4a7c15"):
        s.wait(text)
    s.expect("h help", lambda lines: len(rows(lines)), 19)
    s.keys("q")
    T.check_equal(s.wait_status(), 0)
    with open(s.err) as f:
        assert "lost 60" in f.read()


def enter_goes_down_and_escape_up():
    s = still("-s", "vcpu")
    s.keys("Enter")
    s.expect("host > VM 9e3779b97f4a7c15", lambda lines: len(rows(lines)), 8)
    s.keys("Down", "Enter")
    s.expect("> vCPU 1", lambda lines: sorted(names(lines)),
             ["CPUID", "HLT", "INTR", "IOIO", "MSR", "NPF"])
    s.keys("Enter")
    s.wait("> vCPU 1 > ")
    s.wait("time per exit, all: p50 <= ")
    for there in ("> vCPU 1  ", "VM 9e3779b97f4a7c15  ", "host  ["):
        s.keys("Escape")
        s.wait(there)


def exits_of_a_reason_are_exact():
    s = still("-s", "vcpu")
    s.keys("Enter")
    s.wait("> VM")
    s.keys("Enter")
    s.wait("> vCPU 0")
    s.keys("/", "MSR", "Enter")
    s.wait(lambda lines: names(lines) == ["MSR"], "MSR alone")
    s.keys("Enter")
    s.expect("> MSR", lambda lines: {
        w[0]: int(w[1]) for w in (line.split() for line in lines)
        if len(w) > 1 and w[0] in ("native", "handler", "KVM", "blocked", "total") and w[1].isdigit()},
        {"native": 7, "handler": 0, "KVM": 40, "blocked": 0, "total": 47})


def times_of_a_reason_are_shown_by_server():
    s = still("-s", "vcpu", "-p", "1001")
    s.keys("Enter", "Enter")
    s.wait("> vCPU 0")
    s.keys("/", "IOIO", "Enter")
    s.wait(lambda lines: names(lines) == ["IOIO"], "IOIO alone")
    s.keys("Enter")
    # Of an adopted vCPU: 33 exits attached, 3354 in the gap, one stall of 1.3 s
    s.wait("max 1.300 s; 3388 timed")
    s.wait(lambda lines: any(re.search(r" 2\.05 us - 4\.10 us +335 ", line) for line in lines), "a bucket")
    s.keys("t", "t")
    s.wait("time per exit, handler: p50 <= 1.02 us, p99 <= 4.10 us, max 24.00 us; 3387 timed")
    s.keys("t")
    s.wait("time per exit, kvm: - (no such exit)")
    s.keys("t", "t")
    s.wait("time per exit, all: p50")


def ledger_is_shown_with_its_residual():
    s = still("-s", "vcpu", "-p", "1001")
    s.keys("l")
    s.expect("[time ledger]", lambda lines: [line.split()[1] for line in rows(lines)], ["0"])
    s.keys("Enter")
    s.expect("> VM", lambda lines: [line.split()[2] for line in rows(lines)], ["0"] * 8)
    s.keys("Enter")
    s.wait("  residual   0")
    s.wait(lambda lines: any(line.split()[:4] == ["halted", "250.00", "ms", "1.190"] for line in lines), "halted")
    s.wait(lambda lines: any(line.split()[:2] == ["io", "3387"] for line in lines), "calls of a class")
    s.keys("l")
    s.wait("REASON  ")
    s.wait("time 21.000 s  residual 0")
    tele = T.timed()
    tele.ledger["guest"] -= 300000
    s = Screen("--debugfs", T.with_tree((231, 11, 0, tele)).dir, "-d", "36000", size=(40, 20))
    s.wait("VMs 1")
    s.keys("l")
    s.wait("1.500%!")
    s.keys("Enter", "Enter")
    s.wait("residual   300.00 us (1.500 %!)")


def old_telemetry_has_no_times():
    old = T.demo_like()
    old.abi = 1
    s = Screen("--debugfs", T.with_tree((231, 11, 0, old)).dir, "-d", "36000", "-s", "vcpu")
    s.wait("VMs 1")
    s.keys("Enter", "Enter")
    s.wait("time: - (this telemetry has no ledger)")
    s.keys("/", "IOIO", "Enter", "Enter")
    s.wait("time per exit, all: - (this telemetry counts exits, it does not time them)")
    s.keys("Escape", "l")
    s.wait("(this vCPU has no time ledger")


def stalls_are_shown_as_a_histogram():
    s = still("-s", "vcpu", "-p", "1001")
    s.keys("Enter", "Enter")
    s.wait("> vCPU 0")
    s.keys("/", "IOIO", "Enter")
    s.wait(lambda lines: names(lines) == ["IOIO"], "IOIO alone")
    s.keys("Enter")
    s.wait("stalls on record: 1")
    s.wait(lambda lines: any("1.074 s - 2.147 s" in line and " 1 " in line for line in lines), "its slot")


def sort_and_invert_change_the_order():
    s = still("-s", "vcpu", "-p", "1001")
    s.keys("Enter")
    s.wait("> VM")
    s.keys("I")
    s.expect("[sort vcpu inverted]", lambda lines: [line.split()[1] for line in rows(lines)],
             [str(i) for i in range(7, -1, -1)])
    s.keys("I", "s")
    # Those that were adopted have exits of a gap as well: vCPU 0 and 1
    s.expect("[sort count]", lambda lines: [line.split()[1] for line in rows(lines)],
             ["1", "0", "5", "4", "6", "3", "7", "2"])
    s.keys("S")
    s.wait("[sort vcpu]")


def filter_hides_and_escape_gives_it_up():
    s = still("-s", "vcpu")
    s.keys("f", "1001", "Enter")
    s.expect("[filter 1001: 62 hidden]", lambda lines: len(rows(lines)), 1)
    s.keys("/", "xyz", "Escape")
    s.wait(lambda lines: "filter:" not in lines[-2] and "[filter 1001" in lines[2], "the old filter")
    s.keys("/", "C-u", "nothing has this", "Enter")
    s.wait("(the filter hides all)")
    s.keys("/", "C-u", "Enter")
    s.wait(lambda lines: len(rows(lines)) == 19, "all lines again")


def pause_stops_the_looks_and_space_goes_on():
    s = ctop("-d", "0.25")
    s.keys("Space")
    before = s.wait("PAUSED")[0]
    time.sleep(1)
    T.check_equal(s.text().split("\n")[0], before)
    s.keys("Space")
    s.wait(lambda lines: lines[0] != before, "another look")


def rates_come_with_the_second_look():
    s = ctop("-d", "0.25", "-s", "vcpu")
    s.keys("Enter")
    # Of vCPU 0: 100 CPUID, 47 MSR, 30 IOIO, 20 HLT, 50 INTR, 5 NPF per second
    s.wait(lambda lines: any(line.split()[:4] == ["vCPU", "0", "attached", "252.0"] for line in lines), "252.0")


def reset_counts_from_now_on():
    s = still("-s", "vcpu")
    s.keys("Enter", "r")
    s.expect("exits since reset", lambda lines: {line.split()[4] for line in rows(lines)}, {"0"})
    s.keys("r")
    s.expect("exits since install", lambda lines: any(line.split()[4] == "0" for line in rows(lines)), False)


def delay_is_changed():
    s = ctop("-d", "60")
    s.keys("+", "-", "-")
    s.wait("delay 15 s")
    s.keys("+", "+")
    s.wait("delay 60 s")


def gap_shows_exits_of_gaps():
    s = still("-s", "vcpu", "-p", "1001")
    s.keys("g")
    s.wait("exits in gaps; gap")
    s.keys("Enter", "Enter")
    s.expect("> vCPU 0", lambda lines: sorted(names(lines)), ["CPUID", "HLT", "IOIO"])


def handlers_are_shown_with_their_digest():
    t = T.with_tree((231, 11, 0, T.Telemetry(0, vm_id=1), "attached", 1, "uart", T.DIGEST, 3),
                    (231, 11, 1, T.Telemetry(1, vm_id=1), "attached", 2, "uart", T.DIGEST[::-1]),
                    (232, 11, 0, T.Telemetry(0, vm_id=2), "attached", 3, "pc", T.DIGEST),
                    (232, 11, 1, T.Telemetry(1, vm_id=2), "attached", 4, "pc", T.DIGEST))
    s = Screen("--debugfs", t.dir, "-d", "36000", "-s", "vcpu", size=(200, 24))
    s.expect("DIGEST", lambda lines: [line.split()[-2:] for line in rows(lines)],
             [["uart+", "0123456789ab"], ["pc", "0123456789ab"]])
    s.keys("Enter")
    s.expect("> VM", lambda lines: [line.split()[-2:] for line in rows(lines)],
             [["uart", "0123456789ab"], ["uart", T.DIGEST[::-1][:12]]])
    s.keys("/", "3456789ab", "Enter")
    s.expect("1 hidden", lambda lines: [line.split()[1] for line in rows(lines)], ["0"])
    s.keys("Enter")
    s.wait("pCPU 3  handlers uart  digest " + T.DIGEST)
    # What fits of it on a small screen
    s.tmux("resize-window", "-x", "80", "-y", "24")
    s.wait(lambda lines: any(("pCPU 3  handlers uart  digest " + T.DIGEST)[:80] == line for line in lines), "80 columns")


def help_lists_the_keys():
    s = still()
    s.keys("h")
    s.wait("Ctrl-L")
    s.keys("x")
    s.wait("[sort rate]")


def resize_fills_the_new_size():
    s = still("-s", "vcpu", size=(200, 50))
    s.expect("HANDLERS", lambda lines: len(rows(lines)), 45)
    s.tmux("resize-window", "-x", "80", "-y", "24")
    s.wait(lambda lines: len(rows(lines)) == 19 and "HANDLERS" not in "\n".join(lines) and
           "KVM" in "\n".join(lines), "19 lines without handlers")
    for size in ((40, 10), (10, 3), (1, 1), (300, 100)):
        s.tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))
        time.sleep(0.3)
    s.wait(lambda lines: len(rows(lines)) == 63, "all VMs")
    s.keys("q")
    T.check_equal(s.wait_status(), 0)


def locale_decides_how_bars_are_drawn():
    for locale, bar, other in (("C.UTF-8", "\u2588", "#"), ("C", "#", "\u2588")):
        s = still("-s", "vcpu", locale=locale)
        s.keys("Enter", "Enter", "Enter")
        s.wait("time per exit")
        text = "\n".join(s.wait(bar))
        assert other not in text, "%s:\n%s" % (locale, text)


def colours_are_left_out_when_not_wanted():
    colour = re.compile("\x1b\\[([0-9]+;)*3[0-7]m")
    for options, env, want in (([], "", True), (["-C"], "", False), ([], "NO_COLOR=1", False),
                               ([], "NO_COLOR=", True)):
        s = still("-s", "vcpu", *options, env=env)
        s.expect("h help", lambda lines: len(rows(lines)), 19)
        if want:
            s.wait(lambda _: colour.search(s.text("-e")), "colours, %r %r" % (options, env))
        else:
            T.check_equal(colour.search(s.text("-e")), None, "%r %r" % (options, env))


def signals_end_it_cleanly():
    for sig in (signal.SIGINT, signal.SIGTERM):
        s = still()
        os.kill(s.ctop(), sig)
        T.check_equal(s.wait_status(), 0, sig)


def it_ends_with_its_terminal():
    s = still(env="ASAN_OPTIONS=detect_leaks=0")
    pid = s.ctop()
    s.tmux("kill-server")
    # Nothing is left for end() to do
    open(s.status, "w").close()
    end = time.monotonic() + PATIENCE
    while os.path.exists("/proc/%d" % pid):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError("it is still there")
        time.sleep(0.1)


def unknown_terminal_is_told():
    # The library keeps what it took before it found out.
    s = Screen("--synthetic", "1", term="no-such-terminal", env="ASAN_OPTIONS=detect_leaks=0")
    T.check_equal(s.wait_status(), 4)
    with open(s.err) as f:
        text = f.read()
    assert "TERM=no-such-terminal" in text and "-b" in text, text


def vms_that_end_leave_a_message():
    t = T.with_tree((231, 11, 0, T.demo_like(), "attached"))
    s = Screen("--debugfs", t.dir, "-d", "0.25")
    s.wait("VMs 1")
    shutil.rmtree(t.path("kvm", "231-11"))
    s.wait("no VM runs on this host")
    t.add(232, 11, 0, T.demo_like())
    s.wait(lambda lines: "no VM runs" not in "\n".join(lines) and "VMs 1" in lines[0], "the new VM")
    s.keys("q")
    T.check_equal(s.wait_status(), 0)


def count_ends_it_and_strict_tells_of_losses():
    s = Screen("--synthetic", "500", "-n", "2", "-d", "0.25", "--strict")
    T.check_equal(s.wait_status(), 5)


T.main([first_screen_shows_vms, enter_goes_down_and_escape_up, exits_of_a_reason_are_exact,
        times_of_a_reason_are_shown_by_server, ledger_is_shown_with_its_residual, old_telemetry_has_no_times,
        stalls_are_shown_as_a_histogram, sort_and_invert_change_the_order,
        filter_hides_and_escape_gives_it_up, pause_stops_the_looks_and_space_goes_on,
        rates_come_with_the_second_look, reset_counts_from_now_on, delay_is_changed,
        gap_shows_exits_of_gaps, handlers_are_shown_with_their_digest, help_lists_the_keys, resize_fills_the_new_size,
        locale_decides_how_bars_are_drawn, colours_are_left_out_when_not_wanted,
        signals_end_it_cleanly, it_ends_with_its_terminal, unknown_terminal_is_told, vms_that_end_leave_a_message,
        count_ends_it_and_strict_tells_of_losses])
