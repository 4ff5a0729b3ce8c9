#!/usr/bin/env python3
"""Nearside beside Redis, an empty responder and other proxies, on one machine, in interleaved runs.

See benches/README.md for what the figures mean. `make bench` prepares everything and runs this.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import idle, load, plot, procfs, report  # noqa: E402
from harness.endpoints import (  # noqa: E402
    COMMANDS,
    FailedToStart,
    NotAvailable,
    Process,
    Settings,
    start,
    start_upstream,
)
from harness.load import Load, RunFailed  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
WARM_UP = {1: 20_000, 16: 200_000}
PROGRESS = (
    "round {round:2}  {endpoint:10}  pipeline {pipeline:2}  {cpu_us:6.2f} us  {rps:9.0f}/s"
    "  elsewhere {elsewhere:.1%}, stolen {stolen:.1%}"
)
TROUBLE = (FailedToStart, RunFailed, OSError, subprocess.TimeoutExpired)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="rounds over all endpoints (default 11)")
    parser.add_argument("--seconds", type=float, default=2.0, help="aimed-at length of a run (default 2)")
    parser.add_argument("--requests", type=int, help="requests of a run, instead of --seconds")
    parser.add_argument("--only", help="comma-separated endpoints: " + ",".join(COMMANDS))
    parser.add_argument("--pipelines", default="1,16", help="pipeline depths (default 1,16)")
    parser.add_argument("--command", choices=("get", "set"), default="get")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections; 0 leaves it out")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 second, 2000 idle connections")
    parser.add_argument("--pin", action="store_true", help="endpoint on the first cpu, the rest on the last")
    parser.add_argument("--seed", type=int, help="seed of the shuffled order (default: random, recorded)")
    target = ROOT / "target/release"
    parser.add_argument("--nearside", type=Path, default=target / "nearside", help="the binary to measure")
    parser.add_argument("--responder", type=Path, default=target / "examples/empty_responder")
    parser.add_argument("--out", type=Path, default=ROOT / "target/bench", help="where JSON and plot go")
    parser.add_argument("--plot-only", type=Path, metavar="JSON", help="print and draw an earlier run again")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds, chosen.idle = 2, 1.0, min(chosen.idle, 2000)
    chosen.pipelines = [int(depth) for depth in chosen.pipelines.split(",")]
    chosen.only = chosen.only.split(",") if chosen.only else list(COMMANDS)
    unknown = set(chosen.only) - set(COMMANDS)
    if unknown:
        parser.error(f"unknown endpoint: {', '.join(sorted(unknown))}")
    return chosen


@contextmanager
def running(name: str, settings: Settings, upstream: Process) -> Iterator[Process]:
    """The endpoint in a process of its own, fresh for every turn; "direct" is the upstream itself."""
    if name == "direct":
        yield upstream
        return
    with start(name, settings) as process:
        yield process


def place(endpoint: Process, upstream: Process, cpus: list[int] | None) -> None:
    """With --pin: the endpoint alone on the first CPU, everything else of the run on the last."""
    if cpus:
        procfs.pin(upstream.pid, cpus[-1])
        # Second, because "direct" is the upstream: it is then measured where the others are.
        procfs.pin(endpoint.pid, cpus[0])


def turn(name: str, settings: Settings, upstream: Process, chosen: argparse.Namespace) -> Iterator[dict]:
    """One endpoint's turn in a round: each pipeline depth, after a warm-up that also sets the length."""
    with running(name, settings, upstream) as endpoint:
        place(endpoint, upstream, chosen.cpus)
        for depth in random.sample(chosen.pipelines, len(chosen.pipelines)):
            first = Load(chosen.command, depth, WARM_UP.get(depth, 50_000))
            warm_up = load.measure(endpoint, upstream, first)
            requests = chosen.requests or max(first.requests, int(warm_up["rps"] * chosen.seconds))
            figures = load.measure(endpoint, upstream, Load(chosen.command, depth, requests))
            yield {"endpoint": name, "pipeline": depth, **figures}


