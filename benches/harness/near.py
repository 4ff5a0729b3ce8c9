"""The sections of `make bench-cache` that replay traces: what each runs, its lines and its limits.

A section answers with the lines of its report, verdicts (text, met or not), and its figures for the JSON.
"""

from dataclasses import dataclass, field
from pathlib import Path

from harness import load, procfs, replay
from harness.endpoints import CACHE_OFF, Process, Settings, start_nearside, start_upstream
from harness.report import DISTURBED, QUIET_ROUNDS, cell, spread

# Every key earns its entry at its first read; the default waits for the second.
EVERY_KEY = {"cache.admit_after": "0"}
ADMISSIONS = {"every key": EVERY_KEY, "default": {}}
WORKERS = (1, 2)
# Reads of every key by every worker before the trace: enough for any admission.
SWEEP = 3
PROGRESS = (
    "round {round:2}  {kind:32}  hit ratio {hit_ratio:.4f}  {rps:9.0f}/s  {cpu_us:6.2f} us  elsewhere {disturbed:.1%}"
)

PERFECT_LIMIT, READ_ONLY_LIMIT = 0.95, 0.99
# Fewer hits than these, and a section has measured something else.
PURE_HITS, DELAY_HITS = 0.95, 0.5
MIX_POINTS, MIX_P99 = 5.0, 2.0
BUDGET_LIMIT = 0.10
STALENESS_MS = 1000.0


@dataclass
class Bench:
    """What all sections share."""

    settings: Settings
    loader: Path
    upstream: Process
    rounds: int
    # Below 1 for a quick look: fewer requests.
    scale: float


@dataclass
class Section:
    """What one section found."""

    lines: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, bool]] = field(default_factory=list)
    figures: dict = field(default_factory=dict)

    def judge(self, text: str, value: float, limit: float, at_most: bool = True) -> None:
        sign, met = ("<=", value <= limit) if at_most else (">=", value >= limit)
        self.verdicts.append((f"{text}: {value:.3f} (wanted {sign} {limit})", met))


def _each(runs: list[dict], figure: str) -> dict[str, float]:
    return spread([run[figure] for run in runs])


Runs = dict[str, list[dict]]


def _rounds(bench: Bench, rounds: int, kinds: dict[str, tuple[int, dict[str, str]]], options: dict[str, dict]) -> Runs:
    """Interleaved: each round runs every kind, (workers, settings), in a proxy of its own. Rounds in which
    others took too much of the machine are left out while enough quiet ones remain."""
    runs: Runs = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in list(kinds) if number % 2 == 0 else list(kinds)[::-1]:
            workers, sets = kinds[kind]
            with start_nearside(bench.settings, workers, sets) as near:
                found = replay.replay(bench.loader, near, bench.upstream, workers=workers, **options[kind])
                found["said"] = replay.said(near.port)
            runs[kind].append(found)
            print(PROGRESS.format(round=number + 1, kind=kind, **found), flush=True)
    disturbed = [max(run["disturbed"] for run in each) for each in zip(*runs.values())]
    quiet = [number for number, share in enumerate(disturbed) if share <= DISTURBED]
    if len(quiet) < min(QUIET_ROUNDS, rounds):
        return runs
    return {kind: [found[number] for number in quiet] for kind, found in runs.items()}


def zipf(bench: Bench) -> Section:
    """Write:read 1:10, Zipf 1.0, 100,000 keys, beside a perfect cache on the same trace."""
    section = Section()
    kinds = {f"{w} worker(s), admission {name}": (w, sets) for w in WORKERS for name, sets in ADMISSIONS.items()}
    trace = {"zipf": 1.0, "writes": 1 / 11, "keys": 100_000}
    trace |= {"warm": int(1_500_000 * bench.scale), "requests": int(500_000 * bench.scale)}
    runs = _rounds(bench, bench.rounds, kinds, dict.fromkeys(kinds, trace))
    section.lines.append("\nWrite:read 1:10, Zipf 1.0 over 100,000 keys, 50 connections, pipeline 1 after a warm-up at 16")
    for kind, found in runs.items():
        quotient = spread([run["hit_ratio"] / run["perfect"] for run in found])
        section.lines.append(
            f"{kind:32} hit ratio {cell(_each(found, 'hit_ratio'), 4)}, perfect {found[0]['perfect']:.4f},"
            f" quotient {cell(quotient, 3)}, {cell(_each(found, 'rps'), 0)} requests/s"
        )
        if "default" not in kind:
            section.judge(f"hit ratio over a perfect cache's, {kind}", quotient["median"], PERFECT_LIMIT, at_most=False)
    section.figures = runs
    return section


