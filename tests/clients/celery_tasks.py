"""A Celery worker with Nearside as broker and as result backend. PORT UPSTREAM-SOCKET"""

import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from said import HOST, arguments, check, same

PORT, UPSTREAM, _ = arguments()
os.environ["BROKER"] = f"redis://{HOST}:{PORT}/1"
HERE = Path(__file__).resolve().parent

from celery import chain, chord, group  # noqa: E402 the broker must be known before
from tasks import add, app, at_the_third_try, fails, size_of, sure, total  # noqa: E402

WAIT = 45


def tasks_of_all_kinds():
    same([add.delay(n, n).get(timeout=WAIT) for n in range(20)], [2 * n for n in range(20)])
    same(group(add.s(n, 1) for n in range(50))().get(timeout=WAIT), [n + 1 for n in range(50)])
    same(chain(add.s(1, 2), add.s(10)).apply_async().get(timeout=WAIT), 13)
    same(chord((add.s(n, n) for n in range(20)), total.s()).apply_async().get(timeout=WAIT), 380)
    same(at_the_third_try.delay().get(timeout=WAIT), 2)
    same(add.apply_async((1, 1), countdown=0.5).get(timeout=WAIT), 2)
    same(type(fails.delay().get(timeout=WAIT, propagate=False)).__name__, "ValueError")


def tasks_that_are_harder():
    results = [sure.delay(n) for n in range(60)]
    same(sorted(result.get(timeout=WAIT) for result in results), list(range(1, 61)))
    inner = [chord([add.s(n, k) for n in range(5)], total.s()) for k in range(4)]
    same(chord(inner, total.s()).apply_async().get(timeout=WAIT), 4 * 10 + 5 * 6)
    failing = chord([add.s(1, 1), fails.s()], total.s()).apply_async()
    same(type(failing.get(timeout=WAIT, propagate=False)).__name__, "ChordError")
    same(size_of.delay("x" * 3_000_000).get(timeout=WAIT), 3_000_000)
    soon = datetime.now(timezone.utc) + timedelta(seconds=1)
    same([add.apply_async((n, n), eta=soon) for n in range(5)][-1].get(timeout=WAIT), 8)
    assert datetime.now(timezone.utc) >= soon
    late = add.apply_async((1, 1), countdown=30)
    late.revoke()
    forgotten = add.delay(1, 1)
    same(forgotten.get(timeout=WAIT), 2)
    forgotten.forget()
    same(app.AsyncResult(forgotten.id).state, "PENDING")


def remote_control():
    """Inspection goes through pub/sub-like fan-out queues of the broker."""
    same(list(app.control.inspect(timeout=10, limit=1).ping().values()), [{"ok": "pong"}])


with tempfile.TemporaryDirectory() as directory:
    log = Path(directory, "worker.log")
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "INFO"]
    with log.open("w") as out:
        worker = subprocess.Popen(command, cwd=HERE, stdout=out, stderr=subprocess.STDOUT)
    try:
        for each in (tasks_of_all_kinds, tasks_that_are_harder, remote_control):
            with check(f"celery: {each.__name__.replace('_', ' ')}"):
                each()
    except BaseException:
        print(log.read_text(), file=sys.stderr)
        raise
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            raise
    with check("celery: a worker that leaves in order and never lost its broker"):
        same(worker.returncode, 0)
        assert "Connection to broker lost" not in log.read_text(), log.read_text()
