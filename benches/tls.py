#!/usr/bin/env python3
"""What a GET over TLS costs: hits and requests passed on by Nearside, beside Redis's own TLS.

See benches/README.md. `make bench-tls` builds and runs this.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import load, procfs  # noqa: E402
from harness.endpoints import (  # noqa: E402
    CACHE_OFF,
    FailedToStart,
    NotAvailable,
    Process,
    Settings,
    find_program,
    free_port,
    nearside,
    start_upstream,
)
from harness.load import Load  # noqa: E402
from harness.report import cell, quiet_rounds, ratio, spread  # noqa: E402
from harness.rounds import PROGRESS, TROUBLE, WARM_UP  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
REDIS, HITS, PASSED = "redis", "hits", "passed on"
SETTINGS = {HITS: {}, PASSED: CACHE_OFF}
# Times Redis's own TLS in the same round.
LIMITS = {HITS: 1.0, PASSED: 1.15}
# So few that each is soon a hit.
KEYS = 100
MOST_READS_UPSTREAM = 0.05


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds over all endpoints (default 9)")
    parser.add_argument("--seconds", type=float, default=2.0, help="aimed-at length of a run (default 2)")
    parser.add_argument("--pipelines", default="1,16", help="pipeline depths (default 1,16)")
    parser.add_argument("--nearside", type=Path, default=ROOT / "target/release/nearside")
    parser.add_argument("--out", type=Path, default=ROOT / "target/bench", help="where the JSON goes")
    chosen = parser.parse_args()
    chosen.pipelines = [int(depth) for depth in chosen.pipelines.split(",")]
    return chosen


def certify(where: Path) -> None:
    """ca.crt, and server.crt with server.key: ECDSA, which is what costs both sides least at the start."""
    make = [find_program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    make += ["-pkeyopt", "ec_paramgen_curve:P-256"]
    ca = [*make, "-subj", "/CN=bench", "-keyout", "ca.key", "-out", "ca.crt"]
    own = [*make, "-CA", "ca.crt", "-CAkey", "ca.key", "-subj", "/CN=localhost", "-keyout", "server.key"]
    own += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE", "-out", "server.crt"]
    for command in (ca, own):
        subprocess.run(command, cwd=where, check=True, capture_output=True)


def start(name: str, settings: Settings) -> Process:
    """An endpoint that speaks TLS on one port, and not on another."""
    port, tls_port = free_port(), free_port()
    scratch = settings.scratch
    if name == REDIS:
        command = [find_program("redis-server", "redis-server"), "--port", str(port), "--tls-port", str(tls_port)]
        command += ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--io-threads", "1"]
        command += ["--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-auth-clients", "no"]
        command += ["--tls-ca-cert-file", "ca.crt"]
    else:
        listen = {"tls.listen": f"127.0.0.1:{tls_port}", "tls.cert_file": scratch / "server.crt"}
        listen["tls.key_file"] = scratch / "server.key"
        command = nearside(settings, port, 1, {**SETTINGS[name], **listen})
    process = Process(name, command, port, scratch)
    process.tls_port = tls_port
    if name == REDIS:
        load.preload(port, KEYS)
    return process


def turn(name: str, settings: Settings, upstream: Process, chosen: argparse.Namespace):
    """Each pipeline depth, after a warm-up that also sets the length."""
    authority = settings.scratch / "ca.crt"
    with start(name, settings) as endpoint:
        below = endpoint if name == REDIS else upstream
        for depth in random.sample(chosen.pipelines, len(chosen.pipelines)):
            first = Load("get", depth, WARM_UP.get(depth, 50_000), KEYS, authority)
            warm_up = load.measure(endpoint, below, first)
            first.requests = max(first.requests, int(warm_up["rps"] * chosen.seconds))
            figures = load.measure(endpoint, below, first)
            if name == HITS and figures["reached_upstream"] > MOST_READS_UPSTREAM:
                raise load.RunFailed(f"only {1 - figures['reached_upstream']:.0%} of the reads were hits")
            yield {"endpoint": name, "pipeline": depth, **figures}


def measure(settings: Settings, chosen: argparse.Namespace) -> list[dict]:
    runs = []
    with start_upstream(settings) as upstream:
        settings.upstream_port = upstream.port
        load.preload(upstream.port, KEYS)
        names = [REDIS, *SETTINGS]
        for number in range(1, chosen.rounds + 1):
            for name in random.sample(names, len(names)):
                try:
                    for run in turn(name, settings, upstream, chosen):
                        runs.append({"round": number, **run})
                        print(PROGRESS.format(**runs[-1]), flush=True)
                except TROUBLE as problem:
                    print(f"round {number}: {name} has no figure: {problem}", file=sys.stderr)
    return runs


def judge(runs: list[dict], chosen: argparse.Namespace) -> bool:
    """Prints the table and the limits; whether all are met."""
    met = True
    print("\nCPU us per GET over TLS (64 bytes, 50 connections), and times Redis's own in the same round")
    for depth in chosen.pipelines:
        for name in [REDIS, *SETTINGS]:
            own = {run["round"]: run for run in runs if (run["endpoint"], run["pipeline"]) == (name, depth)}
            if not own:
                met = False
                continue
            cost = spread([own[number]["cpu_us"] for number in quiet_rounds(own)])
            times = ratio(runs, name, REDIS, depth, "cpu_us")
            line = f"pipeline {depth:2}  {name:10} {cell(cost, 2)} us"
            if name in LIMITS and times:
                good = times["median"] <= LIMITS[name]
                met &= good
                line += f"   {cell(times, 2)} x (wanted <= {LIMITS[name]}) {'met' if good else 'MISSED'}"
            print(line)
    return met


def main() -> int:
    chosen = arguments()
    with tempfile.TemporaryDirectory(prefix="nearside-bench-") as scratch:
        settings = Settings(chosen.nearside.resolve(), Path(), Path(scratch))
        try:
            certify(settings.scratch)
            runs = measure(settings, chosen)
        except (NotAvailable, FailedToStart) as problem:
            print(f"cannot run: {problem}", file=sys.stderr)
            return 1
    chosen.out.mkdir(parents=True, exist_ok=True)
    found = {"commit": procfs.commit(ROOT), "machine": procfs.describe_machine(), "runs": runs}
    (chosen.out / "tls.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0 if judge(runs, chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
