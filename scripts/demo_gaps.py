# SPDX-License-Identifier: GPL-2.0
"""What the demo's runs left behind of each handover: of one kexec, or of several in a row.

For scripts/demo-report. Numbers of telemetry are never reset, so what belongs to a gap is the
difference between the status after the adoption and the one before the preserve.
"""

import glob
import json
import os

AFTER_MS = 200      # how long after the adoption a delta still counts as part of it
PHASES = ("preserve", "gap", "adopt")
PAGE_KB = 4


def load(path):
    try:
        with open(path) as f:
            return json.load(f)
    except ValueError as e:
        raise ValueError("%s: %s" % (path, e)) from e


def telemetry(report):
    """One per vCPU; empty without a Caretaker"""
    return [v["telemetry"] for v in report["vcpus"] if v["telemetry"]]


def halted_share(vcpus, gap_ns):
    """The smallest of all vCPUs"""
    return min((v["halted_ns"] / gap_ns for v in vcpus), default=0.0) if gap_ns > 0 else 0.0


class Gap:
    """One handover, times in host TSC: start, run, kick, end"""

    def __init__(self, before, old, new):
        self.khz = new["tsc_khz"]
        self.before = telemetry(before)
        self.old = telemetry(old)
        self.new = telemetry(new)
        self.kernel = new["host"]["release"]
        self.other_kernel = (old["host"]["boot_id"] != new["host"]["boot_id"] and
                             old["host"]["release"] != new["host"]["release"])
        self.offset_kept = ([v["tsc_offset"] for v in old["vcpus"]] ==
                            [v["tsc_offset"] for v in new["vcpus"]])
        self.clock_error_ns = new["clock_error_ns"]
        self.start = old["steps"]["preserve_start"]
        if self.new and self.new[0]["tsc_run"]:
            self.run = max(t["tsc_run"] for t in self.old)
            self.kick = min(t["tsc_kick"] for t in self.new)
            adopted = max(t["tsc_adopt"] for t in self.new)
            self.end = max(adopted, new["steps"]["replayed"]) + AFTER_MS * self.khz
        else:
            self.run, self.kick = new["stopped_before"], new["steps"]["restored"]
            self.end = self.kick + AFTER_MS * self.khz

    def ns(self, cycles):
        return int(cycles * 1000000 // self.khz)

    def gap_ns(self):
        return self.ns(self.kick - self.run)

    def steps_of(self, vcpu):
        """From when to when the two steps of the handover kept a vCPU, by the stamps"""
        return {"preserve": (self.old[vcpu]["tsc_stop"], self.old[vcpu]["tsc_run"]),
                "adopt": (self.new[vcpu]["tsc_kick"], self.new[vcpu]["tsc_adopt"])}

    def phase(self, delta, at):
        """The phase in which most of the delta lies"""
        begin = at - delta
        share = {"preserve": min(at, self.run) - begin,
                 "gap": min(at, self.kick) - max(begin, self.run),
                 "adopt": at - max(begin, self.kick)}
        return max(share, key=share.get)

    def vcpus(self):
        """What each vCPU went through, by the stamps and counters of kernel and payload"""
        got = []
        for before, old, new in zip(self.before, self.old, self.new):
            more = {k: new[k] - before[k] for k in (
                "timer_fired", "injected", "ipi_sent", "ipi_received", "ipi_kicks")}
            got.append({"vcpu": new["vcpu"],
                        "preserve_ns": self.ns(old["tsc_run"] - old["tsc_stop"]),
                        "adopt_ns": self.ns(new["tsc_adopt"] - new["tsc_kick"]),
                        "halted_ns": self.ns(new["idle_tsc"] - before["idle_tsc"]),
                        "blocked": new["nr_stalls"] - before["nr_stalls"], **more})
        return got

    def summary(self):
        vcpus = self.vcpus()
        return {"next_kernel": self.kernel, "gap_ns": self.gap_ns(),
                "clock_error_ns": self.clock_error_ns, "blocked": sum(v["blocked"] for v in vcpus),
                "halted_share": round(halted_share(vcpus, self.gap_ns()), 4), "vcpus": vcpus}


def gaps_of(directory):
    """All handovers of a run, in order"""
    nr = len(glob.glob(os.path.join(directory, "report-*.json")))
    got = []
    for i in range(1, nr):
        # The last stage has no preserve: its report is written at the end
        new = "before-%d.json" if i + 1 < nr else "report-%d.json"
        got.append(Gap(load(os.path.join(directory, "before-%d.json" % i)),
                       load(os.path.join(directory, "report-%d.json" % i)),
                       load(os.path.join(directory, new % (i + 1)))))
    return got


def vcpus_of(gaps):
    """Over all handovers: the longest pauses, and sums"""
    total = []
    for g in gaps:
        for i, v in enumerate(g.vcpus()):
            if i == len(total):
                total.append(dict(v))
                continue
            for k in v:
                if k in ("preserve_ns", "adopt_ns"):
                    total[i][k] = max(total[i][k], v[k])
                elif k != "vcpu":
                    total[i][k] += v[k]
    return total


def when(gaps, delta, at):
    """before the first handover, after one, or the phase of the one in which the delta lies"""
    for i, g in enumerate(gaps):
        if at < g.start:
            return "after" if i else "before"
        if at - delta <= g.end:
            return g.phase(delta, at)
    return "after"


def numbers(path):
    with open(path) as f:
        return [int(word) for word in f.read().split()]


def memory_of(directory, nr_gaps):
    """Pages of preserved memory that nobody owns. None when nobody looked for them.

    What an earlier kernel preserved is kept back at boot and becomes managed memory (MemTotal) page
    by page when somebody restores it. So what nobody restored is missing against the same kernel
    after a kexec for which nothing was preserved; kernels take turns. That less memory is there
    before the adoption shows that this measures. The kernel without a guest may have less, by
    pages that the orchestrator takes back when it is first used: as many lost ones could hide."""
    last = nr_gaps + 1
    try:
        guest = {n: numbers(os.path.join(directory, "mem-%d.txt" % n)) for n in range(2, last + 1)}
        empty = {n % 2: numbers(os.path.join(directory, "mem-%d.txt" % n))[0]
                 for n in (last + 1, last + 2)}
        missing = [[(empty[n % 2] - kb) // PAGE_KB for kb in guest[n]] for n in guest]
        return {"kept_back_pages": [before for before, _ in missing],
                "lost_pages": max(0, *[after for _, after in missing]),
                "could_hide_pages": max(0, *[-after for _, after in missing])}
    except (OSError, ValueError):
        return {"kept_back_pages": [], "lost_pages": None, "could_hide_pages": None}
