"""From single runs to figures: medians with spread, ratios within a round, tables, targets."""

from statistics import median

from harness.endpoints import FORWARDING

# Under "Figures to reach" of the core issue: what is measured, and its limit for Nearside.
RATIO_LIMITS = {1: 1.2, 16: 1.9}
THROUGHPUT_LIMIT = 0.9
RSS_LIMIT_MB, IDLE_LIMIT_MB, BINARY_LIMIT_MB = 12, 30, 8
IDLE_CONNECTIONS = 10_000
# Runs during which strangers took more of the machine than this are disturbed. They are left out of
# the figures as long as this many quiet rounds remain: chosen by the disturbance, never by the result.
DISTURBED = 0.10
QUIET_ROUNDS = 3


def spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


def is_disturbed(run: dict) -> bool:
    return run["elsewhere"] + run["stolen"] > DISTURBED


def by_round(runs: list[dict], name: str, pipeline: int) -> dict[int, dict]:
    return {run["round"]: run for run in runs if (run["endpoint"], run["pipeline"]) == (name, pipeline)}


def quiet_rounds(*sides: dict[int, dict]) -> list[int]:
    """The rounds that all sides have, without disturbed ones if enough remain."""
    shared = sorted(set.intersection(*(set(side) for side in sides)))
    quiet = [number for number in shared if not any(is_disturbed(side[number]) for side in sides)]
    return quiet if len(quiet) >= QUIET_ROUNDS else shared


def ratio(runs: list[dict], name: str, base: str, pipeline: int, figure: str) -> dict | None:
    """`name` over `base` within each round, then the median and spread of that."""
    own, other = by_round(runs, name, pipeline), by_round(runs, base, pipeline)
    values = [own[number][figure] / other[number][figure] for number in quiet_rounds(own, other)]
    return spread(values) if values else None


FIGURES = ("cpu_us", "rps", "p50_ms", "p99_ms", "rss_kib", "endpoint_busy", "reached_upstream")


def summarise(runs: list[dict], names: list[str], pipelines: list[int]) -> dict:
    """Per endpoint and pipeline: each figure's median, min and max over the rounds."""
    summary: dict = {}
    for name in names:
        for pipeline in pipelines:
            own = by_round(runs, name, pipeline)
            used = quiet_rounds(own)
            if not used:
                continue
            line: dict = {figure: spread([own[number][figure] for number in used]) for figure in FIGURES}
            line["rounds_used"] = len(used)
            line["cpu_to_empty"] = ratio(runs, name, "empty", pipeline, "cpu_us")
            line["rps_to_direct"] = ratio(runs, name, "direct", pipeline, "rps")
            summary.setdefault(name, {})[str(pipeline)] = line
    return summary


def noise(runs: list[dict]) -> dict:
    """How quiet the machine was: the share of it that strangers and the hypervisor took."""
    return {
        "elsewhere": spread([run["elsewhere"] for run in runs]),
        "stolen": spread([run["stolen"] for run in runs]),
        "disturbed_runs": sum(is_disturbed(run) for run in runs),
        "runs": len(runs),
    }


def cell(values: dict | None, digits: int) -> str:
    """A median and its spread."""
    if values is None:
        return "-"
    return "{median:.{d}f} ({min:.{d}f}..{max:.{d}f})".format(**values, d=digits)


