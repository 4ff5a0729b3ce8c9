"""One measured run: redis-benchmark against one endpoint, with the kernel's figures around it."""

import csv
import io
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness import procfs
from harness.endpoints import Process, find_program
from harness.heavy import encode

CLIENTS = 50
KEYS = 100_000
VALUE_BYTES = 64
# Keys that one script of the preload sets.
PIECE = 100_000
FILL = b"for i = ARGV[1], ARGV[2] - 1 do redis.call('SET', string.format('key:%012d', i), ARGV[3]) end"


class RunFailed(Exception):
    """redis-benchmark or the endpoint did not do its work; the text says what was seen."""


@dataclass
class Load:
    """One request pattern: `get` or `set`, and the pipeline depth."""

    command: str
    pipeline: int
    requests: int
    # Drawn uniformly.
    keys: int = KEYS
    # Over TLS, trusting the authority in this file.
    authority: Path | None = None


def preload(port: int, keys: int = KEYS) -> None:
    """Sets every key that redis-benchmark may ask for, so that every GET finds 64 bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        answers = client.makefile("rb")
        for first in range(0, keys, PIECE):
            words = (b"EVAL", FILL, b"0", b"%d" % first, b"%d" % min(first + PIECE, keys), b"v" * VALUE_BYTES)
            client.sendall(encode(*words))
            if not (answer := answers.readline()).startswith(b"$-1"):
                raise RunFailed(f"the upstream refused the preload: {answer!r}")


def info(port: int) -> dict[str, str]:
    """All of `INFO`, commandstats included."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(encode(b"INFO", b"ALL"))
        answer = client.makefile("rb")
        text = answer.read(int(answer.readline()[1:])).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def keyspace(port: int) -> dict[str, int]:
    """The upstream's hits and misses so far."""
    pairs = info(port)
    return {name: int(pairs[f"keyspace_{name}"]) for name in ("hits", "misses")}


def run_redis_benchmark(endpoint: Process, load: Load) -> tuple[dict[str, str], float]:
    """The csv row of redis-benchmark, and the CPU seconds it used itself."""
    port = endpoint.tls_port if load.authority else endpoint.port
    command = [find_program("redis-benchmark", "redis-tools"), "-h", "127.0.0.1", "-p", str(port)]
    command += ["-c", str(CLIENTS), "-n", str(load.requests), "-P", str(load.pipeline)]
    command += ["-d", str(VALUE_BYTES), "-r", str(load.keys), "-t", load.command, "--csv", "--precision", "3"]
    command += ["--tls", "--cacert", str(load.authority)] if load.authority else []
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    after = os.times()
    rows = list(csv.DictReader(io.StringIO(done.stdout[done.stdout.find('"test"') :])))
    if done.returncode != 0 or len(rows) != 1:
        raise RunFailed(f"redis-benchmark: exit {done.returncode}: {(done.stdout + done.stderr)[-800:]}")
    own = after.children_user + after.children_system - before.children_user - before.children_system
    return rows[0], own


def measure(endpoint: Process, upstream: Process, load: Load) -> dict[str, float]:
    """Runs the load once. CPU is the endpoint's own; `elsewhere` is the share of the machine taken
    by processes that are no part of the run, `stolen` what the hypervisor took."""
    pids = {endpoint.pid, upstream.pid}
    counts = keyspace(upstream.port)
    cpu = {pid: procfs.cpu_seconds(pid) for pid in pids}
    machine, started = procfs.machine_seconds(), time.monotonic()
    row, client_cpu = run_redis_benchmark(endpoint, load)
    elapsed, machine_after = time.monotonic() - started, procfs.machine_seconds()
    cpu = {pid: procfs.cpu_seconds(pid) - before for pid, before in cpu.items()}
    counts_after = keyspace(upstream.port)
    if not endpoint.alive():
        raise RunFailed(f"{endpoint.name} ended during the run")
    if load.command == "get" and counts_after["misses"] != counts["misses"]:
        raise RunFailed(f"{endpoint.name}: GETs missed, so the preloaded keys were not the ones asked for")
    whole = elapsed * (os.cpu_count() or 1)
    others = machine_after["busy"] - machine["busy"] - sum(cpu.values()) - client_cpu
    resident = procfs.resident_kib(endpoint.pid)
    return {
        "requests": load.requests,
        "seconds": elapsed,
        "rps": float(row["rps"]),
        "p50_ms": float(row["p50_latency_ms"]),
        "p99_ms": float(row["p99_latency_ms"]),
        "cpu_us": cpu[endpoint.pid] / load.requests * 1e6,
        "upstream_cpu_us": cpu[upstream.pid] / load.requests * 1e6,
        "endpoint_busy": cpu[endpoint.pid] / elapsed,
        "reached_upstream": (counts_after["hits"] - counts["hits"]) / load.requests,
        "elsewhere": max(0.0, others / whole),
        "stolen": (machine_after["steal"] - machine["steal"]) / whole,
        "rss_kib": resident["rss"],
    }
