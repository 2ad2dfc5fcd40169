# SPDX-License-Identifier: BSD-2-Clause
"""What a server is started with and nobody chose: missing descriptors, ignored signals, a umask, a
limit, a working folder, a terminal that closes; and a runtime directory that others reach."""

import json
import os
import pty
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

from harness import Weir, get, main, program, run_weir, wait_until
from harness.server import PATIENCE
from harness.terminal import Terminal


class Case(unittest.TestCase):
    """`weir DIR' by a shell line of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.root = os.path.join(self.folder, "root")
        self.runtime = os.path.join(self.folder, "run")
        os.mkdir(self.root)
        with open(os.path.join(self.root, "a"), "w") as f:
            f.write("hi")

    def arguments(self, *options):
        return [program("weir"), "-o", "listen=127.0.0.1:0", "-o", f"runtime_dir={self.runtime}",
                "-o", "workers=1", *options]

    def start(self, *options, shell='"$@"', root=True, **more):
        command = [*self.arguments(*options), *([self.root] if root else [])]
        more = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more}
        self.process = subprocess.Popen(["/bin/sh", "-c", "exec " + shell, "sh", *command],
                                        start_new_session=True, **more)
        self.addCleanup(self.end)
        self.ready()
        return self.process

    def status(self, *args):
        return subprocess.run([program("weirctl"), "-r", self.runtime, *(args or ("status",))],
                              capture_output=True, text=True, timeout=60 * PATIENCE)

    def ready(self):
        wait_until(lambda: "1 running" in self.status().stdout, 20, "the server to be ready")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20 * PATIENCE)

    def port(self):
        lines = [word for word in self.status().stdout.replace(",", " ").split() if word.startswith("127.0.0.1:")]
        return int(lines[0].rsplit(":", 1)[1])

    def workers(self):
        status = json.loads(self.status("status", "--json").stdout or "{}")
        return [w["pid"] for w in status.get("workers", []) if w["state"] == "running"]


class Started(Case):
    def test_closed_standard_descriptors(self):
        for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                self.start(shell=f'"$@" {closed}')
                self.assertEqual(get(self.port(), "/a").status, 200)
                subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{self.port()}/a"], timeout=20)
                self.end()
                self.assertEqual(self.process.returncode, 0)

    def test_the_pid_file_holds_the_pid(self):
        self.start("-o", "log.flush=10ms", shell='"$@" >&- 2>&-')
        get(self.port(), "/a")
        self.status("reload")
        with open(os.path.join(self.runtime, "weir.pid")) as f:
            self.assertEqual(f.read(), f"{self.process.pid}\n")

    def test_ignored_and_blocked_signals(self):
        def odd():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))

        self.start(preexec_fn=odd)
        before = self.workers()
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: self.workers() not in ([], before) and "1 running" in self.status().stdout, 10,
                   "a worker in its place")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(20 * PATIENCE), 0)

    def test_a_limit_of_the_size_of_files_kills_nobody(self):
        log, limit = os.path.join(self.folder, "access.log"), 256 << 20  # the board is below it
        with open(log, "wb") as f:
            f.truncate(limit - 100)
        self.start("-o", f"log.access={log}", "-o", "log.flush=10ms",
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        port, before = self.port(), self.workers()
        for _ in range(20):
            self.assertEqual(get(port, "/a").status, 200)
        wait_until(lambda: "restarts" in self.status().stdout, 5, "a status")
        wait_until(lambda: os.path.getsize(log) >= limit - 100, 5, "a full log")
        self.status("reopen")
        self.assertEqual(get(port, "/a").status, 200)
        self.assertEqual(self.workers(), before)

    def test_modes_whatever_the_umask(self):
        for mask, log_mode in ((0o000, 0o640), (0o077, 0o600)):
            with self.subTest(mask=oct(mask)):
                log = os.path.join(self.folder, f"log{mask}")
                self.start("-o", f"log.error={log}", "-o", "access=off", preexec_fn=lambda m=mask: os.umask(m))
                modes = {n: stat.S_IMODE(os.stat(os.path.join(self.runtime, n)).st_mode)
                         for n in ("", "weir.lock", "control.sock")}
                self.assertEqual(modes, {"": 0o755, "weir.lock": 0o600, "control.sock": 0o600})
                self.assertEqual(stat.S_IMODE(os.stat(log).st_mode), log_mode)
                self.end()
                shutil.rmtree(self.runtime, True)

    def test_it_leaves_the_folder_it_was_started_in(self):
        with open(os.path.join(self.folder, "w.ini"), "w") as f:
            f.write(f"[server]\nlisten = 127.0.0.1:0\nworkers = 1\nruntime_dir = {self.runtime}\n"
                    f"[log]\naccess = off\n[location /]\nfiles = {self.root}\n")
        self.process = subprocess.Popen([program("weir"), "-c", "w.ini"], cwd=self.folder,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(self.end)
        self.ready()
        for pid in (self.process.pid, *self.workers()):
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        done = self.status("reload")  # finds its file all the same
        self.assertEqual(done.returncode, 0, done.stderr)
        self.end()
        self.assertEqual(self.process.returncode, 0)


class Terminals(Case):
    def in_terminal(self, *options, root=True, shell='"$@"'):
        command = [*self.arguments(*options), *([self.root] if root else [])]
        pid, fd = pty.fork()
        if pid == 0:
            os.execv("/bin/sh", ["sh", "-c", "exec " + shell, "sh", *command])
        self.addCleanup(self.gone, pid)
        self.ready()
        return pid, fd

    def gone(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def test_a_folder_served_in_a_terminal_ends_with_it(self):
        pid, fd = self.in_terminal()
        os.close(fd)
        ended, status = wait_until(lambda: (lambda r: r if r[0] else None)(os.waitpid(pid, os.WNOHANG)), 10,
                                   "the server to end")
        self.assertEqual((ended, status), (pid, 0))
        self.assertEqual(os.listdir(self.runtime), [])

    def test_hup_by_hand_is_a_reload(self):
        pid, _ = self.in_terminal()
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: "RELOAD" in self.status("events").stdout, 10, "a reload")

    def test_nohup_stays(self):
        pid, fd = self.in_terminal(shell='nohup "$@" >/dev/null 2>&1')
        os.close(fd)
        self.assertEqual(os.waitpid(pid, os.WNOHANG), (0, 0))
        self.assertIn("1 running", self.status().stdout)


class ServiceManager(Case):
    """sd_notify(3), as a unit of Type=notify is told."""

    def told(self, manager, word):
        manager.settimeout(20 * PATIENCE)
        self.assertIn(word, manager.recv(4096).decode().splitlines())

    def test_it_is_told_of_each_change(self):
        for name in (os.path.join(self.folder, "notify"), f"@weir-test-{os.getpid()}"):
            with self.subTest(name=name), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(name.replace("@", "\0"))
                self.start(env=dict(os.environ, NOTIFY_SOCKET=name))
                self.told(manager, "READY=1")
                self.assertEqual(self.status("reload").returncode, 0)
                self.told(manager, "RELOADING=1")
                self.told(manager, "READY=1")
                os.rename(self.root, self.root + ".gone")
                self.assertEqual(self.status("reload").returncode, 1)
                os.rename(self.root + ".gone", self.root)
                self.told(manager, "RELOADING=1")
                self.told(manager, "READY=1")
                self.end()
                self.told(manager, "STOPPING=1")
                self.assertEqual(self.process.returncode, 0)

    def test_one_that_does_not_read_holds_nothing_up(self):
        name = os.path.join(self.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(name)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
                filler.setblocking(False)
                try:
                    for _ in range(100000):
                        filler.sendto(b"x" * 1000, name)
                except BlockingIOError:
                    pass
            self.start(env=dict(os.environ, NOTIFY_SOCKET=name))
            self.assertEqual(self.status("reload").returncode, 0)
            self.end()
            self.assertEqual(self.process.returncode, 0)


class Ends(unittest.TestCase):
    def test_ctrl_c_hurries_the_end_after_the_dashboard(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-", dir="/tmp") as folder:
            os.chmod(folder, 0o755)
            with open(f"{folder}/big", "wb") as f:
                f.truncate(64 << 20)
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            with Terminal([program("weir"), "-T", "-o", f"listen=127.0.0.1:{port}", "-o", "workers=1",
                           "-o", f"runtime_dir={folder}/run", folder], columns=80, rows=24) as t:
                t.wait_text("LIVE", 20)
                with socket.create_connection(("127.0.0.1", port)) as c:
                    c.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
                    c.recv(100)
                    t.write(b"q")
                    t.wait_text("Stop the server too?", 20)
                    t.write(b"\n")
                    t.wait_text("Ctrl-C ends them now", 10)
                    t.write(b"\x03")
                    self.assertEqual(t.end(10), 0)


@unittest.skipIf(os.geteuid() != 0, "needs root")
class WithoutProc(Case):
    def test_a_chroot_without_proc_can_be_watched(self):
        """What cannot be had is named; a worker that serves is never said to be gone."""
        if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/proc"],
                          capture_output=True).returncode != 0:
            self.skipTest("mounts are not permitted here")
        ask = f"{program('weirctl')} -r {self.runtime}"
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none /proc; \"$@\" 2>/dev/null & "
             f"for i in $(seq 400); do {ask} status 2>/dev/null | grep -q '1 running' && break; sleep 0.05; done; "
             f"{ask} status; {ask} inspect 1; {ask} mounts; {ask} stop", "sh",
             *self.arguments("-o", "access=off"), self.root],
            capture_output=True, text=True, timeout=60 * PATIENCE)
        said = done.stdout + done.stderr
        self.assertIn("1 running of 1 wanted", said)
        self.assertIn("/proc is not mounted", said)
        self.assertNotIn("not there any more", said)
        self.assertIn("stopped", said)


class RuntimeDirectory(unittest.TestCase):
    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_a_strangers_lock_keeps_nobody_from_starting(self):
        with Weir(workers=1) as weir:
            holder = subprocess.Popen(
                [sys.executable, "-c", "import fcntl, os, sys, threading, time; os.setgid(65534); os.setuid(65534)\n"
                 "for f in sys.argv[1:]:\n"
                 "    try: fd = os.open(f, os.O_RDONLY)\n"
                 "    except OSError: continue\n"
                 "    threading.Thread(target=fcntl.flock, args=(fd, fcntl.LOCK_EX), daemon=True).start()\n"
                 "print(flush=True); time.sleep(60)",
                 *(os.path.join(weir.runtime, n) for n in os.listdir(weir.runtime))], stdout=subprocess.PIPE)
            self.addCleanup(holder.wait)
            self.addCleanup(holder.kill)
            holder.stdout.readline()
            done = run_weir("-o", "listen=127.0.0.1:0", "-o", f"runtime_dir={weir.runtime}", weir.root)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"(pid {weir.process.pid})", done.stderr)
            weir.process.kill()
            weir.process.wait()
            wait_until(lambda: not weir._left_processes(), 10, "the workers to end")
            weir.start()

    def test_what_another_server_put_there_stays(self):
        with Weir(workers=1) as one:
            for name in os.listdir(one.runtime):
                os.unlink(os.path.join(one.runtime, name))
            two = Weir(workers=1)
            two.runtime = one.runtime
            two.write_ini()
            with two:
                os.kill(one.process.pid, signal.SIGTERM)
                self.assertEqual(one.process.wait(20 * PATIENCE), 0)
                self.assertEqual(sorted(os.listdir(one.runtime)), ["control.sock", "weir.lock", "weir.pid"])
                self.assertEqual(two.status()["master_pid"], two.process.pid)

    def test_a_folder_that_a_group_may_write(self):
        with tempfile.TemporaryDirectory(prefix="weir-test-", dir="/tmp") as folder:
            os.chmod(folder, 0o775)
            done = run_weir("-o", "listen=127.0.0.1:0", "-o", f"runtime_dir={folder}", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("chmod go-w", done.stderr)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_a_strangers_server_in_my_place_is_not_asked(self):
        me, other = 65432, 65433
        path = f"/tmp/weir-{me}"
        if os.path.exists(path):
            self.skipTest(f"{path} is there")
        os.mkdir(path)
        self.addCleanup(shutil.rmtree, path, True)
        os.chown(path, other, other)
        trap = subprocess.Popen(
            [sys.executable, "-c", "import os, socket, sys, time; os.umask(0); os.setgid(int(sys.argv[2]));"
             "os.setuid(int(sys.argv[2])); s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET);"
             "s.bind(sys.argv[1] + '/control.sock'); s.listen(5); print(flush=True); time.sleep(60)", path, str(other)],
            stdout=subprocess.PIPE)
        self.addCleanup(trap.wait)
        self.addCleanup(trap.kill)
        trap.stdout.readline()
        env = {k: v for k, v in os.environ.items() if k not in ("WEIR_RUNTIME_DIR", "XDG_RUNTIME_DIR")}
        done = subprocess.run(
            [sys.executable, "-c", "import os, sys; os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]));"
             "os.execv(sys.argv[2], sys.argv[2:])", str(me), program("weirctl"), "--no-wait", "stop"],
            capture_output=True, text=True, env=env, timeout=30 * PATIENCE)
        if "Permission denied" in done.stderr and "execv" in done.stderr:
            self.skipTest("the build folder is closed to other users")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not yours", done.stderr)


class Output(unittest.TestCase):
    """What could not be written is no success."""

    def run_full(self, name, *args):
        with open("/dev/full", "w") as full:
            return subprocess.run([program(name), *args], stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=30 * PATIENCE)

    def test_a_full_disk_is_told(self):
        with Weir(workers=1) as weir:
            for status, name, *args in ((3, "weirtop", "-r", weir.runtime, "--check"),
                                        (1, "weirtop", "-r", weir.runtime, "--list"),
                                        (1, "weirtop", "--help"), (1, "weir", "--help"),
                                        (1, "weir", "-t", "-v", "-c", weir.ini_path),
                                        (1, "weirctl", "-r", weir.runtime, "status"),
                                        (1, "weirctl", "-r", weir.runtime, "status", "--json")):
                done = self.run_full(name, *args)
                self.assertEqual(done.returncode, status, (name, args, done.stderr))
                self.assertIn("cannot write to standard output", done.stderr)
                self.assertNotIn("memory", done.stderr)


if __name__ == "__main__":
    main()
