# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""For the tools' tests: makes telemetry and trees like debugfs', runs tools, prints KTAP."""

import atexit
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

ABI = 2
NR_REASONS = 256
NR_SERVERS = 4
NR_STALLS = 64
NR_SLOTS = 32
NR_BUCKETS = 32
SHARED = 256
HEAD = struct.Struct("<4I13Q9Q")
TIMES = struct.Struct("<Q4I5QQ7Q")
STALL = struct.Struct("<6Q")
CELL = struct.Struct("<5Q32I")
SLOT_SIZE = 8 + NR_SERVERS * CELL.size
SIZE1 = 256 + 2 * NR_REASONS * NR_SERVERS * 8 + NR_STALLS * STALL.size
SIZE = HEAD.size + TIMES.size + 16 * 16 + NR_REASONS + NR_SLOTS * SLOT_SIZE + NR_STALLS * STALL.size
NATIVE, HANDLER, KVM, BLOCKED = range(4)
SERVERS = ("native", "handler", "kvm", "blocked")
ACCOUNTS = ("guest", "native", "handler", "kvm", "blocked", "halted", "handover")

STATE_TEXT = {"detached": "detached, running", "stalled": "detached, stalled"}


def bucket(cycles):
    """Bucket of a histogram: 0 below 32 cycles, then one per doubling, the last one is open"""
    return min(max(cycles.bit_length() - 5, 0), NR_BUCKETS - 1)


class Telemetry:
    """struct kvm_caretaker_telemetry of ABI 2, or of ABI 1 with abi=1

    exits and gap_exits: {(reason, server): count}; times and gap_times: {(reason, server): list of
    cycles}, which are counted as well. ledger: {account: cycles}, classes: {class: (calls, cycles)}."""

    FIELDS = ("vm_id tsc_stop tsc_run tsc_kick tsc_park tsc_adopt nr_stalls stray fault fault_rip "
              "fault_addr idle_tsc fuel_out").split()

    def __init__(self, vcpu=0, **fields):
        self.size, self.abi, self.vcpu, self.tsc_khz = None, ABI, vcpu, 1000000
        for name in self.FIELDS + ["tsc_first", "tsc_last", "open", "pending"]:
            setattr(self, name, 0)
        self.exits, self.gap_exits, self.stalls = {}, {}, []
        self.times, self.gap_times, self.ledger, self.classes = {}, {}, {}, {}
        for name, value in fields.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    @staticmethod
    def table(exits):
        cells = [0] * (NR_REASONS * NR_SERVERS)
        for (reason, server), count in exits.items():
            cells[reason * NR_SERVERS + server] = count
        return struct.pack("<%dQ" % len(cells), *cells)

    def cell(self, reasons, server):
        count = [0, 0]
        for i, table in enumerate((self.exits, self.gap_exits)):
            count[i] = sum(table.get((r, server), 0) for r in reasons)
        times = [[c for r in reasons for c in table.get((r, server), [])]
                 for table in (self.times, self.gap_times)]
        hist = [0] * NR_BUCKETS
        for cycles in times[0] + times[1]:
            hist[bucket(cycles)] += 1
        return CELL.pack(count[0] + len(times[0]), sum(times[0]), count[1] + len(times[1]),
                         sum(times[1]), max(times[0] + times[1], default=0), *hist)

    def slots(self):
        """slot_of and slots: the first 31 reasons get one each, the others share the last"""
        used = sorted({r for t in (self.exits, self.gap_exits, self.times, self.gap_times)
                       for r, _ in t})
        slot_of, slots = bytearray(NR_REASONS), []
        groups = [[r] for r in used[:NR_SLOTS - 1]]
        groups += [[]] * (NR_SLOTS - 1 - len(groups)) + [used[NR_SLOTS - 1:]]
        for i, reasons in enumerate(groups):
            for r in reasons:
                slot_of[r] = i + 1
            name = SHARED if i == NR_SLOTS - 1 else reasons[0] if reasons else 0
            slots.append(struct.pack("<2I", name, 0) +
                         b"".join(self.cell(reasons, s) for s in range(NR_SERVERS)))
        return bytes(slot_of) + b"".join(slots), min(len(used), NR_SLOTS - 1)

    def pack(self):
        ring = [(0,) * 6] * NR_STALLS
        for i, stall in enumerate(self.stalls):
            ring[i % NR_STALLS] = stall
        nr = self.nr_stalls or len(self.stalls)
        values = [nr if n == "nr_stalls" else getattr(self, n) for n in self.FIELDS]
        size = self.size or (SIZE1 if self.abi == 1 else SIZE)
        head = HEAD.pack(size, self.abi, self.vcpu, self.tsc_khz, *values, *([0] * 9))
        stalls = b"".join(STALL.pack(*s) for s in ring)
        if self.abi == 1:
            return (head.ljust(256, b"\0") + self.table(self.exits) + self.table(self.gap_exits) +
                    stalls)
        slots, nr_slots = self.slots()
        ledger = [self.ledger.get(a, 0) for a in ACCOUNTS]
        times = TIMES.pack(self.tsc_first, self.open, self.pending, nr_slots, 0, *([0] * 5),
                           self.tsc_last, *ledger)
        classes = b"".join(struct.pack("<2Q", *self.classes.get(c, (0, 0))) for c in range(16))
        return head + times + classes + slots + stalls


