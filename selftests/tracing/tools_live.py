#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: tools_live.py

ctop and ctrace in test hosts: what they print is what guests were told to do; by debugfs and by BPF
it is the same; filters work in the kernel; what is missing is named. One host has this project's
kernel, in which what is to be missing is taken away (init-live says how), one has a stock kernel of
Debian's, which never had it."""

import glob
import json
import lzma
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../tools/lib/tests")]
import testhost as H    # noqa: E402
import tree as T        # noqa: E402

SECS = 500
host, stock = H.Host(), H.Host()
TOOLS = [H.OUT + "/tools/ctop/ctop", H.OUT + "/tools/ctrace/ctrace"]
LIMIT, VM_ONLY = H.OUT + "/selftests/host/limit", H.OUT + "/selftests/host/vm-only"


def expected(name, what):
    """What the guests' program says it made them do"""
    line, = re.findall(r"^expect %s (.*)$" % what, host.part(name), re.M)
    return dict(w.split("=") for w in line.split())


def of_vm(rows, vm):
    return {r["reason"]: r for r in rows if r["vm"] == vm}


def guests_do_as_they_are_told():
    files = [H.guest_test("handlers_told"), H.guest_test("kernel_log"),
             H.OUT + "/payload/caretaker.elf:/caretaker.elf", LIMIT, *TOOLS]
    host.boot("init-live", files, SECS, options=("-c", "3"))
    host.part("guests")
    T.check_equal(expected("gap", "gap")["kind"], "blocked-io")


def counts_are_exactly_those_of_the_workload():
    want = expected("counts", "counts")
    for way in ("debugfs", "bpf"):
        rows = of_vm(host.records(way + "-ctop")["exit"], want["vm"])
        T.check_equal({r: rows[r]["total"] for r in ("CPUID", "VMMCALL", "IOIO")},
                      {r: int(want[r]) for r in ("CPUID", "VMMCALL", "IOIO")}, way)
        T.check_equal((rows["VMMCALL"]["kvm"], rows["IOIO"]["kvm"]),
                      (int(want["VMMCALL"]), int(want["IOIO"])), way)
    # The same in the table for people, and for a collector
    pid = [r["pid"] for r in host.records("debugfs-ctop")["exit"] if r["vm"] == want["vm"]][0]
    table = [line.split() for line in host.part("table").splitlines()]
    shown = [w for w in table if w[:2] == [str(pid), "0"] and "VMMCALL" in w]
    assert any(want["VMMCALL"] in w for w in shown), shown
    assert re.search(r'^caretaker_exits_total\{.*vm="%s".*reason="VMMCALL".*server="kvm".*\} %s$' %
                     (want["vm"], want["VMMCALL"]), host.part("openmetrics"), re.M), "openmetrics"


