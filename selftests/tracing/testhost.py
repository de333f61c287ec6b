# SPDX-License-Identifier: GPL-2.0
"""For the tests of this directory: boots a test host whose /init marks where the output of each part
begins and ends, and takes its console apart."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
OUT = os.path.join(TOP, os.environ.get("OUT", "out"))
HERE = os.path.join(TOP, "selftests/tracing")
KERNEL = os.path.join(OUT, "kernel/fast")
DIR = tempfile.mkdtemp(prefix="testhost-")
atexit.register(shutil.rmtree, DIR, True)


def guest_test(name):
    """A program of selftests/guest-tests, in the test host below /tests"""
    return os.path.join(OUT, "selftests/guest-tests", name) + ":/tests/"


def script(name, *args):
    return subprocess.run([os.path.join(TOP, "scripts", name), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")


def initrd(path, init, *files):
    r = script("mkinitrd", "-o", path, "-i", os.path.join(HERE, init), *files)
    assert r.returncode == 0, r.stdout
    return path


class Host:
    def __init__(self):
        self.parts = {}

    def boot(self, init, files, secs, kernel=KERNEL + "/bzImage-a", next_kernel=False, append="",
             options=()):
        """Runs it to its end. CONSOLE=DIR in the environment keeps the console there."""
        more = ()
        if next_kernel:
            inner = initrd(os.path.join(DIR, "inner"), init, *files)
            more = (KERNEL + "/bzImage-b:/boot/", inner + ":/boot/initrd")
        outer = initrd(os.path.join(DIR, "initrd"), init, *files, *more)
        serial = os.path.join(os.environ.get("CONSOLE", DIR), init + ".console")
        r = script("qemu-host", "-k", kernel, "-i", outer, "-t", str(secs), "-s", serial, "-a", append,
                   *options)
        with open(serial, encoding="utf-8", errors="replace") as f:
            text = f.read().replace("\r", "")
        for m in re.finditer(r"^ct-begin (\S+)\n(.*?)(?:^ct-end \1 (\d+)$|(?=^ct-begin )|\Z)", text, re.S | re.M):
            self.parts[m.group(1)] = (m.group(2), m.group(3))
        assert r.returncode == 0, "%s\n%s" % (r.stdout, text[-3000:])

    def part(self, name, status=0):
        """What that part printed; its exit status is checked"""
        assert name in self.parts, "the test host did not get to %s" % name
        text, got = self.parts[name]
        assert got == str(status), "%s: status %s, want %s\n%s" % (name, got, status, text[-3000:])
        return text

    def records(self, name, status=0):
        """NDJSON of that part by type; messages to standard error are between the lines"""
        found = {}
        for line in self.part(name, status).splitlines():
            if line.startswith("{"):
                record = json.loads(line)
                found.setdefault(record["type"], []).append(record)
        return found


def pairs(text):
    """{field: number} of NAME=VALUE"""
    return {k: int(v, 0) for k, v in re.findall(r"(\w+)=(0x[0-9a-f]+|\d+)\b", text)}


def skip_all(why):
    print("KTAP version 1\n1..0 # SKIP %s" % why)
    sys.exit(4)


def needs(*paths):
    """Skips all when one of these, below out/, is not there"""
    for path in paths:
        if not os.path.exists(os.path.join(OUT, path)):
            skip_all("there is no out/%s: run make all" % path)