class Tree:
    """A directory like debugfs, with a directory kvm in it"""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ctools-")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path("kvm"))
        atexit.register(shutil.rmtree, self.dir, True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def add(self, pid, fd, vcpu, blob, state="attached", apic=1, handlers="none", digest=None, pcpu=None):
        """Kernels were made whose text has no digest, or no pCPU"""
        d = self.path("kvm", "%d-%d" % (pid, fd), "vcpu%d" % vcpu)
        os.makedirs(d, exist_ok=True)
        if isinstance(blob, Telemetry):
            blob = blob.pack()
        with open(os.path.join(d, "caretaker_telemetry"), "wb") as f:
            f.write(blob)
        with open(os.path.join(d, "caretaker"), "w") as f:
            if blob:
                f.write("state: %s\nvm_id: 0\nvcpu: %d\napic_id: %d\nhandlers: %s\n" %
                        (STATE_TEXT.get(state, state), vcpu, apic, handlers))
                f.write("digest: %s\n" % digest if digest else "")
                f.write("pcpu: %d\n" % pcpu if pcpu is not None else "")
            else:
                f.write("none\n")
        return d


DIGEST = "0123456789abcdef" + "00" * 23 + "f0"


def with_tree(*vcpus):
    t = Tree()
    for v in vcpus:
        t.add(*v)
    return t


def demo_like():
    """One vCPU after a handover with two stalls, one of them in a gap before the last one"""
    return Telemetry(
        vcpu=0, vm_id=0x4BA3F2D1C0FFEE00, tsc_stop=2000000, tsc_run=2001000, tsc_kick=9000000,
        tsc_park=9000500, tsc_adopt=9000700, idle_tsc=77, stray=2, fuel_out=3,
        exits={(0x72, NATIVE): 15571, (0x72, KVM): 263, (0xE0, KVM): 20066},
        gap_exits={(0x72, NATIVE): 54, (0x7B, HANDLER): 3354, (0x7B, BLOCKED): 1, (0x7C, BLOCKED): 1},
        stalls=[(0x7C, 1, 0, 0xFFFFFFFF81000000, 1000000, 1000100),
                (0x7B, 0x3F80010, 0, 0x403195, 3000000, 9000400)])


def timed():
    """One vCPU after a gap whose times are all known: 1000 cycles are a microsecond"""
    times = {(0x72, NATIVE): [500] * 98 + [3000, 90000], (0x78, KVM): [2000000] * 3}
    gap = {(0x72, NATIVE): [400] * 10, (0x7B, HANDLER): [1500] * 20 + [25000], (0x7B, BLOCKED): [6000400]}
    ledger = {"native": 49000 + 93000 + 4000, "handler": 55000, "kvm": 6000000, "blocked": 6000400,
              "halted": 500000, "handover": 1200, "guest": 0}
    ledger["guest"] = 20000000 - sum(ledger.values())
    return Telemetry(
        vcpu=0, vm_id=0x4BA3F2D1C0FFEE00, tsc_stop=12000000, tsc_run=12001000, tsc_kick=19000000,
        tsc_park=19000500, tsc_adopt=19000700, idle_tsc=500000, times=times, gap_times=gap,
        stalls=[(0x7B, 0x3F80010, 0, 0x403195, 13000000, 19000400)], tsc_first=1000000,
        tsc_last=21000000, ledger=ledger, classes={4: (22, 55000), 1: (5, 0)})


def random_telemetry(rng, vcpu, vm_id):
    t = Telemetry(vcpu=vcpu, vm_id=vm_id)
    for table in (t.exits, t.gap_exits):
        for reason in rng.sample(range(NR_REASONS), rng.randrange(1, 12)):
            table[reason, rng.randrange(NR_SERVERS)] = rng.randrange(1, 1 << 48)
    return t


def damaged_blobs(rng, count):
    """Blobs of both ABIs that are cut, noisy, or right at the head and noise after it"""
    old = demo_like()
    old.abi = 1
    both = demo_like().pack(), old.pack()
    for i in range(count):
        kind, good = i % 4, both[i // 4 % 2]
        if kind == 0:
            yield good[:rng.randrange(len(good))]
        elif kind == 1:
            yield rng.randbytes(rng.randrange(2 * SIZE))
        elif kind == 2:
            yield good[:8] + rng.randbytes(len(good) - 8)
        else:
            blob = bytearray(good)
            for _ in range(50):
                blob[rng.randrange(8, len(blob))] = rng.randrange(256)
            yield bytes(blob)


def reachable(tool):
    """A copy for another user, who may not get to the build directory"""
    d = tempfile.mkdtemp(prefix="ctools-")
    os.chmod(d, 0o755)
    atexit.register(shutil.rmtree, d, True)
    return shutil.copy(tool, d)


def run(*command, drop_root=False, stdout=subprocess.PIPE, timeout=60):
    """Runs a tool; the sanitizers' exit status is one that no tool has."""
    if drop_root:
        command = (reachable(command[0]), *command[1:])

    def drop():
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    env = dict(os.environ, ASAN_OPTIONS="exitcode=99", UBSAN_OPTIONS="exitcode=99", LC_ALL="C")
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=env,
                          timeout=timeout, preexec_fn=drop if drop_root else None)


def records(result):
    """The NDJSON of a run, by type"""
    found = {}
    for line in result.stdout.decode().splitlines():
        found.setdefault(json.loads(line)["type"], []).append(json.loads(line))
    return found


class Skip(Exception):
    pass


def main(cases):
    """Runs functions without arguments: an exception is a failure."""
    failed = 0
    print("KTAP version 1\n1..%d" % len(cases), flush=True)
    for i, case in enumerate(cases, 1):
        try:
            case()
            print("ok %d %s" % (i, case.__name__), flush=True)
        except Skip as e:
            print("ok %d %s # SKIP %s" % (i, case.__name__, e), flush=True)
        except Exception as e:
            failed += 1
            tb, text = e.__traceback__, str(e).splitlines()
            while tb.tb_next:
                tb = tb.tb_next
            print("# line %d: %s: %s" % (tb.tb_lineno, type(e).__name__, text[0] if text else ""))
            for line in text[1:30]:
                print("#   %s" % line)
            print("not ok %d %s" % (i, case.__name__), flush=True)
    sys.exit(failed != 0)


def check_equal(got, want, what=""):
    assert got == want, "%s: got %r, want %r" % (what, got, want)


def check_status(result, want, *texts):
    """Exit status, and words that standard error has to have"""
    err = result.stderr.decode(errors="replace")
    assert result.returncode == want, "status %d, want %d\n%s" % (result.returncode, want, err)
    for text in texts:
        assert text in err, "%r is not in: %s" % (text, err)


def check_static(path):
    """An ELF file without PT_INTERP"""
    with open(path, "rb") as f:
        data = f.read()
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    types = [struct.unpack_from("<I", data, offset + i * size)[0] for i in range(count)]
    assert 1 in types and 3 not in types, types


def seeded():
    return random.Random(20261123)
