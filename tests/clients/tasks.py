"""The Celery application of the driver celery_tasks.py; its broker comes from the environment."""

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.update(broker_connection_retry_on_startup=True, task_track_started=True, worker_send_task_events=True)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def at_the_third_try(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def fails():
    raise ValueError("on purpose")


@app.task(acks_late=True, max_retries=2, autoretry_for=(KeyError,), retry_backoff=False, default_retry_delay=0.1)
def sure(n):
    """Fails once for every number that three divides; done exactly once all the same."""
    if n % 3 == 0 and app.backend.client.incr(f"tried:{n}") == 1:
        raise KeyError(n)
    return app.backend.client.incr("done")


@app.task
def size_of(data):
    return len(data)
