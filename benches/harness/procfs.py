"""What the kernel says about a process: CPU time, resident memory; and about the whole machine."""

import os
import subprocess
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads so far, user and kernel.

    From schedstat (nanoseconds) where the kernel has it, else utime + stime (ticks of 10 ms).
    """
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except FileNotFoundError:
        # The fields after the command name, which may itself hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_SECONDS


def cpu_source() -> str:
    return "schedstat" if Path("/proc/self/schedstat").exists() else "stat"


def resident_kib(pid: int) -> dict[str, int]:
    """Resident memory in KiB: all of it, and the anonymous part (without mapped program files)."""
    wanted = {"VmRSS": "rss", "RssAnon": "anon"}
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in wanted:
            found[wanted[name]] = int(value.split()[0])
    return found


def machine_seconds() -> dict[str, float]:
    """CPU seconds of the whole machine so far: busy with anything, and stolen by the hypervisor."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    )
    return {"busy": (user + nice + system + irq + softirq) * TICK_SECONDS, "steal": steal * TICK_SECONDS}


def pin(pid: int, cpu: int) -> None:
    """Pins every thread the process has now; what they start later inherits it."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {cpu})


def binary_bytes(pid: int) -> int:
    return os.stat(os.path.realpath(f"/proc/{pid}/exe")).st_size


def describe_machine() -> dict[str, object]:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return {
        "kernel": os.uname().release,
        "cpu": models[0] if models else os.uname().machine,
        "cores": os.cpu_count(),
        "cpu_source": cpu_source(),
        "load_at_start": os.getloadavg()[0],
    }


def commit(root: Path) -> str:
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
