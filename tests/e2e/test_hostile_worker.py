# SPDX-License-Identifier: BSD-2-Clause
"""A worker that was taken over, or whose memory is broken, against the master: what it writes into the
shared memory, and what it says on its channel. Workers that die all the time, of which one is always
started again soon, that run out of memory, which is said, and that outlive their master, which the
next start says. The tests act for the worker from outside, by /proc/PID/mem and pidfd_getfd(2)."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from harness import Weir, free_port, get, main, run_weir, wait_until
from harness.server import PATIENCE, is_sanitized

SYS_PIDFD_GETFD = 438
PAGE = 4096
BODY = b"x" * 100


def may_trace():
    """Why this process may not act for a worker; None when it may."""
    return None if os.geteuid() == 0 else "acting for a worker needs root"


def shared(pid):
    """[(begin, end, rights, name)] of the shared mappings of a process."""
    found = []
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            where, rights, _, _, _, *name = line.split()
            if rights[3] == "s":
                begin, end = (int(x, 16) for x in where.split("-"))
                found.append((begin, end, rights, " ".join(name)))
    return found


def channels_of(pid):
    """Copies of the worker's ends of its channels: to the master, and to the writers of logs."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    found = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
            fd = libc.syscall(SYS_PIDFD_GETFD, pidfd, int(name), 0)
            if fd < 0:
                raise OSError(ctypes.get_errno(), "pidfd_getfd")
            s = socket.socket(fileno=fd)
            if s.type & 0xf == socket.SOCK_SEQPACKET:
                found.append(s)
            else:
                s.close()
    finally:
        os.close(pidfd)
    if not found:
        raise AssertionError("the worker has no channel")
    return found


class Hostile(unittest.TestCase):
    def serve(self, workers=2, ini=""):
        weir = Weir(ini=ini, workers=workers, server="drain_timeout = 1s")
        weir.put("f", BODY)
        self.addCleanup(weir.stop, check=False)
        return weir.start()

    def check_whole(self, weir, workers=2):
        """The master lives, and so do workers that are what they should be."""
        self.assertIsNone(weir.process.poll(), weir.log())
        rows = weir.wait_workers(workers)
        self.assertEqual(get(weir.port, "/f").body, BODY)
        for w in rows:
            with open(f"/proc/{w['pid']}/status") as f:
                uid = next(line.split()[1] for line in f if line.startswith("Uid:"))
            self.assertEqual(uid == "0", False if os.geteuid() == 0 else uid == "0", "a worker's user")

    @unittest.skipIf(may_trace(), may_trace())
    def test_writes_over_all_it_can(self):
        """Whatever a worker writes into whatever it can write: the master reaps it and goes on."""
        weir = self.serve(ini="[limits]\nconnections_per_address = 100\n")
        for byte in (b"\xff", b"\0", b"\x41"):
            victim = weir.worker_pids()[0]
            get(weir.port, "/f")
            with open(f"/proc/{victim}/mem", "r+b", buffering=0) as mem:
                for begin, end, rights, _ in shared(victim):
                    if rights[1] != "w":
                        continue
                    for at in range(begin, min(end, begin + 2 ** 21), PAGE):
                        mem.seek(at)
                        try:
                            mem.write(byte * PAGE)
                        except OSError:
                            pass
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: victim not in weir.worker_pids(), 10, "the worker to be reaped")
            self.check_whole(weir)
        weir.stop()

    @unittest.skipIf(may_trace(), may_trace())
    def test_writes_to_its_own_part_alone(self):
        weir = self.serve(ini="[limits]\nconnections_per_address = 100\n")
        get(weir.port, "/f")
        for pid in weir.worker_pids():
            maps = shared(pid)
            board = [m for m in maps if "weir-board" in m[3]]
            # The header lies first: magic, layout, settings.
            self.assertNotIn("w", min(board)[2])
            with open(f"/proc/{pid}/mem", "r+b", buffering=0) as mem:
                mem.seek(min(board)[0])
                with self.assertRaises(OSError):
                    mem.write(b"spoilt")
            for name in ("weir-board", "/dev/zero"):
                writable = sum(end - begin for begin, end, rights, n in maps if name in n and rights[1] == "w")
                whole = sum(end - begin for begin, end, _, n in maps if name in n)
                self.assertGreater(writable, 0)
                self.assertLess(writable, whole / 10, f"{name}: {writable} of {whole} bytes are writable")
        weir.stop()

    @unittest.skipIf(may_trace(), may_trace())
    def test_talks_nonsense(self):
        """It is ended after a few messages, with a few lines, and another one takes its place."""
        weir = self.serve()
        victim = weir.worker_pids()[0]
        for channel in channels_of(victim):
            with channel:
                channel.settimeout(2 * PATIENCE)
                try:
                    for _ in range(5000):
                        channel.send(b"nonsense" * 4)
                except OSError:
                    pass
        wait_until(lambda: victim not in weir.worker_pids(), 10, "the worker to be ended")
        self.check_whole(weir)
        about = [line for line in weir.log().splitlines() if "nobody knows" in line]
        self.assertEqual(len(about), 2, about)
        self.assertIn("sends messages nobody knows", weir.ctl("events").stdout)
        weir.stop()

    def test_killed_again_and_again(self):
        """Every worker, ten times a second: when it ends, the next answer comes soon (within a second on an idle machine)."""
        weir = self.serve()
        children = f"/proc/{weir.process.pid}/task/{weir.process.pid}/children"
        killed, end = 0, time.monotonic() + 3.5
        while time.monotonic() < end:
            with open(children) as f:
                for pid in f.read().split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                        killed += 1
                    except ProcessLookupError:
                        pass
            time.sleep(0.1)
        begun = time.monotonic()
        self.assertEqual(get(weir.port, "/f", timeout=20).body, BODY)
        took = time.monotonic() - begun
        print(f"# {killed} killed, the next answer after {took * 1000:.0f} ms", flush=True)
        self.assertLess(took, 1.5 * PATIENCE)
        weir.stop()

    def test_left_behind_with_the_port(self):
        """The master is gone by kill -9, a worker of it is stopped: the next start says who it is."""
        port = free_port()
        weir = Weir(workers=1)
        weir.listen = f"127.0.0.1:{port}"
        weir.write_ini()
        self.addCleanup(weir.stop, check=False)
        weir.start()
        left = weir.worker_pids()[0]
        os.kill(left, signal.SIGSTOP)
        weir.kill(signal.SIGKILL)
        weir.process.wait(10 * PATIENCE)
        again = run_weir("-c", weir.ini_path)
        self.assertEqual(again.returncode, 1)
        self.assertRegex(again.stderr, rf"{port}: address already in use .*; pid {left} \(weir-worker\) listens there: "
                                       r"a worker that an earlier weir left behind")


