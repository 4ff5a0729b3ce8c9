"""What the drivers of blocking redis-py share: clients, and threads. PORT UPSTREAM-SOCKET PROTOCOL"""

import threading

import redis

from said import HOST, arguments

PORT, UPSTREAM, (PROTOCOL,) = arguments()


def client(**more):
    settings = {"protocol": int(PROTOCOL), "decode_responses": True, "socket_timeout": 20} | more
    return redis.Redis(host=HOST, port=PORT, **settings)


def direct():
    return redis.Redis(unix_socket_path=UPSTREAM, decode_responses=True)


def at_once(*works):
    """Runs them in threads of their own; the first error is raised."""
    errors = []

    def run(work):
        try:
            work()
        except BaseException as error:  # noqa: BLE001 raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    [thread.start() for thread in threads]
    [thread.join(40) for thread in threads]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
