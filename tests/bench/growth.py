#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How weir's cost per request grows: with connections (10 to 10,000, beside the floor's, which shows
what the kernel makes of it), with files in a folder (1 to 1,000,000; the same 1,000 asked for, and
all of them in turn), and with the entries of a folder that is listed (up to 100,000, cost per
entry). One worker on one CPU, the load on another; CPU is user and system of weir's processes. No
step should grow more than a logarithm does.

The files are empty but for a hole, made in at most --make seconds, in turns of ten times as many;
how far that went is said. Loads 127.0.0.1 only; bounded in time. `make bench` runs it, make check
does not."""

import argparse
import math
import os
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loads  # noqa: E402
import memory  # noqa: E402
import peers  # noqa: E402

CONNECTIONS = [10, 100, 1000, 10000]
FILES = [1, 10, 100, 1000, 10000, 100000, 1000000]
LISTED = [100, 1000, 10000, 100000]
ASKED = 1000      # of the files of each step, the same every time
FILE_BYTES = 512
PER_SECOND = 2000  # connections for each second of a run
SLACK = 1.25      # what a step may cost beyond a logarithm: a shared machine is not steady


class Growth:
    def __init__(self, args):
        self.args = args
        self.folder = tempfile.mkdtemp(prefix="weir-growth-", dir=args.dir)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        os.makedirs(self.root)
        self.missed = 0

    def put(self, name, size):
        fd = os.open(f"{self.root}/{name}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.ftruncate(fd, size)
        os.close(fd)

    def server(self, kind, **options):
        return kind(f"{self.folder}/{kind.name}", self.root, workers=1, cpus=[self.args.server_cpu], long=True, **options)

    def cost_us(self, server, path, **load):
        """The median CPU per request of a few short runs; with many connections longer ones, as the
        cost of making them is in it."""
        seconds = max(self.args.seconds, load.get("connections", 0) / PER_SECOND)
        costs = []
        for _ in range(self.args.rounds):
            before = server.cpu_seconds()
            got = loads.closedloop(server.port, path, self.args.load_cpu, seconds, **load)
            costs.append((server.cpu_seconds() - before) * 1e6 / max(1, got.answers))
        return statistics.median(costs)

    def aim(self, text, good):
        print(f"weir, {text}: {'reached' if good else 'MISSED'}", flush=True)
        self.missed += not good

    def judge(self, what, steps, costs):
        """The worst step, beside how much a logarithm grows there."""
        growth = []
        for (few, cheap), (many, dear) in zip(list(zip(steps, costs))[:-1], list(zip(steps, costs))[1:]):
            most = SLACK * math.log(10 * many) / math.log(10 * few)
            growth.append((dear / cheap / most, dear / cheap, most, few, many))
        if growth:
            worst, times, most, few, many = max(growth)
            self.aim(f"{what}: {many:,} cost {times:.2f} times what {few:,} do, at most {most:.2f}, and that is the worst step",
                     worst <= 1)

    def connections(self):
        steps = [n for n in CONNECTIONS if n <= self.args.connections]
        self.put("4k.bin", 4096)
        limits = f"[limits]\nconnections = {steps[-1] + 100}\n"
        print("| connections | weir | floor | ratio |\n| --- | --- | --- | --- |")
        ratios = []
        with self.server(peers.Weir, ini=limits) as weir, self.server(peers.Floor, file="4k.bin", size=4096) as floor:
            for count in steps:
                mine, its = (self.cost_us(s, "/4k.bin", connections=count) for s in (weir, floor))
                ratios.append(mine / its)
                print(f"| {count:,} | {mine:.2f} us | {its:.2f} us | {mine / its:.2f} |", flush=True)
        self.judge("connections, as a ratio to the floor", steps, ratios)

    def fill(self, count, begun, end):
        """Makes files up to this number; False when the time is over."""
        for i in range(begun, count):
            if i % 1000 == 0 and time.monotonic() > end:
                return False
            self.put(f"tree/{i}", FILE_BYTES)
        return True

    def files(self):
        os.mkdir(self.root + "/tree")
        end, made, steps, same = time.monotonic() + self.args.make, 0, [], []
        print(f"\n| files in the folder | the same {ASKED:,} asked for | all in turn |\n| --- | --- | --- |")
        with self.server(peers.Weir) as weir:
            for count in [n for n in FILES if n <= self.args.files]:
                begun = time.monotonic()
                if not self.fill(count, made, end):
                    print(f"| {count:,} | not made in {self.args.make:.0f} s | |")
                    break
                took, made = time.monotonic() - begun, count
                some, every = (self.cost_us(weir, "/tree/{}", files=n) for n in (min(count, ASKED), count))
                end += time.monotonic() - begun - took  # measuring does not count
                print(f"| {count:,} | {some:.2f} us | {every:.2f} us |", flush=True)
                if count >= ASKED:
                    steps.append(count)
                    same.append(some)
        self.judge("files in the folder", steps, same)
        shutil.rmtree(self.root + "/tree")

    def listings(self):
        print("\n| entries listed | CPU per listing | per entry | bytes |\n| --- | --- | --- | --- |")
        steps, each = [n for n in LISTED if n <= self.args.listed], []
        for count in steps:
            os.mkdir(f"{self.root}/list{count}")
            for i in range(count):
                self.put(f"list{count}/file number {i:06d}", FILE_BYTES)
        with self.server(peers.Weir, location="listing = auto") as weir:
            for count in steps:
                path = f"/list{count}/?format=json"
                loads.get(weir.port, path)
                costs, turns = [], 3 if count > 1000 else 30
                for _ in range(3):
                    before = weir.cpu_seconds()
                    for _ in range(turns):
                        status, _, body = loads.get(weir.port, path)
                    costs.append((weir.cpu_seconds() - before) * 1e6 / turns)
                    if status != 200 or body.count(b"file number ") < count:
                        raise OSError(f"{path}: {status}, {len(body)} bytes")
                cost = statistics.median(costs)
                each.append(cost / count)
                print(f"| {count:,} | {cost / 1000:.2f} ms | {cost / count:.3f} us | {len(body):,} |", flush=True)
        self.judge("entries of a listing, each", steps, each)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["connections", "files", "listings"]
    p.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; all without any")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=1, help="of each run of the load")
    p.add_argument("--connections", type=int, default=CONNECTIONS[-1])
    p.add_argument("--files", type=int, default=FILES[-1])
    p.add_argument("--listed", type=int, default=LISTED[-1])
    p.add_argument("--make", type=float, default=60, help="seconds for making files")
    p.add_argument("--server-cpu", type=int, default=0)
    p.add_argument("--load-cpu", type=int, default=1)
    p.add_argument("--dir", default="/tmp", help="where the files are put: a real disk")
    args = p.parse_args()
    if set(args.parts) - set(parts):
        p.error(f"the parts are {', '.join(parts)}")
    args.connections = memory.raise_limit(args.connections)
    growth = Growth(args)
    peers.end_tidily()
    try:
        for part in args.parts or parts:
            getattr(growth, part)()
    finally:
        shutil.rmtree(growth.folder, ignore_errors=True)
    if growth.missed:
        print(f"\n{growth.missed} aims missed")


if __name__ == "__main__":
    main()
