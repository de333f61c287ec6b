#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: trace_tools.py [TOOL]...

Debian's tools on the Caretaker's tracepoints, in a test host: bpftrace, perf-trace, perf-record,
trace-cmd, bcc-trace, bcc-argdist. While each one looks, a counting guest goes through install,
update, preserve, a stall, cancel and a fault; what the tool prints is compared with what the
guest's own program knows, field by field. Then one adoption over a kexec, and the event ring."""

import json
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../tools/lib/tests")]
import testhost as H    # noqa: E402
import tree as T        # noqa: E402

SECS = 1500
TOOLS = ["bpftrace", "perf-trace", "perf-record", "trace-cmd", "bcc-trace", "bcc-argdist"]
ORDER = "install install preserve detach stall cancel preserve detach fault".split()
host = H.Host()


def boot(tools):
    files = [H.guest_test("trace_guest"), H.guest_test("kernel_log"), HERE + "/events.bt:/tests/",
             HERE + "/bcc/sitecustomize.py:/tests/",
             H.OUT + "/payload/caretaker.elf:/caretaker.elf", H.OUT + "/tools/ctrace/ctrace"]
    layer = os.path.realpath(os.path.join(H.OUT, "trace-tools"))
    host.boot("init-tools", files, SECS, next_kernel=True, append="ct_tools=" + ",".join(tools),
              options=("-c", "3", "-m", "4G", "-9", layer + ":tools"))


def expected(text):
    """[(event, fields)] that trace_guest wrote"""
    return [(e, H.pairs(f)) for e, f in re.findall(r"^expect (\w+) (.*)$", text, re.M)]


def got_lines(text, pattern):
    return [(e, H.pairs(f)) for e, f in re.findall(pattern, text, re.M)]


def printed(text):
    """Those in the words of the tracepoints' own text: "vm 0123 vcpu 0 ..." """
    found = []
    for event, words in re.findall(r"caretaker_(\w+): +(vm [0-9a-f]{16} .*)$", text, re.M):
        words = words.split()
        fields = dict(zip(words[::2], words[1::2]))
        fields = {"vm_id" if k == "vm" else k: "0x" + v if k == "vm" else v for k, v in fields.items()}
        found.append((event, {k: {"yes": 1, "no": 0}.get(v) if v in ("yes", "no") else int(v, 0)
                              for k, v in fields.items()}))
    return found


def same(got, want):
    for i, (g, w) in enumerate(zip(got, want)):
        T.check_equal(g, w, "event %d" % i)
    T.check_equal(len(got), len(want), "events")


def check_here(name, got, ordered=True):
    want = expected(host.part(name))
    T.check_equal([e for e, _ in want], ORDER, "what the guest did")
    if not ordered:
        got, want = (sorted(x, key=lambda e: (e[0], sorted(e[1].items()))) for x in (got, want))
    print("# %s: %d events" % (name, len(got)))
    try:
        same(got, want)
    except AssertionError:
        # What went wrong is told by the lines, not by what was read of them
        for line in host.part(name).splitlines():
            print("# | %s" % ascii(line))
        raise


def bpftrace_has_all_events_and_fields():
    check_here("bpftrace", got_lines(host.part("bpftrace"), r"^got (\w+) (.*)$"))


def perf_trace_has_all_events_and_fields():
    found = []
    for event, args in re.findall(r"kvm_caretaker:caretaker_(\w+)\((.*)\)$", host.part("perf-trace"), re.M):
        # All numbers are signed to it
        fields = re.findall(r"(\w+): (0x[0-9a-f]+|-?\d+|true|false|NULL)", args)
        words = {"true": 1, "false": 0, "NULL": 0}
        found.append((event, {k: words[v] if v in words else int(v, 0) % (1 << 64) for k, v in fields}))
    check_here("perf-trace", found)


def perf_record_has_all_events_and_fields():
    check_here("perf-record", printed(host.part("perf-record")))


def trace_cmd_has_all_events_and_fields():
    check_here("trace-cmd", printed(host.part("trace-cmd")))


def bcc_trace_has_all_events_and_fields():
    pattern = r"^(?!expect ).* (install|preserve|detach|cancel|adopt|stall|fault) (vm_id=.*)$"
    # Each of its probes has buffers of its own, and they are read one after the other
    check_here("bcc-trace", got_lines(host.part("bcc-trace"), pattern), False)


