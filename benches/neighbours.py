#!/usr/bin/env python3
"""What one heavy client does to the others: p99 of small GETs, directly and through Nearside.

A redis-server and a Nearside before it; in turn, directly and through Nearside, some connections send
small GETs one by one while one client does something heavy. The figure is the p99 through Nearside
over the p99 of the same load directly, median of the rounds. The limit is 2.
"""

import argparse
import multiprocessing
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.endpoints import Process, Settings, free_port, start_upstream  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 2.0
BIG = 50 * 1024 * 1024


def encode(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


class Reader:
    """Reads whole replies without keeping what is large."""

    def __init__(self, client: socket.socket, pause: float = 0.0):
        self.client, self.pause, self.buffer = client, pause, b""

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _more(self) -> None:
        piece = self.client.recv(1 << 16)
        if not piece:
            raise ConnectionError("closed")
        self.buffer += piece
        if self.pause:
            time.sleep(self.pause)

    def _skip(self, left: int) -> None:
        while left > len(self.buffer):
            left -= len(self.buffer)
            self.buffer = b""
            self._more()
        self.buffer = self.buffer[left:]

    def reply(self) -> None:
        owed = 1
        while owed:
            owed -= 1
            line = self._line()
            if line[:1] == b"-":
                raise RuntimeError(line.decode())
            if line[:1] == b"$" and line != b"$-1":
                self._skip(int(line[1:]) + 2)
            elif line[:1] == b"*":
                owed += max(0, int(line[1:]))


def read_big(port: int) -> None:
    client = connect(port)
    reader = Reader(client)
    while True:
        client.sendall(encode(b"GET", b"big"))
        reader.reply()


def write_big(port: int) -> None:
    client = connect(port)
    reader, request = Reader(client), encode(b"SET", b"big2", b"x" * BIG)
    while True:
        client.sendall(request)
        reader.reply()


def keys(port: int) -> None:
    client = connect(port)
    reader = Reader(client)
    while True:
        client.sendall(encode(b"KEYS", b"*"))
        reader.reply()


def slow_reader(port: int) -> None:
    """Asks for 20 MB in replies of 1 MB, and reads 64 KiB at a time with a pause."""
    client = connect(port)
    reader, request = Reader(client, pause=0.005), encode(b"GET", b"megabyte")
    while True:
        client.sendall(request * 20)
        for _ in range(20):
            reader.reply()


def nothing(_port: int) -> None:
    time.sleep(3600)


LOADS: dict[str, Callable[[int], None]] = {
    "nothing": nothing,
    "read 50 MB": read_big,
    "write 50 MB": write_big,
    "KEYS of a million": keys,
    "slow reader": slow_reader,
}


def small_gets(port: int, seconds: float, connections: int) -> list[float]:
    """Latencies in ms of GETs on some connections, each asking a millisecond after its last answer."""
    latencies: list[float] = []
    until = time.monotonic() + seconds

    def ask() -> None:
        client, request, own = connect(port), encode(b"GET", b"small"), []
        while time.monotonic() < until:
            before = time.monotonic()
            client.sendall(request)
            if not client.recv(4096).startswith(b"$"):
                raise RuntimeError("a small GET failed")
            own.append((time.monotonic() - before) * 1000)
            time.sleep(0.001)
        latencies.extend(own)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def p99(latencies: list[float]) -> float:
    return sorted(latencies)[int(len(latencies) * 0.99)]


def measure(port: int, load: str, seconds: float, connections: int) -> float:
    heavy = multiprocessing.Process(target=LOADS[load], args=(port,), daemon=True)
    heavy.start()
    time.sleep(0.3)
    latencies = small_gets(port, seconds, connections)
    if not heavy.is_alive():
        raise RuntimeError(f"the heavy client ({load}) failed on port {port}")
    heavy.kill()
    heavy.join()
    time.sleep(0.2)
    return p99(latencies)


def prepare(port: int) -> None:
    client = connect(port)
    reader = Reader(client)
    for request in (
        encode(b"SET", b"big", b"x" * BIG),
        encode(b"SET", b"megabyte", b"x" * (1 << 20)),
        encode(b"SET", b"small", b"x" * 64),
        encode(b"DEBUG", b"POPULATE", b"1000000"),
    ):
        client.sendall(request)
        reader.reply()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a run")
    parser.add_argument("--connections", type=int, default=4, help="connections with small GETs")
    parser.add_argument("--only", help="comma-separated loads: " + ",".join(LOADS))
    parser.add_argument("--nearside", type=Path, default=ROOT / "target/release/nearside")
    chosen = parser.parse_args()
    loads = chosen.only.split(",") if chosen.only else list(LOADS)
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(chosen.nearside, Path(), Path(scratch))
        with start_upstream(settings) as redis:
            prepare(redis.port)
            port = free_port()
            command = [str(chosen.nearside), "--listen", f"127.0.0.1:{port}"]
            command += ["--upstream", f"redis://127.0.0.1:{redis.port}", "--profile", "transparent"]
            with Process("nearside", command, port, settings.scratch):
                print(f"{'load':20} {'direct p99':>12} {'through p99':>12} {'ratio':>7}")
                for load in loads:
                    pairs = [
                        tuple(measure(p, load, chosen.seconds, chosen.connections) for p in (redis.port, port))
                        for _ in range(chosen.rounds)
                    ]
                    ratio = statistics.median(through / direct for direct, through in pairs)
                    direct, through = (statistics.median(side) for side in zip(*pairs, strict=True))
                    missed = ratio > LIMIT and load != "nothing"
                    failed |= missed
                    mark = "  MISSED" if missed else ""
                    print(f"{load:20} {direct:9.2f} ms {through:9.2f} ms {ratio:7.2f}{mark}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
