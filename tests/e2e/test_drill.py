# SPDX-License-Identifier: BSD-2-Clause
"""The fault drill: what a server leans on stops in turn, under load. A disk, a whole mount, the reader
of its logs, the syslog daemon, the terminal, the name server. Each time hot files are served as if
nothing had happened, the master answers, what was waited for goes on when it is back and leaves
nothing behind, and TERM ends the server while it has stopped. The bounds are the ones users are
promised; where a busy machine misses one, another try may do."""

import errno
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from harness import Weir, main, program, wait_until
from harness.apart import can_unshare, deaf_names
from harness.server import PATIENCE, is_sanitized
from harness.slowfs import SlowFS, why_not

HOT = b"hot" * 1000
HOT_P99_S = 0.05 * PATIENCE
ANSWER_S = 0.1 * PATIENCE
DRAIN_S = 2
TRIES = 3
MEMORY_KIB = 24 << 10
REQUEST = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


class Hot:
    """Keep-alive connections that ask for the hot file again and again, and how long each answer
    took."""

    def __init__(self, connect, connections=3, pause=0.01):
        self.connect, self.pause = connect, pause
        self.stopping = threading.Event()
        self.times, self.failures = [], []
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(30)

    def _run(self):
        try:
            with self.connect() as s:
                s.settimeout(20 * PATIENCE)
                while not self.stopping.is_set():
                    begun = time.monotonic()
                    s.sendall(REQUEST % b"hot")
                    answer = b""
                    while not answer.endswith(HOT):
                        data = s.recv(65536)
                        if not data:
                            raise OSError("the connection ended")
                        answer += data
                    self.times.append(time.monotonic() - begun)
                    time.sleep(self.pause)
        except OSError as e:
            self.failures.append(repr(e))

    def p99(self, seconds):
        """Of what is answered in so many seconds from now on."""
        first = len(self.times)
        time.sleep(seconds)
        times = sorted(self.times[first:])
        return times[int(len(times) * 0.99)] if len(times) > 50 else float("inf")