def available(chosen: argparse.Namespace, settings: Settings) -> list[str]:
    """The endpoints that can start here; the others are named with what would bring them."""
    names = []
    for name in chosen.only:
        try:
            if name != "direct":
                start(name, settings).stop()
            names.append(name)
        except (NotAvailable, FailedToStart) as reason:
            print(f"skipped {name}: {reason}", file=sys.stderr)
    return names


def measure_rounds(
    names: list[str], settings: Settings, upstream: Process, chosen: argparse.Namespace
) -> list[dict]:
    runs = []
    for number in range(1, chosen.rounds + 1):
        for name in random.sample(names, len(names)):
            try:
                for run in turn(name, settings, upstream, chosen):
                    runs.append({"round": number, **run})
                    print(PROGRESS.format(**runs[-1]), flush=True)
            except TROUBLE as problem:
                print(f"round {number}: {name} has no figure: {problem}", file=sys.stderr)
    return runs


def measure_memory(
    names: list[str], settings: Settings, upstream: Process, chosen: argparse.Namespace
) -> dict:
    """Each endpoint from a fresh start: memory after a run of both depths, then with idle connections."""
    found = {}
    for name in names:
        if name == "control":
            continue
        try:
            with running(name, settings, upstream) as endpoint:
                for depth in chosen.pipelines:
                    load.run_redis_benchmark(endpoint.port, Load(chosen.command, depth, 100_000))
                after_run = procfs.resident_kib(endpoint.pid)
                found[name] = {"after_run_kib": after_run["rss"], "after_run_anon_kib": after_run["anon"]}
                found[name]["binary_bytes"] = procfs.binary_bytes(endpoint.pid)
                if chosen.idle:
                    connections = idle.connections_that_fit(name, chosen.idle)
                    found[name]["idle"] = idle.measure(endpoint, connections)
        except TROUBLE as problem:
            print(f"memory of {name}: {problem}", file=sys.stderr)
    return found


def commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def run(chosen: argparse.Namespace, scratch: Path) -> dict:
    machine = procfs.describe_machine()
    idle.raise_file_limit(2 * chosen.idle + 1000)
    settings = Settings(chosen.nearside.resolve(), chosen.responder.resolve(), scratch)
    settings.haproxy_connections = idle.connections_that_fit("haproxy", max(chosen.idle, 4000))
    chosen.cpus = sorted(os.sched_getaffinity(0)) if chosen.pin else None
    if chosen.cpus:
        # redis-benchmark inherits this; the servers are placed one by one.
        procfs.pin(os.getpid(), chosen.cpus[-1])
    with start_upstream(settings) as upstream:
        settings.upstream_port = upstream.port
        load.preload(upstream.port)
        names = available(chosen, settings)
        runs = measure_rounds(names, settings, upstream, chosen)
        memory = measure_memory(names, settings, upstream, chosen)
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(),
        "machine": machine,
        "command": chosen.command,
        "pipelines": chosen.pipelines,
        "rounds": chosen.rounds,
        "seed": chosen.seed,
        "pinned": chosen.pin,
        "summary": report.summarise(runs, names, chosen.pipelines),
        "memory": memory,
        "noise": report.noise(runs) if runs else None,
        "runs": runs,
    }


def main() -> int:
    # Ended from outside, the servers it started are still stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = arguments()
    if chosen.plot_only:
        result = json.loads(chosen.plot_only.read_text())
    else:
        chosen.seed = random.randrange(1 << 32) if chosen.seed is None else chosen.seed
        random.seed(chosen.seed)
        try:
            with tempfile.TemporaryDirectory(prefix="nearside-bench-") as scratch:
                result = run(chosen, Path(scratch))
        except (NotAvailable, FailedToStart) as problem:
            print(f"cannot run: {problem}", file=sys.stderr)
            return 1
        if not result["runs"]:
            print("no endpoint could be measured", file=sys.stderr)
            return 1
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "latest.json").write_text(json.dumps(result, indent=1) + "\n")
    print(report.render(result))
    try:
        for suffix in ("svg", "png"):
            plot.draw(result, chosen.out / f"latest.{suffix}")
        print(f"\nwritten: {chosen.out}/latest.json, latest.svg, latest.png")
    except plot.NoMatplotlib as missing:
        print(f"\nwritten: {chosen.out}/latest.json ({missing})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
