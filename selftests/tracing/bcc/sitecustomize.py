# SPDX-License-Identifier: GPL-2.0
"""For PYTHONPATH: bcc compiles with the extension that headers of Linux 7 need (-fms-extensions), which
Debian's bcc 0.31 does not know of."""

import bcc

_init = bcc.BPF.__init__


def _with_extensions(self, *args, **words):
    words["cflags"] = list(words.get("cflags") or []) + ["-fms-extensions", "-Wno-microsoft-anon-tag"]
    _init(self, *args, **words)


bcc.BPF.__init__ = _with_extensions
