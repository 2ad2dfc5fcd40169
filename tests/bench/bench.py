#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""weir beside its peers, and all of them beside the floor (floor.c): what each request costs.

One worker of each server on one CPU, the load on another, files in memory. The servers take turns
in every round, so that a machine whose speed drifts drifts for all; each measurement is divided by
the floor's in the same round, and the medians of these ratios are what to read. CPU is that of the
server's processes, user and system, from their CPU-time clocks. Where the load generator is the
slower side, as it is with small files, requests per second say little of the server; CPU per
request stays right. Answers of 1 MiB and more are counted by their bytes, so that those under way
at the end count as the part that was sent.

    bench.py --rows 1k,4k --servers floor,weir,nginx --rounds 3 --seconds 2

Prints one Markdown table; --output FILE writes it there too. With --json FILE the figures of rows
measured before are kept there and the table has them as well. Loads 127.0.0.1 only; every step is
bounded in time. `make bench` runs it, make check does not."""

import argparse
import collections
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loads  # noqa: E402
import peers  # noqa: E402

KIB, MIB = 1024, 1024 * 1024
FILES = {"1k": KIB, "4k": 4 * KIB, "64k": 64 * KIB, "1m": MIB, "10m": 10 * MIB, "100m": 100 * MIB}
MANY = 10000
SMALL_CACHE = 1000
NOT_FOUND_BYTES = 162  # of the floor's answer in that row
LARGE = MIB            # from here on answers are counted by their bytes
WARM_SECONDS = 0.3


class Row:
    """What is asked, of whom, and of which configuration. `size` is that of the answer."""

    def __init__(self, title, path, size, aim=None, tool="wrk", status=200, fields=(), options=None, floor=None, only=None,
                 cold=False, conditional=False, **load):
        self.title, self.path, self.size, self.aim, self.tool = title, path, size, aim, tool
        self.status, self.fields, self.options, self.floor = status, list(fields), options or {}, floor or {}
        self.only, self.cold, self.conditional, self.load = only, cold, conditional, load


ROWS = {
    "1k": Row("1 KiB", "/1k.bin", KIB, aim=1.15),
    "4k": Row("4 KiB", "/4k.bin", 4 * KIB, aim=1.15),
    "64k": Row("64 KiB", "/64k.bin", 64 * KIB, aim=1.05),
    "1m": Row("1 MiB", "/1m.bin", MIB, aim=1.05),
    "10m": Row("10 MiB", "/10m.bin", 10 * MIB, aim=1.05),
    "100m": Row("100 MiB", "/100m.bin", 100 * MIB),
    "c1000": Row("4 KiB, 1,000 connections", "/4k.bin", 4 * KIB, connections=1000),
    "new": Row("4 KiB, new connection each, closed by the client", "/4k.bin", 4 * KIB, aim=1.10, tool="closedloop",
               mode="new"),
    "close": Row("4 KiB, new connection each, closed by the server", "/4k.bin", 4 * KIB, tool="closedloop", mode="close",
                 floor={"close": True}),
    "pipeline": Row("4 KiB, pipelined 16 deep (floor: 1 deep)", "/4k.bin", 4 * KIB, aim=1.0, depth=16),
    "many": Row("10,000 files of 4 KiB, caches for all", "/many/{}", 4 * KIB, tool="closedloop", files=MANY,
                options={"cache": 2 * MANY}),
    "many-small": Row("10,000 files of 4 KiB, caches for 1,000", "/many/{}", 4 * KIB, tool="closedloop", files=MANY,
                      options={"cache": SMALL_CACHE}),
    "many-cold": Row("10,000 files of 4 KiB, not in memory", "/many/{}", 4 * KIB, tool="closedloop", files=MANY,
                     requests=MANY, options={"cache": SMALL_CACHE}, cold=True),
    "range": Row("range of 1 KiB out of 1 MiB", "/1m.bin", KIB, status=206, fields=["Range: bytes=500000-501023"]),
    "404": Row("404", "/none.bin", NOT_FOUND_BYTES, status=404),
    "304": Row("304", "/4k.bin", 0, status=304, conditional=True),
    "workers2": Row("4 KiB, 2 workers on both CPUs", "/4k.bin", 4 * KIB, options={"workers": 2}),
    "log": Row("4 KiB, access log on (floor: none)", "/4k.bin", 4 * KIB, options={"log": True},
               only=("weir", "nginx tuned", "nginx")),
    "ab": Row("10 MiB, ab -n 1000 -c 100", "/10m.bin", 10 * MIB, tool="ab", requests=1000, floor={"close": True},
              only=("weir", "nginx", "aiohttp", "fastapi FileResponse")),
}


class Bench:
    def __init__(self, args):
        self.args = args
        self.missing = loads.missing()
        self.folder = tempfile.mkdtemp(prefix="weir-bench-", dir=args.dir)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        self.running = {}
        self.figures = {}  # row: {server: {"cpu_us": [], "rate": [], "pss": n} or {"failed": why}}

    # --- files ---

    def put_files(self):
        os.makedirs(self.root + "/many")
        for name, size in {**FILES, "404": NOT_FOUND_BYTES}.items():
            if name == "404" or any(r.path == f"/{name}.bin" for r in self.rows()):
                with open(f"{self.root}/{name}.bin", "wb") as f:
                    f.write(os.urandom(size))
        if any("many" in r.path for r in self.rows()):
            for i in range(MANY):
                with open(f"{self.root}/many/{i}", "wb") as f:
                    f.write(os.urandom(4 * KIB))
            os.sync()

    def rows(self):
        return [ROWS[name] for name in self.args.rows]

    def forget_many(self):
        """Drops the contents of the many files from memory; their names stay there."""
        for i in range(MANY):
            fd = os.open(f"{self.root}/many/{i}", os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)

    # --- servers ---

    def server(self, kind, row):
        options = dict(row.options)
        if kind is peers.Floor:
            name = row.path if row.path in [f"/{n}.bin" for n in FILES] else "/404.bin" if row.size < KIB else "/many/0"
            options = {**row.floor, "file": name[1:], "size": row.size}
        workers = options.setdefault("workers", 1)
        cpus = [self.args.server_cpu] if workers == 1 else [self.args.server_cpu, self.args.load_cpu]
        key = (kind.name, *sorted(options.items()))
        if key not in self.running:
            folder = os.path.join(self.folder, f"{kind.name.replace(' ', '-')}-{len(self.running)}")
            try:
                self.running[key] = kind(folder, self.root, cpus=cpus, long=True, **options).start()
            except OSError as e:
                raise loads.Failed(str(e)) from None
        return self.running[key]

    def stop(self):
        for server in self.running.values():
            server.stop()
        self.running = {}

    # --- one measurement ---

    def fields(self, row, server):
        """The request's fields: those of a conditional request have what this server says of the file."""
        if not row.conditional or isinstance(server, peers.Floor):
            return row.fields
        _, head, _ = loads.get(server.port, row.path)
        pairs = (("If-None-Match", head["ETag"]), ("If-Modified-Since", head["Last-Modified"]))
        return [f"{name}: {value}" for name, value in pairs if value]

    def check(self, row, server, fields):
        """Whether the answer is what this row is about."""
        if isinstance(server, peers.Floor):
            return
        status, _, body = loads.get(server.port, row.path.replace("{}", "0"), fields)
        if status != row.status:
            raise loads.Failed(f"answers {status}")
        if status < 300 and len(body) != row.size:
            raise loads.Failed(f"answers {len(body)} bytes")

    def load(self, row, server, fields, seconds):
        options = dict(row.load)
        floor = isinstance(server, peers.Floor)
        tool = row.tool
        if tool == "ab":
            return loads.ab(server.port, row.path, self.args.load_cpu, **options)
        if floor and "depth" in options:
            del options["depth"]
        common = {"cpu": self.args.load_cpu, "status": 200 if floor else row.status, "fields": fields, **options}
        if tool == "wrk" and "wrk" not in self.missing and self.args.load == "wrk" and seconds == int(seconds):
            return loads.wrk(server.port, row.path, self.folder, seconds=int(seconds), **common)
        return loads.closedloop(server.port, row.path, seconds=seconds, **common)

    def measure(self, row, server, fields, seconds):
        if row.cold:
            self.forget_many()
        before = server.cpu_seconds()
        got = self.load(row, server, fields, seconds)
        cpu = server.cpu_seconds() - before
        answers = got.bytes / row.size if row.size >= LARGE and row.tool != "ab" else got.answers
        if answers == 0:
            raise loads.Failed("no answer")
        return cpu * 1e6 / answers, answers / got.seconds

    # --- a row ---

    def run_row(self, name):
        row, results, ready = ROWS[name], {}, {}
        for kind in self.args.kinds:
            if row.only and kind.name not in (*row.only, "floor"):
                continue
            results[kind.name] = {"cpu_us": [], "rate": [], "seconds": self.args.seconds}
            try:
                server = self.server(kind, row)
                fields = self.fields(row, server)
                self.check(row, server, fields)
                if row.tool != "ab" and not row.cold:
                    self.load(row, server, fields, WARM_SECONDS)
                ready[kind.name] = (server, fields)
            except loads.Failed as e:
                self.fail(name, results, kind.name, e)
        rounds = 1 if row.tool == "ab" else self.args.rounds
        for number in range(rounds):
            for server_name in list(ready)[::-1 if number % 2 else 1]:
                server, fields = ready[server_name]
                try:
                    cpu_us, rate = self.measure(row, server, fields, self.args.seconds)
                    results[server_name]["cpu_us"].append(cpu_us)
                    results[server_name]["rate"].append(rate)
                    print(f"{name:10s} {number + 1}/{rounds} {server_name:20s} {cpu_us:11.2f} us  {rate:9.0f}/s",
                          file=sys.stderr, flush=True)
                except loads.Failed as e:
                    self.fail(name, results, server_name, e)
                    del ready[server_name]
        for server_name, (server, _) in ready.items():
            results[server_name]["pss"] = server.pss_bytes()
        self.figures[name] = results

    @staticmethod
    def fail(row, results, server, why):
        results[server] = {"failed": str(why)}
        print(f"{row:10s} {server}: {why}", file=sys.stderr, flush=True)


