# SPDX-License-Identifier: BSD-2-Clause
"""What the server says of itself against what the kernel says: the accept queue against ss,
stopped workers, events, and who may see and change what."""

import contextlib
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

from harness import Weir, Wire, get, main, wait_until
from harness.server import PATIENCE, program
from harness.tap import skip_without


class Board(unittest.TestCase):
    def setUp(self):
        self.weir = Weir(workers=2, server="watch = everybody")
        self.weir.put("f", b"x")
        self.weir.start()
        self.addCleanup(self.weir.stop)

    def test_status_is_json_and_a_table(self):
        status = self.weir.status()
        self.assertEqual(len(status["workers"]), 2)
        for name in ("requests", "bytes_out", "connections"):
            self.assertIn(name, status["workers"][0]["counters"])
            self.assertIn(name, status["totals"]["counters"])
        table = self.weir.ctl("status").stdout
        for pid in self.weir.worker_pids():
            self.assertIn(str(pid), table)
        self.assertNotIn("\x1b", table)

    def ss_depth(self):
        out = subprocess.run(["ss", "-ltnH", f"sport = :{self.weir.port}"], capture_output=True, text=True).stdout
        return int(out.split()[1])

    @skip_without("ss")
    def test_accept_queue_equals_ss(self):
        pids = self.weir.worker_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            held = [socket.create_connection(("127.0.0.1", self.weir.port)) for _ in range(37)]
            for s in held:
                s.sendall(b"GET /f HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: self.weir.status()["listeners"][0]["queue_depth"] == 37, 5, "37 in the queue")
            self.assertEqual(self.ss_depth(), 37)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        for s in held:
            s.settimeout(10 * PATIENCE)
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200"))
            s.close()
        wait_until(lambda: self.weir.status()["listeners"][0]["queue_depth"] == 0, 5, "an empty queue")
        self.assertGreaterEqual(self.weir.status()["listeners"][0]["queue_peak"], 37)

    def test_a_stopped_worker_is_marked_and_unmarked(self):
        number = lambda s, pid: next(w for w in s["workers"] if w["pid"] == pid)
        pid = self.weir.worker_pids()[0]
        for _ in range(3):
            os.kill(pid, signal.SIGSTOP)
            begun = time.monotonic()
            try:
                wait_until(lambda: number(self.weir.status(), pid)["stuck"] == "stopped", 5, "the mark")
                print(f"# stopped worker marked after {1000 * (time.monotonic() - begun):.0f} ms, weirctl included")
                self.assertEqual(get(self.weir.port, "/f").status, 200)
            finally:
                os.kill(pid, signal.SIGCONT)
            wait_until(lambda: number(self.weir.status(), pid)["stuck"] is None, 5, "the mark to go")
        wait_until(lambda: {"STOPPED", "CONTINUED"} <= {e["kind"] for e in self.weir.status()["events"]}, 5,
                   "the events STOPPED and CONTINUED")

    def test_new_connections_avoid_a_stopped_worker(self):
        pids = self.weir.worker_pids()
        os.kill(pids[0], signal.SIGSTOP)
        try:
            for _ in range(100):
                self.assertEqual(get(self.weir.port, "/f").body, b"x")
        finally:
            os.kill(pids[0], signal.SIGCONT)

    def test_connections_are_balanced(self):
        self.weir.ctl("workers", "4")
        self.weir.wait_workers(4)
        wires = []
        for _ in range(200):
            w = Wire(self.weir.port)
            w.ask("/f")
            wires.append(w)
        held = [w["counters"]["connections"] for w in self.weir.status()["workers"]]
        for w in wires:
            w.close()
        self.assertEqual(sum(held), 200)
        self.assertLessEqual(max(held), 100, held)
        self.assertGreaterEqual(min(held), 10, held)

    def test_accept_wait_is_measured(self):
        pids = self.weir.worker_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        held = []
        for _ in range(40):  # one accept in eight is sampled
            s = socket.create_connection(("127.0.0.1", self.weir.port))
            s.sendall(b"GET /f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            held.append(s)
        end = time.monotonic() + 0.5
        wait_until(lambda: time.monotonic() > end, 5)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        for s in held:
            s.settimeout(10 * PATIENCE)
            s.recv(4096)
            s.close()
        waits = wait_until(lambda: (lambda h: h if h["count"] else None)(
            self.weir.status()["totals"]["times"]["accept_wait"]), 5, "an accept wait")
        self.assertGreater(waits["p99_ns"], 200_000_000)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_another_user_sees_and_does_not_change(self):
        ask = [sys.executable, "-c",
               "import os, subprocess, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
               "sys.exit(subprocess.run(sys.argv[1:]).returncode)"]
        def as_nobody(*args):
            return subprocess.run([*ask, program("weirctl"), "-r", self.weir.runtime, *args],
                                  capture_output=True, text=True)
        probe = subprocess.run([*ask, program("weirctl"), "--version"], capture_output=True, text=True)
        if probe.returncode != 0:
            self.skipTest("the build folder is closed to other users")
        done = as_nobody("status", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)["workers"]), 2)
        for words in (["workers", "4"], ["stop"], ["reload"], ["kill", "1"]):
            done = as_nobody(*words)
            self.assertEqual(done.returncode, 1, words)
            self.assertRegex(done.stderr + done.stdout, r"(?i)root|permission|allowed|user")
        self.weir.wait_workers(2)

    def test_control_socket_survives_nonsense(self):
        path = os.path.join(self.weir.runtime, "control.sock")
        for data in (b"\0\0\0", b"A" * 5000, b"workers", b"workers +1 +1", b"\xff\xfe", b" ", b"board x", b"stop later"):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.settimeout(10)
            s.connect(path)
            s.send(data)
            answer = s.recv(65536)
            s.close()
            if answer:
                self.assertFalse(json.loads(answer)["ok"], data)
        for _ in range(100):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(path)
            s.close()
        self.weir.wait_workers(2)

    def test_a_full_queue_of_commands_is_waited_for(self):
        """The master stands, and nobody else gets into its queue: weirctl waits for its turn."""
        path = os.path.join(self.weir.runtime, "control.sock")
        os.kill(self.weir.process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.weir.process.pid, signal.SIGCONT)
        with contextlib.ExitStack() as waiting:
            for _ in range(10000):
                s = waiting.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK))
                if s.connect_ex(path) == errno.EAGAIN:
                    break
            else:
                self.fail("the queue does not end")
            asked = subprocess.Popen([program("weirctl"), "-r", self.weir.runtime, "status", "--json"],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.addCleanup(asked.wait)
            with self.assertRaises(subprocess.TimeoutExpired):
                asked.wait(0.5)
        os.kill(self.weir.process.pid, signal.SIGCONT)
        text, _ = asked.communicate(timeout=60)
        self.assertEqual(asked.returncode, 0, text)
        self.assertEqual(len(json.loads(text)["workers"]), 2)

    def test_the_board_is_read_only(self):
        import array
        import mmap
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(10)
        s.connect(os.path.join(self.weir.runtime, "control.sock"))
        s.send(b"board")
        data, control, *_ = s.recvmsg(65536, socket.CMSG_SPACE(64))
        self.assertTrue(json.loads(data)["ok"])
        fd = array.array("i", control[0][2][:4])[0]
        with self.assertRaises((PermissionError, ValueError, OSError)):
            mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        again = None
        try:
            again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
            with self.assertRaises(OSError):
                mmap.mmap(again, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except PermissionError:
            pass
        with self.assertRaises(OSError):
            os.ftruncate(fd, 0)
        if again is not None:
            with self.assertRaises(OSError):
                os.ftruncate(again, 0)
            os.close(again)
        os.close(fd)
        s.close()


if __name__ == "__main__":
    main()
