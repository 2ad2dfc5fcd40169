# SPDX-License-Identifier: BSD-2-Clause
"""The spawn guard: starts the real weir with a configuration of its own in a temporary
folder, waits until it says it is ready, and on stop fails the test if the server ended of
anything but the TERM it was sent, left a process or a file behind, or wrote something a
healthy server does not write. Nothing here sleeps a fixed time: it waits for a fact, with a
deadline."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = os.environ.get("WEIR_BUILD", os.getcwd())
SRC = os.environ.get("WEIR_SRC", os.getcwd())
UNHEALTHY = re.compile(r"broken invariant|Sanitizer|runtime error:|SUMMARY:|double free|corrupt")

# Under a sanitizer or valgrind everything is slower; deadlines are for hangs, not for speed.
PATIENCE = float(os.environ.get("WEIR_TEST_PATIENCE", "1"))


def program(name):
    return os.path.join(BUILD, name)


def asan_options():
    """ASAN_OPTIONS of a program in a terminal. A hang-up that comes while the leak checker runs ends
    the checker's helper, and the program spins for ever."""
    options = [os.environ.get("ASAN_OPTIONS", ""), "detect_leaks=0"]
    return ":".join(o for o in options if o)


def is_sanitized(name):
    """Whether this program is built with AddressSanitizer."""
    with open(program(name), "rb") as f:
        return b"__asan_init" in f.read()


