# SPDX-License-Identifier: BSD-2-Clause
"""The servers that the benchmarks run side by side: each serving one folder on 127.0.0.1 and
otherwise with the defaults of its Debian package. Started in a session of its own and ended by
process id. Options of all of them:

  workers  worker processes, or threads, as it has them; 2 without it
  cpus     the CPUs it may run on; all without it
  long     no end of a connection after so many requests
  log      an access log in its folder
  cache    files its cache of open files may hold, where it has one
"""

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


def end_tidily():
    """Lets SIGTERM end a benchmark as an exception does, so that no server is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pss_bytes(pid):
    """What of the memory of a process is its own, shared pages divided by those who share them."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            for line in f:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # it has ended, or is somebody else's
    return 0


def has_module(name):
    return os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", f"import {name}"], stderr=subprocess.DEVNULL,
                                                     cwd="/").returncode == 0


class Peer:
    name = ""
    package = ""
    each_worker = False  # whether the command is started for each worker

    def __init__(self, folder, root, **options):
        self.folder, self.root, self.options = folder, root, options
        self.port = free_port()
        self.workers, self.long, self.log = options.get("workers", 2), options.get("long"), options.get("log")
        self.cache, self.cpus = options.get("cache"), options.get("cpus")
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
        env = dict(os.environ, HOME=self.folder, XDG_DATA_HOME=self.folder, XDG_CONFIG_HOME=self.folder, GOMAXPROCS=str(self.workers),
                   PYTHONDONTWRITEBYTECODE="1")
        self.errors = open(os.path.join(self.folder, "stderr"), "a")
        command = self.command()
        if self.cpus:
            command = ["taskset", "-c", ",".join(map(str, self.cpus)), *command]
        for _ in range(self.workers if self.each_worker else 1):
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
        """User and system time of its processes so far, ended threads included, in nanoseconds' steps:
        the CPU-time clock of each process (clock_getcpuclockid(3))."""
        total = 0.0
        for pid in self.pids():
            try:
                total += time.clock_gettime((~pid << 3) | 2)
            except OSError:
                pass
        return total

    def pss_bytes(self):
        """The proportional set size of all its processes."""
        return sum(pss_bytes(pid) for pid in self.pids())

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


class Floor(Peer):
    """floor.c. Its options: file and size of the response; close: after each."""
    name = "floor"

    @classmethod
    def missing(cls):
        return None if os.path.exists(os.path.join(BUILD, "tests/bench/floor")) else "make bench"

    def command(self):
        words = [os.path.join(BUILD, "tests/bench/floor"), *(["-x"] if self.options.get("close") else [])]
        return [*words, str(self.port), os.path.join(self.root, self.options["file"]), str(self.options["size"])]


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
        cache = f"[cache]\nentries = {self.cache}\ncontent = {self.cache * 8}k\n" if self.cache else ""
        access = f"{self.folder}/access.log" if self.log else "off"
        ini = (f"[server]\nlisten = 127.0.0.1:{self.port}\nworkers = {self.workers}\nruntime_dir = {self.runtime}\n"
               f"{self.options.get('server', '')}\n[log]\naccess = {access}\nerror = {self.folder}/error.log\n"
               f"{cache}{self.options.get('ini', '')}\n[location /]\nfiles = {self.root}\n"
               f"{self.options.get('location', '')}\n")
        return [os.path.join(self.build, "weir"), "-c", self.write("weir.ini", ini)]

    def ctl(self, *words, timeout=30):
        return subprocess.run([os.path.join(self.build, "weirctl"), "-r", self.runtime, *words], capture_output=True, text=True,
                              timeout=timeout)


class Nginx(Peer):
    name, package, program, more, log_options = "nginx", "nginx-light", "nginx", "", ""

    def tuning(self):
        return self.more

    def command(self):
        f = self.folder
        access = f"{f}/access.log combined{self.log_options}" if self.log else "off"
        long = "keepalive_requests 1000000000;" if self.long else ""
        return ["nginx", "-p", f, "-e", f + "/error.log", "-c", self.write("nginx.conf", f"""
            daemon off; worker_processes {self.workers}; pid {f}/pid; error_log {f}/error.log;
            events {{ worker_connections 4096; }}
            http {{ access_log {access}; sendfile on; tcp_nopush on; {long} {self.tuning()}
              client_body_temp_path {f}/b; proxy_temp_path {f}/p; fastcgi_temp_path {f}/f;
              uwsgi_temp_path {f}/u; scgi_temp_path {f}/s;
              server {{ listen 127.0.0.1:{self.port}; root {self.root}; }} }}""")]


class NginxThreads(Nginx):
    name, more = "nginx aio threads", "aio threads;"


class NginxTuned(Nginx):
    """With its cache of open files, and its log written in pieces."""
    name, log_options = "nginx tuned", " buffer=64k flush=1s"

    def tuning(self):
        return (f"open_file_cache max={self.cache or 10000} inactive=60s; open_file_cache_valid 1s; "
                "open_file_cache_min_uses 1; open_file_cache_errors on;")


class Lighttpd(Peer):
    name, package, program = "lighttpd", "lighttpd", "lighttpd"

    def command(self):
        workers = f"server.max-worker = {self.workers}" if self.workers > 1 else ""
        long = "server.max-keep-alive-requests = 1000000000" if self.long else ""
        log = f'server.modules += ("mod_accesslog")\naccesslog.filename = "{self.folder}/access.log"' if self.log else ""
        return ["lighttpd", "-D", "-f", self.write("lighttpd.conf", f"""
            server.document-root = "{self.root}"
            server.port = {self.port}
            server.bind = "127.0.0.1"
            mimetype.assign = ( "" => "application/octet-stream" )
            {workers}
            {long}
            {log}
            server.errorlog = "{self.folder}/error.log"
            """)]


class H2o(Peer):
    name, package, program = "h2o", "h2o", "h2o"

    def command(self):
        log = f"access-log: {self.folder}/access.log" if self.log else ""
        return ["h2o", "-c", self.write("h2o.conf", f"""
listen: {{host: 127.0.0.1, port: {self.port}}}
num-threads: {self.workers}
{log}
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
        log = f"log {{\noutput file {self.folder}/access.log\n}}" if self.log else ""
        return ["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", f"""{{
    admin off
    auto_https off
}}
http://:{self.port} {{
    bind 127.0.0.1
    root * {self.root}
    file_server
    {log}
}}
""")]


class Aiohttp(Peer):
    name, package, each_worker = "aiohttp", "python3-aiohttp", True

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
        return [PYTHON, "-m", "uvicorn", "serve:app", "--host", "127.0.0.1", "--port", str(self.port), "--workers", str(self.workers),
                "--log-level", "warning", "--no-access-log"]


PEERS = [Weir, Nginx, NginxThreads, Lighttpd, H2o, Caddy, Aiohttp, FastApi]  # beside slow disks
HOT_PEERS = [Floor, Weir, NginxTuned, Nginx, Lighttpd, H2o, Caddy, Aiohttp, FastApi]
