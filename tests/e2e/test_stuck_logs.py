# SPDX-License-Identifier: BSD-2-Clause
"""Logs that nobody reads and disks under logs that hang: a terminal after Ctrl-S, a full pipe, a
FIFO, a syslog daemon that takes nothing, a frozen and a full disk. Requests go on, weirctl is
answered, a killed worker is replaced, TERM ends the server; the log that is stuck is named, and
what was lost of it is counted."""

import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Weir, Wire, deadline, get, main, run_weir, skip_without, wait_until
from harness.server import PATIENCE
from harness.slowfs import SlowFS, why_not

FIFREEZE, FITHAW = 0xC0045877, 0xC0045878


def comm(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip()


def log_writers(weir):
    """The processes that write logs, by the file they have open."""
    found = {}
    with open(f"/proc/{weir.process.pid}/task/{weir.process.pid}/children") as f:
        for pid in f.read().split():
            try:
                if comm(pid) == "weir-log":
                    for fd in os.listdir(f"/proc/{pid}/fd"):
                        found.setdefault(os.readlink(f"/proc/{pid}/fd/{fd}"), int(pid))
            except OSError:
                pass
    return found


def log_state(weir, which):
    return next((log for log in weir.status().get("logs", []) if log["log"] == which), {"state": "not shown"})


class Stuck(unittest.TestCase):
    def serve(self, weir, **streams):
        """Starts it with these streams as its standard output and error."""
        self.addCleanup(shutil.rmtree, weir.folder, ignore_errors=True)
        self.addCleanup(weir.stop, check=False)
        weir.put("a.txt", b"hi")
        weir.start(**streams)
        return weir

    def ask(self, weir, count=20, path="/a.txt"):
        """Each on a connection of its own, so that all workers have some."""
        for i in range(count):
            self.assertEqual(get(weir.port, f"{path}?n={i}", timeout=3).status, 200)

    def err(self, weir, count):
        """Mistakes: a line of the error log each, up to some a second."""
        for _ in range(count):
            with Wire(weir.port, timeout=3) as w:
                w.send(b"GET\r\n\r\n")
                self.assertEqual(w.response().status, 400)

    def wait_stuck(self, weir, which, state="stuck"):
        wait_until(lambda: log_state(weir, which)["state"] == state, 10, lambda: f"{log_state(weir, which)}")

    def all_well(self, weir):
        """It serves, answers, replaces a worker that is killed."""
        self.ask(weir)
        pids = weir.worker_pids()
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: len(set(weir.worker_pids()) - {pids[0]}) == len(pids), 10, "another worker")
        self.ask(weir)

    def ends(self, weir):
        """On TERM, though the log still hangs."""
        weir.process.send_signal(signal.SIGTERM)
        self.assertEqual(weir.process.wait(15 * PATIENCE), 0)