def free_port():
    """A port nobody listens on right now. For tests that must name one before the start. It is none
    of those the kernel hands out: any connection of a test beside this one could be given it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first, last = map(int, f.read().split())
    ports = [*range(10000, first), *range(last + 1, 65536)]
    for _ in range(100):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.choice(ports) if ports else 0))
                return s.getsockname()[1]
            except OSError:
                pass
    raise AssertionError("no free port in 100 tries")


def deadline(seconds):
    return time.monotonic() + seconds * PATIENCE


def wait_until(fact, seconds=10, what="it"):
    """Calls fact() until it gives something true, and returns that. what: a text, or what gives one."""
    end = deadline(seconds)
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * PATIENCE:.0f} s for {what() if callable(what) else what}")
        time.sleep(0.01)


def run_weir(*args, timeout=20, **more):
    """Runs weir to its end; returns the CompletedProcess with text output."""
    env = dict(os.environ, **more.pop("env", {}))
    return subprocess.run([program("weir"), *args], capture_output=True, text=True,
                          timeout=timeout * PATIENCE, env=env, **more)


class Weir:
    """One server. Use as a context manager, or start() and stop()."""

    def __init__(self, ini="", location="", options=(), workers=2, folder=None, wrapper=(),
                 server="", allow=None):
        self.folder = folder or tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        os.makedirs(self.root, exist_ok=True)
        self.runtime = os.path.join(self.folder, "run")
        self.log_path = os.path.join(self.folder, "error.log")
        self.access_path = os.path.join(self.folder, "access.log")
        self.ini_path = os.path.join(self.folder, "weir.ini")
        self.workers = workers
        self.server_lines = server
        self.location_lines = location
        self.more_ini = ini
        self.options = list(options)
        self.wrapper = list(wrapper)
        self.allow = allow  # a pattern of unhealthy lines that this test provokes
        self.listen = "127.0.0.1:0"
        self.process = None
        self.port = None
        self.write_ini()

    def write_ini(self, text=None):
        if text is None:
            text = (f"[server]\nlisten = {self.listen}\nworkers = {self.workers}\n"
                    f"runtime_dir = {self.runtime}\n{self.server_lines}\n"
                    f"[log]\naccess = {self.access_path}\nerror = {self.log_path}\n"
                    f"flush = 50ms\n"
                    f"{self.more_ini}\n"
                    f"[location /]\nfiles = {self.root}\n{self.location_lines}\n")
        with open(self.ini_path, "w") as f:
            f.write(text)

    def put(self, name, data=b"", mode=0o644, mtime=None):
        """Writes a file beneath the root, parents too."""
        path = os.path.join(os.fsencode(self.root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        os.chmod(path, mode)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return os.fsdecode(path)

    def start(self, stdout=None, stderr=None):
        """stdout, stderr: descriptors instead of the file that output() reads."""
        command = [*self.wrapper, program("weir"), "-c", self.ini_path, *self.options]
        self.stderr = open(os.path.join(self.folder, "stderr"), "w+b")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=self.stderr if stdout is None else stdout,
                                        stderr=self.stderr if stderr is None else stderr, start_new_session=True)
        self.wait_ready()
        return self

    def wait_ready(self):
        """Until all workers serve: before, a reload is refused and a signal may find one alone."""
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"weir ended with {self.process.returncode}:\n{self.output()}")
            status = self.status(check=False)
            return status if status and self._running(status) >= max(1, status["workers_wanted"]) else None

        status = wait_until(ready, 20, lambda: f"weir to be ready\n{self.output()}")
        for listener in status["listeners"]:
            m = re.search(r":(\d+)$", listener["address"])
            if m and not listener["address"].startswith("unix:"):
                self.port = int(m.group(1))
                break

    @staticmethod
    def _running(status):
        return sum(1 for w in status["workers"] if w["state"] == "running")

    def _written(self):
        text = ""
        for path in (os.path.join(self.folder, "stderr"), self.log_path):
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += f.read()
        return text

    def output(self):
        """All that was written so far. A process of its own writes a log, a moment after what it tells of:
        it is read once it stands still."""
        text, end = self._written(), deadline(2)
        while time.monotonic() < end:
            time.sleep(0.02 * PATIENCE)
            before, text = text, self._written()
            if text == before:
                break
        return text

    def log(self):
        return self.output()

    def access_lines(self, at_least=0, seconds=5):
        def read():
            if not os.path.exists(self.access_path):
                return [] if at_least == 0 else None
            with open(self.access_path, errors="surrogateescape") as f:
                lines = f.read().splitlines()
            return lines if len(lines) >= at_least else None

        if at_least == 0:
            return read()
        return wait_until(read, seconds, f"{at_least} lines in the access log")

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def ctl(self, *args, check=True, timeout=60):
        done = subprocess.run([program("weirctl"), "-r", self.runtime, *args], capture_output=True,
                              text=True, timeout=timeout * PATIENCE)
        if check and done.returncode != 0:
            raise AssertionError(f"weirctl {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def status(self, check=True):
        done = self.ctl("status", "--json", check=check)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def worker_pids(self):
        return [w["pid"] for w in self.status()["workers"] if w["state"] == "running"]

    def wait_workers(self, count, seconds=15):
        """Waits until exactly so many workers run and none is on its way in or out (dead ones are not counted)."""
        def settled():
            workers = [w for w in self.status()["workers"] if w["state"] not in ("empty", "dead")]
            good = len(workers) == count and all(w["state"] == "running" for w in workers)
            return workers if good else None

        return wait_until(settled, seconds, lambda: f"{count} running workers\n{self.output()}")

    def kill(self, number):
        os.kill(self.process.pid, number)

    def _left_processes(self):
        """Processes of the server's session that are still there."""
        left = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                left.append(int(name))
        return left

    def stop(self, how=signal.SIGTERM, check=True, seconds=20):
        if self.process is None:
            return
        try:
            if self.process.poll() is None:
                self.process.send_signal(how)
            code = self.process.wait(seconds * PATIENCE)
            if check:
                if code != 0:
                    raise AssertionError(f"weir ended with {code}\n{self.output()}")
                wait_until(lambda: not self._left_processes(), 5, "the workers to end")
                left = os.listdir(self.runtime) if os.path.isdir(self.runtime) else []
                if left:
                    raise AssertionError(f"left behind in runtime_dir: {left}")
                bad = [line for line in self.output().splitlines() if UNHEALTHY.search(line)
                       and not (self.allow and re.search(self.allow, line))]
                if bad:
                    raise AssertionError("the log says:\n" + self.output())
        finally:
            self._clean()

    def _clean(self):
        for pid in self._left_processes():
            try:
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.stderr.close()
        if not os.environ.get("WEIR_TEST_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, kind, value, trace):
        self.stop(check=kind is None)
