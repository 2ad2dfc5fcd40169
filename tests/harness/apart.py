# SPDX-License-Identifier: BSD-2-Clause
"""Servers in name spaces of their own: with another /dev, without a network but loopback."""

import os
import shutil
import subprocess
import sys

# Runs the server where its only name server never answers; the socket lives on in the server.
DEAF_NAMES = """
import fcntl, os, socket, struct, subprocess, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 0x49))  # SIOCSIFFLAGS: up, running, loopback
s.bind(('127.0.0.1', 53))
s.set_inheritable(True)
for name, text in (('resolv.conf', 'nameserver 127.0.0.1\\noptions timeout:4 attempts:2\\n'), ('nsswitch.conf', 'passwd: files\\ngroup: files\\nhosts: files dns\\n')):
    path = sys.argv[1] + '/' + name
    with open(path, 'w') as f:
        f.write(text)
    if os.path.exists('/etc/' + name):
        subprocess.run(['mount', '--bind', path, '/etc/' + name], check=True)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def can_unshare(*flags):
    """Why not; None when these name spaces can be had."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("unshare"):
        return "not installed: unshare"
    done = subprocess.run(["unshare", *flags, "true"], capture_output=True, text=True)
    return f"unshare: {done.stderr.strip()}" if done.returncode else None


def deaf_names(folder):
    """The wrapper of a server whose name server does not answer; it has no network but loopback."""
    return ["unshare", "-mn", sys.executable, "-c", DEAF_NAMES, folder]
