# SPDX-License-Identifier: BSD-2-Clause
"""Who may watch a server, and what watchers are shown: the control socket's mode, queries of URLs,
and descriptors that a watcher sends along to make the master wait."""

import array
import grp
import os
import signal
import socket
import stat
import subprocess
import sys
import unittest

from harness import Weir, main, wait_until
from harness.server import PATIENCE, program

NOBODY = 65534
SECRET = "SECRET-TOKEN-123"
AS_USER = ("import os, subprocess, sys; uid = int(sys.argv[1]); gids = [int(g) for g in sys.argv[2].split(',')];"
           "os.setgroups(gids); os.setgid(gids[0]); os.setuid(uid);"
           "sys.exit(subprocess.run(sys.argv[3:]).returncode)")


def mode_of(weir):
    return stat.S_IMODE(os.stat(os.path.join(weir.runtime, "control.sock")).st_mode)


def run_as(test, uid, gids, name, *args):
    done = subprocess.run([sys.executable, "-c", AS_USER, str(uid), ",".join(map(str, gids)),
                           program(name), *args], capture_output=True, text=True,
                          timeout=60 * PATIENCE)
    if "Permission denied" in done.stderr and program(name) in done.stderr:
        test.skipTest("the build folder is closed to other users")
    return done


class Mode(unittest.TestCase):
    def test_at_first_it_is_for_the_servers_user_alone(self):
        with Weir(workers=1) as weir:
            self.assertEqual(mode_of(weir), 0o600)

    def test_everybody(self):
        with Weir(workers=1, server="watch = everybody") as weir:
            self.assertEqual(mode_of(weir), 0o666)

    def test_a_group(self):
        gid = os.getgroups()[0] if os.getgroups() and os.geteuid() != 0 else os.getegid()
        with Weir(workers=1, server=f"watch_group = {grp.getgrgid(gid).gr_name}") as weir:
            self.assertEqual(mode_of(weir), 0o660)
            self.assertEqual(os.stat(os.path.join(weir.runtime, "control.sock")).st_gid, gid)

    def test_a_reload_changes_it(self):
        with Weir(workers=1) as weir:
            weir.server_lines = "watch = everybody"
            weir.write_ini()
            weir.ctl("reload")
            wait_until(lambda: mode_of(weir) == 0o666, 5, "the socket to be open")
            weir.server_lines = ""
            weir.write_ini()
            weir.ctl("reload")
            wait_until(lambda: mode_of(weir) == 0o600, 5, "the socket to be closed")

    def test_an_unknown_group_is_a_mistake(self):
        weir = Weir(server="watch_group = no-such-group-here")
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", weir.folder]))
        done = subprocess.run([program("weir"), "-t", "-c", weir.ini_path], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("watch_group = no-such-group-here: there is no such group", done.stderr)


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Others(unittest.TestCase):
    def test_a_stranger_is_told_that_he_may_not(self):
        with Weir(workers=1) as weir:
            for name, *args in (("weirctl", "status"), ("weirctl", "requests"), ("weirtop", "-b", "-n", "1")):
                done = run_as(self, NOBODY, [NOBODY], name, "-r", weir.runtime, *args)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("you may not open", done.stderr + done.stdout)

    def test_a_member_of_the_group_may_watch_and_no_more(self):
        with Weir(workers=1, server="watch_group = adm") as weir:
            adm = grp.getgrnam("adm").gr_gid
            self.assertEqual(run_as(self, NOBODY, [NOBODY, adm], "weirctl", "-r", weir.runtime, "status").returncode, 0)
            done = run_as(self, NOBODY, [NOBODY, adm], "weirctl", "-r", weir.runtime, "workers", "2")
            self.assertEqual(done.returncode, 1)
            self.assertIn("only root and the server's own user", done.stderr)
            self.assertNotEqual(run_as(self, NOBODY, [NOBODY], "weirctl", "-r", weir.runtime, "status").returncode, 0)


class Health(unittest.TestCase):
    def test_a_master_that_does_not_answer_is_not_a_missing_server(self):
        with Weir(workers=1) as weir:
            weir.put("a", b"hi")
            weir.kill(signal.SIGSTOP)
            try:
                done = subprocess.run([program("weirtop"), "-r", weir.runtime, "--check"], capture_output=True,
                                      text=True, timeout=60 * PATIENCE)
            finally:
                weir.kill(signal.SIGCONT)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn("critical: the master at", done.stdout)
            self.assertIn("may still serve", done.stdout)


class Queries(unittest.TestCase):
    def shown(self, ini):
        """All that watchers are told while a request with a token is under way, and afterwards."""
        weir = Weir(workers=1, server="allow_faults = yes")
        weir.more_ini = f"slow_request = 1ms\n{ini}\n[fault {weir.root}/big]\noperations = open\ndelay = 20ms\n"
        weir.write_ini()
        with weir:
            weir.put("big", b"x" * (32 << 20))
            with socket.create_connection(("127.0.0.1", weir.port)) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                s.sendall(f"GET /big?token={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                s.recv(100)
                wait_until(lambda: "/big" in weir.ctl("requests").stdout, 10, "the request on the board")
                told = weir.ctl("requests").stdout + weir.ctl("requests", "--json").stdout
                told += weir.ctl("status", "--json").stdout
                told += subprocess.run([program("weirtop"), "-r", weir.runtime, "--json", "-n", "1"],
                                       capture_output=True, text=True, timeout=60).stdout
            wait_until(lambda: "/big" in weir.ctl("events").stdout or weir.ctl("requests").stdout.count("/big"),
                       10, "its end on the board")
            told += weir.ctl("events").stdout + weir.ctl("requests").stdout + weir.ctl("files").stdout
            wait_until(lambda: any("/big" in line for line in weir.access_lines(1)), 5, "its line in the log")
            self.assertIn(SECRET, "".join(weir.access_lines(1)), "logs have it all")
            return told

    def test_they_stay_off_the_board(self):
        told = self.shown("")
        self.assertTrue("/big?" in told)
        self.assertFalse(SECRET in told, [line for line in told.splitlines() if SECRET in line][:3])

    def test_unless_they_are_wanted(self):
        self.assertTrue(SECRET in self.shown("queries = on"))


class Passed(unittest.TestCase):
    """Whoever is given somebody else's socket and closes it may stand still for as long as that one
    likes (SO_LINGER): the master takes none."""

    def test_the_kernel_refuses_what_a_watcher_sends_along(self):
        passrights = 83  # SO_PASSRIGHTS
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            try:
                s.setsockopt(socket.SOL_SOCKET, passrights, 0)
            except OSError:
                self.skipTest("this kernel has no SO_PASSRIGHTS (Linux 6.16)")
        with Weir(workers=1) as weir, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(os.path.join(weir.runtime, "control.sock"))
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))]
            with self.assertRaises(PermissionError):
                s.sendmsg([b"inspect 1"], rights)
            s.send(b"board")  # the connection is as good as before
            s.settimeout(20)
            data, passed, *_ = s.recvmsg(65536, socket.CMSG_SPACE(4))
            self.assertIn(b"true", data)
            for _, _, fd in passed:
                os.close(int.from_bytes(fd[:4], sys.byteorder))


if __name__ == "__main__":
    main()
