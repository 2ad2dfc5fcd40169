#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""weir beside nginx and lighttpd: one worker each on one CPU, the load (wrk) on another, the
servers taking turns in every round, so that a machine whose speed drifts drifts for all of
them. Prints a Markdown table of medians: requests per second, and the servers' own CPU time
(user and system, from /proc) per request, both also as ratios to nginx. A lone figure says
little on a shared machine; the ratios are what to read. Loads 127.0.0.1 only; every run is
bounded in time. `make bench` calls it; it is no part of make check."""

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("WEIR_BUILD", os.getcwd())
FILES = {"4k": 4096, "10m": 10 * 1024 * 1024}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def up(port):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"nothing listens on {port}")


class Server:
    def __init__(self, name, folder, cpu):
        self.name, self.port = name, free_port()
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        command = getattr(self, "_" + name)(os.path.join(folder, "root"))
        self.process = subprocess.Popen(["taskset", "-c", str(cpu), *command], stdout=subprocess.DEVNULL,
                                        stderr=open(self.folder + "/stderr", "w"), start_new_session=True)
        up(self.port)

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def _weir(self, root):
        return [os.path.join(BUILD, "weir"), "-c", self._write("weir.ini",
                f"[server]\nlisten = 127.0.0.1:{self.port}\nworkers = 1\nruntime_dir = {self.folder}/run\n"
                f"[log]\naccess = off\nerror = stderr\n[location /]\nfiles = {root}\n")]

    def _nginx(self, root):
        return ["nginx", "-p", self.folder, "-e", self.folder + "/error.log", "-c", self._write("nginx.conf", f"""
            daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;
            events {{ worker_connections 4096; }}
            http {{ access_log off; sendfile on; tcp_nopush on; keepalive_timeout 65; keepalive_requests 1000000;
              open_file_cache max=10000 inactive=60s; open_file_cache_valid 1s; open_file_cache_errors on;
              include /etc/nginx/mime.types;
              client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p;
              fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
              server {{ listen 127.0.0.1:{self.port}; root {root}; }} }}""")]

    def _lighttpd(self, root):
        return ["lighttpd", "-D", "-f", self._write("lighttpd.conf", f"""
            server.document-root = "{root}"
            server.port = {self.port}
            server.bind = "127.0.0.1"
            server.max-keep-alive-requests = 1000000
            server.errorlog = "{self.folder}/error.log"
            mimetype.assign = ( ".bin" => "application/octet-stream" )
            """)]

    def pids(self):
        pids = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat") as f:
                        fields = f.read().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[3]) == self.process.pid:
                    pids.append(int(name))
        return pids

    def cpu_seconds(self):
        """User and system time of all its processes, from schedstat (ns) where it is there."""
        total = 0.0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            except OSError:
                pass
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(server, path, connections, seconds, cpu):
    before = server.cpu_seconds()
    out = subprocess.run(["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s",
                          f"http://127.0.0.1:{server.port}{path}"], capture_output=True, text=True,
                         timeout=seconds + 30).stdout
    used = server.cpu_seconds() - before
    m = re.search(r"(\d+) requests in", out)
    rate = re.search(r"Requests/sec: +([\d.]+)", out)
    if not m or not rate or "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"{server.name} {path}:\n{out}")
    return float(rate.group(1)), used / max(1, int(m.group(1)))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--connections", type=int, default=64)
    p.add_argument("--files", nargs="+", choices=FILES, default=list(FILES))
    p.add_argument("--server-cpu", type=int, default=0)
    p.add_argument("--load-cpu", type=int, default=1)
    args = p.parse_args()
    missing = [n for n in ("wrk", "nginx", "lighttpd", "taskset") if not shutil.which(n)]
    if missing:
        sys.exit("the benchmark needs " + ", ".join(missing) + ": apt-get install wrk nginx-light lighttpd util-linux")
    folder = tempfile.mkdtemp(prefix="weir-bench-", dir="/tmp")
    os.chmod(folder, 0o755)
    os.makedirs(folder + "/root")
    for name, size in FILES.items():
        with open(f"{folder}/root/{name}.bin", "wb") as f:
            f.write(os.urandom(size))
    servers = []
    try:
        for name in ("weir", "nginx", "lighttpd"):
            servers.append(Server(name, folder, args.server_cpu))
        print(f"{args.rounds} rounds of {args.seconds} s, {args.connections} keep-alive connections, one worker on "
              f"CPU {args.server_cpu}, load on CPU {args.load_cpu}; medians\n")
        print("| file | server | requests/s | ratio to nginx | CPU per request | ratio to nginx |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name in args.files:
            results = {s.name: [] for s in servers}
            for _ in range(args.rounds):
                for s in servers:
                    results[s.name].append(measure(s, f"/{name}.bin", args.connections, args.seconds, args.load_cpu))
            rate = {n: statistics.median(r for r, _ in v) for n, v in results.items()}
            cost = {n: statistics.median(c for _, c in v) for n, v in results.items()}
            for s in servers:
                n = s.name
                print(f"| {name} | {n} | {rate[n]:.0f} | {rate[n] / rate['nginx']:.2f} | {cost[n] * 1e6:.2f} us | "
                      f"{cost[n] / cost['nginx']:.2f} |", flush=True)
    finally:
        for s in servers:
            s.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
