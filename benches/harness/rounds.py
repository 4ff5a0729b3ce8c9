"""Rounds: every endpoint has its turn in each, in shuffled order, with redis-benchmark as the load."""

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness import load, procfs
from harness.endpoints import FailedToStart, NotAvailable, Process, Settings, start
from harness.load import Load, RunFailed

WARM_UP = {1: 20_000, 16: 200_000}
PROGRESS = (
    "round {round:2}  {endpoint:10}  pipeline {pipeline:2}  {cpu_us:6.2f} us  {rps:9.0f}/s"
    "  elsewhere {elsewhere:.1%}, stolen {stolen:.1%}"
)
TROUBLE = (FailedToStart, RunFailed, OSError, subprocess.TimeoutExpired)


@dataclass
class Plan:
    """What a round is made of."""

    command: str
    pipelines: list[int]
    rounds: int
    # Aimed-at length of a run, unless its number of requests is given.
    seconds: float
    requests: int | None = None
    # With --pin: the CPUs there are.
    cpus: list[int] | None = None
    keys: int = load.KEYS
    # Requests at pipeline 16 at the start of a turn, so that a cache has seen its keys.
    first: int = 0


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


def turn(name: str, settings: Settings, upstream: Process, plan: Plan) -> Iterator[dict]:
    """One endpoint's turn in a round: each pipeline depth, after a warm-up that also sets the length."""
    with running(name, settings, upstream) as endpoint:
        place(endpoint, upstream, plan.cpus)
        if plan.first:
            load.run_redis_benchmark(endpoint, Load(plan.command, 16, plan.first, plan.keys))
        for depth in random.sample(plan.pipelines, len(plan.pipelines)):
            first = Load(plan.command, depth, WARM_UP.get(depth, 50_000), plan.keys)
            warm_up = load.measure(endpoint, upstream, first)
            requests = plan.requests or max(first.requests, int(warm_up["rps"] * plan.seconds))
            figures = load.measure(endpoint, upstream, Load(plan.command, depth, requests, plan.keys))
            yield {"endpoint": name, "pipeline": depth, **figures}


def available(wanted: list[str], settings: Settings) -> list[str]:
    """The endpoints that can start here; the others are named with what would bring them."""
    names = []
    for name in wanted:
        try:
            if name != "direct":
                start(name, settings).stop()
            names.append(name)
        except (NotAvailable, FailedToStart) as reason:
            print(f"skipped {name}: {reason}", file=sys.stderr)
    return names


def measure_rounds(names: list[str], settings: Settings, upstream: Process, plan: Plan) -> list[dict]:
    """Every run that has figures. What went wrong with the others is printed."""
    runs = []
    for number in range(1, plan.rounds + 1):
        for name in random.sample(names, len(names)):
            try:
                for run in turn(name, settings, upstream, plan):
                    runs.append({"round": number, **run})
                    print(PROGRESS.format(**runs[-1]), flush=True)
            except TROUBLE as problem:
                print(f"round {number}: {name} has no figure: {problem}", file=sys.stderr)
    return runs