def table(title: str, heads: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(cells[i]) for cells in [heads, *rows]) for i in range(len(heads))]

    def line(cells: list[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([title, line(heads), rule, *(line(row) for row in rows)])


def _memory_rows(result: dict) -> list[list[str]]:
    rows = []
    for name, memory in result["memory"].items():
        idle = memory.get("idle")
        row = [name, f"{memory['after_run_kib'] / 1024:.1f}"]
        if idle:
            row += [str(idle["connections"]), f"{idle['grown_kib'] / 1024:.1f}"]
            row.append(f"{idle['per_connection_kib']:.2f}")
        else:
            row += ["-", "-", "-"]
        rows.append([*row, f"{memory['binary_bytes'] / 1e6:.1f}"])
    return rows


def speed_table(result: dict, pipeline: int, title: str = "") -> str:
    """What a request costs through each endpoint, at one depth."""
    heads = ["endpoint", "CPU us/request", "x empty", "requests/s", "x direct", "p50 ms", "p99 ms", "rounds"]
    rows = []
    for name, lines in result["summary"].items():
        line = lines.get(str(pipeline))
        if line:
            cells = [cell(line["cpu_us"], 2), cell(line["cpu_to_empty"], 2)]
            cells += [cell(line["rps"], 0), cell(line["rps_to_direct"], 2)]
            cells += [f"{line['p50_ms']['median']:.2f}", f"{line['p99_ms']['median']:.2f}"]
            rows.append([name, *cells, f"{line['rounds_used']} of {result['rounds']}"])
    pinned = ", pinned" if result["pinned"] else ""
    return table(f"\n{title or result['command'].upper()}, pipeline {pipeline}{pinned}", heads, rows)


def render(result: dict) -> str:
    """The whole report as text. Spread is min..max over the rounds."""
    parts = []
    for pipeline in result["pipelines"]:
        parts.append(speed_table(result, pipeline))
    heads = ["endpoint", "MB after a run", "idle clients", "MB more", "KB per idle client", "binary MB"]
    if result["memory"]:
        parts.append(table("\nMemory and size", heads, _memory_rows(result)))
    quiet = result["noise"]
    parts.append(
        f"\nNoise: {quiet['disturbed_runs']} of {quiet['runs']} runs disturbed (others took over"
        f" {DISTURBED:.0%} of the machine; left out where {QUIET_ROUNDS} quiet rounds remain);"
        f" elsewhere {_percent(quiet['elsewhere'])}, stolen {_percent(quiet['stolen'])}."
    )
    if "control" in result["summary"]:
        parts.append('"control" is the empty responder again: its "x empty" is 1.00 plus the noise.')
    parts += _answered_elsewhere(result)
    for text, met in verdicts(result):
        parts.append(f"{'met   ' if met else 'MISSED'}  {text}")
    return "\n".join(parts)


def _answered_elsewhere(result: dict) -> list[str]:
    """A proxy that answers GETs itself (a cache, or a fault) is not measured as a pass-through."""
    found = []
    for name in FORWARDING if result["command"] == "get" else ():
        for pipeline, line in result["summary"].get(name, {}).items():
            share = line["reached_upstream"]["median"]
            if share < 0.99:
                text = f"NOTE    {name}, pipeline {pipeline}: {share:.0%} of its GETs reached the upstream"
                found.append(f"{text}: this is not pass-through")
    return found


def _percent(values: dict) -> str:
    return "{median:.1%} (at most {max:.1%})".format(**values)


def verdicts(result: dict) -> list[tuple[str, bool]]:
    """Nearside's figures beside their limits, as far as this run can tell: the limits are for GET,
    for throughput with nothing pinned, and for 10,000 idle connections."""
    found: list[tuple[str, bool]] = []

    def judge(text: str, value: float, limit: float, at_most: bool = True) -> None:
        sign, met = ("<=", value <= limit) if at_most else (">=", value >= limit)
        found.append((f"{text}: {value:.2f} (wanted {sign} {limit})", met))

    speed = result["summary"].get("nearside", {}) if result["command"] == "get" else {}
    for pipeline, line in speed.items():
        limit = RATIO_LIMITS.get(int(pipeline))
        if limit and line["cpu_to_empty"]:
            over = line["cpu_to_empty"]["median"]
            judge(f"CPU over the empty responder, pipeline {pipeline}", over, limit)
        if pipeline == "1" and line["rps_to_direct"] and not result["pinned"]:
            over = line["rps_to_direct"]["median"]
            judge("throughput over direct, pipeline 1", over, THROUGHPUT_LIMIT, at_most=False)
    memory = result["memory"].get("nearside")
    if memory:
        judge("resident MB after a run", memory["after_run_kib"] / 1024, RSS_LIMIT_MB)
        if memory.get("idle") and memory["idle"]["connections"] >= IDLE_CONNECTIONS:
            judge("MB more with idle connections", memory["idle"]["grown_kib"] / 1024, IDLE_LIMIT_MB)
        judge("binary MB", memory["binary_bytes"] / 1e6, BINARY_LIMIT_MB)
    return found
