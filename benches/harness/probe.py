"""Small GETs that arrive when they arrive: how long each takes.

They are sent by the clock, whether earlier ones are answered or not, and each is timed from the
moment it was due. Who waits for an answer before asking again asks hardly anything while the server
stands still, and its percentiles would hide just those moments.
"""

import itertools
import select
import socket
import time

from .heavy import bulk, connect, encode

REQUEST = encode(b"GET", b"small")
REPLY = bulk(64)
# Seconds for the last answers.
PATIENCE = 30.0


class Asker:
    """One connection: when its requests were due, those not answered yet."""

    def __init__(self, port: int):
        self.client = connect(port)
        self.client.setblocking(False)
        self.due: list[float] = []
        self.rest = 0

    def ask(self, due: float) -> None:
        self.due.append(due)
        if self.client.send(REQUEST) != len(REQUEST):
            raise RuntimeError("not even a small GET can be sent")

    def hear(self, now: float) -> list[float]:
        """Seconds that the requests have taken which are answered now."""
        piece = self.client.recv(1 << 16)
        if not piece or (self.rest == 0 and piece[:1] != b"$"):
            raise RuntimeError(f"a small GET failed: {piece[:200]!r}")
        whole, self.rest = divmod(self.rest + len(piece), REPLY)
        taken, self.due = self.due[:whole], self.due[whole:]
        return [now - due for due in taken]


def small_gets(port: int, seconds: float, connections: int, per_second: float) -> list[float]:
    """Latencies in ms of GETs on some connections, sorted; so many a second on all of them together."""
    askers = {asker.client: asker for asker in (Asker(port) for _ in range(connections))}
    turns = itertools.cycle(askers.values())
    count, latencies, sent = int(seconds * per_second), [], 0
    start = time.perf_counter()
    while len(latencies) < count:
        now = time.perf_counter()
        while sent < count and (due := start + sent / per_second) <= now:
            next(turns).ask(due)
            sent += 1
        wait = max(0.0, start + sent / per_second - time.perf_counter()) if sent < count else PATIENCE
        ready = select.select(askers, (), (), wait)[0]
        if not ready and wait == PATIENCE:
            raise RuntimeError("small GETs are not answered")
        for client in ready:
            latencies += askers[client].hear(time.perf_counter())
    for asker in askers.values():
        asker.client.close()
    return sorted(latency * 1000 for latency in latencies)


def percentile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
