# SPDX-License-Identifier: BSD-2-Clause
"""What the server tells of itself under load: events of requests do not push out those of its state, and a
connection counts as lost only when one was."""

import os
import random
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Weir, Wire, get, main, wait_until
from harness.server import program


def events(weir):
    return [(e["kind"], e["text"]) for e in weir.status()["events"]]


def count(weir, kind):
    return sum(k == kind for k, _ in events(weir))


def check(weir, *args):
    done = subprocess.run([program("weirtop"), "-r", weir.runtime, "--check", *args], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout


def ask_often(weir, threads, each):
    """So many requests at once for names that are not there, each of which asks the disk."""
    def ask(k):
        with Wire(weir.port, timeout=60) as w:
            for i in range(each):
                w.ask(f"/late/{k}-{i}")

    running = [threading.Thread(target=ask, args=(k,)) for k in range(threads)]
    for t in running:
        t.start()
    for t in running:
        t.join()


class Events(unittest.TestCase):
    def test_slow_requests_leave_the_others(self):
        """More slow requests than the ring has room for: what happened once is still there."""
        weir = Weir(workers=2, server="allow_faults = yes")
        weir.more_ini = f"slow_request = 1ms\n[fault {weir.root}/late]\noperations = open\ndelay = 4ms\n"
        weir.write_ini()
        os.makedirs(os.path.join(weir.root, "late"))
        with weir:
            ask_often(weir, 16, 40)
            slow = weir.status()["totals"]["counters"]["slow_requests"]
            self.assertGreaterEqual(slow, 600)
            self.assertEqual(count(weir, "SPAWN"), 2)
            self.assertEqual(count(weir, "START"), 1)
            self.assertEqual(count(weir, "FAULT"), 1)
            self.assertEqual(count(weir, "SLOW"), 1, "one stands for all of a minute")
            self.assertRegex(weir.ctl("events").stdout, r"SPAWN +1 +worker 1 started")

    def test_a_change_is_told_once(self):
        with Weir(workers=1, server="workers_max = 4") as weir:
            before = len(events(weir))
            weir.ctl("workers", "+2")
            weir.wait_workers(3)
            told = events(weir)[before:]
            self.assertEqual(sorted(k for k, _ in told), ["RESIZE", "SPAWN", "SPAWN"])
            self.assertEqual(sum("workers 1 -> 3" in text for _, text in told), 1)


class Errors(unittest.TestCase):
    def ask(self, weir, path, times):
        return [get(weir.port, path).status for _ in range(times)]

    def test_a_disk_that_fails_every_call(self):
        weir = Weir(workers=2, server="allow_faults = yes")
        weir.more_ini = f"[fault {weir.root}/bad]\noperations = open read\nerror = EIO\n"
        weir.write_ini()
        weir.put("bad/f", b"x" * 200_000)
        weir.put("good", b"x")
        with weir:
            self.assertEqual(set(self.ask(weir, "/bad/f", 12)), {500})
            wait_until(lambda: weir.status()["errors"]["state"] == "all", 10, "the judgement")
            code, said = check(weir)
            self.assertEqual(code, 2, said)
            self.assertRegex(said, r"^critical: ALL answers fail: 12 of 12 in \d+s were 5xx; mount .*Input/output error")
            told = [text for kind, text in events(weir) if kind == "ERRORS"]
            self.assertEqual(len(told), 1, told)
            self.assertRegex(told[0], r"12 of 12 answers .*Input/output error")
            row = next(m for m in weir.status()["mounts"] if m["failed"])
            self.assertEqual(row["failed_why"], "Input/output error")
            self.assertIn("Input/output error", weir.ctl("mounts").stdout)
            # Among many good ones it is a share, and then no longer worth a word.
            self.ask(weir, "/good", 88)
            wait_until(lambda: weir.status()["errors"]["state"] == "many", 10, "the judgement")
            code, said = check(weir)
            self.assertEqual(code, 1, said)
            self.assertRegex(said, r"^warning: 12 % of the answers fail: 12 of 100 in")
            for _ in range(20):
                self.ask(weir, "/good", 30)
                if weir.status()["errors"]["state"] == "few":
                    break
            wait_until(lambda: count(weir, "ERRORS") == 2, 15, "its end")
            self.assertRegex(events(weir)[-1][1], "good again")
            self.assertEqual(check(weir)[0], 0)

    def test_one_among_few_is_no_alarm(self):
        weir = Weir(workers=1, server="allow_faults = yes")
        weir.more_ini = f"[fault {weir.root}/bad]\noperations = open\nerror = EIO\n"
        weir.write_ini()
        weir.put("bad/f", b"x")
        with weir:
            self.ask(weir, "/bad/f", 4)
            wait_until(lambda: weir.status()["errors"]["failed"] == 4, 10, "the count")
            self.assertEqual(weir.status()["errors"]["state"], "few")
            self.assertEqual(check(weir)[0], 0)
            self.assertEqual(count(weir, "ERRORS"), 0)

    def test_names_are_no_failures_of_a_disk(self):
        with Weir(workers=1) as weir:
            self.ask(weir, "/not-there", 10)
            wait_until(lambda: weir.status()["errors"]["answers"] == 10, 10, "the count")
            self.assertEqual(weir.status()["errors"]["failed"], 0)
            self.assertEqual([m["failed"] for m in weir.status()["mounts"] if m["failed"]], [])
            self.assertEqual(check(weir)[0], 0)

    @unittest.skipIf(os.stat("/dev/shm").st_dev == os.stat("/tmp").st_dev, "/dev/shm is no mount of its own")
    def test_one_fence_is_not_all(self):
        """Of the mount that / is on nobody has asked for anything yet: that is not "nothing is served"."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
            os.chmod(other, 0o755)
            weir = Weir(workers=2)
            weir.more_ini = f"[location /other/]\nfiles = {other}\n"
            weir.write_ini()
            weir.put("f", b"x")
            with weir:
                self.assertEqual(get(weir.port, "/other/f").status, 404)
                weir.ctl("fence", "/dev/shm")
                wait_until(lambda: any(m["state"] == "fenced" for m in weir.status()["mounts"]), 10, "the fence")
                self.assertEqual(get(weir.port, "/other/f").status, 503)
                code, said = check(weir)
                self.assertEqual(code, 0, said)
                self.assertIn("/dev/shm fenced", said)
                self.assertEqual(get(weir.port, "/f").status, 200)

    @unittest.skipIf(os.stat("/dev/shm").st_dev == os.stat("/tmp").st_dev, "/dev/shm is no mount of its own")
    def test_all_fences_are(self):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as only:
            os.chmod(only, 0o755)
            weir = Weir(workers=2)
            weir.write_ini(open(weir.ini_path).read().replace(f"files = {weir.root}", f"files = {only}"))
            with weir:
                self.assertEqual(get(weir.port, "/f").status, 404)
                weir.ctl("fence", "/dev/shm")
                # The good answer before it counts for as long as it is looked back.
                for _ in range(25):
                    self.assertEqual(get(weir.port, "/f").status, 503)
                wait_until(lambda: check(weir)[0] == 2, 30, "the verdict")
                self.assertRegex(check(weir)[1], r"^critical: (every request gets 503|(nearly )?ALL answers fail).*"
                                 r"/dev/shm \(tmpfs\) is fenced")
                self.assertNotIn("for now", check(weir)[1])


def checksum(data):
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    s = (s >> 16) + (s & 0xffff)
    return ~(s + (s >> 16)) & 0xffff


def stray(port, flags, packets=3):
    """Segments of connections that there are not."""
    here = socket.inet_aton("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        for i in range(packets):
            head = struct.pack("!HHLLBBHHH", 10000 + i, port, random.getrandbits(32), 0, 80, flags, 8192, 0, 0)
            sum_ = checksum(here + here + struct.pack("!BBH", 0, 6, 20) + head)
            raw.sendto(head[:16] + struct.pack("!H", sum_) + head[18:], ("127.0.0.1", 0))


def kernel_drops():
    with open("/proc/net/netstat") as f:
        names, figures = [line.split() for line in f if line.startswith("TcpExt:")]
    of = dict(zip(names, figures))
    return int(of["ListenOverflows"]), int(of["ListenDrops"])


class Queue(unittest.TestCase):
    def listener(self, weir):
        return weir.status()["listeners"][0]

    def stray_round(self, weir):
        """False when the kernel lost somebody else's connections meanwhile: nothing can be said then."""
        drops, before = kernel_drops(), self.listener(weir)
        rst, syn = 4, 2
        stray(weir.port, rst)
        stray(weir.port, syn)
        wait_until(lambda: self.listener(weir)["stray_packets"] >= before["stray_packets"] + 3, 10, "the packets")
        code, said = check(weir)
        if kernel_drops() != drops:
            return False
        self.assertEqual(self.listener(weir)["drops"], before["drops"])
        self.assertEqual(count(weir, "QUEUE"), 0)
        self.assertNotIn("dropped", weir.log())
        self.assertNotIn("queue was full", said)
        self.assertNotEqual(code, 2, said)
        return True

    @unittest.skipIf(os.geteuid() != 0, "raw sockets need root")
    def test_stray_packets_are_no_lost_connections(self):
        with Weir(workers=2) as weir:
            self.assertTrue(any(self.stray_round(weir) for _ in range(5)), "a machine whose queues overflow all the time")

    def test_lost_connections_are_told(self):
        """Nobody accepts, and the queue has room for two: the kernel drops what comes then."""
        weir = Weir(workers=1, server="backlog = 1")
        clients = []
        with weir:
            pids = weir.worker_pids()
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                for _ in range(8):
                    s = socket.socket()
                    s.setblocking(False)
                    s.connect_ex(("127.0.0.1", weir.port))
                    clients.append(s)
                wait_until(lambda: self.listener(weir)["drops"] > 0, 10, "drops")
                wait_until(lambda: count(weir, "QUEUE") > 0, 10, "the event")
                self.assertIn("queue full", weir.log())
                # The clients try again and again: it stays a handful of events.
                end = time.monotonic() + 2
                wait_until(lambda: time.monotonic() > end, 5)
                self.assertLessEqual(count(weir, "QUEUE"), 4)
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
                for s in clients:
                    s.close()
            self.assertEqual(get(weir.port, "/nothing").status, 404)


if __name__ == "__main__":
    main()
