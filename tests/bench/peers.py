# SPDX-License-Identifier: BSD-2-Clause
"""The servers that the benchmarks of slow disks are run side by side with: each serving one
folder on 127.0.0.1 with two workers (or threads, as it has them) and otherwise with the
defaults of its Debian package. Started in a session of its own and ended by process id."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

BUILD = os.environ.get("WEIR_BUILD", os.getcwd())
PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for

AIOHTTP = """
import sys
from aiohttp import web
app = web.Application()
app.router.add_static("/", sys.argv[2])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), reuse_port=True, access_log=None, print=None)
"""

FASTAPI = """
from fastapi import FastAPI
from fastapi.responses import FileResponse
app = FastAPI()

@app.get("/{path:path}")
async def file(path: str):
    return FileResponse("ROOT/" + path)
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def has_module(name):
    return os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", f"import {name}"], stderr=subprocess.DEVNULL,
                                                     cwd="/").returncode == 0


class Peer:
    name = ""
    package = ""
    processes = 1  # how many times the command is started

    def __init__(self, folder, root, **options):
        self.folder, self.root, self.options = folder, root, options
        self.port = free_port()
        self.running = []

    @classmethod
    def missing(cls):
        """What is not installed; None when it can run."""
        return None if shutil.which(cls.program) else cls.package

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        env = dict(os.environ, HOME=self.folder, XDG_DATA_HOME=self.folder, XDG_CONFIG_HOME=self.folder, GOMAXPROCS="2",
                   PYTHONDONTWRITEBYTECODE="1")
        self.errors = open(os.path.join(self.folder, "stderr"), "a")
        command = self.command()
        for _ in range(self.processes):
            self.running.append(subprocess.Popen(command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL,
                                                 stdout=self.errors, stderr=self.errors, start_new_session=True))
        end = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > end or any(p.poll() is not None for p in self.running):
                    self.stop()
                    with open(os.path.join(self.folder, "stderr")) as f:
                        raise OSError(f"{self.name} does not listen: {f.read()[-1000:]}") from None
                time.sleep(0.02)

    def pids(self):
        """Every process of its sessions."""
        mine, found = {p.pid for p in self.running}, []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat") as f:
                        fields = f.read().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[3]) in mine and fields[0] != "Z":
                    found.append(int(name))
        return found

    def cpu_seconds(self):
        """User and system time of its processes so far, in nanosecond steps where the kernel has them."""
        total = 0.0
        for pid in self.pids():
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                        total += int(f.read().split()[0]) / 1e9
            except OSError:
                pass
        return total

    def stop(self):
        """Kills what does not end within a second: how gracefully it stops is not what is measured."""
        for p in self.running:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        end = time.monotonic() + 1
        while self.pids() and time.monotonic() < end:
            for p in self.running:
                p.poll()
            time.sleep(0.02)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            left = self.pids()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            for p in self.running:
                p.poll()
            if not left:
                break
            time.sleep(0.02)
        else:
            print(f"{self.name}: processes {self.pids()} do not end", file=sys.stderr)
        self.running = []
        self.errors.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Weir(Peer):
    name = "weir"

    @classmethod
    def missing(cls):
        return None if os.path.exists(os.path.join(BUILD, "weir")) else "make"

    @property
    def build(self):
        return self.options.get("build", BUILD)

    @property
    def runtime(self):
        return os.path.join(self.folder, "run")

    def command(self):
        ini = (f"[server]\nlisten = 127.0.0.1:{self.port}\nworkers = {self.options.get('workers', 2)}\n"
               f"runtime_dir = {self.runtime}\n"
               f"{self.options.get('server', '')}\n[log]\naccess = off\nerror = {self.folder}/error.log\n"
               f"{self.options.get('ini', '')}\n[location /]\nfiles = {self.root}\n")
        return [os.path.join(self.build, "weir"), "-c", self.write("weir.ini", ini)]

    def ctl(self, *words, timeout=30):
        return subprocess.run([os.path.join(self.build, "weirctl"), "-r", self.runtime, *words], capture_output=True, text=True,
                              timeout=timeout)


class Nginx(Peer):
    name, package, program, more = "nginx", "nginx-light", "nginx", ""

    def command(self):
        f = self.folder
        return ["nginx", "-p", f, "-e", f + "/error.log", "-c", self.write("nginx.conf", f"""
            daemon off; worker_processes 2; pid {f}/pid; error_log {f}/error.log;
            events {{ worker_connections 4096; }}
            http {{ access_log off; sendfile on; tcp_nopush on; {self.more}
              client_body_temp_path {f}/b; proxy_temp_path {f}/p; fastcgi_temp_path {f}/f;
              uwsgi_temp_path {f}/u; scgi_temp_path {f}/s;
              server {{ listen 127.0.0.1:{self.port}; root {self.root}; }} }}""")]


class NginxThreads(Nginx):
    name, more = "nginx aio threads", "aio threads;"


class Lighttpd(Peer):
    name, package, program = "lighttpd", "lighttpd", "lighttpd"

    def command(self):
        return ["lighttpd", "-D", "-f", self.write("lighttpd.conf", f"""
            server.document-root = "{self.root}"
            server.port = {self.port}
            server.bind = "127.0.0.1"
            server.max-worker = 2
            server.errorlog = "{self.folder}/error.log"
            """)]


class H2o(Peer):
    name, package, program = "h2o", "h2o", "h2o"

    def command(self):
        return ["h2o", "-c", self.write("h2o.conf", f"""
listen: {{host: 127.0.0.1, port: {self.port}}}
num-threads: 2
user: {"root" if os.geteuid() == 0 else "nobody"}
hosts:
  default:
    paths:
      /:
        file.dir: {self.root}
""")]


class Caddy(Peer):
    name, package, program = "caddy", "caddy", "caddy"

    def command(self):
        return ["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", f"""{{
    admin off
    auto_https off
}}
http://:{self.port} {{
    bind 127.0.0.1
    root * {self.root}
    file_server
}}
""")]


class Aiohttp(Peer):
    name, package, processes = "aiohttp", "python3-aiohttp", 2

    @classmethod
    def missing(cls):
        return None if has_module("aiohttp") else cls.package

    def command(self):
        return [PYTHON, self.write("serve.py", AIOHTTP), str(self.port), self.root]


class FastApi(Peer):
    name, package = "fastapi FileResponse", "python3-fastapi and python3-uvicorn"

    @classmethod
    def missing(cls):
        return None if has_module("fastapi") and has_module("uvicorn") else cls.package

    def command(self):
        self.write("serve.py", FASTAPI.replace("ROOT", self.root))
        return [PYTHON, "-m", "uvicorn", "serve:app", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "2",
                "--log-level", "warning", "--no-access-log"]


PEERS = [Weir, Nginx, NginxThreads, Lighttpd, H2o, Caddy, Aiohttp, FastApi]
