"""Idle connections: what each one costs in resident memory after a single GET."""

import resource
import socket
import time

from harness import procfs
from harness.endpoints import Process

CHUNK = 200
REQUEST = b"*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n"
# Files an endpoint or this script needs besides one for each connection.
SPARE_FILES = 200
SETTLE_SECONDS = 1.0


def raise_file_limit(wanted: int) -> int:
    """Lets this process and its children open that many files, or as many as the system grants.

    Returns the limit now in force.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        except (ValueError, PermissionError):
            wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return max(soft, wanted)


def connections_that_fit(endpoint: str, wanted: int) -> int:
    """How many clients the endpoint may hold: HAProxy in TCP mode opens two files for each."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files_each = 2 if endpoint == "haproxy" else 1
    return min(wanted, (limit - SPARE_FILES) // files_each)


def measure(endpoint: Process, connections: int) -> dict[str, float]:
    """Opens the connections, sends one GET on each, and reads the endpoint's memory around that."""
    before = procfs.resident_kib(endpoint.pid)
    clients: list[socket.socket] = []
    try:
        while len(clients) < connections:
            clients += _open_chunk(endpoint.port, min(CHUNK, connections - len(clients)))
        after = _settled(endpoint.pid)
    finally:
        for client in clients:
            client.close()
    grown = after["rss"] - before["rss"]
    return {
        "connections": connections,
        "before_kib": before["rss"],
        "with_idle_kib": after["rss"],
        "grown_kib": grown,
        "per_connection_kib": grown / connections,
    }


def _open_chunk(port: int, count: int) -> list[socket.socket]:
    clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]
    for client in clients:
        client.sendall(REQUEST)
    for client in clients:
        answer = b""
        # "$64", CRLF, 64 bytes, CRLF.
        while len(answer) < 71:
            piece = client.recv(71 - len(answer))
            if not piece or not answer and piece[:1] != b"$":
                raise ConnectionError(f"answer to one GET on an idle connection: {piece!r}")
            answer += piece
    return clients


def _settled(pid: int) -> dict[str, int]:
    """Memory once two readings a second apart agree within 1 %: what stays, not what passes."""
    last = procfs.resident_kib(pid)
    for _ in range(10):
        time.sleep(SETTLE_SECONDS)
        now = procfs.resident_kib(pid)
        if abs(now["rss"] - last["rss"]) <= last["rss"] / 100:
            return now
        last = now
    return last