class Drill(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)

    def serve(self, ini="", options=(), wrapper=(), listen=None):
        weir = Weir(workers=2, options=options, wrapper=wrapper, server=f"drain_timeout = {DRAIN_S}s",
                    ini=f"[cache]\nidle = 1s\n[offload]\ndeadline = 2s\nprobe = 500ms\nidle = 1s\n{ini}")
        if listen:
            weir.listen = listen
            weir.write_ini()
        weir.put("hot", HOT)
        self.weir = weir
        self.addCleanup(weir.stop, check=False)
        return weir.start()

    def connect(self):
        if not self.weir.port:
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.weir.listen[len("unix:"):])
            return s
        return socket.create_connection(("127.0.0.1", self.weir.port), 20 * PATIENCE)

    def processes(self):
        return [self.weir.process.pid, *sorted(self.weir.worker_pids())]

    @staticmethod
    def descriptors(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    @staticmethod
    def private_kib(pid):
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Private"))

    def answer_time(self):
        """How long the master takes to pass its board."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(20 * PATIENCE)
            begun = time.monotonic()
            s.connect(os.path.join(self.weir.runtime, "control.sock"))
            s.send(b"board")
            _, passed, *_ = s.recvmsg(65536, socket.CMSG_SPACE(4))
            took = time.monotonic() - begun
            for _, _, fd in passed:
                os.close(int.from_bytes(fd[:4], sys.byteorder))
        return took

    def best(self, bound, measure, what):
        seen = []
        for _ in range(TRIES):
            seen.append(measure())
            if seen[-1] <= bound:
                return
        self.fail(f"{what}: {', '.join(f'{s * 1000:.1f} ms' for s in seen)}")

    def run_drill(self, stop, use, go_on):
        """stop() makes the thing stop, use(end) makes the server want it until end() and returns when
        it does, go_on() lets it go on."""
        before = [(pid, self.descriptors(pid), self.private_kib(pid)) for pid in self.processes()]
        with Hot(self.connect) as hot:
            wait_until(lambda: len(hot.times) > 100, 20, lambda: f"hot answers; {hot.failures}")
            stop()
            held = use()
            self.best(HOT_P99_S, lambda: hot.p99(1), "hot p99 while it stands still")
            self.best(ANSWER_S, lambda: max(self.answer_time() for _ in range(10)), "the master's answers")
            self.assertEqual(hot.failures, [])
        go_on()
        for s in held:
            s.close()
        self.assertEqual(self.processes(), [pid for pid, *_ in before], "nobody died")
        for pid, descriptors, kib in before:
            wait_until(lambda: self.descriptors(pid) <= descriptors + 2, 40,
                       lambda: f"{descriptors} descriptors of {pid}, not {self.descriptors(pid)}")
            if is_sanitized("weir"):  # which keeps what is freed, to see it used
                continue
            wait_until(lambda: self.private_kib(pid) < kib + MEMORY_KIB, 40,
                       lambda: f"{kib} KiB and some of {pid}, not {self.private_kib(pid)}")
        self.ends(stop, use, go_on)

    def ends(self, stop, use, go_on):
        weir = self.weir
        stop()
        held = use()
        begun = time.monotonic()
        weir.process.send_signal(signal.SIGTERM)
        try:
            code = weir.process.wait((DRAIN_S + 5) * PATIENCE)
            took = time.monotonic() - begun
            self.assertEqual(code, 0)
            self.assertLess(took, (DRAIN_S + 3) * PATIENCE)
            if weir.port:
                with socket.socket() as s:  # nobody keeps the port
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", weir.port))
        finally:
            go_on()
            for s in held:
                s.close()
        wait_until(lambda: not weir._left_processes(), 20, "every process to be gone")
        self.assertEqual(os.listdir(weir.runtime), [])

    def ask_for(self, path, count):
        """So many requests on connections of their own, whose answers nobody reads."""
        held = []
        for i in range(count):
            s = self.connect()
            s.sendall(REQUEST % (path % i).encode())
            held.append(s)
        return held

    # --- disks ---

    def slow_mount(self):
        if why_not():
            self.skipTest(why_not())
        fs = SlowFS("set entry_ms 0", "set attr_ms 0")
        fs.start()
        self.addCleanup(fs.stop)
        self.serve(ini=f"[location /m/]\nfiles = {fs.path}\n")
        return fs

    def test_a_disk(self):
        fs = self.slow_mount()

        def use():
            held = self.ask_for("m/f%d-1000000", 60)
            fs.wait_held()
            return held

        self.run_drill(lambda: fs.tell("hang", "read"), use, lambda: fs.tell("release"))

    def test_a_mount(self):
        fs = self.slow_mount()

        def use():
            held = self.ask_for("m/f%d-1000000", 60) + self.ask_for("m/d/%d", 20)
            fs.wait_held()
            return held

        self.run_drill(lambda: fs.tell("hang", "all"), use, lambda: fs.tell("release"))

    # --- readers of logs ---

    def noise(self, connect=None):
        """Lines for all logs: more than any pipe or socket holds."""
        with (connect or self.connect)() as s:
            for _ in range(40):
                s.sendall((REQUEST % (b"x" * 500)) * 20)
                s.settimeout(20 * PATIENCE)
                got = 0
                while got < 20:
                    data = s.recv(65536)
                    self.assertTrue(data)
                    got += data.count(b"HTTP/1.1 ")
        for _ in range(40):
            with (connect or self.connect)() as s:
                s.sendall(b"GET\r\n\r\n")
                s.recv(100)
        return []

    def test_the_reader_of_standard_output(self):
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        fd = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        reading = threading.Event()
        over = threading.Event()

        def read():
            while not over.is_set():
                if not reading.wait(0.1):
                    continue
                try:
                    if os.read(fd, 65536):
                        continue
                except BlockingIOError:
                    pass
                time.sleep(0.01)

        reading.set()
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self.addCleanup(os.close, fd)
        self.addCleanup(reader.join)
        self.addCleanup(over.set)
        self.serve(options=("-o", "log.access=stdout", "-o", "log.error=stderr"),
                   wrapper=("sh", "-c", f'exec "$@" >{pipe} 2>&1', "sh"))
        self.run_drill(reading.clear, self.noise, reading.set)

    def test_the_terminal(self):
        ours, theirs = pty.openpty()
        name = os.ttyname(theirs)
        over = threading.Event()

        def read():
            os.set_blocking(ours, False)
            while not over.is_set():
                try:
                    os.read(ours, 65536)
                except BlockingIOError:
                    time.sleep(0.01)
                except OSError as e:
                    if e.errno != errno.EIO:
                        raise
                    time.sleep(0.01)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self.addCleanup(os.close, theirs)
        self.addCleanup(os.close, ours)
        self.addCleanup(reader.join)
        self.addCleanup(over.set)
        self.serve(options=("-o", "log.access=stdout", "-o", "log.error=stderr"),
                   wrapper=("sh", "-c", f'exec "$@" >{name} 2>&1', "sh"))
        self.run_drill(lambda: os.write(ours, b"\x13"), self.noise, lambda: os.write(ours, b"\x11"))

    def test_the_syslog_daemon(self):
        why = can_unshare("-m")
        if why:
            self.skipTest(why)
        path = os.path.join(self.folder, "log")
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        daemon.bind(path)
        os.chmod(path, 0o666)
        daemon.setblocking(False)
        reading, over = threading.Event(), threading.Event()

        def read():
            while not over.is_set():
                if not reading.wait(0.1):
                    continue
                try:
                    daemon.recv(65536)
                except BlockingIOError:
                    time.sleep(0.01)

        reading.set()
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self.addCleanup(daemon.close)
        self.addCleanup(reader.join)
        self.addCleanup(over.set)
        nodes = "; ".join(f"mknod -m 666 /dev/{n} c 1 {i}" for n, i in (("null", 3), ("zero", 5), ("urandom", 9)))
        self.serve(options=("-o", "log.access=syslog", "-o", "log.error=syslog"),
                   wrapper=("unshare", "-m", "sh", "-c",
                            f'mount -t tmpfs t /dev && {nodes} && ln -s {path} /dev/log && exec "$@"', "sh"))
        self.run_drill(reading.clear, self.noise, reading.set)

    # --- names ---

    def test_the_name_server(self):
        """Asked at a reload that adds an address with a host's name; over a unix socket, for the server
        has a network of its own."""
        why = can_unshare("-mn")
        if why:
            self.skipTest(why)
        weir = self.serve(listen=f"unix:{self.folder}/http", wrapper=deaf_names(self.folder))
        plain = weir.listen
        asked = []

        def stop():
            weir.listen = f"{plain} www.some-host.example:8080"
            weir.write_ini()
            weir.listen = plain
            asked.append(subprocess.Popen([program("weirctl"), "-r", weir.runtime, "reload"],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

        def go_on():
            weir.write_ini()
            asked.pop().wait(60 * PATIENCE)

        self.run_drill(stop, list, go_on)


if __name__ == "__main__":
    main()