class Readers(Stuck):
    def to_stderr(self):
        weir = Weir(workers=2)
        weir.write_ini(None)
        with open(weir.ini_path) as f:
            weir.write_ini(f.read().replace(f"error = {weir.log_path}", "error = stderr"))
        return weir

    def test_a_terminal_that_is_paused(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        weir = self.serve(self.to_stderr(), stderr=theirs)
        wait_until(lambda: b"serving" in os.read(ours, 65536), 10, "the first lines")
        os.write(ours, b"\x13")
        self.err(weir, 60)
        self.all_well(weir)
        self.wait_stuck(weir, "error")
        self.assertIn("error log on standard error", weir.ctl("status").stdout)
        wait_until(lambda: "does not answer" in weir.ctl("events").stdout, 10, "the event")
        os.write(ours, b"\x11")
        os.set_blocking(ours, False)
        text = b""

        def told():
            nonlocal text
            try:
                text += os.read(ours, 65536)
            except BlockingIOError:
                pass
            return b"answers again" in text
        wait_until(told, 10, lambda: f"the lines that waited: {text}")
        self.assertIn(b"malformed", text)
        os.write(ours, b"\x13")
        self.err(weir, 5)
        self.ends(weir)

    def test_a_pipe_that_is_full(self):
        read, write = os.pipe()
        weir = self.serve(self.to_stderr(), stderr=write)
        os.set_blocking(write, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(write, b"x" * 4096)
        os.set_blocking(write, True)
        self.err(weir, 40)
        self.all_well(weir)
        self.wait_stuck(weir, "error")
        self.ends(weir)
        os.close(read)
        os.close(write)
        weir.stop()

    def test_an_access_log_that_nobody_reads(self):
        """What does not fit is dropped and counted, and said once when it goes on."""
        read, write = os.pipe()
        weir = Weir(workers=1)
        with open(weir.ini_path) as f:
            weir.write_ini(f.read().replace(f"access = {weir.access_path}", "access = stdout"))
        weir = self.serve(weir, stdout=write)
        os.close(write)
        self.addCleanup(os.close, read)
        asked, long = 0, "/a.txt?" + "q" * 1900

        def dropped():
            nonlocal asked
            with Wire(weir.port) as w:
                for _ in range(20):
                    request = f"GET {long} HTTP/1.1\r\nHost: t\r\n\r\n".encode()
                    w.send(request * 16)
                    for _ in range(16):
                        self.assertEqual(w.response().status, 200)
                        asked += 1
            return log_state(weir, "access").get("lines_dropped", 0)
        lost = wait_until(dropped, 60, "the first line to be dropped")
        lost = log_state(weir, "access")["lines_dropped"]
        self.assertLess(lost, asked)
        # What is counted and what comes out are all there were.
        lines = 0

        def read_on():
            nonlocal lines
            data = os.read(read, 1 << 16)
            lines += data.count(b"\n")
            return lines + lost >= asked
        wait_until(read_on, 30, lambda: f"{asked} lines, {lines} came, {lost} were lost")
        self.ask(weir, 3)
        wait_until(lambda: "takes lines again" in weir.log(), 10, "the log to say so")
        self.assertEqual(log_state(weir, "access")["lines_dropped"], lost)
        self.assertEqual(weir.log().count("takes lines again"), 1)

    def test_a_fifo_without_a_reader(self):
        folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.mkfifo(f"{folder}/fifo")
        for which in ("error", "access"):
            with self.subTest(log=which):
                done = run_weir("-o", f"runtime_dir={folder}/run", "-o", "listen=127.0.0.1:0", "-o",
                                f"log.{which}={folder}/fifo", folder)
                self.assertEqual(done.returncode, 1)
                self.assertIn("nobody reads this FIFO", done.stderr)

    def test_a_reopening_that_finds_a_fifo(self):
        weir = self.serve(Weir(workers=2))
        self.ask(weir, 3)
        weir.access_lines(3)
        os.rename(weir.access_path, weir.access_path + ".1")
        os.mkfifo(weir.access_path)
        done = weir.ctl("reopen", check=False, timeout=10)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nobody reads this FIFO", done.stdout + done.stderr)
        self.all_well(weir)
        os.unlink(weir.access_path)
        os.rename(weir.access_path + ".1", weir.access_path)
        # What came meanwhile is in the old file, but for what a killed worker had not handed over.
        weir.access_lines(23)
        weir.stop()

    def test_a_writer_that_is_killed(self):
        """Another one takes up where it was: the queue keeps the lines."""
        weir = self.serve(Weir(workers=1))
        self.ask(weir, 3)
        weir.access_lines(3)
        pid = log_writers(weir)[weir.access_path]
        os.kill(pid, signal.SIGKILL)
        self.ask(weir, 7)
        weir.access_lines(10)
        self.assertNotEqual(log_writers(weir)[weir.access_path], pid)
        weir.stop()

    def test_signals_for_all_processes_lose_no_line(self):
        """Who stops a service sends TERM to every process of it."""
        weir = self.serve(Weir(workers=2))
        self.ask(weir, 10)
        for pid in log_writers(weir).values():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
                os.kill(pid, number)
        self.ask(weir, 10)
        with open(weir.access_path) as access, open(weir.log_path) as errors:
            weir.stop()
            self.assertEqual(len(access.readlines()), 20)
            self.assertIn("master[%d]: stopped" % weir_pid(errors.read()), open_text(errors))


def open_text(file):
    file.seek(0)
    return file.read()


def weir_pid(text):
    return int(re.search(r"master\[(\d+)\]", text).group(1))


class Changes(Stuck):
    def test_every_request_has_its_line(self):
        """While logs are moved away and reopened, the configuration is loaded anew, and workers are
        replaced."""
        weir = self.serve(Weir(workers=2))
        answered, stop = [0] * 3, threading.Event()

        def client(which):
            while not stop.is_set():
                try:
                    with Wire(weir.port) as w:
                        for _ in range(50):
                            if w.ask("/a.txt").status == 200:
                                answered[which] += 1
                except (OSError, AssertionError, Exception) as e:  # a connection that was ended between requests
                    if "Closed" not in type(e).__name__ and not isinstance(e, OSError):
                        raise
        threads = [threading.Thread(target=client, args=(i,)) for i in range(3)]
        for t in threads:
            t.start()
        try:
            for i in range(6):
                os.rename(weir.access_path, f"{weir.access_path}.{i}")
                weir.ctl("reopen")
                if i % 3 == 0:
                    weir.ctl("reload")
                if i % 3 == 1:
                    weir.ctl("restart", str(min(w["number"] for w in weir.status()["workers"] if w["state"] == "running")))
            # Writers of files that were moved away have ended.
            wait_until(lambda: len(set(log_writers(weir).values())) == 2, 10, lambda: f"two writers: {log_writers(weir)}")
        finally:
            stop.set()
            for t in threads:
                t.join()
        weir.process.send_signal(signal.SIGTERM)
        weir.process.wait(20 * PATIENCE)
        lines = 0
        for name in os.listdir(weir.folder):
            if name.startswith("access.log"):
                with open(os.path.join(weir.folder, name)) as f:
                    lines += sum(1 for line in f if '"GET /a.txt HTTP/1.1" 200 2 ' in line and line.endswith("\n"))
        self.assertGreater(sum(answered), 300)
        self.assertGreaterEqual(lines, sum(answered))
        self.assertLessEqual(lines - sum(answered), len(answered) * 50)  # answers nobody read

    def test_a_full_disk(self):
        """As good as one: the writers' files may not grow."""
        weir = self.serve(Weir(workers=1))
        self.ask(weir, 10)
        weir.access_lines(10)
        for pid in {p for f, p in log_writers(weir).items() if f in (weir.access_path, weir.log_path)}:
            size = max(os.path.getsize(weir.access_path), os.path.getsize(weir.log_path)) + 150
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        self.err(weir, 5)
        self.ask(weir, 50)
        self.wait_stuck(weir, "access", "failing")
        self.all_well(weir)
        lost = log_state(weir, "access")["lines_dropped"]
        self.assertGreater(lost, 0)
        for pid in log_writers(weir).values():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.ask(weir, 10)
        self.wait_stuck(weir, "access", "ok")
        wait_until(lambda: "it works again" in weir.log(), 10, "the log to say so")
        weir.stop(check=False)

    @unittest.skipIf(why_not(), why_not())
    def test_a_reopening_on_a_dead_mount(self):
        fs = SlowFS("set entry_ms 0", "set attr_ms 0")
        fs.start()
        self.addCleanup(fs.stop)
        weir = self.serve(Weir(workers=2))
        self.ask(weir, 3)
        weir.access_lines(3)
        os.rename(weir.access_path, weir.access_path + ".1")
        os.symlink(f"{fs.path}/d/f1-9", weir.access_path)
        fs.tell("hang all")
        try:
            done = weir.ctl("--no-wait", "reopen", timeout=10)
            self.assertIn("no answer yet from access log", done.stdout)
            self.assertEqual(weir.status()["op"]["state"], "pending")
            self.all_well(weir)
            os.unlink(weir.access_path)
            self.assertEqual(weir.ctl("reopen", timeout=10).returncode, 0)
            self.ask(weir, 3)
            weir.access_lines(3)
            self.ends(weir)
        finally:
            fs.tell("release")


    @unittest.skipIf(why_not(), why_not())
    def test_a_start_and_a_reload_with_a_log_on_a_dead_mount(self):
        """A log that does not answer costs its lines. What its opening says in the end is told."""
        fs = SlowFS("set entry_ms 0", "set attr_ms 0")
        fs.start()
        self.addCleanup(fs.stop)
        weir = Weir(workers=2)
        good, weir.access_path = weir.access_path, f"{fs.path}/d/f1-9"
        weir.write_ini()
        fs.tell("hang all")
        try:
            self.serve(weir)
            self.all_well(weir)
            self.wait_stuck(weir, "access")
            self.assertIn(f"access log {weir.access_path} does not answer", weir.log())
            self.assertEqual(weir.ctl("reload").returncode, 0)
            self.all_well(weir)
            fs.tell("release")
            wait_until(lambda: "cannot be opened: Read-only file system" in weir.log(), 10, "the reason")
            self.assertEqual(log_state(weir, "access")["error"], "Read-only file system")
            weir.access_path = good
            weir.write_ini()
            self.assertEqual(weir.ctl("reload").returncode, 0)
            self.ask(weir, 3)
            weir.access_lines(3)
            self.assertEqual(log_state(weir, "access")["state"], "ok")
        finally:
            fs.tell("release")
        weir.stop()


def why_no_loop_mount():
    if os.geteuid() != 0:
        return "not root: no file system can be mounted and frozen"
    for name in ("mkfs.ext4", "mount", "umount"):
        if not shutil.which(name):
            return f"{name} is not there"
    return None


class Frozen(Stuck):
    @classmethod
    def setUpClass(cls):
        why = why_no_loop_mount()
        if why:
            raise unittest.SkipTest(why)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.disk, image = f"{self.folder}/disk", f"{self.folder}/image"
        os.mkdir(self.disk)
        with open(image, "wb") as f:
            f.truncate(16 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        done = subprocess.run(["mount", "-o", "loop", image, self.disk], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no loop mount: {done.stderr.strip()}")
        self.frozen = False
        self.addCleanup(self.unmount)

    def serve(self, weir, **streams):
        super().serve(weir, **streams)
        self.addCleanup(self.thaw)  # before it is stopped: nothing that hangs there can be killed
        return weir

    def unmount(self):
        self.thaw()
        # The last lines are still being written.
        wait_until(lambda: subprocess.run(["umount", self.disk], capture_output=True).returncode == 0, 10, "umount")

    def ioctl(self, number):
        fd = os.open(self.disk, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, number, 0)
        finally:
            os.close(fd)

    def freeze(self):
        try:
            self.ioctl(FIFREEZE)
        except OSError as e:
            self.skipTest(f"cannot be frozen: {e.strerror}")
        self.frozen = True

    def thaw(self):
        if self.frozen:
            self.ioctl(FITHAW)
        self.frozen = False

    def on_disk(self, **paths):
        weir = Weir(workers=2)
        for name, path in paths.items():
            setattr(weir, name, path)
        weir.write_ini()
        return weir

    def test_under_the_access_log(self):
        path = f"{self.disk}/access.log"
        weir = self.serve(self.on_disk(access_path=path))
        self.ask(weir, 4)
        weir.access_lines(4)
        self.freeze()
        self.all_well(weir)
        self.wait_stuck(weir, "access")
        wait_until(lambda: f"access log {path} does not answer" in weir.ctl("events").stdout, 10, "the event")
        self.assertIn(f"access log {path} DOES NOT ANSWER", weir.ctl("status").stdout)
        self.ask(weir)
        self.ends(weir)
        self.thaw()

        def lines():
            with open(path) as f:
                return len(f.readlines())
        # The writer goes on when it can. A worker that is killed takes what it had not handed over.
        wait_until(lambda: lines() >= 44, 10, lambda: f"the lines, of which {lines()} are there")
        weir.stop()

    def test_a_reopening_away_from_it(self):
        """What hangs there keeps the lines it has; all others go to the new file."""
        weir = self.on_disk(access_path=f"{self.folder}/link")
        os.symlink(f"{self.disk}/access.log", weir.access_path)
        self.serve(weir)
        self.ask(weir, 4)
        weir.access_lines(4)
        self.freeze()
        self.ask(weir)
        self.wait_stuck(weir, "access")
        os.unlink(weir.access_path)
        self.assertEqual(weir.ctl("reopen", timeout=10).returncode, 0)
        self.assertEqual(log_state(weir, "access")["state"], "ok")
        self.ask(weir, 5, "/a.txt?new")
        wait_until(lambda: sum("?new?n=" in line for line in weir.access_lines(5)) == 5, 10, "the lines")
        self.thaw()
        with open(f"{self.disk}/access.log") as f:
            wait_until(lambda: len(set(log_writers(weir).values())) == 2, 10, "the one that hung to end")
            old = len(f.readlines())
        self.assertEqual(old + len(weir.access_lines()), 29)
        weir.stop()

    def test_under_the_error_log(self):
        path = f"{self.disk}/error.log"
        weir = self.serve(self.on_disk(log_path=path))
        self.freeze()
        self.err(weir, 20)
        self.all_well(weir)
        self.wait_stuck(weir, "error")
        self.assertEqual(weir.ctl("reload").returncode, 0)
        self.ask(weir)
        self.ends(weir)
        self.thaw()
        wait_until(lambda: "stopped" in weir.log(), 10, "the last line")
        weir.stop()


def why_no_namespace():
    if os.geteuid() != 0:
        return "not root: /dev/log cannot be another one"
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, text=True)
    return f"unshare: {done.stderr.strip()}" if done.returncode else None


@skip_without("unshare")
class Syslog(Stuck):
    @classmethod
    def setUpClass(cls):
        why = why_no_namespace()
        if why:
            raise unittest.SkipTest(why)

    def daemon(self):
        """/dev/log of the server, as one that may or may not read."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(self.path)
        os.chmod(self.path, 0o666)
        s.settimeout(10 * PATIENCE)
        return s

    def setUp(self):
        self.weir = Weir(workers=2)
        self.path = f"{self.weir.folder}/devlog"
        with open(self.weir.ini_path) as f:
            text = f.read()
        self.weir.write_ini(text.replace(f"access = {self.weir.access_path}", "access = syslog")
                            .replace(f"error = {self.weir.log_path}", "error = syslog"))
        script = ('mount -t tmpfs t /dev && mknod -m666 /dev/null c 1 3 && mknod -m666 /dev/urandom c 1 9 && '
                  f'mknod -m666 /dev/random c 1 8 && ln -s {self.path} /dev/log && exec "$@"')
        self.weir.wrapper = ["unshare", "-m", "sh", "-c", script, "sh"]

    def lines(self, daemon, fact):
        """Datagrams, until one of them is what is looked for."""
        got, end = [], deadline(10)
        while time.monotonic() < end:
            got.append(daemon.recv(65536).decode())
            if fact(got[-1]):
                return got
        raise AssertionError(f"not among {len(got)} lines: {got[-3:]}")

    def test_a_daemon_that_does_not_read(self):
        daemon = self.daemon()
        weir = self.serve(self.weir)
        self.err(weir, 20)
        self.ask(weir, 60)
        self.all_well(weir)
        self.wait_stuck(weir, "access")
        # It reads again: nothing is lost that the queue could hold.
        get(weir.port, "/a.txt?last")
        got = self.lines(daemon, lambda line: "a.txt?last " in line)
        self.assertTrue(any("serving" in line for line in got), got[:3])
        self.assertRegex(got[0], r"^<(28|30)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d weir\[\d+\]: master: ")
        pids = {int(m.group(1)) for line in got if (m := re.match(r"^<30>.{15} weir\[(\d+)\]: 127\.0\.0\.1 - - \[", line))}
        self.assertTrue(pids, got[-3:])
        daemon.close()
        os.unlink(self.path)
        wait_until(lambda: self.ask(weir, 1) or log_state(weir, "access")["state"] == "failing", 10, "it to be missed")
        daemon = self.daemon()
        wait_until(lambda: self.ask(weir, 1) or log_state(weir, "access")["state"] == "ok", 10, "a new daemon")
        get(weir.port, "/a.txt?again")
        self.lines(daemon, lambda line: "a.txt?again " in line)
        self.ends(weir)

    def test_a_daemon_that_stays_away(self):
        weir = self.serve(self.weir)
        self.err(weir, 20)
        self.all_well(weir)
        self.wait_stuck(weir, "access", "failing")
        self.ends(weir)


if __name__ == "__main__":
    main()