class Table:
    """The figures as Markdown, and what they say of the aims."""

    def __init__(self, figures):
        self.figures = figures
        self.base = "floor" if any("floor" in r for r in figures.values()) else None
        names = [k.name for k in peers.HOT_PEERS]
        self.servers = [n for n in names if any(n in r for r in figures.values())]
        self.base = self.base or self.servers[0]

    def ratio(self, row, server, what="cpu_us"):
        """The median over rounds of server : base in the same round; None without figures."""
        mine, base = (self.figures[row].get(n, {}).get(what) for n in (server, self.base))
        return statistics.median(a / b for a, b in zip(mine, base)) if mine and base else None

    def cell(self, row, server):
        got = self.figures[row].get(server)
        if not got:
            return ""
        if "failed" in got:
            return got["failed"].split("\n")[0].replace("|", "/")[:40]
        if server == self.base:
            return f"{statistics.median(got['cpu_us']):.2f} us, {statistics.median(got['rate']):.0f}/s"
        ratio = self.ratio(row, server)
        return f"{ratio:.2f} ({self.ratio(row, server, 'rate'):.2f})" if ratio else \
            f"{statistics.median(got['cpu_us']):.2f} us"

    def markdown(self):
        lines = [f"CPU per request, as a ratio to {self.base}'s (in brackets: requests per second, as a ratio to "
                 f"{self.base}'s); medians of {self.how()}; 64 keep-alive connections where nothing else is said; one "
                 "worker on one CPU, the load on another.", ""]
        lines += ["| | " + " | ".join(self.servers) + " |", "| --- |" + " --- |" * len(self.servers)]
        for row in [r for r in ROWS if r in self.figures]:
            lines.append(f"| {ROWS[row].title} | " + " | ".join(self.cell(row, s) for s in self.servers) + " |")
        memory = [self.pss(s) for s in self.servers]
        lines.append("| memory after them, default settings (PSS) | " + " | ".join(memory) + " |")
        return "\n".join(lines) + "\n"

    def how(self):
        """Rounds and seconds of the rows, which --json may have gathered from several runs."""
        done = [g for name, r in self.figures.items() if ROWS[name].tool != "ab" for g in r.values() if g.get("cpu_us")]
        rounds, seconds = ({len(g["cpu_us"]) for g in done}, {g["seconds"] for g in done})
        return f"{' or '.join(map(str, sorted(rounds)))} rounds of {' or '.join(f'{s:g}' for s in sorted(seconds))} s" \
            if done else "one round"

    def pss(self, server):
        most = max((r[server].get("pss", 0) for n, r in self.figures.items()
                    if server in r and not ROWS[n].options), default=0)
        return f"{most / MIB:.1f} MiB" if most else ""

    def aims(self):
        """Lines that say which aims were reached. Only what was measured is judged."""
        found = []
        for row in [r for r in ROWS if r in self.figures and self.ratio(r, "weir") and self.base == "floor"]:
            mine, most = self.ratio(row, "weir"), ROWS[row].aim
            if most:
                found.append((f"{ROWS[row].title}: {mine:.2f} of the floor, at most {most:.2f}", mine <= most))
            others = {s: self.ratio(row, s) for s in self.servers if s not in ("weir", "floor")}
            ahead = [f"{s} {r:.2f}" for s, r in others.items() if r and r < mine]
            if any(others.values()):
                found.append((f"{ROWS[row].title}: {mine:.2f} of the floor, ahead of every peer" +
                              (f", but for {', '.join(ahead)}" if ahead else ""), not ahead))
        found += self.aims_between_rows()
        return [f"weir, {text}: {'reached' if good else 'MISSED'}" for text, good in found]

    def aims_between_rows(self):
        found = []
        many, few = (self.figures.get(r, {}).get("weir", {}).get("rate") for r in ("c1000", "4k"))
        if many and few:
            share = statistics.median(many) / statistics.median(few)
            found.append((f"1,000 connections: {share:.2f} of the requests per second of 64, at least 0.90", share >= 0.9))
        for other, least in (("fastapi FileResponse", 20), ("aiohttp", 2)):
            mine, its = (self.figures.get("ab", {}).get(n, {}).get("cpu_us") for n in ("weir", other))
            if mine and its:
                times = its[0] / mine[0]
                found.append((f"ab: {times:.1f} times the CPU efficiency of {other} ({its[0] / 1e3:.2f} ms and "
                              f"{mine[0] / 1e3:.2f} ms a request), at least {least}", times >= least))
        return found


