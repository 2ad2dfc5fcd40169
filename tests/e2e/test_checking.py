# SPDX-License-Identifier: BSD-2-Clause
"""A configuration is checked by a child that nobody waits for: a mount, a name server or a folder
that does not answer costs its own location (or its own reload), never the start, `weir -t`, the
master's commands, a worker's replacement or the end. Also what is checked: logs, limits, and that
an address may become wider or narrower."""

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import Weir, Wire, free_port, get, main, program, run_weir, wait_until
from harness.apart import can_unshare, deaf_names
from harness.slowfs import SlowFS, why_not

def children(pid, name):
    """Of this process those that call themselves so."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            with open(path + "/comm") as comm, open(path + "/status") as status:
                if comm.read() == name + "\n" and f"\nPPid:\t{pid}\n" in status.read():
                    found.append(int(os.path.basename(path)))
    return found


class Checking(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)

    def ini(self, text):
        path = os.path.join(self.folder, "weir.ini")
        with open(path, "w") as f:
            f.write(text)
        return path

    def server(self, **more):
        weir = Weir(**more)
        weir.put("f", "content")
        self.addCleanup(weir.stop, check=False)
        return weir

    def assert_master_works(self, weir):
        """It answers, and replaces a worker that is killed."""
        pids = weir.worker_pids()
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: pids[0] not in weir.worker_pids() and len(weir.worker_pids()) == len(pids), 10,
                   "the killed worker to be replaced")

    def begin_reload(self, weir):
        return subprocess.Popen([program("weirctl"), "-r", weir.runtime, "reload"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@unittest.skipIf(why_not(), why_not())
class DeadMount(Checking):
    def mount(self, *commands):
        fs = SlowFS("set deaf 1", "set entry_ms 0", "set attr_ms 0", *commands)
        fs.start()
        self.addCleanup(fs.stop)
        return fs

    def server_on(self, fs, **more):
        return self.server(ini=f"[offload]\ndeadline = 500ms\nprobe = 200ms\n[location /m/]\nfiles = {fs.path}/d\n",
                           **more)

    def assert_costs_its_location(self, weir, fs):
        self.assertEqual(get(weir.port, "/f").body, b"content")
        answer = get(weir.port, "/m/f1-9", timeout=30)
        self.assertEqual(answer.status, 503)
        self.assertTrue(answer["Retry-After"])
        self.assertIn(fs.path, weir.ctl("mounts").stdout)
        self.assertRegex(weir.log(), rf"warn .*{fs.path}/d: could not be checked within \d+ s")
        fs.tell("release")
        wait_until(lambda: get(weir.port, "/m/f1-9", timeout=30).status == 200, 20, "the mount that answers again")

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_a_root_that_only_the_master_reaches(self):
        """It comes late, and its descriptor to the workers that run and to those that start then."""
        fs = self.mount("hang all")
        closed = self.folder + "/closed"
        os.mkdir(closed, 0o700)
        os.symlink(fs.path, closed + "/m")
        weir = self.server(ini=f"[offload]\ndeadline = 300ms\nprobe = 100ms\n[location /m/]\nfiles = {closed}/m/d\n").start()
        self.assertIn("SICK", [e["kind"] for e in weir.status()["events"]])
        fs.tell("release")
        wait_until(lambda: get(weir.port, "/m/f1-9", timeout=30).status == 200, 20, "the root that answers")
        self.assertRegex(weir.log(), rf"files = {closed}/m/d: it answers now")
        self.assert_master_works(weir)
        for _ in range(8):
            self.assertEqual(get(weir.port, "/m/f1-9", timeout=30).status, 200)
        weir.stop()

    def test_a_mount_whose_server_died(self):
        """It fails at once, which is no mistake of the configuration."""
        fs = self.mount("error all 107")  # ENOTCONN
        weir = self.server_on(fs).start()
        self.assertEqual(get(weir.port, "/f").status, 200)
        self.assertRegex(weir.log(), rf"warn .*{fs.path}/d: cannot be opened now: Transport endpoint")
        fs.tell("error", "all", "0")
        wait_until(lambda: get(weir.port, "/m/f1-9", timeout=30).status == 200, 30, "the mount that works again")
        weir.stop()

    def test_start(self):
        fs = self.mount("hang all")
        weir = self.server_on(fs).start()
        self.assert_costs_its_location(weir, fs)
        weir.stop()

    def test_check_of_a_configuration(self):
        fs = self.mount("hang all")
        log = f"{fs.path}/access.log"
        done = run_weir("-t", "-c", self.ini(f"[log]\naccess = {log}\n[location /]\nfiles = {self.folder}\n"
                                             f"[location /m/]\nfiles = {fs.path}/d\n"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("good", done.stdout)
        for what in (f"{fs.path}/d", log):
            self.assertRegex(done.stderr, rf"(?m)^warning: .*{what}: could not be checked within \d+ s")
        fs.tell("release")
        done = run_weir("-t", "-c", self.ini(f"[location /]\nfiles = {fs.path}/d\n[location /x/]\nfiles = {fs.path}/x\n"))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"weir\.ini:4: .*no such directory")

    def test_reload(self):
        fs = self.mount()
        weir = self.server_on(fs).start()
        self.assertEqual(get(weir.port, "/m/f1-9").status, 200)
        old = set(weir.worker_pids())
        fs.tell("hang", "all")
        reload = self.begin_reload(weir)
        self.assert_master_works(weir)
        wait_until(lambda: weir.status()["op"]["state"] == "pending", 10, "the reload to be a change to follow")
        out, err = reload.communicate(timeout=60)
        self.assertEqual(reload.returncode, 0, out + err)
        self.assertIn("is being checked", out)
        self.assertFalse(old & set(weir.worker_pids()))
        self.assert_costs_its_location(weir, fs)
        weir.stop()

    def test_end_while_it_is_checked(self):
        fs = self.mount()
        weir = self.server_on(fs).start()
        fs.tell("hang", "all")
        reload = self.begin_reload(weir)
        fs.wait_held()
        weir.kill(signal.SIGTERM)
        self.assertEqual(weir.process.wait(20), 0)
        out, err = reload.communicate(timeout=20)
        self.assertEqual(reload.returncode, 1, out)
        weir.stop()

    def test_a_check_that_is_killed(self):
        fs = self.mount()
        weir = self.server_on(fs).start()
        pids = weir.worker_pids()
        fs.tell("hang", "all")
        reload = self.begin_reload(weir)
        fs.wait_held()
        for pid in children(weir.process.pid, "weir-check"):
            os.kill(pid, signal.SIGKILL)
        out, err = reload.communicate(timeout=20)
        self.assertEqual(reload.returncode, 1, out)
        self.assertIn("ended before it was done", err)
        self.assertEqual(set(weir.worker_pids()), set(pids))
        fs.tell("release")
        weir.ctl("reload")
        weir.stop()

    def test_a_stuck_child_holds_nothing(self):
        """Whatever it waits for; the port is free for the next server at once."""
        fs = self.mount("set entry_ms 1000000", "set attr_ms 1000000")
        os.stat(fs.path + "/d")
        for op in ("open", "readdir"):  # of the access check as the workers' user
            fs.tell("hang", op)
        weir = self.server_on(fs)
        weir.listen = f"127.0.0.1:{free_port()}"
        weir.write_ini()
        weir.start()
        if os.geteuid() == 0:
            fs.wait_held()
        for pid in children(weir.process.pid, "weir-check"):
            with contextlib.suppress(OSError):
                self.assertEqual([os.readlink(fd) for fd in glob.glob(f"/proc/{pid}/fd/*")], [])
        weir.kill(signal.SIGTERM)
        self.assertEqual(weir.process.wait(20), 0)
        weir.stderr.close()
        weir.start()
        self.assertEqual(get(weir.port, "/f").status, 200)
        fs.tell("release")
        weir.stop()

    def test_an_error_page_and_the_types(self):
        fs = self.mount("hang all")
        weir = self.server(server=f"mime_types = {fs.path}/mime.types",
                           ini=f"[site *]\nerror_pages = 404={fs.path}/404.html\n").start()
        answer = get(weir.port, "/nothing")
        self.assertEqual((answer.status, answer.body), (404, b"404 Not Found\n"))
        for name in ("mime.types", "404.html"):
            self.assertRegex(weir.log(), rf"warn .*{fs.path}/{name}: could not be read within")
        weir.stop()

    def test_a_folder(self):
        """weir DIR, where DIR itself does not answer."""
        fs = self.mount("hang all")
        run = self.folder + "/run"
        with open(self.folder + "/out", "w+") as out:
            p = subprocess.Popen([program("weir"), "-o", f"listen=127.0.0.1:{free_port()}", "-o", "workers=1",
                                  "-o", f"runtime_dir={run}", fs.path + "/d"], stdout=out, stderr=out)
            try:
                wait_until(lambda: "serving" in open(out.name).read(), 20, "the greeting")
            finally:
                p.terminate()
                self.assertEqual(p.wait(20), 0)


@unittest.skipIf(can_unshare("-mn"), can_unshare("-mn"))
class DeafNames(Checking):
    """The name server does not answer."""

    def wrapper(self):
        return deaf_names(self.folder)

    def test_reload(self):
        weir = self.server(wrapper=self.wrapper()).start()
        weir.listen = f"127.0.0.1:0 www.some-host.example:{free_port()}"
        weir.write_ini()
        reload = self.begin_reload(weir)
        self.assert_master_works(weir)
        weir.ctl("workers", "3")
        self.assertIsNone(reload.poll(), "the reload was over before the name server was given up")
        out, err = reload.communicate(timeout=60)
        self.assertEqual(reload.returncode, 1, out)
        self.assertRegex(err, r"weir\.ini:2: listen = .*www\.some-host\.example' cannot be looked up")
        reload = self.begin_reload(weir)
        wait_until(lambda: glob.glob(f"/proc/{weir.process.pid}/task/*/children"), 5)
        weir.kill(signal.SIGTERM)
        self.assertEqual(weir.process.wait(20), 0)
        reload.communicate(timeout=20)
        weir.stop()


@unittest.skipIf(can_unshare("-mn") or not shutil.which("nsenter"), can_unshare("-mn") or "not installed: nsenter")
class DeafUsers(Checking):
    """The user database does not answer: /etc/passwd and /etc/group are FIFOs that nobody writes."""

    def test_reload_and_new_workers(self):
        weir = self.server(wrapper=["unshare", "-m"], server="user = nobody").start()
        for name in ("passwd", "group"):
            os.mkfifo(f"{self.folder}/{name}")
            subprocess.run(["nsenter", "-t", str(weir.process.pid), "-m", "mount", "--bind",
                            f"{self.folder}/{name}", f"/etc/{name}"], check=True)
        reload = self.begin_reload(weir)
        self.assert_master_works(weir)
        self.assertIsNone(reload.poll())
        weir.kill(signal.SIGTERM)
        self.assertEqual(weir.process.wait(20), 0)
        reload.communicate(timeout=20)
        weir.stop()


class WhatIsChecked(Checking):
    def check(self, text):
        return run_weir("-t", "-c", self.ini(text + f"[location /]\nfiles = {self.folder}\n"))

    def test_logs(self):
        run = f"[server]\nruntime_dir = {self.folder}/run\n"
        for key, word in (("access", "access"), ("error", "error")):
            done = self.check(f"{run}[log]\n{key} = {self.folder}/none/x.log\n")
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertRegex(done.stderr, rf"none/x\.log: cannot open the {word} log: .*directory")
            done = self.check(f"{run}[log]\n{key} = {self.folder}\n")
            self.assertEqual(done.returncode, 2, done.stdout)
            # The server makes its runtime directory, and files where it may; the check makes none.
            for path in (f"{self.folder}/x.log", f"{self.folder}/run/x.log"):
                done = self.check(f"{run}[log]\n{key} = {path}\n")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertFalse(os.path.exists(path))

    def test_number_of_addresses(self):
        def listening_on(count):
            return f"[server]\nlisten = " + "\n   ".join(f"127.0.0.1:{20000 + i}" for i in range(count)) + "\n"
        self.assertEqual(self.check(listening_on(64)).returncode, 0)
        done = self.check(listening_on(65))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"weir\.ini:2: listen = .*more than 64 addresses")

    def test_head_without_a_name(self):
        for head in ("[]", "[  ]"):
            done = self.check(f"[server]\nlisten = 8080\n{head}\nworkers = 3\nnonsense = 1\n")
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertRegex(done.stderr, r"(?m)^.*weir\.ini:3: .*without a name")

    def test_many_locations(self):
        """More than the soft limit has descriptors for."""
        lines = []
        for i in range(1100):
            os.mkdir(f"{self.folder}/{i}")
            lines.append(f"[location /{i}/]\nfiles = {self.folder}/{i}\n")
        with open(f"{self.folder}/1099/f", "w") as f:
            f.write("last")
        os.chmod(f"{self.folder}/1099/f", 0o644)
        low = ["prlimit", "--nofile=1024:8192"] if shutil.which("prlimit") else ["sh", "-c", 'ulimit -Sn 1024; exec "$@"', "sh"]
        weir = self.server(ini="".join(lines), wrapper=low, workers=1)
        done = subprocess.run([*low, program("weir"), "-t", "-c", weir.ini_path], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        weir.start()
        self.assertEqual(get(weir.port, "/1099/f").body, b"last")
        weir.ctl("reload")
        weir.wait_workers(1)
        self.assertEqual(get(weir.port, "/1099/f").body, b"last")
        weir.stop()

    def test_configuration_from_a_pipe(self):
        read, write = os.pipe()
        os.write(write, f"[location /]\nfiles = {self.folder}\n".encode())
        os.close(write)
        done = run_weir("-t", "-c", f"/dev/fd/{read}", pass_fds=[read])
        os.close(read)
        self.assertEqual(done.returncode, 0, done.stderr)


class Addresses(Checking):
    def test_wider_and_narrower(self):
        """127.0.0.1:P becomes 0.0.0.0:P and back."""
        port = free_port()
        weir = self.server()
        weir.listen = f"127.0.0.1:{port}"
        weir.write_ini()
        weir.start()
        for listen in (f"0.0.0.0:{port}", f"127.0.0.1:{port}", str(port), f"127.0.0.1:{port} [::1]:{port}"):
            weir.listen = listen
            weir.write_ini()
            weir.ctl("reload")
            shown = {l["address"] for l in weir.status()["listeners"]}
            self.assertTrue(all(str(port) in s for s in shown), shown)
            self.assertEqual(len(shown), 2 if ":" not in listen or " " in listen else 1)
            self.assertEqual(get(port, "/f").body, b"content")
        weir.stop()

    def test_unix_sockets_come_and_go(self):
        """A reload that is refused leaves none behind, and takes none away."""
        weir = self.server()
        first, second = (os.path.join(weir.folder, name) for name in ("first", "second"))
        weir.listen = f"127.0.0.1:0 unix:{first}"
        weir.write_ini()
        weir.start()
        ask = lambda path: Wire(path=path).ask("/f").body
        self.assertEqual(ask(first), b"content")
        self.assertEqual(os.stat(first).st_mode & 0o777, 0o666)
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            weir.listen = f"127.0.0.1:{other.getsockname()[1]} unix:{second}"
            weir.write_ini()
            self.assertEqual(weir.ctl("reload", check=False).returncode, 1)
        wait_until(lambda: not os.path.exists(second), 5, "the socket of what was refused to go")
        with open(second, "w"):
            pass
        done = weir.ctl("reload", check=False)
        self.assertRegex(done.stderr, "second: a file that is not a socket is in the way")
        os.unlink(second)
        weir.listen = f"127.0.0.1:0 unix:{second}"
        weir.write_ini()
        weir.ctl("reload")
        self.assertEqual(ask(second), b"content")
        wait_until(lambda: not os.path.exists(first), 5, "the old socket to go")
        weir.ctl("reload")
        self.assertEqual(ask(second), b"content")
        weir.kill(signal.SIGTERM)
        self.assertEqual(weir.process.wait(20), 0)
        self.assertFalse(os.path.exists(second))
        weir.stop()

    def test_another_program_is_told_apart(self):
        weir = self.server().start()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            weir.listen = f"127.0.0.1:0 127.0.0.1:{other.getsockname()[1]}"
            weir.write_ini()
            done = weir.ctl("reload", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("taken by another program", done.stderr)
        weir.stop()


if __name__ == "__main__":
    main()
