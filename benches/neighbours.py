#!/usr/bin/env python3
"""What one heavy client does to the others: latency of small GETs, directly and through Nearside.

A redis-server and a Nearside before it; in turn, directly and through Nearside, some connections send
small GETs at fixed times while one client does something heavy. The figure is the p99 through Nearside
over the p99 under the same load directly, in the same round; the median of the rounds counts. Its
limit is 2. See benches/README.md.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.endpoints import Process, Settings, free_port, start_upstream  # noqa: E402
from harness.heavy import Load, Running, prepare  # noqa: E402
from harness.procfs import cpu_seconds, machine_seconds  # noqa: E402
from harness.probe import percentile, small_gets  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 2.0
# Share of the machine that others may take in a run, and how many quiet rounds are enough.
DISTURBED, FEWEST = 0.1, 3
PARTS = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


class Turn:
    """One run of one load on one port: percentiles in ms, and how much the heavy client was served."""

    def __init__(self, port: int, servers: list[int], load: Load, chosen: argparse.Namespace):
        with Running(load, port) as heavy:
            time.sleep(0.5)
            ours = [os.getpid(), heavy.pid, *servers]
            before, others, start = heavy.answered(), elsewhere(ours), time.monotonic()
            latencies = small_gets(port, chosen.seconds, chosen.connections, chosen.rate)
            took = time.monotonic() - start
            self.served = (heavy.answered() - before) / took
            self.disturbed = (elsewhere(ours) - others) / took / (os.cpu_count() or 1) > DISTURBED
        time.sleep(0.3)
        self.parts = {name: percentile(latencies, part) for name, part in PARTS.items()}


def elsewhere(ours: list[int]) -> float:
    """CPU seconds so far that went to anybody but us, the hypervisor included."""
    machine = machine_seconds()
    return machine["busy"] + machine["steal"] - sum(cpu_seconds(pid) for pid in ours)


class Rounds:
    """All rounds of one load: pairs of turns, directly and through Nearside."""

    def __init__(self, load: Load, redis: Process, near: Process, chosen: argparse.Namespace):
        self.load = load
        ports, servers = (redis.port, near.port), [redis.pid, near.pid]
        pairs: list[tuple[Turn, Turn]] = []
        for i in range(chosen.rounds):
            order = (0, 1) if i % 2 == 0 else (1, 0)
            turns = {side: Turn(ports[side], servers, load, chosen) for side in order}
            pairs.append((turns[0], turns[1]))
        quiet = [pair for pair in pairs if not any(turn.disturbed for turn in pair)]
        self.pairs = quiet if len(quiet) >= FEWEST else pairs
        self.quiet = f"{len(quiet)}/{len(pairs)}"

    def ratios(self, part: str) -> list[float]:
        return [through.parts[part] / direct.parts[part] for direct, through in self.pairs]

    def missed(self) -> bool:
        return self.load.step is not None and statistics.median(self.ratios("p99")) > LIMIT

    def line(self) -> str:
        sides = [[pair[side] for pair in self.pairs] for side in (0, 1)]
        served = "/".join(f"{statistics.median(t.served for t in side):.1f}" for side in sides)
        times = " ".join(
            f"{statistics.median(t.parts[part] for t in side):7.1f}"
            for part in PARTS
            for side in sides
        )
        p99, late, most = (self.ratios(part) for part in ("p99", "p99.9", "max"))
        ratio = f"{statistics.median(p99):5.2f} ({min(p99):.2f}..{max(p99):.2f})"
        others = f"{statistics.median(late):6.2f} {statistics.median(most):6.2f}"
        return f"{self.load.name:18} {self.quiet:>6} {served:>13} {times}  {ratio:18} {others}" + ("  MISSED" * self.missed())


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a run")
    parser.add_argument("--connections", type=int, default=4, help="connections with small GETs")
    parser.add_argument("--rate", type=float, default=2000.0, help="small GETs a second, on all of them together")
    parser.add_argument("--only", help="comma-separated loads")
    parser.add_argument("--nearside", type=Path, default=ROOT / "target/release/nearside")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    missed = False
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(chosen.nearside, Path(), Path(scratch))
        with start_upstream(settings) as redis:
            loads = prepare(redis.port)
            if chosen.only:
                loads = [load for load in loads if load.name in chosen.only.split(",")]
            port = free_port()
            command = [str(chosen.nearside), "--listen", f"127.0.0.1:{port}"]
            command += ["--upstream", f"redis://127.0.0.1:{redis.port}", "--profile", "transparent"]
            with Process("nearside", command, port, settings.scratch) as near:
                heads = " ".join(f"{part + ' ms':>15}" for part in PARTS)
                print(f"direct/through      quiet {'heavy/s':>13} {heads}  {'p99 ratio':18} {'p99.9':>6} {'max':>6}")
                for load in loads:
                    rounds = Rounds(load, redis, near, chosen)
                    missed |= rounds.missed()
                    print(rounds.line(), flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
