"""What the drivers share: saying what was checked, and where the servers are."""

import sys
import time
from contextlib import contextmanager

HOST = "127.0.0.1"


def arguments():
    """PORT of Nearside, path of the UPSTREAM's own socket, and what else was given."""
    port, upstream, *rest = sys.argv[1:]
    return int(port), upstream, rest


@contextmanager
def check(what):
    """One thing that is checked. Its name is printed with its outcome; a failure ends the driver."""
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        print(f"FAILED  {what}", flush=True)
        raise
    print(f"ok      {what} ({time.monotonic() - begun:.2f} s)", flush=True)


def same(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def until(condition, patience=10.0):
    """Waits until the condition holds; its value."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {patience} s"
        time.sleep(0.005)
    return value
