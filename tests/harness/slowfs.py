# SPDX-License-Identifier: BSD-2-Clause
"""Mounts the slow file system of slowfs.c, changes its behaviour as it runs, and takes it away
again whatever happens: nothing of it outlives the process that made it."""

import array
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from .server import PATIENCE, program, wait_until

SLOWFS = "tests/harness/slowfs"


def why_not():
    """Why there can be no FUSE mount here; None when there can."""
    if not os.path.exists(program(SLOWFS)):
        return "the FUSE fixture is not built (libfuse3-dev, ./configure's summary)"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        return f"/dev/fuse: {e.strerror}"
    if os.geteuid() != 0 and not shutil.which("fusermount3"):
        return "neither root nor fusermount3: nothing can be mounted"
    return None


class SlowFS:
    """One mount at `at` (made when it is not there). Commands are words of slowfs.c."""

    def __init__(self, *commands, at=None):
        self.folder = tempfile.mkdtemp(prefix="weir-slowfs-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.path = at or os.path.join(self.folder, "mnt")
        self.socket_path = os.path.join(self.folder, "s")
        self.commands = commands
        self.process = None

    def start(self):
        os.makedirs(self.path, exist_ok=True)
        self.errors = open(os.path.join(self.folder, "stderr"), "w+")
        self.process = subprocess.Popen([program(SLOWFS), self.path, self.socket_path, *self.commands],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        if self.process.stdout.readline() != b"ready\n":
            self.errors.seek(0)
            text = self.errors.read()
            self.stop()
            raise OSError(f"slowfs: {text}")
        return self

    def tell(self, *words):
        """Sends one command; returns what it answers."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10 * PATIENCE)
            s.connect(self.socket_path)
            s.sendall((" ".join(str(w) for w in words) + "\n").encode())
            said = s.recv(4096).decode().strip()
        if said.startswith("error"):
            raise ValueError(f"slowfs {words}: {said}")
        return said

    def stats(self):
        return json.loads(self.tell("stats"))

    def wait_held(self, count=1, seconds=10):
        return wait_until(lambda: self.stats()["held"] >= count, seconds, f"{count} requests held by the slow mount")

    def _mounted(self):
        with open("/proc/self/mounts") as f:
            return any(line.split()[1] == self.path for line in f)

    def stop(self):
        """TERM answers what is held and unmounts; if that fails, kill it (which ends the connection
        in the kernel) and take the mount out of the tree."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self._mounted():
            lazily = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
            subprocess.run([*lazily, self.path], check=False)
        if self.process:
            self.process.stdout.close()
            self.errors.close()
        self.process = None
        end = time.monotonic() + 5
        while self._mounted() and time.monotonic() < end:
            time.sleep(0.01)
        if not self._mounted():
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *_):
        self.stop()


def content(number, size, offset=0, length=None):
    """What fNUMBER of this size holds from offset on."""
    length = max(0, min(size - offset, size if length is None else length))
    first, last = offset // 8, (offset + length + 7) // 8
    words = array.array("Q", range((number << 32) + first, (number << 32) + last))
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()[offset % 8:offset % 8 + length]
