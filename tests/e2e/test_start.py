# SPDX-License-Identifier: BSD-2-Clause
"""Starting and stopping as its user sees it: options, messages, exit statuses, addresses,
privileges, and nothing left behind."""

import contextlib
import os
import pwd
import re
import signal
import socket
import subprocess
import tempfile
import shutil
import unittest

from harness import Weir, Wire, free_port, get, main, program, run_weir, wait_until


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder)

    def ini(self, text):
        path = os.path.join(self.folder, "weir.ini")
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_help_and_version(self):
        for name in ("weir", "weirctl", "weirtop"):
            for option, long in (("-h", "--help"), ("-V", "--version")):
                said = [subprocess.run([program(name), x], capture_output=True, text=True) for x in (option, long)]
                self.assertEqual([d.returncode for d in said], [0, 0], said)
                self.assertEqual(said[0].stdout, said[1].stdout)
            done = subprocess.run([program(name), "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn("usage", done.stdout.lower())
            done = subprocess.run([program(name), "--version"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, rf"^{name} \d+\.\d+")

    def test_bad_options(self):
        for args in (["--nonsense"], ["-c"], ["a", "b"], ["-c", "/nonexistent.ini"],
                     [self.folder + "/missing"], ["/etc/passwd"], ["-o", "nonsense=1", self.folder],
                     ["-o", "workers=many", self.folder]):
            done = run_weir(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertTrue(done.stderr.strip(), args)
            self.assertLessEqual(len(done.stderr.splitlines()), 4, done.stderr)

    def test_taken_port_is_one_clear_line(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            done = run_weir("-o", f"listen=127.0.0.1:{port}", "-o", f"runtime_dir={self.folder}/run", self.folder)
        self.assertEqual(done.returncode, 1)
        lines = [l for l in done.stderr.splitlines() if "in use" in l]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(str(port), lines[0])
        self.assertRegex(lines[0], rf"pid {os.getpid()} \(.+\) listens there")

    def test_check_of_a_configuration(self):
        done = run_weir("-t", "-c", self.ini(f"[location /]\nfiles = {self.folder}\n"))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run_weir("-t", "-c", self.ini(
            f"[server]\nlissten = 8080\nworkers = many\n[limits]\nheader_timeout = 10x\n"
            f"[location /]\nfiles = {self.folder}\nfiles = {self.folder}\n[nonsense]\nx = y\n"))
        self.assertEqual(done.returncode, 2)
        for line, words in {2: "listen", 3: "workers", 5: "header_timeout", 8: "files", 9: "nonsense"}.items():
            self.assertRegex(done.stderr, rf"weir\.ini:{line}: .*{words}", done.stderr)

    def test_effective_configuration_reads_back(self):
        path = self.ini(f"[limits]\nheader_timeout = 7s\n[location /]\nfiles = {self.folder}\n")
        first = run_weir("-t", "-v", "-c", path)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertRegex(first.stdout, r"header_timeout *= *7s")
        text = "\n".join(l for l in first.stdout.splitlines() if not l.startswith("weir"))
        again = run_weir("-t", "-v", "-c", self.ini(text))
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("header_timeout", again.stdout)

    def test_long_lines_are_an_error(self):
        done = run_weir("-t", "-c", self.ini("[location /]\ncache_control = " + "x" * 300 + "\n"))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"weir\.ini:2: .*long")

    def test_a_folder_and_nothing_else(self):
        with open(self.folder + "/f", "w") as f:
            f.write("content")
        os.chmod(self.folder + "/f", 0o644)
        port = free_port()
        run = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, run, True)
        path = os.path.join(run, "out")
        with open(path, "w") as out:
            p = subprocess.Popen([program("weir"), "-o", f"listen=127.0.0.1:{port}", "-o", f"runtime_dir={run}/r",
                                  self.folder], stdout=out, stderr=out)
        said = lambda: open(path).read()
        try:
            wait_until(lambda: p.poll() is not None or f"http://127.0.0.1:{port}" in said(), 10, "the greeting")
            self.assertEqual(get(port, "/f").body, b"content")
            self.assertIn(b"href", get(port, "/").body)
        finally:
            p.send_signal(signal.SIGINT)
            p.wait(20)
        self.assertEqual(p.returncode, 0, said())

    def test_weirctl_without_a_server(self):
        done = subprocess.run([program("weirctl"), "-r", self.folder, "status"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(self.folder, done.stderr)

    def test_weirctl_knows_its_words(self):
        def told(*words):
            done = subprocess.run([program("weirctl"), *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, words)
            return done.stderr

        text = subprocess.run([program("weirctl"), "--help"], capture_output=True, text=True).stdout
        listed = re.findall(r"(?m)^  ([a-z]+) ", text)
        self.assertEqual((listed[0], listed[-1]), ("status", "stop"))
        self.assertIn("there are: " + ", ".join(listed) + "\n", told("nonsense"))
        self.assertIn("did you mean 'status'", told("statsu"))
        self.assertIn("did you mean 'workers'", told("worker", "3"))
        self.assertIn("empty", told(""))


class Running(unittest.TestCase):
    def test_signals_that_stop(self):
        for how in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            w = Weir().start()
            w.stop(how)

    def test_stop_by_command(self):
        for words in (["stop"], ["stop", "now"]):
            w = Weir().start()
            w.ctl(*words)
            self.assertEqual(w.process.wait(20), 0)
            w.stop()

    def test_graceful_stop_finishes_a_download(self):
        w = Weir()
        w.put("big", b"x" * (32 << 20))
        with w:
            c = Wire(w.port, rcvbuf=65536)
            c.request("/big")
            head = c._head()
            self.assertEqual(head[1], 200)
            w.kill(signal.SIGTERM)

            def refused():
                try:
                    Wire(w.port).close()
                    return False
                except ConnectionRefusedError:
                    return True
            wait_until(refused, 5, "every listening socket to be left")
            self.assertEqual(len(c._bytes(32 << 20)), 32 << 20)
            c.close()

    def test_addresses(self):
        w = Weir()
        path = os.path.join(w.folder, "http.sock")
        w.listen = f"127.0.0.1:0 [::1]:0 unix:{path}"
        w.write_ini()
        w.put("f", "x")
        with w:
            ports = {}
            for listener in w.status()["listeners"]:
                m = re.search(r"^(.*):(\d+)$", listener["address"])
                if m and not listener["address"].startswith("unix:"):
                    ports[m.group(1)] = int(m.group(2))
            self.assertEqual(get(ports["127.0.0.1"], "/f").body, b"x")
            self.assertEqual(Wire(ports["[::1]"], address="::1").ask("/f").status, 200)
            self.assertEqual(Wire(path=path).ask("/f").body, b"x")
        self.assertFalse(os.path.exists(path))

    def test_second_server_on_the_same_runtime_dir(self):
        with Weir() as w:
            done = run_weir("-c", w.ini_path, "-o", f"listen=127.0.0.1:{free_port()}")
            self.assertEqual(done.returncode, 1)
            self.assertIn(w.runtime, done.stderr)
            self.assertEqual(len(w.worker_pids()), 2)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_privileges_are_dropped(self):
        with Weir() as w:
            for pid in w.worker_pids():
                with open(f"/proc/{pid}/status") as f:
                    status = f.read()
                uid = int(re.search(r"^Uid:\s+(\d+)", status, re.M).group(1))
                self.assertIn(pwd.getpwuid(uid).pw_name, ("www-data", "nobody"))
                self.assertRegex(status, r"(?m)^CapEff:\s+0+$")
                self.assertRegex(status, r"(?m)^NoNewPrivs:\s+1$")

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_descriptors_of_a_worker(self):
        with Weir() as w:
            for pid in w.worker_pids():
                names = []
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                        names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
                with open("/proc/net/unix") as f:
                    control = [l.split()[6] for l in f if l.strip().endswith(w.runtime + "/control.sock")]
                for inode in control:
                    self.assertNotIn(f"socket:[{inode}]", names)
                self.assertFalse([n for n in names if "weir.pid" in n or "memfd" in n], names)

    def test_workers_die_with_their_master(self):
        w = Weir()
        w.start()
        pids = w.worker_pids()
        w.process.kill()
        w.process.wait()
        wait_until(lambda: not [p for p in pids if os.path.exists(f"/proc/{p}")], 10, "the workers to end")
        w.stop(check=False)

    def test_auto_workers_follow_affinity(self):
        w = Weir(workers="auto", wrapper=["taskset", "-c", "0"])
        with w:
            self.assertEqual(len(w.worker_pids()), 1)


if __name__ == "__main__":
    main()
