#!/usr/bin/env python3
"""Nearside beside Redis, an empty responder and other proxies, on one machine, in interleaved runs.

See benches/README.md for what the figures mean. `make bench` prepares everything and runs this.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import idle, load, plot, procfs, report  # noqa: E402
from harness.endpoints import (  # noqa: E402
    COMMANDS,
    PASSING_ON,
    FailedToStart,
    NotAvailable,
    Process,
    Settings,
    start_upstream,
)
from harness.load import Load  # noqa: E402
from harness.rounds import TROUBLE, Plan, available, measure_rounds, running  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


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
    chosen.only = chosen.only.split(",") if chosen.only else PASSING_ON
    unknown = set(chosen.only) - set(COMMANDS)
    if unknown:
        parser.error(f"unknown endpoint: {', '.join(sorted(unknown))}")
    return chosen


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
                    load.run_redis_benchmark(endpoint, Load(chosen.command, depth, 100_000))
                after_run = procfs.resident_kib(endpoint.pid)
                found[name] = {"after_run_kib": after_run["rss"], "after_run_anon_kib": after_run["anon"]}
                found[name]["binary_bytes"] = procfs.binary_bytes(endpoint.pid)
                if chosen.idle:
                    connections = idle.connections_that_fit(name, chosen.idle)
                    found[name]["idle"] = idle.measure(endpoint, connections)
        except TROUBLE as problem:
            print(f"memory of {name}: {problem}", file=sys.stderr)
    return found


def run(chosen: argparse.Namespace, scratch: Path) -> dict:
    machine = procfs.describe_machine()
    idle.raise_file_limit(2 * chosen.idle + 1000)
    settings = Settings(chosen.nearside.resolve(), chosen.responder.resolve(), scratch)
    settings.haproxy_connections = idle.connections_that_fit("haproxy", max(chosen.idle, 4000))
    cpus = sorted(os.sched_getaffinity(0)) if chosen.pin else None
    if cpus:
        # redis-benchmark inherits this; the servers are placed one by one.
        procfs.pin(os.getpid(), cpus[-1])
    with start_upstream(settings) as upstream:
        settings.upstream_port = upstream.port
        load.preload(upstream.port)
        names = available(chosen.only, settings)
        plan = Plan(chosen.command, chosen.pipelines, chosen.rounds, chosen.seconds, chosen.requests, cpus)
        runs = measure_rounds(names, settings, upstream, plan)
        memory = measure_memory(names, settings, upstream, chosen)
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": procfs.commit(ROOT),
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
