# SPDX-License-Identifier: GPL-2.0
"""The demo's report as text, for scripts/demo-report: runs are its Run objects."""
import os


def human(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return "%.3g %s" % (ns / size, unit) if ns / size < 1000 else "%d %s" % (ns / size, unit)
    return "%d ns" % ns


def text_table(rows):
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(str(c).ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows]


def text_runs(runs):
    rows = [["", *[r.name for r in runs]]]

    def row(title, value):
        rows.append([title, *[value(r, r.summary(), r.details()) for r in runs]])

    row("handover pause (largest TSC delta)", lambda r, s, d: human(s["max_pause_ns"]))
    for p in ("preserve", "gap", "adopt"):
        row("  of it in " + p, lambda r, s, d: human(d["pause_ns_by_phase"].get(p, 0)))
    row("  over the steps at preserve, adoption", lambda r, s, d: ", ".join(
        human(ns) for ns in s["step_pause_ns"].values()) or "-")
    row("noise: largest delta before", lambda r, s, d: human(d["noise_before_ns"]))
    row("time without a kernel (gap)", lambda r, s, d: human(d["gap_ns"]))
    row("loops/s before", lambda r, s, d: "{:,}".format(s["loops_before_per_s"]))
    row("loops/s in the gap", lambda r, s, d: "{:,}".format(s["loops_gap_per_s"]))
    row("  against before", lambda r, s, d: "%.1f %%" % (
        100.0 * s["loops_gap_per_s"] / max(1, s["loops_before_per_s"])))
    row("checksums", lambda r, s, d: "-" if r.no_loop else "%d %s %s" % (
        d["checks"], d["vector"], "ok" if s["checksum_ok"] else "WRONG"))
    row("console bytes sent", lambda r, s, d: s["console_bytes_sent"])
    row("console bytes received", lambda r, s, d: s["console_bytes_received"])
    row("  replayed from the gap", lambda r, s, d: d["console_replayed"])
    row("console in order", lambda r, s, d: "yes" if s["console_in_order"] else "NO")
    for n in ("guest", "native", "handler", "kvm", "blocked", "halted", "handover"):
        row("time, all vCPUs: " + n, lambda r, s, d, k=n + "_ns": human(s["ledger"][k])
            if s["ledger"] else "-")
    row("stalls", lambda r, s, d: len(s["stalls"]))
    row("  longest", lambda r, s, d: human(max((x["ns"] for x in s["stalls"]), default=0)))
    return text_table(rows)


def text_exits(run):
    exits = run.gap_exits()
    if not exits:
        return []
    total = {}
    for e in exits:
        key = e["reason"], e["served_by"]
        total[key] = total.get(key, 0) + e["count"]
    rows = [["reason", "served by", "exits in the gap"]]
    rows += [[*key, "{:,}".format(n)] for key, n in total.items()]
    return ["", "Exits in the gap, run %s:" % run.name] + text_table(rows)


def text_vcpus(run):
    """What each vCPU went through; not of the first three runs"""
    if run.new["nr_vcpus"] == 1 and not run.no_loop:
        return []
    rows = [["vCPU", "pause at preserve", "at adoption", "halted", "timers", "IPIs sent", "received",
             "kicks"]]
    rows += [[v["vcpu"], human(v["preserve_ns"]), human(v["adopt_ns"]), human(v["halted_ns"]),
              v["timer_fired"], v["ipi_sent"], v["ipi_received"], v["ipi_kicks"]]
             for v in run.vcpus()]
    lines = ["", "vCPUs, run %s:" % run.name] + text_table(rows)
    if run.name == "idle":
        return lines
    kind = "latency_ns" if run.software else "pause_ns"
    rows = [["CPU", "before", "in preserve", "in the gap", "at adoption", "after", "IPI round trips",
             "longest"]]
    for c in run.guest_cpus():
        rows.append([c["cpu"], *[human(c[kind].get(p, 0)) for p in (
            "before", "preserve", "gap", "adopt", "after")], c["ipis"], human(c["ipi_max_ns"])])
    title = "cyclictest's largest latencies" if run.software else "largest distances of TSC readings"
    return lines + ["", "In the guest, %s, run %s:" % (title, run.name)] + text_table(rows)


def text_software(name, s):
    return ["", "Software in the guest, run %s:" % name,
            "  chain of hashes  %d steps, %s" % (s["hash_steps"],
                                                 "ok" if s["hash_chain_ok"] else "WRONG"),
            "  hackbench        %d runs, %d failed" % (s["hackbench_runs"], s["hackbench_bad"]),
            "  stress-ng        status %d" % s["stress_status"]]


def text_control(control):
    """What the machine does to the same software without the Caretaker"""
    if not control:
        return []
    rows = [["CPU", "largest latency"]]
    rows += [[i, human(ns)] for i, ns in enumerate(control["latency_ns"])]
    lines = ["", "KVM alone and no update, cyclictest's largest latencies, run control:"]
    return (lines + text_table(rows) + text_software("control", control["software"]) +
            ["  in its kernel log: " + line for line in control["dmesg_bad_lines"]])


def text_clocks(runs):
    rows = [["clocks of the guest", *[r.name for r in runs]]]
    for title, key in (("checks", "checks"), ("CLOCK_MONOTONIC back", "monotonic_back"),
                       ("CLOCK_REALTIME back", "realtime_back"),
                       ("largest step against the TSC, ns", "monotonic_step_ns"),
                       ("  CLOCK_REALTIME", "realtime_step_ns"),
                       ("kvmclock off at adoption, ns", "kvmclock_error_ns")):
        rows.append([title, *["{:,}".format(r.clocks()[key]) for r in runs]])
    return [""] + text_table(rows)


def text_tools(run):
    lines = []
    for name, command in (("ctop-before.txt", "ctop -b -n 1, before the update"),
                          ("ctrace-gap.txt", "ctrace gap, after it"),
                          ("ctop-gap.txt", "ctop -b -n 1 --gap, after it")):
        text = run.tool_text(name)
        if text:
            lines += ["", "%s, run %s:" % (command, run.name)]
            lines += ["  " + line for line in text.splitlines()]
    if os.path.exists(os.path.join(run.dir, "gap.ctr")):
        lines += ["", "More of run %s, in its directory: ctrace gap --explain -i gap.ctr; a page for a browser: "
                      "gap.html" % run.name]
    return lines


def text_gaps(run):
    """One line per kexec, of runs with several"""
    if len(run.gaps) < 2:
        return []
    rows = [["kexec", "next kernel", "gap", "pause at preserve", "at adoption", "halted", "blocked",
             "kvmclock off, ns"]]
    for i, g in enumerate(run.gaps):
        s = g.summary()
        rows.append([i + 1, s["next_kernel"], human(s["gap_ns"]),
                     human(max(v["preserve_ns"] for v in s["vcpus"])),
                     human(max(v["adopt_ns"] for v in s["vcpus"])),
                     "%.1f %%" % (100 * s["halted_share"]), s["blocked"], s["clock_error_ns"]])
    return ["", "Kexecs in a row, run %s:" % run.name] + text_table(rows)


def text_past(run):
    """What this guest went through"""
    past, memory, rehearsal = run.new["past"], run.memory(), run.rehearsal()
    lines = ["", "This guest went through, run %s:" % run.name,
             "  %(updates)d updates, %(cancels)d cancels, %(kexecs)d kexecs" % past]
    if memory["lost_pages"] is not None:
        lines.append("  pages of preserved memory without an owner: %d, of up to %s; could hide: %d" % (
            memory["lost_pages"], "{:,}".format(max(memory["kept_back_pages"])),
            memory["could_hide_pages"]))
    lines += ["  in its kernel log: " + line for line in run.summary()["dmesg_bad_lines"]]
    if rehearsal:
        lines.append("  rehearsal of %.1f s: %d exits that would block" % (
            rehearsal["detached_ns"] / 1e9, rehearsal["blocked_exits"]))
        lines += ["    %6d  vCPU %d  %s %s rip %#x" % (
            b["count"], b["vcpu"], b["reason"], b["detail"], b["rip"])
            for b in rehearsal["blocked"]]
    return lines


def text_targets(report):
    goals = []
    for h in (r for r in report["runs"] if r["name"] == "handler"):
        goals = [("handover pause <= 50 ms", h["max_pause_ns"] <= 50e6),
                 ("loop rate in the gap >= 95 % of before",
                  h["loops_gap_per_s"] >= 0.95 * h["loops_before_per_s"]),
                 ("preserved per vCPU <= 256 KiB (is %d)" % (h["preserved_bytes"] >> 10),
                  0 < h["preserved_bytes"] <= 256 << 10)]
        if h["handlers_install"]:
            t = h["handlers_install"]
            took = sum(t[k] for k in ("bpf_verifier_ns", "stage2_ns", "compile_ns", "install_ns"))
            goals.append(("handlers verified, compiled, installed in <= 50 ms (is %.1f; loading the object "
                          "took %.1f more)" % (took / 1e6, (t["total_ns"] - took) / 1e6), 0 < took <= 50e6))
        base = max((r["max_pause_ns"] for r in report["runs"] if r["name"] == "baseline"), default=0)
        step = h["step_pause_ns"]
        longest = max(step.values(), default=0)
        if longest and base:
            goals.append(("TSC distance over a step of the handover <= 5 ms (is %.2f at preserve, %.2f at adoption) and "
                          "<= 1/500 of the baseline's pause (is 1/%d)" % (
                              step["preserve"] / 1e6, step["adopt"] / 1e6, base / longest),
                          longest <= 5e6 and base >= 500 * longest))
    if "ratio_pause_baseline_over_handler" in report:
        ratio = report["ratio_pause_baseline_over_handler"]
        goals.append(("baseline pause / handover pause >= 50 (is %.0f)" % ratio, ratio >= 50))
    for r in report["runs"]:
        if r["name"] in ("smp", "software", "idle"):
            pause = max((max(v["preserve_ns"], v["adopt_ns"]) for v in r["vcpus"]), default=0)
            limit = 5 if len(r["vcpus"]) == 1 else 20
            goals.append(("handover pause of %d vCPUs, run %s, <= %d ms" %
                          (len(r["vcpus"]), r["name"], limit), pause <= limit * 1e6))
            goals.append(("exits that blocked, run %s: none" % r["name"], not r["stalls"]))
        if r["memory"]["lost_pages"] is not None:
            goals.append(("pages without an owner after %d kexecs, run %s: 0" % (
                len(r["kexecs"]), r["name"]), r["memory"]["lost_pages"] == 0))
        if r["name"] == "idle":
            goals.append(("pCPUs halted in the gap, run idle, >= 95 %% (is %.1f %%)" %
                          (100 * r["halted_share"]), r["halted_share"] >= 0.95))
    lines = ["  %-9s %s" % ("reached" if ok else "MISSED", t) for t, ok in goals]
    return ["", "Targets:"] + lines if lines else []


def make_text(report, runs, guest):
    host = report.get("host")
    lines = ["A guest keeps running while its host kernel is replaced", ""]
    if host:
        lines += ["  old kernel   %s" % host["version_before"],
                  "  next kernel  %s" % host["version_after"],
                  "  boot ids     %s -> %s" % (host["boot_id_before"][:8], host["boot_id_after"][:8])]
    lines += ["  guest        %s" % guest, ""]
    if runs:
        lines += text_runs(runs) + text_clocks(runs)
    lines += text_control(report.get("control"))
    for r in runs:
        lines += text_vcpus(r) + text_gaps(r)
        if r.software:
            lines += text_software(r.name, r.software_summary()["software"])
        lines += text_past(r) if r.no_loop or r.name in ("smp", "handler") else []
        lines += text_exits(r) + text_tools(r)
    return lines + text_targets(report)