CGROUP = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"
LIMIT = "memory.limit_in_bytes" if CGROUP.endswith("memory") else "memory.max"


def own_group():
    """The folder of the control group this process is in."""
    with open("/proc/self/cgroup") as f:
        for line in f:
            _, which, path = line.rstrip("\n").split(":", 2)
            if which == ("memory" if CGROUP.endswith("memory") else ""):
                return CGROUP + path.rstrip("/")
    return CGROUP


class Memory(unittest.TestCase):
    def group(self):
        """A new group beneath ours, with a limit; skips where it cannot be had."""
        folder = f"{own_group()}/weir-test-{os.getpid()}"
        try:
            os.mkdir(folder)
            self.addCleanup(os.rmdir, folder)
            with open(f"{folder}/{LIMIT}", "w") as f:
                f.write(str(48 << 20))
        except OSError as e:
            self.skipTest(f"no control group with a limit of memory can be made: {e}")
        return folder

    def fill(self, group, victim):
        """Takes memory that no death gives back, until the victim is dead."""
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as f:
            program = ("import os, sys, time\n"
                       "name, victim = sys.argv[1:]\n"
                       "with open(name, 'wb', buffering=0) as f:\n"
                       "    for _ in range(100):\n"
                       "        f.write(bytes(1 << 20))\n"
                       "        time.sleep(.005)\n"
                       "        if not os.path.exists('/proc/' + victim) or ') Z ' in open(f'/proc/{victim}/stat').read():\n"
                       "            break\n"
                       "    f.truncate(0)\n")
            subprocess.run(["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", sys.executable, "-c",
                            program, f.name, str(victim)], capture_output=True, timeout=30 * PATIENCE)

    @unittest.skipIf(may_trace(), "limiting memory needs root")
    @unittest.skipIf(is_sanitized("weir"), "what a sanitizer needs of memory leaves no room for a limit")
    def test_out_of_memory_is_said(self):
        group = self.group()
        weir = Weir(workers=1, wrapper=["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"])
        weir.put("f", BODY)
        self.addCleanup(weir.stop, check=False)
        weir.start()
        pid = weir.worker_pids()[0]
        with open(f"/proc/{pid}/oom_score_adj", "w") as f:
            f.write("1000")
        self.fill(group, pid)
        wait_until(lambda: pid not in weir.worker_pids(), 10, "the worker to be killed")
        self.assertRegex(weir.log(), rf"worker 1 \(pid {pid}\) was killed by SIGKILL, out of memory")
        self.assertIn("out of memory", weir.ctl("events").stdout)
        # Whoever kills one by hand some seconds later is not told so.
        time.sleep(2.5)
        pid = weir.wait_workers(1)[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in weir.worker_pids(), 10, "the worker to be killed")
        self.assertRegex(weir.log(), rf"worker 1 \(pid {pid}\) was killed by SIGKILL(?!, out)")
        weir.stop()


if __name__ == "__main__":
    main()