def read_only(bench: Bench) -> Section:
    """Reads only, Zipf 0.99, 100,000 keys."""
    section = Section()
    kinds = {f"{w} worker(s), admission {name}": (w, sets) for w in WORKERS for name, sets in ADMISSIONS.items()}
    trace = {"zipf": 0.99, "keys": 100_000, "sweep": SWEEP, "requests": int(500_000 * bench.scale)}
    runs = _rounds(bench, bench.rounds, kinds, dict.fromkeys(kinds, trace))
    section.lines.append("\nReads only, Zipf 0.99 over 100,000 keys, each read before, 50 connections, pipeline 1")
    for kind, found in runs.items():
        ratio = _each(found, "hit_ratio")
        section.lines.append(f"{kind:32} hit ratio {cell(ratio, 4)}, {cell(_each(found, 'rps'), 0)} requests/s")
        section.judge(f"hit ratio of reads only, {kind}", ratio["median"], READ_ONLY_LIMIT, at_most=False)
    section.figures = runs
    return section


MIX = ("EVALSHA", "LPUSH", "BRPOP", "PUBLISH", "message")


def mixed(bench: Bench) -> Section:
    """Scripts, blocking pops and messages among reads: hits that remain, and what those commands take."""
    section = Section()
    reads = {"keys": 10_000, "zipf": 0.99, "sweep": SWEEP, "warm": 20_000, "rate": 10_000.0}
    reads["requests"] = int(50_000 * max(bench.scale, 0.2))
    mix = reads | {"mix": True}
    section.lines.append(
        "\n10,000 reads a second by the clock on 50 connections (Zipf 0.99, 10,000 keys), with and without one"
        "\nEVALSHA, one LPUSH for a waiting BRPOP and one PUBLISH per 100 of them"
    )
    for workers in WORKERS:
        kinds = {"pure": (workers, {}), "mixed": (workers, {}), "mixed, cache off": (workers, CACHE_OFF)}
        # Short runs and many: a percentile of one run is at the mercy of the machine.
        runs = _rounds(bench, 2 * bench.rounds + 1, kinds, {"pure": reads, "mixed": mix, "mixed, cache off": mix})
        points = spread([
            100 * (pure["hit_ratio"] - mixed["hit_ratio"])
            for pure, mixed in zip(runs["pure"], runs["mixed"])
        ])
        hits = " / ".join(cell(_each(runs[kind], "hit_ratio"), 4) for kind in ("pure", "mixed"))
        section.lines.append(f"{workers} worker(s): hit ratio pure / mixed {hits}: {cell(points, 2)} points less")
        pure = _each(runs["pure"], "hit_ratio")["median"]
        section.judge(f"hit ratio without the mix, {workers} worker(s)", pure, PURE_HITS, at_most=False)
        section.judge(f"points of hit ratio lost to the mix, {workers} worker(s)", points["median"], MIX_POINTS)
        for name in MIX:
            _times(section, name, workers, runs)
        section.figures[str(workers)] = runs
    return section


def _times(section: Section, name: str, workers: int, runs: dict[str, list[dict]]) -> None:
    on, off = ([run["times"][name] for run in runs[kind]] for kind in ("mixed", "mixed, cache off"))
    ratio = spread([a["p99"] / b["p99"] for a, b in zip(on, off)])
    section.lines.append(
        f"  {name:8} ms p50 {cell(_ms(on, 'p50'), 2)}, off {cell(_ms(off, 'p50'), 2)};"
        f" p99 {cell(_ms(on, 'p99'), 2)}, off {cell(_ms(off, 'p99'), 2)}; p99 ratio {cell(ratio, 2)}"
    )
    section.judge(f"p99 of {name} over pass-through's, {workers} worker(s)", ratio["median"], MIX_P99)


def _ms(times: list[dict], part: str) -> dict[str, float]:
    return spread([time[part] / 1000 for time in times])


