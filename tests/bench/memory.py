#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What weir holds in memory: for each idle keep-alive connection, each download under way, each
worker, and for a crowd of slow downloads at once, of a file that is in memory and of one on a disk
that takes 100 ms for each read ([fault] rule). The slow clients ask for 10 MiB each; every second
one reads nothing, the others 1 KiB a second.

Memory is the proportional set size (PSS) of all of weir's processes; that of the kernel's sockets
is not in it and is shown beside it (TCP, /proc/net/sockstat: of the whole machine, both ends).
Loads 127.0.0.1 only; bounded in time. `make bench` runs it, make check does not."""

import argparse
import json
import os
import resource
import select
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402

KIB, MIB = 1024, 1024 * 1024
SLOW_BYTES, READ_BYTES = 10 * MIB, KIB
MOST_BYTES = 100 * MIB  # the aim for all slow downloads together
IDLE_BYTES = KIB        # the aim for an idle connection
ADDRESSES = 64          # of 127.0.0.0/8 that clients take turns at, so that ports last
SPARE_FILES = 500       # descriptors a process needs besides its connections


def kernel_bytes():
    """Memory of the kernel's TCP sockets."""
    with open("/proc/net/sockstat") as f:
        for line in f:
            if line.startswith("TCP:"):
                words = line.split()
                return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def raise_limit(wanted):
    """How many connections this process and a worker may have, at most so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + SPARE_FILES and os.geteuid() == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + SPARE_FILES, wanted + SPARE_FILES))
        except (OSError, ValueError):
            pass
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(wanted, hard - SPARE_FILES)
    if count < wanted:
        print(f"{count} connections instead of {wanted}: a process may have {hard} descriptors (ulimit -n)")
    return count


class Crowd:
    """Connections that have each sent one request."""

    def __init__(self, port, paths, count):
        self.sockets = []
        try:
            for i in range(count):
                s = socket.socket()
                self.sockets.append(s)
                s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
                s.bind((f"127.0.0.{1 + i % ADDRESSES}", 0))
                s.settimeout(30)
                s.connect(("127.0.0.1", port))
                s.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % paths[i % len(paths)].encode())
                s.setblocking(False)
        except OSError:
            self.close()
            raise

    def answered(self, status, seconds):
        """Waits until as many as will have begun to get an answer; how many with this status."""
        end, want = time.monotonic() + seconds, b"HTTP/1.1 %d " % status
        waiting, good = set(self.sockets), 0
        poll = select.epoll()
        by_number = {s.fileno(): s for s in waiting}
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        while waiting and time.monotonic() < end:
            for number, _ in poll.poll(0.2):
                s = by_number[number]
                poll.unregister(number)
                waiting.discard(s)
                try:
                    good += s.recv(len(want), socket.MSG_PEEK) == want
                except OSError:
                    pass
        poll.close()
        return good

    def read_some(self, of):
        """One read of the clients in this slice; how many bytes."""
        got = 0
        for s in self.sockets[of]:
            try:
                got += len(s.recv(READ_BYTES))
            except OSError:
                pass
        return got

    def close(self):
        for s in self.sockets:
            s.close()


class Memory:
    def __init__(self, args):
        self.args = args
        self.folder = tempfile.mkdtemp(prefix="weir-memory-", dir=args.dir)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        os.makedirs(self.root + "/cold")
        self.number = 0
        self.missed = 0
        for name in ("hot.bin", *(f"cold/{i}" for i in range(args.cold_files))):
            with open(f"{self.root}/{name}", "wb") as f:
                f.write(os.urandom(SLOW_BYTES))
        with open(self.root + "/small", "wb") as f:
            f.write(b"x" * 100)

    def weir(self, **options):
        self.number += 1
        limits = f"[limits]\nconnections = {self.args.connections + 100}\nidle_timeout = 10m\nsend_timeout = 10m\n"
        return peers.Weir(f"{self.folder}/weir-{self.number}", self.root,
                          **{**options, "ini": limits + options.get("ini", "")})

    @staticmethod
    def counter(weir, name):
        return json.loads(weir.ctl("status", "--json").stdout)["totals"]["counters"][name]

    def aim(self, text, good):
        print(f"weir, {text}: {'reached' if good else 'MISSED'}", flush=True)
        self.missed += not good

    def warm(self, weir, path="/small"):
        crowd = Crowd(weir.port, [path], 10)
        crowd.answered(200, 10)
        crowd.close()

    def workers(self):
        one, many = 1, 5
        pss = {}
        for count in (one, many):
            with self.weir(workers=count) as weir:
                for _ in range(20):
                    self.warm(weir)
                pss[count] = weir.pss_bytes()
        each = (pss[many] - pss[one]) / (many - one)
        print(f"a server with one worker: {pss[one] / MIB:.2f} MiB; each further worker: {each / KIB:.0f} KiB", flush=True)

    def idle(self):
        count = self.args.connections
        with self.weir(workers=1) as weir:
            self.warm(weir)
            before, kernel = weir.pss_bytes(), kernel_bytes()
            crowd = Crowd(weir.port, ["/small"], count)
            try:
                crowd.answered(200, 30)
                crowd.read_some(slice(None))
                time.sleep(0.5)  # for what it does a moment after a response
                after, idle = weir.pss_bytes(), self.counter(weir, "connections_idle")
                each = (after - before) / count
                print(f"{idle} idle connections: {before / MIB:.2f} -> {after / MIB:.2f} MiB, {each:.0f} bytes each; "
                      f"kernel {(kernel_bytes() - kernel) / MIB:.1f} MiB", flush=True)
                self.aim(f"an idle connection: {each:.0f} bytes, at most {IDLE_BYTES}", each <= IDLE_BYTES and idle >= count)
            finally:
                crowd.close()

    def slow(self, name, paths, **options):
        """The crowd: before, at its most, and again after."""
        count = self.args.connections
        with self.weir(workers=self.args.workers, **options) as weir:
            for path in paths[:1] if name == "hot" else []:
                self.warm(weir, path)
            self.warm(weir)
            before, kernel = weir.pss_bytes(), kernel_bytes()
            crowd = Crowd(weir.port, paths, count)
            try:
                good = crowd.answered(200, 60)
                most, kernel_most, bytes_read = self.hold(weir, crowd)
                active = self.counter(weir, "requests_active")
            finally:
                crowd.close()
            end = time.monotonic() + 10
            while self.counter(weir, "connections") > 10 and time.monotonic() < end:
                time.sleep(0.1)
            after = weir.pss_bytes()
            print(f"{active} slow downloads, {name} ({good} of {count} answered 200, {bytes_read / MIB:.1f} MiB read in "
                  f"{self.args.hold} s): {before / MIB:.2f} -> at most {most / MIB:.2f} MiB, after them "
                  f"{after / MIB:.2f} MiB; {(most - before) / count:.0f} bytes for each; kernel "
                  f"{(kernel_most - kernel) / MIB:.0f} MiB", flush=True)
            self.aim(f"{count} slow downloads, {name}: {most / MIB:.1f} MiB in all, at most {MOST_BYTES // MIB}; "
                     f"{good} have begun to get their answer",
                     most <= MOST_BYTES and good == count and active >= count)

    def hold(self, weir, crowd):
        """Half of them read on for a while: the most that weir and the kernel held, and the bytes read."""
        most = kernel_most = got = 0
        end = time.monotonic() + self.args.hold
        while time.monotonic() < end:
            begun = time.monotonic()
            got += crowd.read_some(slice(None, None, 2))
            most, kernel_most = max(most, weir.pss_bytes()), max(kernel_most, kernel_bytes())
            time.sleep(max(0, 1 - (time.monotonic() - begun)))
        return most, kernel_most, got

    def cold(self):
        paths = [f"/cold/{i}" for i in range(self.args.cold_files)]
        fault = f"[fault {self.root}/cold]\noperations = read\ndelay = 100ms\n"
        # So many may wait for the slow mount, instead of being answered 503.
        queue = f"[offload]\nqueue = {self.args.connections}\ndeadline = 10m\n"
        self.slow("cold", paths, server="allow_faults = yes", ini=fault + queue)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parts", nargs="*", help="of workers, idle, hot, cold; all without any")
    p.add_argument("--connections", type=int, default=10000)
    p.add_argument("--workers", type=int, default=1, help="of the slow downloads")
    p.add_argument("--hold", type=int, default=10, help="seconds that the slow downloads are watched")
    p.add_argument("--cold-files", type=int, default=64, help="so many different ones are asked for")
    p.add_argument("--dir", default="/tmp", help="where the files are put: a real disk")
    args = p.parse_args()
    parts = ["workers", "idle", "hot", "cold"]
    if set(args.parts) - set(parts):
        p.error(f"the parts are {', '.join(parts)}")
    args.connections = raise_limit(args.connections)
    memory = Memory(args)
    peers.end_tidily()
    try:
        for part in args.parts or parts:
            if part == "hot":
                memory.slow("hot", ["/hot.bin"])
            else:
                getattr(memory, part)()
    finally:
        shutil.rmtree(memory.folder, ignore_errors=True)
    if memory.missed:
        print(f"\n{memory.missed} aims missed")


if __name__ == "__main__":
    main()
