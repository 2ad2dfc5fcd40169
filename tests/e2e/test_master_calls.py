# SPDX-License-Identifier: BSD-2-Clause
"""No call of the master can wait for a disk, a name server, the user database or a client: strace
on it from its first check to its end, over a start, status, a reload, a resize, a worker that is
killed, a fence, logs opened anew and a stop. Every call must be one that is known not to wait:
sockets that do not block, the kernel's own file systems, its runtime directory. A call that is not
in the table fails, whatever it did, so that a new one is looked at."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import Weir, free_port, get, main, skip_without, wait_until
from harness.server import is_sanitized

KERNEL = r'"/proc/|"/sys/fs/cgroup/'
ZONE = r'|"/etc/localtime"|/zoneinfo/'  # read once, for the first line of the log
LOGS = r"/(error|access)\.log"

# What may be called, and what its arguments must hold then. Descriptors are shown with their
# paths (strace -yy); RUNTIME is the runtime directory.
NEVER_WAITS = {
    "ppoll": None, "poll": r"POLLIN", "recvmsg": r"<UNIX[^>]*>|<socket:.*MSG_DONTWAIT",
    "sendmsg": r"<UNIX[^>]*>", "recvfrom": r"<NETLINK|MSG_DONTWAIT", "sendto": r"<NETLINK|MSG_DONTWAIT",
    "accept4": r"<UNIX", "getsockopt": None, "setsockopt": None, "getsockname": None,
    "socket": r"SOCK_CLOEXEC", "socketpair": None, "bind": r"<TCP|<NETLINK|RUNTIME/", "listen": None, "shutdown": None,
    "close": None, "fcntl": None, "dup": None, "dup2": None, "dup3": None, "ioctl": None, "pipe2": None,
    "clone": None, "clone3": None, "fork": None, "wait4": r"WNOHANG", "kill": None, "tgkill": None,
    "pidfd_open": None, "pidfd_send_signal": None,
    "read": r"</proc/|</sys/fs/cgroup/|<anon_inode:" + ZONE, "pread64": r"</proc/|RUNTIME/", "lseek": r"</proc/" + ZONE, "getdents64": r"</proc/",
    "openat": KERNEL + r'|"RUNTIME/|' + LOGS + ZONE, "readlink": r'"/proc/',
    "newfstatat": KERNEL + r'|"RUNTIME|AT_EMPTY_PATH', "fstat": None, "statfs": KERNEL, "access": r"/control\.sock\"",
    "chdir": r'"/"', "chmod": r'"RUNTIME', "lchown": r'"RUNTIME', "fchownat": r'"RUNTIME', "lstat": r'"RUNTIME',
    "mkdir": r'"RUNTIME"', "unlink": r'"RUNTIME/', "ftruncate": r"RUNTIME/|<.*memfd:", "pwrite64": r"RUNTIME/",
    "fchmod": r"memfd:", "flock": r"LOCK_NB", "memfd_create": None, "write": r"RUNTIME/|</dev/|stderr|<anon_inode:|<pipe:|" + LOGS,
    # Memory, time, signals and limits of the process itself.
    "futex": None, "madvise": None, "mmap": None, "munmap": None, "mprotect": None, "mremap": None, "brk": None,
    "rt_sigprocmask": None, "rt_sigaction": None, "rt_sigreturn": None, "restart_syscall": None,
    "clock_gettime": None, "sched_yield": None, "sched_getaffinity": None, "gettid": None, "getpid": None,
    "getppid": None, "geteuid": None, "getegid": None, "getgid": None, "getuid": None, "umask": None, "prlimit64": None, "getrandom": None, "prctl": None,
    "uname": None, "exit_group": None,
}
LINE = re.compile(r"^([a-z_0-9]+)\((.*)$")


@skip_without("strace")
class Master(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if is_sanitized("weir"):
            self.skipTest("the sanitizer makes calls of its own, and no leak check under strace")
        done = subprocess.run(["strace", "-D", "-o", "/dev/null", "true"], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"strace: {done.stderr.strip()}")
        folder = tempfile.mkdtemp(prefix="weir-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        self.trace = os.path.join(folder, "calls")

    def calls(self):
        """(name, arguments) of each call since the first check began."""
        with open(self.trace, errors="replace") as f:
            found = [m.groups() for m in map(LINE.match, f) if m]
        first = [name for name, _ in found].index("socketpair")
        return found[first:]

    def judge(self, runtime):
        calls = self.calls()
        bad = {}
        for name, rest in calls:
            want = NEVER_WAITS.get(name, "") and NEVER_WAITS[name].replace("RUNTIME", re.escape(runtime))
            if name not in NEVER_WAITS:
                bad.setdefault(f"{name}: it is not known not to wait", rest.strip()[:160])
            elif want and not re.search(want, rest):
                bad.setdefault(f"{name}: its arguments lack {want}", rest.strip()[:160])
        self.assertEqual(bad, {})
        names = {name for name, _ in calls}
        self.assertLessEqual({"ppoll", "accept4", "wait4", "exit_group"}, names, "strace saw nothing of the master")

    def test_every_way(self):
        weir = Weir(wrapper=["strace", "-D", "-yy", "-s", "256", "-o", self.trace], location="listing = auto")
        weir.put("f", "content")
        weir.put("404.html", "nothing")
        mime = weir.put("mime.types", "text/x-y\ty\n")
        user = "user = root\ngroup = root\n" if os.geteuid() == 0 else ""
        weir.server_lines = f"{user}mime_types = {mime}\n"
        weir.more_ini = f"[site *]\nerror_pages = 404={weir.root}/404.html\n"
        weir.listen = f"127.0.0.1:0 localhost:{free_port()} unix:{weir.folder}/socket"
        weir.write_ini()
        self.addCleanup(weir.stop, check=False)
        weir.start()
        self.assertEqual(get(weir.port, "/f").status, 200)
        weir.ctl("reload")
        weir.ctl("workers", "3")
        pids = weir.worker_pids()
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: pids[0] not in weir.worker_pids() and len(weir.worker_pids()) == 3, 20, "the replacement")
        weir.ctl("inspect", str(weir.status()["workers"][-1]["number"]), check=False)
        weir.ctl("fence", weir.root, check=False)
        weir.ctl("unfence", weir.root, check=False)
        weir.ctl("loglevel", "debug")
        weir.ctl("reopen")
        weir.write_ini("[nonsense]\n")
        self.assertEqual(weir.ctl("reload", check=False).returncode, 1)
        runtime = weir.runtime
        weir.stop()
        self.judge(runtime)


if __name__ == "__main__":
    main()
