# SPDX-License-Identifier: BSD-2-Clause
"""No call of a worker's event loop can wait for storage: strace on the loop's thread while files
hot, cold, missing, ranges, listings and index files are asked for on a disk and on a FUSE file
system, and while nobody reads its logs. Every call it made must be one that is known not to wait: sockets that do not block,
openat2 with RESOLVE_CACHED, statx with AT_STATX_DONT_SYNC, preadv2 with RWF_NOWAIT, close of what
is local, lines of logs sent to other processes with MSG_DONTWAIT. A call that is not in the table fails, whatever it did, so that a new one is looked at."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import Weir, Wire, deadline, get, main, skip_without, wait_until
from harness.disk import cannot_say, counter
from harness.server import PATIENCE
from harness.slowfs import SlowFS, why_not

# What may be called, and what its arguments must hold then. Descriptors are shown with their
# paths (strace -yy).
NEVER_WAITS = {
    "epoll_wait": None, "epoll_ctl": None, "accept4": None, "recvfrom": "<(TCP|UNIX|socket)",
    "sendto": "<(TCP|UNIX|socket)", "sendmsg": "MSG_DONTWAIT", "recvmsg": "MSG_DONTWAIT|MSG_CMSG_CLOEXEC",
    "getsockopt": None, "setsockopt": None, "shutdown": None, "ioctl": "[ST]IOC(OUTQ|INQ)", "getpeername": None,
    "openat2": "RESOLVE_CACHED", "statx": "AT_STATX_DONT_SYNC", "preadv2": "RWF_NOWAIT",
    "sendfile": None,  # only of a window that a probe found in memory: see below
    "close": None,     # of sockets, directories, and files on a local disk: see below
    "read": "<anon_inode:|<eventfd|signalfd", "write": "<anon_inode:|<eventfd",
    # Memory, time and threads of the process itself.
    "futex": None, "madvise": None, "mmap": None, "munmap": None, "mprotect": None, "brk": None, "clone3": None,
    "clone": None, "rt_sigprocmask": None, "rt_sigaction": None, "clock_gettime": None, "sched_yield": None, "gettid": None, "getpid": None,
    "set_robust_list": None, "rseq": None, "restart_syscall": None, "poll": "<pipe|<file:.*mountinfo|</proc/",
    # What the mounts are is read from /proc, which is memory.
    "openat": "mountinfo|/proc/", "readlink": "/proc/self/fd/", "pread64": "/proc/", "lseek": "/proc/",
    "newfstatat": "/proc/|AT_EMPTY_PATH",
}
LINE = re.compile(r"^(\d+) +([a-z_0-9]+)\((.*)$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. ([a-z_0-9]+) resumed>(.*)$")
UNFINISHED = "<unfinished ...>"
FILES = 12


class Calls:
    """strace on a worker; .loop are the calls of its first thread as (name, arguments)."""

    def __init__(self, pid):
        self.pid = pid
        self.folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")

    def __enter__(self):
        self.path = os.path.join(self.folder, "calls")
        self.process = subprocess.Popen(["strace", "-f", "-yy", "-s", "64", "-o", self.path, "-p", str(self.pid)],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        if "attached" not in first:
            self.__exit__()
            raise unittest.SkipTest(f"strace: {first.strip()}")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30 * PATIENCE)
        self.all = self.read() if os.path.exists(self.path) else []
        self.loop = [(name, rest) for pid, name, rest in self.all if int(pid) == self.pid]
        shutil.rmtree(self.folder, ignore_errors=True)


    def read(self):
        """(thread, name, arguments) of each call; one that strace shows in two parts is put together."""
        calls, begun = [], {}
        with open(self.path, errors="replace") as f:
            for line in f:
                m, end = LINE.match(line), RESUMED.match(line)
                if end and end[1] in begun:
                    name, rest = begun.pop(end[1])
                    calls.append((end[1], name, rest + end[3]))
                elif m and m[3].endswith(UNFINISHED):
                    begun[m[1]] = (m[2], m[3][:-len(UNFINISHED)])
                elif m:
                    calls.append(m.groups())
        return calls + [(pid, *call) for pid, call in begun.items()]


def may_wait(name, rest, slow):
    """Why this call of the loop could wait; None when it cannot."""
    if name not in NEVER_WAITS:
        return "it is not known not to"
    if NEVER_WAITS[name] and not re.search(NEVER_WAITS[name], rest):
        return f"its arguments lack {NEVER_WAITS[name]}"
    if "<UNIX" in rest.split(",")[0] and "MSG_DONTWAIT" not in rest:
        return "a log is sent to, and waited for"
    if slow and name in ("sendfile", "close", "preadv2", "read", "pread64") and f"<{slow}/" in rest:
        return "it is about a file of the slow file system"
    return None


@skip_without("strace")
class Loop(unittest.TestCase):
    def ask_everything(self, weir, prefix, names):
        """Each thing twice: when nothing is known of it, and again."""
        with Wire(weir.port, timeout=30) as w:
            for _ in range(2):
                for name in names:
                    answer = w.ask(prefix + name)
                    self.assertEqual(answer.status, 200, name)
                    self.assertEqual(w.ask(prefix + name, fields=[("Range", "bytes=5-9")]).status, 206)
                    tag = answer["ETag"]
                    self.assertEqual(w.ask(prefix + name, fields=[("If-None-Match", tag)]).status, 304)
                self.assertEqual(w.ask(prefix + "nothing-here").status, 404)
                self.assertEqual(w.ask(prefix, fields=[("Accept", "application/json")]).status, 200)

    def judge(self, calls, slow=None):
        self.assertGreater(len(calls.loop), 20, "strace saw nothing of the loop")
        bad = {}
        for name, rest in calls.loop:
            why = may_wait(name, rest, slow)
            if why:
                bad.setdefault(f"{name}: {why}", rest.strip()[:160])
        self.assertEqual(bad, {})

    def disk_server(self):
        weir = Weir(workers=1, location="listing = auto")
        for i in range(FILES):
            weir.put(f"d/small{i}", os.urandom(3000))
            weir.put(f"d/large{i}", os.urandom(700000))
        return weir

    def stalled_download(self, weir):
        """A client in the middle of a slice of a file that was in memory: the socket is full. Its wire."""
        data = os.urandom(12 << 20)
        weir.put("d/film", data)
        w = Wire(weir.port, timeout=30, rcvbuf=65536)
        w.request("/d/film")
        got = b""
        while len(got) < 1 << 20:
            got += w.socket.recv(65536)
        sent = []
        wait_until(lambda: sent.append(counter(weir, "bytes_out")) or sent[-3:].count(sent[-1]) == 3, 10,
                   "the socket to be full")
        return w, data, got

    def evict(self, path, offset):
        """Its pages leave memory; skips where they do not, or where nobody can tell."""
        if cannot_say():
            self.skipTest(cannot_say())
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            os.preadv(fd, [bytearray(1)], offset, os.RWF_NOWAIT)
        except BlockingIOError:
            return
        self.skipTest(f"{path}: its pages stay in memory")

    def held_slice(self, act):
        """What is done with a download in the middle of a slice: the file is asked about again before more of
        it is sent on the loop."""
        weir = self.disk_server()
        weir.start()
        self.addCleanup(weir.stop, check=False)
        w, data, got = self.stalled_download(weir)
        with w:
            act(weir)
            time.sleep(1.1)  # what was found in memory is believed for a second
            self.evict(f"{weir.root}/d/film", len(data) - 1)
            with Calls(weir.worker_pids()[0]) as calls:
                parts, have = [got], len(got)
                while have < len(data):
                    parts.append(w.socket.recv(1 << 20))
                    have += len(parts[-1])
        about = [name for name, rest in calls.loop if "/d/film>" in rest and name in ("preadv2", "sendfile")]
        self.assertEqual(about[:1], ["preadv2"], about[:20])
        self.assertTrue(data.startswith(b"".join(parts).partition(b"\r\n\r\n")[2]))
        self.judge(calls)

    def test_slice_of_a_stalled_client(self):
        self.held_slice(lambda weir: None)

    def test_slice_of_a_throttled_client(self):
        def throttle(weir):
            rows = wait_until(lambda: json.loads(weir.ctl("requests", "--json").stdout)["requests"], 5,
                              "the download to be shown")
            weir.ctl("throttle", rows[0]["id"], "8m")
        self.held_slice(throttle)

    def test_an_absent_name_is_asked_for_once(self):
        """What the kernel's caches do not know a thread finds out; asking them again would be in vain."""
        with self.disk_server() as weir:
            get(weir.port, "/d/small0")
            with Calls(weir.worker_pids()[0]) as calls:
                with Wire(weir.port, timeout=30) as w:
                    for i in range(20):
                        self.assertEqual(w.ask(f"/d/none-{i}").status, 404)
        asked = [rest for name, rest in calls.loop if name == "openat2" and "d/none-" in rest]
        self.assertLessEqual(len(asked), 25, asked[:3])

    def test_on_a_disk(self):
        weir = self.disk_server()
        names = [f"{kind}{i}" for i in range(FILES) for kind in ("small", "large")]
        with weir:
            get(weir.port, "/d/small0")
            for i in range(FILES):  # half of them are not in memory, where the file system lets go of pages
                if i % 2:
                    for kind in ("small", "large"):
                        fd = os.open(f"{weir.root}/d/{kind}{i}", os.O_RDONLY)
                        os.fsync(fd)
                        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                        os.close(fd)
            with Calls(weir.worker_pids()[0]) as calls:
                self.ask_everything(weir, "/d/", names)
        self.judge(calls)
        self.assertIn("sendfile", dict(calls.loop))

    def test_with_logs_that_nobody_reads(self):
        weir = Weir(workers=1)
        with open(weir.ini_path) as f:
            text = f.read().replace(f"access = {weir.access_path}", "access = stdout").replace("flush = 50ms", "flush = 1ms")
        weir.write_ini(text.replace(f"error = {weir.log_path}", "error = stderr"))
        weir.put("hot", b"hot" * 1000)
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        weir.start(stdout=write, stderr=write)
        self.addCleanup(weir.stop, check=False)
        os.set_blocking(write, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(write, b"x" * 4096)
        os.close(write)
        with Calls(weir.worker_pids()[0]) as calls:
            end = deadline(0.3)  # longer than lines of the access log stay in its buffer
            while time.monotonic() < end:
                self.assertEqual(get(weir.port, "/hot").status, 200)
                with Wire(weir.port) as w:
                    w.send(b"GET\r\n\r\n")
                    self.assertEqual(w.response().status, 400)
        self.judge(calls)
        # Both logs were said something.
        queues = {rest.split(">")[0] for name, rest in calls.loop if name == "sendto" and "<UNIX" in rest}
        self.assertEqual(len(queues), 2, queues)

    @unittest.skipIf(why_not(), why_not())
    def test_on_fuse(self):
        weir = Weir(workers=1, location="listing = auto")
        fs = SlowFS("delay read 5", "delay open 5", "set files 3", at=weir.root + "/slow")
        fs.start()
        self.addCleanup(fs.stop)
        with weir:
            weir.put("hot", b"hot" * 1000)
            get(weir.port, "/hot")
            with Calls(weir.worker_pids()[0]) as calls:
                self.ask_everything(weir, "/slow/", ["f7-1000", "f8-300000", "f9-1300000"])
            fs.stop()
        self.judge(calls, slow=fs.path)
        # The file system was asked all the same, by other threads.
        others = {name for pid, name, rest in calls.all if int(pid) != calls.pid and "/slow" in rest}
        self.assertTrue(others & {"pread64", "preadv2", "read"}, others)


if __name__ == "__main__":
    main()
