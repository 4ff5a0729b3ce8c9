#!/usr/bin/env python3
"""The near cache's figures: what hits cost, how many there are, what they cost others, how stale they get.

See benches/README.md. `make bench-cache` prepares everything and runs this.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import idle, load, near, procfs, report  # noqa: E402
from harness.endpoints import FailedToStart, NotAvailable, Settings, start_upstream  # noqa: E402
from harness.near import Bench, Section  # noqa: E402
from harness.rounds import TROUBLE, Plan, available, measure_rounds  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
# CPU over the empty responder's, by keys and pipeline; throughput over direct Redis's, by pipeline.
HIT_LIMITS = {100: {1: 1.2, 16: 1.6}, 10_000: {1: 1.3, 16: 2.2}}
HIT_THROUGHPUT = {1: 1.0, 16: 1.3}
# A run in which more than this share of the reads reached the upstream is none of hits.
MISSES_LIMIT = 0.01
USELESS_KEYS = 10_000_000


def hits(bench: Bench, chosen: argparse.Namespace) -> Section:
    """What a hit costs: hot keys, few and many."""
    section = Section()
    for keys, limits in HIT_LIMITS.items():
        plan = Plan("get", [1, 16], chosen.rounds, chosen.seconds, keys=keys, first=max(200_000, 20 * keys))
        names = available(["direct", "empty", "control", "cached"], bench.settings)
        runs = measure_rounds(names, bench.settings, bench.upstream, plan)
        summary = report.summarise(runs, names, plan.pipelines)
        _tables(section, f"Hits over {keys} keys", summary, plan, runs)
        for depth, limit in limits.items():
            line = summary["cached"][str(depth)]
            where = f"{keys} keys, pipeline {depth}"
            section.judge(f"CPU over the empty responder, {where}", line["cpu_to_empty"]["median"], limit)
            over = line["rps_to_direct"]["median"]
            section.judge(f"throughput over direct, {where}", over, HIT_THROUGHPUT[depth], at_most=False)
            missed = line["reached_upstream"]["median"]
            section.judge(f"share of the reads that missed, {where}", missed, MISSES_LIMIT)
    return section


def useless(bench: Bench, chosen: argparse.Namespace) -> Section:
    """What a cache costs that cannot help: uniform reads over ten million keys."""
    section = Section()
    keys = int(USELESS_KEYS * bench.scale)
    with start_upstream(bench.settings) as upstream:
        load.preload(upstream.port, keys)
        settings = Settings(bench.settings.nearside, bench.settings.responder, bench.settings.scratch, upstream.port)
        plan = Plan("get", [1, 16], chosen.rounds, chosen.seconds, keys=keys)
        names = available(["direct", "empty", "control", "nearside", "cached"], settings)
        runs = measure_rounds(names, settings, upstream, plan)
    summary = report.summarise(runs, names, plan.pipelines)
    _tables(section, f"Uniform reads over {keys} keys", summary, plan, runs)
    for depth in plan.pipelines:
        line = summary["cached"][str(depth)]
        limit = report.RATIO_LIMITS[depth]
        section.judge(f"CPU over the empty responder, useless cache, pipeline {depth}", line["cpu_to_empty"]["median"], limit)
        more = report.ratio(runs, "cached", "nearside", depth, "cpu_us")
        section.lines.append(f"CPU with the cache on over off, pipeline {depth}: {report.cell(more, 3)}")
    over = summary["cached"]["1"]["rps_to_direct"]["median"]
    section.judge("throughput over direct, useless cache, pipeline 1", over, report.THROUGHPUT_LIMIT, at_most=False)
    return section


def _tables(section: Section, title: str, summary: dict, plan: Plan, runs: list[dict]) -> None:
    result = {"summary": summary, "rounds": plan.rounds, "pinned": False}
    section.lines += [report.speed_table(result, depth, title) for depth in plan.pipelines]
    quiet = report.noise(runs)
    section.lines.append(f"{quiet['disturbed_runs']} of {quiet['runs']} runs were disturbed")
    section.figures[title] = {"summary": summary, "runs": runs}


OWN = {"hits": hits, "useless": useless}


def arguments() -> argparse.Namespace:
    names = [*OWN, *near.SECTIONS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="comma-separated sections: " + ",".join(names))
    parser.add_argument("--rounds", type=int, default=7, help="rounds of what is timed (default 7)")
    parser.add_argument("--replays", type=int, default=3, help="rounds of what replays a trace (default 3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="aimed-at length of a timed run (default 2)")
    parser.add_argument("--quick", action="store_true", help="2 short rounds of everything: does it work")
    parser.add_argument("--seed", type=int, help="seed of the shuffled order (default: random, recorded)")
    target = ROOT / "target/release"
    parser.add_argument("--nearside", type=Path, default=target / "nearside", help="the binary to measure")
    parser.add_argument("--responder", type=Path, default=target / "examples/empty_responder")
    parser.add_argument("--loader", type=Path, default=target / "examples/cache_load")
    parser.add_argument("--out", type=Path, default=ROOT / "target/bench", help="where the JSON goes")
    chosen = parser.parse_args()
    chosen.scale = 1.0
    if chosen.quick:
        chosen.rounds, chosen.replays, chosen.seconds, chosen.scale = 2, 2, 0.5, 0.1
    chosen.only = chosen.only.split(",") if chosen.only else names
    unknown = set(chosen.only) - set(names)
    if unknown:
        parser.error(f"unknown section: {', '.join(sorted(unknown))}")
    chosen.seed = random.randrange(1 << 32) if chosen.seed is None else chosen.seed
    return chosen


def run(chosen: argparse.Namespace, scratch: Path) -> dict[str, Section]:
    settings = Settings(chosen.nearside.resolve(), chosen.responder.resolve(), scratch)
    found = {}
    with start_upstream(settings) as upstream:
        settings.upstream_port = upstream.port
        load.preload(upstream.port)
        bench = Bench(settings, chosen.loader.resolve(), upstream, chosen.replays, chosen.scale)
        for name in chosen.only:
            try:
                found[name] = OWN[name](bench, chosen) if name in OWN else near.SECTIONS[name](bench)
                print("\n".join(found[name].lines) + "\n", flush=True)
            except TROUBLE as problem:
                found[name] = Section(verdicts=[(f"{name} could not be measured: {problem}", False)])
    return found


def main() -> int:
    # Ended from outside, the servers it started are still stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = arguments()
    random.seed(chosen.seed)
    idle.raise_file_limit(4000)
    machine = procfs.describe_machine()
    try:
        with tempfile.TemporaryDirectory(prefix="nearside-bench-") as scratch:
            found = run(chosen, Path(scratch))
    except (NotAvailable, FailedToStart) as problem:
        print(f"cannot run: {problem}", file=sys.stderr)
        return 1
    missed = False
    for section in found.values():
        for text, met in section.verdicts:
            missed |= not met
            print(f"{'met   ' if met else 'MISSED'}  {text}")
    result = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": procfs.commit(ROOT)}
    result |= {"machine": machine, "seed": chosen.seed}
    result["sections"] = {name: vars(section) for name, section in found.items()}
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "cache.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten: {chosen.out}/cache.json")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
