#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What slow files do to fast ones, weir side by side with its peers in one run.

A hot 4 KiB file is asked for 500 times a second over 20 keep-alive connections in an open loop
(openloop.c: a stall is charged to every request it delays), first alone, then while clients
fetch files from a slow disk; each line also says how fast those clients got their bytes, and how
long a healthy cold 1 MiB file on the real disk took meanwhile. Variants:

  read    the slow file system (slowfs.c) takes 100 ms for each 128 KiB read
  open    names are cached, every open takes 1 s, reads are quick
  cold    a real set of files whose pages are dropped from memory as it runs, read at random
  held    12 downloads of hot files stall, the pages of those files leave memory, the disk becomes
          slow, the clients read on (root: an ext4 image on a loop device over slowfs.c)
  unread  one worker each: 100 clients pipeline ranges of one byte of a slow mount and read nothing; then somebody
          fetches a healthy cold file of that mount
  share   a share that gives 2 MB/s and no more: 60 clients fetch 500 kB each, all at once
  burst   3,000 clients ask for one file each at the same moment, no name of them cached, 5 ms a look-up
  fault   weir alone: the slow disk is a [fault] rule
  hung    weir alone: a mount that never answers, 500 clients at it
  probes  weir alone: CPU per request on hot files, on disk (residency is probed) and on tmpfs
          (which cannot be probed, but costs otherwise than a disk); --baseline DIR adds a build
          from before there were probes, and that is the comparison to trust

Every peer has two workers and the defaults of its Debian package; one that is not installed is
skipped and said so. Loads 127.0.0.1 only; each step is bounded in time, the whole below about
ten minutes; --quick is weir alone with 100 clients. `make bench` runs it, make check does not."""

import argparse
import atexit
import collections
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.environ.get("WEIR_SRC", "."), "tests"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402
from harness.slowfs import SlowFS, why_not  # noqa: E402

RATE, CONNECTIONS, WARM = 500, 20, 1
COLD_FILES, COLD_RATE = 48, 5
RANDOM_FILES, RANDOM_RATE = 512, 200  # of 1 MiB; slow enough that disk and CPUs are not the limit
SLOW_BYTES = 4 << 20
HELD, HELD_READ, HELD_SECONDS, FILM_BYTES = 12, 2000000, 6, 12 << 20
UNREAD, UNREAD_FIRST, UNREAD_WAIT = 100, 2700000, 30
SHARE_CLIENTS, SHARE_BYTES, SHARE_RATE = 60, 500_000, 2_000_000
BURST_CLIENTS = 3000
NAMES = 1500  # of the open variant: cached before, each opened once in a while


class Load:
    """One run of openloop in the background."""

    def __init__(self, port, path, seconds, rate=None, connections=CONNECTIONS, warm=WARM, first=0, count=0, pause=0):
        words = [os.path.join(peers.BUILD, "tests/bench/openloop"), "-c", connections, "-s", seconds, "-w", warm,
                 "-f", first, "-n", count, "-p", pause]
        words += ["-r", rate] if rate else []
        self.seconds = seconds
        self.process = subprocess.Popen([str(w) for w in [*words, port, path]], stdout=subprocess.PIPE)

    def result(self):
        try:
            out, _ = self.process.communicate(timeout=self.seconds + 30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return json.loads(out)


def forget(path, fd=None):
    """Drops a file's clean pages from memory."""
    own = os.open(path, os.O_RDONLY) if fd is None else fd
    os.posix_fadvise(own, 0, 0, os.POSIX_FADV_DONTNEED)
    if fd is None:
        os.close(own)