def bcc_argdist_counts_each_value():
    text = host.part("bcc-argdist")
    want = {}
    for event, f in expected(text):
        key = {"install": "generation", "preserve": "vcpus", "stall": "reason", "fault": "fault"}
        key = key.get(event, "apic_id")
        want[event, key, f[key]] = want.get((event, key, f[key]), 0) + 1
    got, event = {}, None
    for line in text.splitlines():
        m = re.match(r"\s*t:kvm_caretaker:caretaker_(\w+)\(\)", line)
        event = m.group(1) if m else event
        m = re.match(r"\s+(\d+)\s+args->(\w+) = (\d+)", line)
        if m:
            key = event, m.group(2), int(m.group(3))
            # Each interval shows the sum so far
            got[key] = max(got.get(key, 0), int(m.group(1)))
    T.check_equal(got, want)


def ring_events(text):
    """[(event, text)] of a remote's trace"""
    return re.findall(r"^\[\d+\]\s+[\d.]+: (\w+) (vm=.*)$", text, re.M)


def trace_cmd_shows_the_event_ring():
    text = host.part("ring")
    want = expected(text)
    vm = "vm=%016x " % want[0][1]["vm_id"]
    stall, = [f for e, f in want if e == "stall"]
    got = ring_events(text)
    assert all(words.startswith(vm) for _, words in got), got
    T.check_equal([e for e, _ in got], ["run", "stall", "resume", "park", "run"])
    for _, words in got[1:3]:
        assert words.endswith("rip=0x%x" % stall["rip"]) and " reason=io " in words, words
    assert "info1=0x%x " % stall["info1"] in got[1][1], got[1]


def adoption_in_the_next_kernel_is_seen_by_all():
    text = host.part("adopted")
    want = expected(text)
    T.check_equal([e for e, _ in want], ["stall", "adopt"])
    same(got_lines(text, r"^got (\w+) (.*)$"), want)
    same(printed(text), want)
    same(printed(host.part("adopted-trace-cmd")), want)


def event_ring_of_the_gap_is_shown_by_trace_cmd():
    before, after = host.parts["leave"][0], host.part("adopted-ring")
    vm = "vm=%016x " % expected(before)[0][1]["vm_id"]
    got = ring_events(after)
    T.check_equal([e for e, _ in got], ["run", "stall", "resume", "park"])
    assert all(words.startswith(vm) for _, words in got), got


def ctrace_puts_the_ring_into_the_gap():
    records = [json.loads(x) for x in host.part("adopted-gap").splitlines()]
    stall, = [f for e, f in expected(host.part("adopted")) if e == "stall"]
    got = [r for r in records if r["type"] == "ring"]
    T.check_equal([r["name"] for r in got], ["run", "stall", "resume", "park"])
    assert got[1]["what"].endswith("rip=0x%x" % stall["rip"]), got[1]
    # In the timeline: the events are cut to microseconds
    steps = {r["step"]: r["at_ns"] for r in records if r["type"] == "step"}
    at = [r["at_ns"] for r in got]
    assert steps["stop"] <= at[0] <= at[1] and steps["run"] - 1000 <= at[1] <= steps["kick"], (steps, at)


def kernel_logs_have_no_complaint():
    host.part("kernel-log-before")
    host.part("kernel-log")


OF_TOOL = {
    "bpftrace": bpftrace_has_all_events_and_fields,
    "perf-trace": perf_trace_has_all_events_and_fields,
    "perf-record": perf_record_has_all_events_and_fields,
    "trace-cmd": trace_cmd_has_all_events_and_fields,
    "bcc-trace": bcc_trace_has_all_events_and_fields,
    "bcc-argdist": bcc_argdist_counts_each_value,
}


def main():
    tools = sys.argv[1:] or TOOLS
    H.needs("kernel/fast/bzImage-b", "payload/caretaker.elf", "selftests/guest-tests/trace_guest",
            "tools/ctrace/ctrace")
    r = H.script("trace-tools")
    if r.returncode == 3:
        H.skip_all("scripts/trace-tools: the packages cannot be fetched")

    def tools_are_there():
        T.check_equal(r.returncode, 0, r.stdout)
        boot(tools)

    T.main([tools_are_there] + [OF_TOOL[t] for t in tools] +
           [trace_cmd_shows_the_event_ring, adoption_in_the_next_kernel_is_seen_by_all,
            event_ring_of_the_gap_is_shown_by_trace_cmd,
            ctrace_puts_the_ring_into_the_gap, kernel_logs_have_no_complaint])


main()
