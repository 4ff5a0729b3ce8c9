"""Threads over one pool of redis-py that read back what they wrote, until stdin ends. Any error is one too many.

argv: port.
"""

import sys
import threading

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

client = redis.Redis(
    port=int(sys.argv[1]), socket_timeout=20, retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), 5)
)
over = threading.Event()
errors = []


def work(number):
    key, n = f"key:{number}", 0
    try:
        while not over.is_set():
            n += 1
            client.set(key, n)
            for _ in range(3):
                got = client.get(key)
                if int(got) != n:
                    raise AssertionError(f"{key}: wrote {n}, read {got}")
    except Exception as error:
        errors.append(repr(error))


threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
sys.stdin.read()
over.set()
for thread in threads:
    thread.join()
sys.exit("; ".join(errors) if errors else 0)
