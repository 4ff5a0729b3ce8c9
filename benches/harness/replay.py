"""Runs of `cache_load`: what the load saw, and what the kernel and the upstream say about the same time.

Hits are what never reached the upstream: of the reads of a run, those that its `INFO commandstats` does
not count. So nothing that the proxy says about itself is believed.
"""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

from harness import load, procfs
from harness.endpoints import Process
from harness.heavy import encode
from harness.load import RunFailed

PATIENCE = 300


def _arguments(options: dict[str, object]) -> list[str]:
    """`rate=100.0, mix=True` as `--rate 100.0 --mix`."""
    words = []
    for name, value in options.items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return words


def gets(port: int) -> int:
    """GETs the upstream has executed so far."""
    line = load.info(port).get("cmdstat_get", "calls=0,")
    return int(line.split(",")[0].removeprefix("calls="))


def replay(loader: Path, endpoint: Process, upstream: Process, **options: object) -> dict:
    """One trace through the endpoint; see `cache_load run --help` for the options."""
    command = [str(loader), "run", "--port", str(endpoint.port), *_arguments(options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            if child.stdout.readline() != "ready\n":
                raise RunFailed(f"cache_load ended early: {' '.join(command)}")
            watch = Watch([endpoint.pid, upstream.pid, child.pid, os.getpid()])
            before, cpu = gets(upstream.port), procfs.cpu_seconds(endpoint.pid)
            child.stdin.write("\n")
            child.stdin.flush()
            line = child.stdout.readline()
            if not line:
                raise RunFailed(f"cache_load failed: {' '.join(command)}")
            found = json.loads(line)
            found["disturbed"] = watch.disturbed()
            found["upstream_gets"] = gets(upstream.port) - before
            requests = found["reads"] + found["writes"] + found["cold"]
            found["cpu_us"] = (procfs.cpu_seconds(endpoint.pid) - cpu) / requests * 1e6
        finally:
            child.kill()
    asked = found["reads"] + found["cold"]
    found["hit_ratio"] = 1 - found["upstream_gets"] / asked
    found["perfect"] = found["perfect_hits"] / asked
    found["rps"] = requests / found["seconds"]
    if found["nil"] > found["cold"]:
        raise RunFailed(f"{found['nil']} reads found nothing: the keys of the preload are gone")
    return found


class Watch:
    """How much of the machine others took since it was made, as a share."""

    def __init__(self, ours: list[int]):
        self.ours = ours
        self.others, self.start = self._others(), time.monotonic()

    def _others(self) -> float:
        machine = procfs.machine_seconds()
        return machine["busy"] + machine["steal"] - sum(procfs.cpu_seconds(pid) for pid in self.ours)

    def disturbed(self) -> float:
        took = (time.monotonic() - self.start) * (os.cpu_count() or 1)
        return max(0.0, (self._others() - self.others) / took)


def delay(loader: Path, port: int, direct: int, writes: int) -> dict:
    """How long direct writes stay unseen by a reader at `port`."""
    command = [str(loader), "delay", "--port", str(port), "--direct", str(direct), "--writes", str(writes)]
    before = gets(direct)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise RunFailed(f"cache_load: {done.stderr}")
    found = json.loads(done.stdout)
    found["hit_ratio"] = 1 - (gets(direct) - before) / found["reads"]
    return found


def ask(port: int, *words: bytes) -> bytes:
    """A simple reply, without its end of line: for set-up only."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(encode(*words))
        return client.makefile("rb").readline().strip()


def said(port: int) -> dict[str, str]:
    """What the proxy's own `INFO` says, for the record: nothing, where it has no such section."""
    return {name: value for name, value in load.info(port).items() if "cache" in name}
