# SPDX-License-Identifier: BSD-2-Clause
"""Who gets a place at the control socket: users who may only watch cannot keep an operator out,
and whoever is refused is told why."""

import json
import os
import socket
import subprocess
import sys
import unittest

from harness import Weir, main, wait_until
from harness.server import program

WATCHERS = (65534, 65533, 65532, 65531)  # users without a name are users too
PLACES, PLACES_OF_ONE = 64, 16
AS_USER = ("import os, subprocess, sys; uid = int(sys.argv[1]); os.setgroups([]); os.setgid(uid);"
           "os.setuid(uid); sys.exit(subprocess.run(sys.argv[2:]).returncode)")


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Places(unittest.TestCase):
    def setUp(self):
        self.weir = Weir(workers=1, server="watch = everybody").start()
        self.addCleanup(self.weir.stop)

    def connect(self, uid):
        """A connection of this user: the kernel notes who called connect(2)."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(s.close)
        s.settimeout(20)
        os.seteuid(uid)
        try:
            s.connect(os.path.join(self.weir.runtime, "control.sock"))
        finally:
            os.seteuid(0)
        return s

    def ask(self, s, request=b"board"):
        """The reply's fields."""
        s.send(request)
        data, passed, *_ = s.recvmsg(65536, socket.CMSG_SPACE(4))
        for _, _, fd in passed:
            os.close(int.from_bytes(fd[:4], sys.byteorder))
        return json.loads(data)

    def told(self, s):
        """The same of one that may be refused: it is closed with its request unread, perhaps before
        that was sent, and what it was told lies there behind the error."""
        try:
            s.send(b"board")
        except BrokenPipeError:
            pass
        try:
            return json.loads(s.recv(65536))
        except ConnectionResetError:
            return json.loads(s.recv(65536))

    def fill(self):
        """All places are taken by users who may only watch."""
        held = []
        for uid in WATCHERS:
            for _ in range(PLACES_OF_ONE):
                held.append(self.connect(uid))
                self.assertTrue(self.ask(held[-1])["ok"])
        self.assertEqual(len(held), PLACES)
        return held

    def run_as(self, uid, name, *args):
        done = subprocess.run([sys.executable, "-c", AS_USER, str(uid), program(name), *args],
                              capture_output=True, text=True, timeout=60)
        if "Permission denied" in done.stderr:
            self.skipTest("the build folder is closed to other users")
        return done

    def test_an_operator_gets_in_where_watchers_hold_all_places(self):
        held = self.fill()
        for s in held[1:]:
            self.assertTrue(self.ask(s)["ok"])
        self.assertEqual(self.weir.ctl("workers", "2").returncode, 0)
        self.weir.wait_workers(2)
        self.assertEqual(held[0].recv(1), b"", "the idlest one made room")
        self.assertTrue(self.ask(held[-1])["ok"], "the one that asked last stays")

    def test_one_user_cannot_hold_every_place(self):
        held = [self.connect(WATCHERS[0]) for _ in range(PLACES_OF_ONE)]
        for s in held:
            self.assertTrue(self.ask(s)["ok"])
        options = ("-r", self.weir.runtime)
        for name, *args in (("weirctl", *options, "status"), ("weirctl", *options, "reload"),
                            ("weirctl", *options, "--no-wait", "reload"),
                            ("weirtop", *options, "-b", "-n", "1")):
            done = self.run_as(WATCHERS[0], name, *args)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("user 65534 has 16, as many as one may", done.stderr + done.stdout, args)
        self.assertEqual(self.run_as(WATCHERS[1], "weirctl", *options, "status").returncode, 0)
        held.pop().close()
        wait_until(lambda: self.run_as(WATCHERS[0], "weirctl", *options, "status").returncode == 0,
                   20, "a place to be free again")

    def test_a_watcher_too_many_is_told_and_the_log_is_not_filled(self):
        self.fill()
        for request in (b"board", b"reload") * 5:
            s = self.connect(65530)
            told = json.loads(s.recv(65536))
            self.assertFalse(told["ok"])
            self.assertIn("all 64 places are taken", told["message"])
        done = self.run_as(65530, "weirctl", "-r", self.weir.runtime, "reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("all 64 places are taken", done.stderr)
        self.assertEqual(self.weir.output().count("a control client was refused"), 1)

    def test_root_leaves_some_places_to_the_servers_user(self):
        told = ""
        for _ in range(PLACES):
            reply = self.told(self.connect(0))
            if not reply["ok"]:
                told = reply["message"]
                break
        self.assertIn("user 0 has 48, as many as one may", told)


if __name__ == "__main__":
    main()
