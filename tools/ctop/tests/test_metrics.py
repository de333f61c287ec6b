#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_metrics.py CTOP CTOP-WITH-SANITIZERS

Metrics for a textfile collector."""

import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../lib/tests")]
import tree as T
from metrics import metrics

CTOP, ASAN = sys.argv[1:3]


def ctop(t, *options, tool=ASAN, **how):
    return T.run(tool, "--debugfs", t.dir, "-b", *options, **how)


def metrics_count_what_json_counts():
    made = ("--synthetic", "500", "-n", "1")
    found = metrics(T.run(CTOP, "-b", "--openmetrics", *made).stdout.decode())
    got = T.records(T.run(CTOP, "-b", "-j", *made))
    have = {k: v for k, v in found.items() if k[0] == "caretaker_exits_total"}
    want = {("caretaker_exits_total", 'vm="%s",vcpu="%d",reason="%s",server="%s"' %
             (e["vm"], e["vcpu"], e["reason"], s)): e[s]
            for e in got["exit"] for s in T.SERVERS if e[s]}
    T.check_equal(have == want, True, "all exits")
    T.check_equal(found["caretaker_lost_total", None], 60)
    T.check_equal(sum(k[0] == "caretaker_vcpu_info" for k in found), 500)


def promtool_takes_the_metrics():
    if not shutil.which("promtool"):
        raise T.Skip("no promtool here (package prometheus; scripts/install-deps -x)")
    for made in (["--synthetic", "50"], ["--synthetic", "50", "--gap"], ["--synthetic", "1"]):
        text = T.run(ASAN, "-b", "-n", "1", "--openmetrics", *made).stdout
        r = subprocess.run(("promtool", "check", "metrics"), input=text, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        assert r.returncode == 0 and not r.stdout, r.stdout.decode()


def metrics_have_histograms():
    t = T.with_tree((231, 11, 0, T.timed()), (231, 11, 1, T.timed()))
    found = metrics(ctop(t, "-n", "1", "--openmetrics").stdout.decode())
    labels = 'vm="4ba3f2d1c0ffee00",reason="CPUID",server="native"'
    name = "caretaker_exit_duration_seconds"
    buckets = [(float(re.search(r'le="([^"]*)"', k[1]).group(1)), v) for k, v in found.items()
               if k[0] == name + "_bucket" and k[1].startswith(labels)]
    T.check_equal(len(buckets), T.NR_BUCKETS)
    cycles = [500] * 98 + [3000, 90000] + [400] * 10
    for le, n in buckets:
        T.check_equal(n, 2 * sum(c <= le * 1e9 + 1e-6 for c in cycles), le)
    T.check_equal((found[name + "_count", labels], found[name + "_sum", labels]), (220, 0.000292))
    T.check_equal(found["caretaker_vcpu_seconds_total", 'vm="4ba3f2d1c0ffee00",vcpu="1",account="halted"'], 0.0005)
    T.check_equal(found["caretaker_handler_calls_total", 'vm="4ba3f2d1c0ffee00",vcpu="0",class="io"'], 22)


def metrics_have_histograms_by_class_and_by_server():
    vm = 'vm="4ba3f2d1c0ffee00",'
    t = T.timed()
    # Two reasons of one class
    t.gap_times[0x6E, T.NATIVE], t.gap_times[0x60, T.NATIVE] = [100] * 3, [70000] * 4
    found = metrics(ctop(T.with_tree((231, 11, 0, t)), "-n", "1", "--openmetrics").stdout.decode())

    def counts(family, label):
        return {k[1].replace(vm, ""): v for k, v in found.items()
                if k[0] == family + "_count" and label in k[1]}

    T.check_equal(counts("caretaker_class_duration_seconds", 'class="'),
                  {'class="cpuid",server="native"': 110, 'class="hlt",server="kvm"': 3,
                   'class="io",server="handler"': 21, 'class="io",server="blocked"': 1,
                   'class="other",server="native"': 7})
    T.check_equal(counts("caretaker_server_duration_seconds", 'server="'),
                  {'server="native"': 117, 'server="kvm"': 3, 'server="handler"': 21, 'server="blocked"': 1})
    # What the handler of a class took is what its exits did
    T.check_equal(found["caretaker_class_duration_seconds_sum", vm + 'class="io",server="handler"'],
                  found["caretaker_handler_seconds_total", vm + 'vcpu="0",class="io"'])
    for family in ("class", "server"):
        name = "caretaker_%s_duration_seconds" % family
        for key in [k for k in found if k[0] == name + "_count"]:
            buckets = [v for k, v in found.items() if k[0] == name + "_bucket" and k[1].startswith(key[1] + ",")]
            T.check_equal((len(buckets), buckets[-1], buckets == sorted(buckets)), (T.NR_BUCKETS, found[key], True))


T.main([metrics_count_what_json_counts, promtool_takes_the_metrics,
        metrics_have_histograms,
        metrics_have_histograms_by_class_and_by_server])