def names(text, known, what, parser):
    """A list with commas; a name may be the beginning of one."""
    chosen = []
    for word in text.split(","):
        found = [k for k in known if k == word] or [k for k in known if k.startswith(word)][:1]
        if not found:
            parser.error(f"no such {what}: {word}; there are {', '.join(known)}")
        chosen += found
    return [k for k in known if k in chosen]


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = collections.OrderedDict((k.name, k) for k in peers.HOT_PEERS)
    p.add_argument("--rows", help=f"of {','.join(ROWS)}; all without it")
    p.add_argument("--servers", help=f"of {','.join(kinds)}; all that are installed without it")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2, help="of each measurement; whole ones for wrk")
    p.add_argument("--load", choices=("wrk", "closedloop"), default="wrk", help="for keep-alive connections")
    p.add_argument("--server-cpu", type=int, default=0)
    p.add_argument("--load-cpu", type=int, default=1)
    p.add_argument("--dir", default="/tmp", help="where the files are put: a real disk")
    p.add_argument("--output", help="a file for the table")
    p.add_argument("--json", help="a file that keeps the figures; rows that are in it stay in the table")
    args = p.parse_args()
    args.rows = names(args.rows, ROWS, "row", p) if args.rows else list(ROWS)
    chosen = names(args.servers, kinds, "server", p) if args.servers else list(kinds)
    args.kinds = [kinds[n] for n in chosen]
    usable = os.sched_getaffinity(0)
    if {args.server_cpu, args.load_cpu} - usable:
        p.error(f"this process may use the CPUs {sorted(usable)}")
    return args


