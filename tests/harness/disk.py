# SPDX-License-Identifier: BSD-2-Clause
"""What tests of slow, hung and failing disks share: a server with fault rules, whether an answer has
begun, and what the status says of threads and mounts."""

import os
import select
import shutil
import tempfile
import time
import unittest

from .server import Weir, deadline, wait_until
from .wire import Wire

HOT = b"hot" * 100


def cannot_say(folder="/tmp"):
    """Why the cost of files in this folder is another than on most disks: its file system (overlayfs in
    containers) cannot say what of a file is in memory. None when it can."""
    with tempfile.NamedTemporaryFile(dir=folder) as f:
        f.write(b"x" * 100)
        f.flush()
        try:
            os.preadv(f.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except BlockingIOError:
            return None
        except OSError as e:
            return f"the file system of {folder} cannot say what is in memory ({e.strerror})"
    return None


def answered(wire):
    """Whether more of an answer than a head has come. A head says nothing of a disk that is slow to
    read: it may go first."""
    while select.select([wire.socket], [], [], 0)[0]:
        data = wire.socket.recv(65536)
        if not data:
            return True
        wire.held += data
    return bool(wire.held.partition(b"\r\n\r\n")[2])


def counter(weir, name):
    return weir.status()["totals"]["counters"][name]


def wait_counter(weir, name, fact, seconds=10):
    return wait_until(lambda: fact(counter(weir, name)), seconds,
                      lambda: f"the counter {name}, which is {counter(weir, name)}")


def kinds(weir):
    return [e["kind"] for e in weir.status()["events"]]


def mount_row(weir, name):
    """What the status says of the mount with this mount point; None before it is known."""
    for m in weir.status()["mounts"]:
        if m["mount"] == name:
            return m
    return None


def mount_state(weir, name):
    row = mount_row(weir, name)
    return row and row["state"]


def busy_threads(weir):
    """Every offload thread at work, of all workers."""
    return [job for w in weir.status()["workers"] for job in w["offload"]["jobs"]]


class Disk(unittest.TestCase):
    """A server whose files hot and whatever a test puts there are on the disk of the temporary
    folder, with fault rules on folders of it."""

    def serve(self, faults, server="", offload="", workers=1, location="", more="", root=None, log=""):
        """faults: {folder: lines}; a folder that begins with / is taken as it is."""
        weir = Weir(workers=workers, location=location, server="allow_faults = yes\n" + server)
        weir.root = root or weir.root
        ini = f"{log}\n[offload]\n{offload}\n"
        for folder, lines in faults.items():
            path = folder if folder.startswith("/") else f"{weir.root}/{folder}"
            ini += f"[fault {path}]\n{lines}\n"
        weir.more_ini = ini + more
        weir.write_ini()
        weir.put("hot", HOT)
        self.addCleanup(weir.stop, check=False)
        self.addCleanup(lambda: shutil.rmtree(weir.folder, ignore_errors=True))
        return weir

    def hot_while(self, weir, slow, at_least=20):
        """Hot requests, one after the other, until the slow answer begins: there must be many."""
        done, end = 0, deadline(30)
        with Wire(weir.port) as w:
            while not answered(slow) and time.monotonic() < end:
                self.assertEqual(w.ask("/hot").body, HOT)
                done += 1
        self.assertGreaterEqual(done, at_least, "hot requests before the slow one was answered")

    def shm(self):
        """A folder on another mount than the temporary one."""
        path = tempfile.mkdtemp(prefix="weir-test-", dir="/dev/shm")
        os.chmod(path, 0o755)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        with open(path + "/f", "wb") as f:
            f.write(b"shm")
        return path
