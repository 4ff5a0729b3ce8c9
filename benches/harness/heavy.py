"""Heavy clients: each asks for something large again and again, in a process of its own.

What they do is counted, so that a load that stands still is noticed. Replies are not parsed in
Python, which would make them slow readers: their length is known beforehand.
"""

import multiprocessing
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

BIG = 50 * 1024 * 1024
MEGABYTE = 1024 * 1024
KEYS = 1_000_000
PIECE = 1 << 18


def encode(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def bulk(length: int) -> int:
    """How long a reply with a value of this length is."""
    return length + len(b"$%d\r\n\r\n" % length)


def skip(client: socket.socket, length: int, first: bytes, pause: float = 0.0, piece: int = PIECE) -> None:
    """Reads a reply of exactly this length, which starts with `first`."""
    room, at = memoryview(bytearray(piece)), 0
    while at < length:
        n = client.recv_into(room, min(piece, length - at))
        if n == 0:
            raise ConnectionError("closed")
        if at == 0 and room[:1] != first:
            raise RuntimeError(bytes(room[:n]).decode(errors="replace"))
        at += n
        if pause:
            time.sleep(pause)


@dataclass
class Load:
    """What a heavy client does: `step` is done over and over."""

    name: str
    step: Callable[[socket.socket], None] | None
    # Requests answered in one step.
    requests: int = 1
    # The client's receive buffer, bytes; 0 leaves it to the system.
    receive: int = 0


def _read(client: socket.socket) -> None:
    client.sendall(GET_BIG)
    skip(client, bulk(BIG), b"$")


def _write(client: socket.socket) -> None:
    client.sendall(b"*3\r\n$3\r\nSET\r\n$4\r\nbig2\r\n$%d\r\n" % BIG)
    client.sendall(VALUE)
    client.sendall(b"\r\n")
    skip(client, len(b"+OK\r\n"), b"+")


def _keys(length: int) -> Callable[[socket.socket], None]:
    def step(client: socket.socket) -> None:
        client.sendall(encode(b"KEYS", b"*"))
        skip(client, length, b"*")

    return step


def _slowly(client: socket.socket) -> None:
    """Twenty replies of 1 MB at about 12 MB/s."""
    client.sendall(encode(b"GET", b"megabyte") * 20)
    skip(client, 20 * bulk(MEGABYTE), b"$", pause=0.005, piece=1 << 16)


GET_BIG = encode(b"GET", b"big")
VALUE = b"x" * BIG


def prepare(port: int) -> list[Load]:
    """Fills the upstream; answers the loads."""
    client = connect(port)
    for request in (
        encode(b"SET", b"big", VALUE),
        encode(b"SET", b"big2", VALUE),
        encode(b"SET", b"megabyte", b"x" * MEGABYTE),
        encode(b"SET", b"small", b"x" * 64),
        encode(b"DEBUG", b"POPULATE", b"%d" % KEYS),
    ):
        client.sendall(request)
        skip(client, len(b"+OK\r\n"), b"+")
    client.close()
    return [
        Load("nothing", None),
        Load("read 50 MB", _read),
        Load("write 50 MB", _write),
        Load("KEYS of a million", _keys(_length_of_keys(port))),
        Load("slow reader", _slowly, requests=20, receive=1 << 18),
    ]


def _length_of_keys(port: int) -> int:
    """How long the reply to `KEYS *` is, counted line by line once."""
    client = connect(port)
    client.sendall(encode(b"KEYS", b"*"))
    length = lines = 0
    owed = None
    while owed is None or lines < owed:
        piece = client.recv(1 << 20)
        if not piece:
            raise ConnectionError("closed")
        if owed is None:
            owed = 1 + 2 * int(piece[1 : piece.index(b"\r")])
            if owed < 2 * KEYS:
                raise RuntimeError(f"KEYS returned {owed // 2} keys")
        length += len(piece)
        lines += piece.count(b"\n")
    client.close()
    return length


class Running:
    """A load that is running; how many of its requests were answered in a while can be asked."""

    def __init__(self, load: Load, port: int):
        self.load = load
        self._steps = multiprocessing.Value("Q", 0)
        self._process = multiprocessing.Process(target=self._run, args=(port,), daemon=True)

    def _run(self, port: int) -> None:
        if self.load.step is None:
            time.sleep(3600)
            return
        client = connect(port)
        if self.load.receive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.load.receive)
        while True:
            self.load.step(client)
            self._steps.value += 1

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def answered(self) -> int:
        return self._steps.value * self.load.requests

    def __enter__(self) -> "Running":
        self._process.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        failed = not self._process.is_alive()
        self._process.kill()
        self._process.join()
        if failed:
            raise RuntimeError(f"the heavy client ({self.load.name}) has failed")