def counts_of_a_gap_are_exactly_those_of_the_workload():
    want = expected("gap", "gap")
    for way in ("debugfs", "bpf"):
        got = host.records(way + "-gap")
        rows = of_vm(got["exit"], want["vm"])
        T.check_equal((rows["CPUID"]["native"], rows["IOIO"]["blocked"]), (int(want["gap_cpuid"]), 1), way)
        stall, = [s for s in got["stall"] if s["vm"] == want["vm"]]
        T.check_equal((stall["reason"], stall["lasts_ns"] // 1000), ("IOIO", int(want["us"])), way)
    T.check_equal(host.part("gap-table").count("CPUID"), 1)


def without_clock(record):
    """What does not depend on when the look was, nor on what an iterator cannot know. The guests stand
    still: all time goes to the account that is open, KVM's"""
    drop = {"pid", "share_percent"}
    if record["type"] == "ledger":
        drop |= {"elapsed_ns", "kvm_ns", "residual_percent"}
    return {k: v for k, v in record.items() if k not in drop}


def debugfs_and_bpf_give_the_same_numbers():
    for form in ("list", "ctop", "gap"):
        a, b = host.records("debugfs-" + form), host.records("bpf-" + form)
        T.check_equal(sorted(a), sorted(b), form)
        for kind in set(a) - {"header"}:
            def key(r):
                return json.dumps(r, sort_keys=True)
            left = sorted((without_clock(r) for r in a[kind]), key=key)
            right = sorted((without_clock(r) for r in b[kind]), key=key)
            T.check_equal(left, right, "%s of %s" % (kind, form))
            assert left, kind


def handlers_and_pcpu_are_those_that_were_installed():
    r = T.run(H.OUT + "/tools/caretaker-verify/caretaker-verify", "-j",
              H.OUT + "/selftests/handlers/accept/told.bpf.o")
    digest = T.records(r)["object"][0]["digest"]
    T.check_equal(len(digest), 64)
    counts, gap = expected("counts", "counts")["vm"], expected("gap", "gap")["vm"]
    for name in ("debugfs-ctop", "bpf-ctop", "debugfs-list", "bpf-list"):
        got = {v["vm"]: (v["handlers"], v["digest"], v["pcpu"]) for v in host.records(name)["vcpu"]}
        T.check_equal(got, {counts: ("none", None, 2), gap: ("told", digest, 1)}, name)
    sets = host.part("table").split("handler sets in use\n")[1].splitlines()[1:3]
    T.check_equal(sorted(line.split() for line in sets), [["1", "none", "-"], ["1", "told", digest]])


def left_out(name):
    text = host.part(name)
    (out, left), = set(re.findall(r"(\d+) vCPUs came out of the kernel, (\d+) were left out there", text))
    return int(out), int(left)


def filters_of_bpf_work_in_the_kernel():
    vm = expected("gap", "gap")["vm"]
    T.check_equal(left_out("bpf-all"), (2, 0))
    for name in ("bpf-vm", "bpf-vm-prefix"):
        T.check_equal(left_out(name), (1, 1), name)
        T.check_equal([v["vm"] for v in host.records(name)["vcpu"]], [vm], name)
    T.check_equal(left_out("bpf-vcpu"), (2, 0))
    text = host.part("bpf-no-vm", 4)
    assert "0 vCPUs came out of the kernel, 2 were left out" in text and "2 vCPUs were left out" in text, text
    T.check_equal(left_out("bpf-record"), (1, 1))
    T.check_equal([v["vm"] for v in host.records("bpf-recorded")["vcpu"]], [vm])


def kernel_writes_the_events_that_are_wanted_alone():
    host.part("events-start")
    vm = expected("events-gap", "gap")["vm"]
    ring, = [line.split() for line in host.part("events-rings").splitlines() if line.startswith(vm)]
    # Bits 2 and 10. Nine CPUIDs, the handover and more were exits: one event was written, the stall
    T.check_equal((int(ring[3], 16), int(ring[4])), (1 << 2 | 1 << 10, 1))
    got = [e for e in host.records("events-live")["event"] if e["event"] == "ring"]
    T.check_equal([e["name"] for e in got], ["stall", "handler"])
    T.check_equal([e["vm"] for e in got], [vm, expected("events-handler", "gap")["vm"]])
    assert " reason=io " in got[1]["what"] and "data=01 00 00 00 00 00 00 00" in got[1]["what"], got[1]
    T.check_equal(host.part("events-off").split(), ["0", "0"])


def events_of_a_recording_are_in_the_gap():
    host.part("events-record")
    told = [e["name"] for e in host.records("events-report")["event"] if e["event"] == "ring"]
    # A recording begins with what the kernel still has: the two of the test before
    T.check_equal(told, ["stall", "handler", "run", "handler", "park"])
    got = host.records("events-in-gap")
    T.check_equal([e["name"] for e in got["ring"]], ["run", "handler", "park"])
    at = [e["at_ns"] for e in got["ring"]]
    steps = {s["step"]: s["at_ns"] for s in got["step"]}
    assert at == sorted(at) and steps["stop"] <= at[0] and at[2] <= steps["adopt"], (at, steps)


def full_disk_is_told_and_what_was_written_is_good():
    assert "No space left on device" in host.part("full-disk", 1), host.part("full-disk", 1)
    text = host.part("full-disk-report", 1)
    assert re.search(r"cut off after [1-9]\d* complete looks", text), text


def missing_capability_is_named():
    for name in ("nobody", "nobody-ctop"):
        assert "CAP_DAC_READ_SEARCH, which is missing" in host.part(name, 3), host.part(name, 3)
    T.check_equal(len(host.records("nobody-read")["vcpu"]), 2)
    for name, cap in (("nobody-bpf-none", "CAP_BPF is missing"), ("nobody-bpf-perfmon", "CAP_BPF is missing"),
                      ("nobody-bpf-bpf", "CAP_PERFMON is missing")):
        assert cap in host.part(name, 3), host.part(name, 3)
    T.check_equal(len(host.records("nobody-bpf-both")["vcpu"]), 2)


def kernel_without_bpf_is_named_and_debugfs_does():
    assert "CONFIG_BPF_SYSCALL=y, or use debugfs" in host.part("no-bpf-syscall", 4)
    T.check_equal(len(host.records("no-bpf-syscall-auto")["vcpu"]), 2)
    assert "reading /sys/kernel/debug" in host.part("no-bpf-syscall-auto")


def kernel_without_btf_is_named_and_debugfs_does():
    for name in ("no-btf", "no-btf-ctop"):
        assert "CONFIG_DEBUG_INFO_BTF=y, or use debugfs" in host.part(name, 4), host.part(name, 4)
    T.check_equal(len(host.records("no-btf-auto")["vcpu"]), 2)


def host_without_debugfs_is_read_by_bpf():
    assert "debugfs is not mounted" in host.part("no-debugfs", 4), host.part("no-debugfs", 4)
    assert "reading the BPF iterator" in host.part("no-debugfs-auto")
    T.check_equal(len(host.records("no-debugfs-auto")["vcpu"]), 2)
    T.check_equal(len(host.records("no-debugfs-ctop")["vcpu"]), 2)


def host_with_neither_is_told_what_to_do():
    for name in ("no-debugfs-no-bpf", "no-debugfs-no-btf", "no-debugfs-no-btf-ctop"):
        assert "mount -t debugfs" in host.part(name, 4), host.part(name, 4)


def kernel_log_has_no_complaint():
    host.part("kernel-log")


def plain(path):
    """A module as insmod of busybox takes it, for the test host"""
    name = os.path.basename(path).split(".")[0] + ".ko"
    to = os.path.join(H.DIR, name)
    with (lzma.open if path.endswith(".xz") else open)(path, "rb") as f, open(to, "wb") as out:
        shutil.copyfileobj(f, out)
    return to + ":/modules/" + name


def stock_kernel_boots():
    r = H.script("fetch-guest")
    vmlinuz = os.path.join(H.OUT, "guest/vmlinuz")
    if r.returncode or not os.path.exists(vmlinuz):
        raise T.Skip("scripts/fetch-guest: " + r.stdout.strip().splitlines()[-1])
    files = TOOLS + [VM_ONLY] + [plain(path) for path in glob.glob(H.OUT + "/guest/modules/*.ko*")]
    stock.boot("init-stock", files, SECS, kernel=os.path.realpath(vmlinuz))
    assert "-cloud-" in stock.part("kernel"), stock.part("kernel")


def stock_kernel_without_kvm_is_named():
    if not stock.parts:
        raise T.Skip("there is no stock kernel")
    for name in ("no-kvm", "no-kvm-ctop", "no-kvm-gap"):
        assert "KVM is not loaded: modprobe kvm_amd" in stock.part(name, 4), stock.part(name, 4)
    assert "debugfs is not mounted" in stock.part("nothing", 4), stock.part("nothing", 4)


def stock_kernel_with_kvm_without_the_caretaker_is_named():
    if not stock.parts:
        raise T.Skip("there is no stock kernel")
    if stock.parts["vm"][1] != "0":
        raise T.Skip("its KVM does not load: " + stock.parts["vm"][0].strip().replace("\n", "; "))
    for name in ("no-caretaker", "no-caretaker-ctop", "no-caretaker-gap"):
        text = stock.part(name, 4)
        assert "this kernel's KVM has no Caretaker (1 vCPUs" in text and "CONFIG_KVM_CARETAKER=y" in text, text


def stock_kernel_without_the_caretaker_is_named_by_bpf():
    if not stock.parts:
        raise T.Skip("there is no stock kernel")
    for name in ("no-iterator", "no-iterator-ctop"):
        assert "has this kernel CONFIG_KVM_CARETAKER=y?" in stock.part(name, 4), stock.part(name, 4)
    assert "remotes/caretaker/trace_pipe is not there" in stock.part("no-events", 4), stock.part("no-events", 4)


H.needs("kernel/fast/bzImage-a", "payload/caretaker.elf", "selftests/guest-tests/handlers_told",
        "tools/ctop/ctop", "tools/ctrace/ctrace", "tools/caretaker-verify/caretaker-verify",
        "selftests/host/limit", "selftests/host/vm-only")
T.main([guests_do_as_they_are_told, counts_are_exactly_those_of_the_workload,
        counts_of_a_gap_are_exactly_those_of_the_workload, debugfs_and_bpf_give_the_same_numbers,
        handlers_and_pcpu_are_those_that_were_installed, filters_of_bpf_work_in_the_kernel,
        kernel_writes_the_events_that_are_wanted_alone, events_of_a_recording_are_in_the_gap,
        full_disk_is_told_and_what_was_written_is_good, missing_capability_is_named,
        kernel_without_bpf_is_named_and_debugfs_does, kernel_without_btf_is_named_and_debugfs_does,
        host_without_debugfs_is_read_by_bpf, host_with_neither_is_told_what_to_do,
        kernel_log_has_no_complaint, stock_kernel_boots, stock_kernel_without_kvm_is_named,
        stock_kernel_with_kvm_without_the_caretaker_is_named,
        stock_kernel_without_the_caretaker_is_named_by_bpf])