def say_missing(args, bench):
    for name, package in bench.missing.items():
        print(f"{name} is not installed ({package}): " + ("closedloop takes its place" if name == "wrk" else "it is needed"
              if name == "taskset" else "its row is skipped"), file=sys.stderr)
    if "taskset" in bench.missing:
        sys.exit(1)
    if "ab" in bench.missing and "ab" in args.rows:
        args.rows.remove("ab")
    for kind in [k for k in args.kinds if k.missing()]:
        print(f"{kind.name} is not installed ({kind.missing()}): skipped", file=sys.stderr)
        args.kinds.remove(kind)
    if not os.path.exists(os.path.join(peers.BUILD, "tests/bench/closedloop")):
        sys.exit("tests/bench/closedloop is not built: make bench")


def main():
    args = options()
    figures = {}
    if args.json and os.path.exists(args.json):
        with open(args.json) as f:
            figures = json.load(f)
    bench = Bench(args)
    peers.end_tidily()
    try:
        say_missing(args, bench)
        begun = time.monotonic()
        bench.put_files()
        for name in args.rows:
            bench.run_row(name)
            figures[name] = bench.figures[name]
            if args.json:
                with open(args.json, "w") as f:
                    json.dump(figures, f, indent=1)
        print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    finally:
        bench.stop()
        shutil.rmtree(bench.folder, ignore_errors=True)
    table = Table(figures)
    text = table.markdown()
    print(text)
    print("\n".join(table.aims()))
    if args.output:
        with open(args.output, "w") as f:
            f.write(text)


if __name__ == "__main__":
    main()
