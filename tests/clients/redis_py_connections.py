"""redis-py, blocking: caches, names, ids and pools of connections. PORT UPSTREAM-SOCKET PROTOCOL"""

import threading

import redis
from redis.cache import CacheConfig
from redis.exceptions import ConnectionError, ResponseError

from redis_py_clients import PORT, PROTOCOL, at_once, client, direct
from said import HOST, check, same, until


def caching_in_the_client(r):
    if PROTOCOL != "3" or tuple(map(int, r.info("server")["redis_version"].split(".")[:2])) < (7, 4):
        return  # redis-py wants it so
    caching = client(cache_config=CacheConfig(max_size=128))
    r.set("cc:k", "old")
    same(caching.get("cc:k"), "old")
    direct().config_resetstat()
    same([caching.get("cc:k") for _ in range(50)], ["old"] * 50)
    assert "cmdstat_get" not in direct().info("commandstats"), "it asks for what it has"
    for n in range(20):
        # By its own kind, by another client of Nearside, and past Nearside.
        [r, direct(), client()][n % 3].set("cc:k", n)
        until(lambda n=n: caching.get("cc:k") == str(n))
        same(caching.get("cc:k"), str(n))
    caching.mset({f"cc:{n}": n for n in range(50)})
    same(caching.mget([f"cc:{n}" for n in range(50)]), [str(n) for n in range(50)])
    direct().flushdb()
    until(lambda: caching.get("cc:k") is None and caching.mget(["cc:1", "cc:2"]) == [None, None])
    caching.close()


def names_and_ids(r):
    one, two = (client(single_connection_client=True) for _ in range(2))
    same(one.client_setname("one"), True)
    same(one.client_getname(), "one")
    same(two.client_getname() or None, None)
    ids = [one.client_id(), two.client_id()]
    assert ids[0] != ids[1] and ids == [one.client_id(), two.client_id()], ids
    listed = {int(each["id"]): each for each in r.client_list()}
    same(listed[ids[0]]["name"], "one")
    same([int(each["id"]) for each in r.client_list(client_id=[str(ids[1])])], [ids[1]])
    same(int(one.client_info()["id"]), ids[0])
    # By its id, that of another connection: it notices, and connects again.
    same(r.client_kill_filter(_id=str(ids[1])), 1)
    try:
        two.ping()
    except ConnectionError:
        pass
    two = client(single_connection_client=True)
    assert two.client_id() != ids[1]
    same(one.client_getname(), "one")
    same(r.client_kill_filter(_id="999999999"), 0)


def unblocking(r):
    for error in (False, True):
        blocked, got = client(single_connection_client=True), []
        id_ = blocked.client_id()

        def wait():
            try:
                got.append(blocked.blpop("u:none", timeout=30))
            except ResponseError as problem:
                got.append(str(problem))

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        until(lambda: r.client_unblock(id_, error=error) == 1)
        thread.join(10)
        same(got, ["UNBLOCKED client unblocked via CLIENT UNBLOCK" if error else None])
        same(blocked.ping(), True)
        same(r.client_unblock(id_), 0)


def pools_with_a_limit(r):
    settings = dict(host=HOST, port=PORT, protocol=int(PROTOCOL), decode_responses=True)
    pool = redis.BlockingConnectionPool(max_connections=4, timeout=20, **settings)

    def work(k):
        mine = redis.Redis(connection_pool=pool)
        for n in range(40):
            same(mine.pipeline().set(f"pool:{k}", n).get(f"pool:{k}").execute(), [True, str(n)])
            same(mine.echo(f"{k}:{n}"), f"{k}:{n}")

    at_once(*(lambda k=k: work(k) for k in range(16)))
    pool.disconnect()
    small = redis.ConnectionPool(max_connections=2, **settings)
    held = [small.get_connection() for _ in range(2)]
    try:
        redis.Redis(connection_pool=small).ping()
        raise AssertionError("a third connection")
    except ConnectionError:
        pass
    [small.release(each) for each in held]
    same(redis.Redis(connection_pool=small).ping(), True)
    small.disconnect()


CHECKS = [caching_in_the_client, names_and_ids, unblocking, pools_with_a_limit]
for each in CHECKS:
    with check(f"redis-py connections, RESP{PROTOCOL}: {each.__name__.replace('_', ' ')}"):
        each(client())