def cold(bench: Bench) -> Section:
    """Pipeline 16 with 5 % misses: program order lets the first miss send what follows it upstream."""
    section = Section()
    share, depth = 0.05, 16
    trace = {"keys": 10_000, "sweep": SWEEP, "cold": share, "pipeline": depth, "warm": 100_000}
    trace["requests"] = int(1_000_000 * bench.scale)
    kinds = {"cached": (1, {}), "cache off": (1, CACHE_OFF)}
    runs = _rounds(bench, bench.rounds, kinds, dict.fromkeys(kinds, trace))
    in_order = sum((1 - share) ** n for n in range(1, depth + 1)) / depth
    faster = spread([on["rps"] / off["rps"] for on, off in zip(runs["cached"], runs["cache off"])])
    section.lines.append("\nPipeline 16, 5 % of the reads miss (10,000 keys uniformly, the rest new)")
    section.lines.append(
        f"hit ratio {cell(_each(runs['cached'], 'hit_ratio'), 4)} (if whatever follows a miss in its pipeline goes"
        f" upstream: {in_order:.4f}), {cell(_each(runs['cached'], 'rps'), 0)} requests/s,"
        f" {cell(faster, 2)} times those with the cache off"
    )
    section.figures = runs
    return section


def delay(bench: Bench) -> Section:
    """How long a direct write stays unseen by a reader that does not pause."""
    section = Section()
    writes = int(1000 * bench.scale)
    found: dict[str, list[dict]] = {"through": [], "direct": []}
    for number in range(bench.rounds):
        with start_nearside(bench.settings, 1, EVERY_KEY) as near:
            ports = {"through": near.port, "direct": bench.upstream.port}
            for side in sorted(ports, reverse=number % 2 == 0):
                found[side].append(replay.delay(bench.loader, ports[side], bench.upstream.port, writes))
    section.lines.append("\nA direct write, a reader without pause: microseconds (median of rounds, min..max)")
    for side, runs in found.items():
        for what in ("seen", "stale", "read"):
            parts = ", ".join(
                f"{part} {cell(spread([run['times'][what][part] for run in runs]), 0)}"
                for part in ("p50", "p90", "p99", "max")
            )
            section.lines.append(f"{side:8} {what:6} {parts}")
    stale = spread([run["stale_writes"] / run["writes"] for run in found["through"]])
    hits = spread([run["hit_ratio"] for run in found["through"]])
    section.lines.append(
        "seen: from sending the write until a read returned it; stale: from its acknowledgement until the last"
        "\nread started that returned the old value; read: one read, which is how finely these are known."
        f"\n{cell(stale, 3)} of the writes had such a read; {cell(hits, 3)} of the reads were hits"
    )
    worst = max(run["times"]["stale"]["max"] for run in found["through"]) / 1000
    section.judge("share of the reads that were hits", hits["median"], DELAY_HITS, at_most=False)
    section.judge("longest time stale, ms", worst, STALENESS_MS)
    back = sum(run["went_back"] + run.get("never_seen", 0) for run in found["through"])
    section.judge("reads that went back to an older value", back, 0)
    section.figures = found
    return section


def memory(bench: Bench) -> Section:
    """A budget with about a million small entries, filled, then filled again with other keys."""
    section = Section()
    budget, keys = int((576 << 20) * bench.scale), int(2_400_000 * bench.scale)
    section.lines.append(f"\nMemory: {budget >> 20} MiB budget, entries of 64-byte values, {keys} keys read in order")
    with start_upstream(bench.settings) as upstream:
        load.preload(upstream.port, keys)
        # The server's own limit is a million tracked keys, beyond which it invalidates at random.
        replay.ask(upstream.port, b"CONFIG", b"SET", b"tracking-table-max-keys", b"0")
        settings = Settings(bench.settings.nearside, bench.settings.responder, bench.settings.scratch, upstream.port)
        for workers in WORKERS:
            sets = EVERY_KEY | {"cache.memory": str(budget)}
            with start_nearside(settings, workers, sets) as near:
                start = procfs.resident_kib(near.pid)["rss"]
                steps = []
                for sweep in (keys // 3, keys, keys):
                    options = {"workers": workers, "keys": sweep, "sweep": 1, "requests": workers}
                    replay.replay(bench.loader, near, upstream, **options)
                    steps.append({"keys": sweep, **procfs.resident_kib(near.pid), "said": replay.said(near.port)})
            used = [step["rss"] * 1024 / budget for step in steps]
            section.lines.append(
                f"{workers} worker(s): {start / 1024:.1f} MB at the start, then"
                + ", ".join(f" {step['rss'] / 1024:.1f} MB ({share:.3f} of the budget)" for step, share in zip(steps, used))
                + f"; it says {steps[-1]['said']}"
            )
            off = abs(used[-1] - 1)
            section.judge(f"resident memory off the budget, as a share of it, {workers} worker(s)", off, BUDGET_LIMIT)
            section.figures[str(workers)] = {"start_kib": start, "steps": steps}
    return section


SECTIONS = {"zipf": zipf, "read-only": read_only, "mixed": mixed, "cold": cold, "delay": delay, "memory": memory}
