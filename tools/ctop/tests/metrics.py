# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Reads what ctop --openmetrics prints"""

import re

METRIC = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.]+)$')


def metrics(text):
    """{(name, labels): value}; every sample belongs to the family above it"""
    found, family = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            family = line.split()[2]
        if line.startswith("#"):
            continue
        m = METRIC.match(line)
        assert m and m.group(1) in (family, family + "_bucket", family + "_sum", family + "_count"), line
        assert (m.group(1), m.group(2)) not in found, line
        found[m.group(1), m.group(2)] = float(m.group(3))
    assert text.endswith("# EOF\n")
    return found
