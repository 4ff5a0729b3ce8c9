"""The picture of a run, from its JSON alone. The only part that needs matplotlib."""

from pathlib import Path

COLOURS = {"nearside": "#c0392b", "empty": "#7f8c8d", "control": "#bdc3c7", "direct": "#2c3e50"}
PEER_COLOUR = "#5d8aa8"


class NoMatplotlib(Exception):
    """matplotlib is not installed for this Python."""


def draw(result: dict, target: Path) -> None:
    """Writes an SVG or a PNG by the target's suffix: CPU per request above, memory below."""
    try:
        import matplotlib
    except ImportError as error:
        raise NoMatplotlib("no plot: pip install matplotlib (make bench does)") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pipelines = [str(pipeline) for pipeline in result["pipelines"]]
    names = [name for name in result["summary"] if name != "control"]
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 7.5), layout="constrained")
    for axis, pipeline in zip(axes[0], pipelines):
        measured = [name for name in names if pipeline in result["summary"][name]]
        values = [result["summary"][name][pipeline]["cpu_us"] for name in measured]
        _bars(axis, measured, values, f"CPU µs per {result['command'].upper()}, pipeline {pipeline}")
    throughput = {name: result["summary"][name].get(pipelines[0], {}).get("rps_to_direct") for name in names}
    throughput = {name: value for name, value in throughput.items() if value}
    title = f"Throughput over direct Redis, pipeline {pipelines[0]}"
    _bars(axes[1][0], list(throughput), list(throughput.values()), title)
    idle = {n: m["idle"]["per_connection_kib"] for n, m in result["memory"].items() if m.get("idle")}
    flat = [{"median": value, "min": value, "max": value} for value in idle.values()]
    _bars(axes[1][1], list(idle), flat, "KB per idle connection")
    machine = result["machine"]
    figure.suptitle(
        f"Side by side, {result['rounds']} rounds: median, whiskers min to max"
        f" ({machine['cores']} x {machine['cpu']}, 50 connections, 64-byte values)"
    )
    figure.savefig(target)
    pyplot.close(figure)


def _bars(axis, names: list[str], values: list[dict], title: str) -> None:
    medians = [value["median"] for value in values]
    below = [value["median"] - value["min"] for value in values]
    above = [value["max"] - value["median"] for value in values]
    colours = [COLOURS.get(name, PEER_COLOUR) for name in names]
    drawn = axis.barh(names, medians, xerr=[below, above], color=colours, ecolor="#333333", capsize=3)
    axis.bar_label(drawn, labels=[f" {value:.2f}" for value in medians], padding=6)
    axis.margins(x=0.2)
    axis.invert_yaxis()
    axis.set_title(title, fontsize=10)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