def crowd(port, paths, seconds):
    """One client for each path, all connected first and then asking at once; what became of each: a status
    and "whole", or how it ended; and when the last whole answer was there."""
    ends, select, last, begun = collections.Counter(), selectors.DefaultSelector(), 0, time.monotonic()
    for path in paths:
        s = socket.socket()
        s.settimeout(5)
        try:
            s.connect(("127.0.0.1", port))
            select.register(s, selectors.EVENT_READ, [path, bytearray()])
        except OSError as e:
            ends[f"not connected: {e}"] += 1
            s.close()
    for key in list(select.get_map().values()):
        try:
            key.fileobj.sendall(f"GET {key.data[0]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        except OSError:
            pass  # it shows when it is read
        key.fileobj.setblocking(False)
    asked = time.monotonic()
    while select.get_map() and time.monotonic() < begun + seconds:
        for key, _ in select.select(timeout=0.5):
            s, got = key.fileobj, key.data[1]
            try:
                data = s.recv(1 << 18)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            got += data
            if data:
                continue
            select.unregister(s)
            s.close()
            head, end, body = bytes(got).partition(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0)
            whole = bool(end) and len(body) == length
            ends[head[9:12].decode() + (" whole" if whole else " cut") if end else "no answer"] += 1
            if whole and head[9:12] == b"200":
                last = time.monotonic() - asked
    for key in list(select.get_map().values()):
        ends["nothing more came"] += 1
        key.fileobj.close()
    return ends, last


class Dropper:
    """Drops the pages of a set of files again and again while others read them."""

    def __init__(self, paths):
        self.files = [os.open(p, os.O_RDONLY) for p in paths]
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.end.wait(0.1):
            for fd in self.files:
                forget(None, fd)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        for fd in self.files:
            os.close(fd)


class SlowDisk:
    """An ext4 file system at `at`, on a block device that is as slow as is wished, with files film0, film1...
    of FILM_BYTES. Read-only, so that nothing but their reads meets the device. Takes root."""

    def __init__(self, folder, at, count):
        self.folder, self.at, self.count = folder, at, count
        self.loop = None

    def __enter__(self):
        if os.geteuid() != 0:
            raise OSError("a loop device takes root")
        films, image = self.folder + "/films", self.folder + "/films.ext4"
        os.makedirs(films)
        os.makedirs(self.at, exist_ok=True)
        block = os.urandom(1 << 20)
        for i in range(self.count):
            with open(f"{films}/film{i}", "wb") as f:
                for _ in range(FILM_BYTES >> 20):
                    f.write(block)
        self.run("truncate", "-s", str((self.count + 4) * FILM_BYTES), image)
        self.run("mkfs.ext4", "-q", "-F", "-d", films, image)
        self.fs = SlowFS("delay read 0", f"image {image}", at=self.folder + "/device").start()
        try:
            self.loop = self.run("losetup", "-r", "-f", "--show", self.folder + "/device/image").strip()
            self.run("mount", "-o", "ro,noload", self.loop, self.at)
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.at], capture_output=True)
        if self.loop:
            subprocess.run(["losetup", "-d", self.loop], capture_output=True)
        self.fs.stop()
        shutil.rmtree(self.folder + "/films")
        os.unlink(self.folder + "/films.ext4")

    @staticmethod
    def run(*words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise OSError(f"{words[0]}: {done.stderr.strip()}")
        return done.stdout

    def warm(self):
        """Into memory in small pieces, for a large one stays as a whole while a socket has a part of it."""
        for i in range(self.count):
            fd = os.open(f"{self.at}/film{i}", os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
            for at in range(0, FILM_BYTES, 4096):
                os.pread(fd, 4096, at)
            os.close(fd)

    def evict(self):
        for i in range(self.count):
            forget(f"{self.at}/film{i}")


def connect(port, rcvbuf=65536, timeout=20):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(timeout)
    s.connect(("127.0.0.1", port))
    return s


def slow_reader(port, path, read_bytes):
    """A client that has read so much of a response and reads no more for now."""
    s = connect(port)
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    got = 0
    while got < read_bytes:
        n = len(s.recv(65536))
        if n == 0:
            raise OSError(f"{path}: the server closed after {got} bytes")
        got += n
    return s


def read_on(s, seconds, counts, number):
    end = time.monotonic() + seconds
    s.settimeout(0.2)
    while time.monotonic() < end:
        try:
            n = len(s.recv(1 << 18))
        except TimeoutError:
            continue
        except OSError:
            return
        if n == 0:
            return
        counts[number] += n


def unread_ranges(port, path, count):
    """Clients that ask for one byte after the other, each of another window, behind a body that nearly fills
    their sockets, until nothing more can be sent. They read nothing."""
    clients = []

    def ask(number):
        s = connect(port, rcvbuf=4096, timeout=3)
        clients.append(s)
        one = f"GET {path} HTTP/1.1\r\nHost: bench\r\nRange: bytes={number << 19}-{number << 19}\r\n\r\n".encode()
        end = time.monotonic() + 15
        try:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nRange: bytes=0-{UNREAD_FIRST - 1}\r\n\r\n".encode())
            while time.monotonic() < end:
                s.sendall(one * 200)
        except OSError:
            pass

    askers = [threading.Thread(target=ask, args=(i + 20,)) for i in range(count)]
    for a in askers:
        a.start()
    for a in askers:
        a.join()
    time.sleep(UNREAD_WAIT)  # until all that was asked for before is answered, or waits for its client
    return clients


def fetch_seconds(port, path, size):
    """How long the whole file took; None when it did not come within 20 s."""
    begun, got = time.monotonic(), 0
    s = connect(port, timeout=20)
    try:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
        while time.monotonic() < begun + 20:
            n = len(s.recv(1 << 18))
            if n == 0:
                break
            got += n
    except OSError:
        return None
    finally:
        s.close()
    return time.monotonic() - begun if got > size else None


class Bench:
    def __init__(self, args):
        self.args = args
        self.folder = tempfile.mkdtemp(prefix="weir-stall-", dir=args.dir)
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        self.mount = os.path.join(self.root, "slow")
        os.makedirs(self.mount)
        self.number = 0  # of files fetched so far: each is asked for once, so it is never cached
        self.failed = []
        self.put("hot.bin", 4096)
        for i in range(COLD_FILES):
            self.put(f"cold{i}", 1 << 20)

    def put(self, name, size):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(os.urandom(size))
            f.flush()
            os.fsync(f.fileno())
        return path

    def start_peer(self, kind, **options):
        return kind(os.path.join(self.folder, f"{kind.name.replace(' ', '-')}-{self.number}"), self.root, **options).start()

    def measure(self, server, clients, slow_path, seconds, **slow):
        """The three loads at once; `clients` may be 0."""
        for i in range(COLD_FILES):
            forget(f"{self.root}/cold{i}")
        loads = {}
        if clients:
            self.number += 20000
            loads["slow"] = Load(server.port, slow_path, seconds, connections=clients,
                                 **{"first": self.number, **slow})
            time.sleep(0.3)  # so that they are all there when the measured second begins
        loads["hot"] = Load(server.port, "/hot.bin", seconds, RATE)
        loads["cold"] = Load(server.port, "/cold{}", seconds, COLD_RATE, COLD_RATE, warm=0)
        return {name: load.result() for name, load in loads.items()}

    def line(self, name, clients, got):
        hot, cold, slow = got["hot"], got["cold"], got.get("slow")
        others = {k: v["count"] for g in got.values() for k, v in g["statuses"].items() if k != "200"}
        words = "".join(f"; {n} times {s}" for s, n in sorted(others.items()))
        lost = sum(g["errors"] for g in got.values())
        words += f"; {lost} connections lost" if lost else ""
        words += f"; {hot['unanswered']} without an answer" if hot["unanswered"] else ""
        print(f"| {name:20s} | {clients or 'alone':>5} | {hot['p50_ms']:.2f} | {hot['p99_ms']:.2f} | {hot['max_ms']:.1f} | "
              f"{hot['over_100ms']} of {hot['count']} | {slow['mb_s'] if slow else 0:.0f} | {cold['p50_ms']:.1f} | "
              f"{cold['max_ms']:.1f} |{words}", flush=True)

    def table(self, title):
        print(f"\n{title}\n\n| server | clients of the slow disk | hot p50 ms | p99 | max | over 100 ms | slow MB/s | "
              "cold 1 MiB p50 ms | max |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)

    def compare(self, title, path, counts, kinds, fs=None, options=None, **slow):
        """One table: each kind alone and under each number of clients, started afresh each time."""
        self.table(title)
        results = {}
        for kind in kinds:
            missing = kind.missing()
            if missing:
                print(f"| {kind.name:20s} | not installed ({missing}) |", flush=True)
                continue
            for clients in [0, *counts]:
                try:
                    server = self.start_peer(kind, **(options or {}))
                except OSError as e:
                    print(f"| {kind.name:20s} | {e} |", flush=True)
                    break
                try:
                    got = self.measure(server, clients, path, self.args.seconds if clients else self.args.alone, **slow)
                finally:
                    if fs:
                        fs.tell("release")
                    server.stop()
                results[kind.name, clients] = got
                self.line(kind.name, clients, got)
        self.judge(results, counts)
        return results

    def judge(self, results, counts):
        """The aims of this benchmark, for weir."""
        alone = results.get(("weir", 0))
        for clients in counts:
            got, caddy = results.get(("weir", clients)), results.get(("caddy", clients))
            if not got or not alone:
                continue
            limit = max(2.0, 1.5 * alone["hot"]["p99_ms"])
            self.aim(f"{clients} clients: hot p99 {got['hot']['p99_ms']:.2f} ms, at most {limit:.2f}",
                     got["hot"]["p99_ms"] <= limit)
            self.aim(f"{clients} clients: {got['hot']['over_100ms']} hot requests over 100 ms, none wanted",
                     got["hot"]["over_100ms"] == 0)
            self.aim(f"{clients} clients: healthy cold file p50 {got['cold']['p50_ms']:.1f} ms, at most 10",
                     got["cold"]["p50_ms"] <= 10)
            if caddy:
                self.aim(f"{clients} clients: slow clients {got['slow']['mb_s']:.0f} MB/s, caddy's {caddy['slow']['mb_s']:.0f}",
                         got["slow"]["mb_s"] >= 0.97 * caddy["slow"]["mb_s"])
            if caddy and clients == 100:
                p99, its = got["hot"]["p99_ms"], caddy["hot"]["p99_ms"]
                self.aim(f"{clients} clients: hot p99 {p99:.2f} ms, at most half of caddy's {its:.2f}", p99 <= its / 2)

    def aim(self, text, good):
        print(f"weir, {text}: {'reached' if good else 'MISSED'}", flush=True)
        if not good:
            self.failed.append(text)

    # --- the variants ---

    def read(self):
        with SlowFS("delay read 100", f"set size {SLOW_BYTES}", at=self.mount) as fs:
            self.compare("Slow reads: FUSE, 100 ms for each 128 KiB", "/slow/f{}", self.args.clients, self.args.kinds, fs)

    def open(self):
        day = 86400 * 1000
        with SlowFS("delay read 0", "set size 65536", f"set entry_ms {day}", f"set attr_ms {day}", at=self.mount) as fs:
            for i in range(NAMES):
                os.stat(f"{self.mount}/f{i}")
            fs.tell("delay", "open", 1000)
            self.compare("Slow opens: FUSE, names cached, each open takes 1 s", "/slow/f{}", self.args.clients[-1:],
                         self.args.kinds, fs, first=0, count=NAMES)

    def cold(self):
        paths = [self.put(f"set/r{i}", 1 << 20) for i in range(RANDOM_FILES)]
        with Dropper(paths):
            self.compare(f"Real cold data: {RANDOM_FILES} files of 1 MiB read at random, {RANDOM_RATE} a second, their pages "
                         "dropped as it runs", "/set/r{}", self.args.clients[-1:], self.args.kinds, first=0,
                         count=RANDOM_FILES, rate=RANDOM_RATE)
        for path in paths:
            os.unlink(path)

    def held(self):
        with SlowDisk(self.folder, self.root + "/held", HELD) as disk:
            self.table(f"Held slices: {HELD} stalled downloads of hot files whose pages have left memory read on, 300 ms a read")
            results = {kind.name: self.held_by(kind, disk) for kind in self.args.kinds if not kind.missing()}
        got = results.get("weir")
        if not got:
            return
        self.aim(f"held slices: hot p99 {got['hot']['p99_ms']:.1f} ms, max {got['hot']['max_ms']:.1f}, none over 100 wanted",
                 got["hot"]["over_100ms"] == 0)
        self.no_worse("held slices: hot p99", results, lambda g: g["hot"]["p99_ms"])

    def no_worse(self, what, results, figure):
        """weir is ahead of nginx and caddy in this, or level with them: within 2 ms, or a tenth."""
        mine = figure(results["weir"])
        for name in ("nginx", "caddy"):
            if results.get(name):
                its = figure(results[name])
                self.aim(f"{what} {mine:.1f}, {name}'s {its:.1f}", mine <= max(its + 2, its * 1.1))

    def held_by(self, kind, disk):
        disk.fs.tell("delay", "read", 0)
        disk.warm()
        server = self.start_peer(kind)
        clients = [slow_reader(server.port, f"/held/film{i}", HELD_READ) for i in range(HELD)]
        try:
            time.sleep(1.5)  # the sockets are full, in the middle of what was found in memory
            disk.evict()
            disk.fs.tell("delay", "read", 300)
            hot = Load(server.port, "/hot.bin", HELD_SECONDS, RATE)
            cold = Load(server.port, "/cold{}", HELD_SECONDS, COLD_RATE, COLD_RATE, warm=0)
            time.sleep(WARM + 0.3)
            counts = [0] * HELD
            readers = [threading.Thread(target=read_on, args=(c, HELD_SECONDS - WARM - 0.5, counts, i))
                       for i, c in enumerate(clients)]
            for r in readers:
                r.start()
            for r in readers:
                r.join()
            got = {"hot": hot.result(), "cold": cold.result(),
                   "slow": {"mb_s": sum(counts) / 1e6 / (HELD_SECONDS - WARM - 0.5), "statuses": {}, "errors": 0}}
        finally:
            disk.fs.tell("delay", "read", 0)
            for c in clients:
                c.close()
            server.stop()
        self.line(kind.name, HELD, got)
        return got

    def unread(self):
        print(f"\nUnread answers: {UNREAD} clients pipeline ranges of 1 byte of a mount and do not read; others fetch 2 MB of it\n\n"
              "| server | clients | 2 MB of it, s |\n| --- | --- | --- |", flush=True)
        results = {}
        with SlowFS("delay read 5", at=self.mount):
            for kind in [k for k in self.args.kinds if not k.missing()]:
                server = self.start_peer(kind, workers=1)
                clients = []
                try:
                    clients = unread_ranges(server.port, "/slow/f1-100000000000", UNREAD)
                    took = [fetch_seconds(server.port, f"/slow/f{100 + i}-2000000", 2000000) for i in range(3)]
                finally:
                    for c in clients:
                        c.close()
                    server.stop()
                results[kind.name] = took
                print(f"| {kind.name:20s} | {UNREAD} | " + ", ".join("none" if t is None else f"{t:.2f}" for t in took) + " |",
                      flush=True)
        if "weir" not in results:
            return
        self.aim("unread answers: everybody else gets the file", None not in results["weir"])
        worst = {name: {"s": max(99 if t is None else t for t in took)} for name, took in results.items()}
        self.no_worse("unread answers: the slowest of three, s", worst, lambda g: g["s"])

    def crowds(self, title, fs, clients, path, seconds):
        """A table of what becomes of so many clients at once, and of hot requests meanwhile."""
        print(f"\n{title}\n\n| server | got all of it | the last after s | hot p50 ms | p99 | over 100 ms | others |\n"
              "| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        whole = {}
        for kind in self.args.kinds:
            missing = kind.missing()
            if missing:
                print(f"| {kind.name:20s} | not installed ({missing}) |", flush=True)
                continue
            self.number += 20000
            try:
                server = self.start_peer(kind)
            except OSError as e:
                print(f"| {kind.name:20s} | {e} |", flush=True)
                continue
            try:
                load = Load(server.port, "/hot.bin", 8, RATE)
                ends, last = crowd(server.port, [path.format(self.number + i) for i in range(clients)], seconds)
                hot = load.result()
            finally:
                fs.tell("release")
                server.stop()
            whole[kind.name] = ends.pop("200 whole", 0)
            words = ", ".join(f"{n} x {end}" for end, n in sorted(ends.items()))
            print(f"| {kind.name:20s} | {whole[kind.name]} of {clients} | {last:.1f} | {hot['p50_ms']:.2f} | "
                  f"{hot['p99_ms']:.2f} | {hot['over_100ms']} of {hot['count']} | {words} |", flush=True)
        if "weir" in whole:
            self.aim(f"{whole['weir']} of {clients} clients got all of their file, all wanted", whole["weir"] == clients)

    def share(self):
        with SlowFS("delay read 0", f"set size {SHARE_BYTES}", f"set rate {SHARE_RATE}", at=self.mount) as fs:
            self.crowds(f"A saturated share: FUSE, {SHARE_RATE // 1000000} MB/s in all, {SHARE_CLIENTS} clients fetch "
                        f"{SHARE_BYTES // 1000} kB each", fs, SHARE_CLIENTS, "/slow/f{}", 60)

    def burst(self):
        with SlowFS("delay read 0", "delay lookup 5", "set size 100", "set entry_ms 0", at=self.mount) as fs:
            self.crowds(f"A cold burst: {BURST_CLIENTS} clients at once, each a file of its own", fs, BURST_CLIENTS,
                        "/slow/f{}", 60)

    def fault(self):
        for i in range(16):
            self.put(f"faulted/r{i}", SLOW_BYTES)
        self.compare("Slow reads by a [fault] rule: 100 ms for each window", "/faulted/r{}", self.args.clients,
                     [peers.Weir], options=dict(server="allow_faults = yes",
                                                ini=f"[fault {self.root}/faulted]\noperations = read\ndelay = 100ms\n"),
                     first=0, count=16)

    def hung(self):
        print("\nA hung mount: 500 clients ask files of a file system that never answers, deadline 2 s\n")
        with SlowFS("delay read 0", "set size 65536", at=self.mount) as fs:
            server = self.start_peer(peers.Weir, server="drain_timeout = 5s", ini="[offload]\ndeadline = 2s\nprobe = 1s\n")
            try:
                self.hung_steps(server, fs)
            finally:
                fs.tell("release")
                server.stop()

    def mount_state(self, server):
        mine = [m for m in json.loads(server.ctl("status", "--json").stdout).get("mounts", []) if m["mount"] == self.mount]
        return "sick" if any(m["state"] == "sick" for m in mine) else "ok"

    def wait_state(self, server, state, seconds):
        begun = time.monotonic()
        while self.mount_state(server) != state:
            if time.monotonic() > begun + seconds:
                return None
            time.sleep(0.05)
        return time.monotonic() - begun

    def hung_steps(self, server, fs):
        alone = Load(server.port, "/hot.bin", self.args.alone, RATE).result()
        fs.tell("hang", "all")
        self.number += 20000
        crowd = Load(server.port, "/slow/f{}", 12, connections=500, warm=0, first=self.number, pause=500)
        hot = Load(server.port, "/hot.bin", 11, RATE)
        took = self.wait_state(server, "sick", 10)
        self.aim(f"hung mount: marked sick after {took or 0:.1f} s, deadline 2 s", took is not None and took < 4)
        for i in range(COLD_FILES):
            forget(f"{self.root}/cold{i}")
        cold = Load(server.port, "/cold{}", 4, COLD_RATE, COLD_RATE, warm=0)
        refused = Load(server.port, "/slow/f{}", 4, 20, 5, warm=0, first=self.number + 10000).result()
        quick = refused["statuses"].get("503", {"count": 0})
        self.aim(f"hung mount: {quick['count']} of {refused['count']} requests got 503, p99 {quick.get('p99_ms', 0):.2f} ms, "
                 "at most 10", quick["count"] == refused["count"] and quick.get("p99_ms", 99) < 10)
        limit = max(2.0, 1.5 * alone["p99_ms"])
        hot, cold = hot.result(), cold.result()
        self.aim(f"hung mount: hot p99 {hot['p99_ms']:.2f} ms (alone {alone['p99_ms']:.2f}, at most {limit:.2f}), "
                 f"{hot['over_100ms']} over 100 ms", hot["p99_ms"] <= limit and hot["over_100ms"] == 0)
        self.aim(f"hung mount: healthy cold file p50 {cold['p50_ms']:.1f} ms, at most 10", cold["p50_ms"] <= 10)
        crowd.result()
        fs.tell("release")
        took = self.wait_state(server, "ok", 10)
        self.aim("hung mount: " + (f"healed {took:.1f} s after it answered again" if took is not None else "did not heal"),
                 took is not None)
        again = Load(server.port, "/slow/f{}", 1, 20, 5, warm=0, first=self.number + 15000).result()
        self.aim("hung mount: files of it are served again", again["statuses"].get("200", {"count": 0})["count"] == again["count"])
        fs.tell("hang", "all")
        crowd = Load(server.port, "/slow/f{}", 8, connections=50, warm=0, first=self.number + 16000, pause=500)
        fs.wait_held()
        begun = time.monotonic()
        server.running[0].terminate()
        try:
            server.running[0].wait(20)
        except subprocess.TimeoutExpired:
            pass
        took = time.monotonic() - begun
        crowd.result()
        self.aim(f"hung mount: stopped in {took:.1f} s with it hung, drain_timeout 5 s", took < 7)

    def probes(self):
        print("\nThe cost of probes: CPU of one weir worker for each request of a hot file\n\n"
              "| build | file | disk | tmpfs | disk : tmpfs | probes per request on disk |\n| --- | --- | --- | --- | --- | --- |")
        shm = tempfile.mkdtemp(prefix="weir-stall-", dir="/dev/shm")
        os.chmod(shm, 0o755)
        try:
            for name, size in (("4k", 4096), ("10m", 10 << 20)):
                for root in (self.root, shm):
                    with open(f"{root}/{name}", "wb") as f:
                        f.write(os.urandom(size))
            for name in ("4k", "10m"):
                self.probe_cost(name, [self.root, shm])
        finally:
            shutil.rmtree(shm)

    def probe_cost(self, name, roots):
        """All builds and file systems take turns, so that a machine whose speed drifts drifts for all."""
        builds = [b for b in (peers.BUILD, self.args.baseline) if b]
        costs, probes, servers = {}, {}, {}
        try:
            for i, build in enumerate(builds):
                for j, root in enumerate(roots):
                    servers[i, j] = peers.Weir(f"{self.folder}/probe-{name}-{i}{j}", root, workers=1, build=build).start()
            for _ in range(7):
                for key, server in servers.items():
                    Load(server.port, "/" + name, 0.2, warm=0).result()
                    before, count = server.cpu_seconds(), self.counter(server, "probes")
                    got = Load(server.port, "/" + name, 1, warm=0).result()
                    costs.setdefault(key, []).append((server.cpu_seconds() - before) / max(1, got["count"]))
                    probes[key] = (self.counter(server, "probes") - count) / max(1, got["count"])
        finally:
            for server in servers.values():
                server.stop()
        cost = {key: sorted(c)[len(c) // 2] * 1e6 for key, c in costs.items()}
        for i, build in enumerate(builds):
            print(f"| {build} | {name} | {cost[i, 0]:.2f} us | {cost[i, 1]:.2f} us | {cost[i, 0] / cost[i, 1]:.3f} | "
                  f"{probes[i, 0]:.2f} |", flush=True)
        if len(builds) == 2:
            ratio = cost[0, 0] / cost[1, 0]
            self.aim(f"hot {name} on disk costs {ratio:.3f} times the CPU of {builds[1]}, at most 1.03", ratio <= 1.03)

    @staticmethod
    def counter(server, name):
        try:
            return json.loads(server.ctl("status", "--json").stdout)["totals"]["counters"].get(name, 0)
        except (ValueError, KeyError):
            return 0


VARIANTS = ["read", "open", "cold", "held", "unread", "share", "burst", "fault", "hung", "probes"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("variants", nargs="*", help=f"of {', '.join(VARIANTS)}; all without any")
    p.add_argument("--peers", nargs="+", help="names to take part; all that are installed without it")
    p.add_argument("--clients", nargs="+", type=int, default=[50, 100, 200])
    p.add_argument("--seconds", type=float, default=5, help="of each measurement under load")
    p.add_argument("--alone", type=float, default=3, help="of each measurement without")
    p.add_argument("--dir", default="/tmp", help="where the files are put: a real disk")
    p.add_argument("--baseline", help="another build of weir, for the cost of probes")
    p.add_argument("--quick", action="store_true", help="weir alone, 100 clients")
    args = p.parse_args()
    unknown = set(args.variants) - set(VARIANTS)
    if unknown:
        p.error(f"no such variant: {', '.join(unknown)}")
    args.kinds = [k for k in peers.PEERS if not args.peers or k.name in args.peers]
    if args.quick:
        args.clients, args.kinds = [100], [peers.Weir]
    if not os.path.exists(os.path.join(peers.BUILD, "tests/bench/openloop")):
        sys.exit("tests/bench/openloop is not built: make bench")
    bench = Bench(args)
    print(f"Two workers each; hot: 4 KiB, {RATE} a second over {CONNECTIONS} connections, open loop; measured for "
          f"{args.seconds - WARM:g} s; {os.cpu_count()} CPUs for servers and loads together")
    no_fuse = why_not()
    for name in args.variants or VARIANTS:
        if no_fuse and name in ("read", "open", "held", "unread", "share", "burst", "hung"):
            print(f"\n{name}: skipped: {no_fuse}")
            continue
        try:
            getattr(bench, name)()
        except OSError as e:
            bench.aim(f"{name}: {e}", False)
    if bench.failed:
        print(f"\n{len(bench.failed)} aims missed")


if __name__ == "__main__":
    main()
