"""redis-py, blocking: what the users' guide does, in RESP2 or RESP3. PORT UPSTREAM-SOCKET PROTOCOL"""

import json
import threading

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, ConnectionError, ResponseError, WatchError
from redis.retry import Retry

from said import HOST, arguments, check, same, until

PORT, UPSTREAM, (PROTOCOL,) = arguments()
URL = f"redis://{HOST}:{PORT}"


def client(**more):
    settings = {"protocol": int(PROTOCOL), "decode_responses": True, "socket_timeout": 10} | more
    return redis.Redis(host=HOST, port=PORT, **settings)


def direct():
    return redis.Redis(unix_socket_path=UPSTREAM, decode_responses=True)


def caching(r):
    body = {"id": 7, "name": "Ünïcode ✓", "rows": list(range(200))}
    same(r.set("api:notion:7", json.dumps(body), ex=300), True)
    same(json.loads(r.get("api:notion:7")), body)
    assert 295 <= r.ttl("api:notion:7") <= 300
    same(r.get("api:notion:none"), None)
    same(r.set("api:notion:7", "x", nx=True), None)
    same(r.set("api:notion:7", "new", get=True), json.dumps(body))
    same(r.mset({"m:1": 1, "m:2": 2}), True)
    same(r.mget("m:1", "none", "m:2"), ["1", None, "2"])
    same(r.delete("m:1", "m:2", "none"), 2)
    raw = client(decode_responses=False)
    for size in (0, 1, 64, 16_383, 65_536, 3_000_000):
        value = bytes(i * 31 % 256 for i in range(min(size, 1000))) * (size // 1000 + 1)
        raw.set("binary", value[:size])
        same(raw.get("binary"), value[:size])


def sessions(r):
    same(r.hset("session:1", mapping={"data": '{"user":"u"}', "seen": 1}), 2)
    same(r.expire("session:1", 3600), True)
    same(r.hget("session:1", "data"), '{"user":"u"}')
    same(r.hgetall("session:1"), {"data": '{"user":"u"}', "seen": "1"})
    same(r.hincrby("session:1", "seen", 2), 3)
    same(r.hmget("session:1", "seen", "none"), ["3", None])
    same(r.persist("session:1"), True)
    same(r.exists("session:1"), 1)


def rate_limiting(r):
    counts = []
    for _ in range(5):
        counts.append(r.incr("rate_limit:u:e"))
        if counts[-1] == 1:
            r.expire("rate_limit:u:e", 3600)
    same(counts, [1, 2, 3, 4, 5])
    assert r.ttl("rate_limit:u:e") > 3590


def kinds_of_values(r):
    same(r.zadd("z", {"a": 1, "b": 2.5, "c": -1}), 3)
    pairs = [["c", -1.0], ["a", 1.0], ["b", 2.5]]
    same([list(pair) for pair in r.zrange("z", 0, -1, withscores=True)], pairs)
    same(r.zscore("z", "b"), 2.5)
    same(r.zincrby("z", 0.5, "b"), 3.0)
    same(r.sadd("s", "x", "y"), 2)
    same(r.smembers("s"), {"x", "y"})
    same(r.sismember("s", "x"), 1)
    same(r.geoadd("g", [13.361389, 38.115556, "Palermo"]), 1)
    assert abs(r.geopos("g", "Palermo")[0][0] - 13.361389) < 1e-4
    same(r.setbit("bits", 7, 1), 0)
    same(r.pfadd("hll", "a", "b"), 1)
    same(r.object("encoding", "rate_limit:u:e"), "int")
    same(r.type("z"), "zset")
    same(r.config_get("maxmemory-policy"), direct().config_get("maxmemory-policy"))
    assert r.memory_usage("z") > 0
    with_error = None
    try:
        r.lpush("z", "no")
    except ResponseError as error:
        with_error = str(error)
    assert with_error.startswith("WRONGTYPE"), with_error


def queues(r):
    same(r.brpop("queue:none", timeout=1), None)
    got = []

    def work():
        mine = client(socket_timeout=None)
        while (task := mine.brpop("queue:tasks", timeout=30)) and task[1] != "end":
            got.append(task[1])

    workers = [threading.Thread(target=work) for _ in range(4)]
    [worker.start() for worker in workers]
    for n in range(400):
        r.lpush("queue:tasks", n)
    r.lpush("queue:tasks", *["end"] * 4)
    [worker.join(20) for worker in workers]
    same(sorted(map(int, got)), list(range(400)))
    r.rpush("from", "a", "b")
    same(r.blmove("from", "to", 1, "LEFT", "RIGHT"), "a")
    same(list(r.blmpop(1, 1, "from", direction="LEFT")), ["from", ["b"]])
    r.zadd("zq", {"first": 1})
    same(list(r.bzpopmin("zq", timeout=1)), ["zq", "first", 1.0])


def publishing(r):
    pubsub = r.pubsub(ignore_subscribe_messages=False)
    pubsub.subscribe("higherself:agents:communication")
    pubsub.psubscribe("higherself:agents:*")
    kinds = [pubsub.get_message(timeout=5)["type"] for _ in range(2)]
    same(kinds, ["subscribe", "psubscribe"])
    message = json.dumps({"from": "grace_fields", "to": "all"})
    same(r.publish("higherself:agents:communication", message), 2)
    got = sorted((m["type"], m["data"]) for m in (pubsub.get_message(timeout=5) for _ in range(2)))
    same(got, [("message", message), ("pmessage", message)])
    same(dict(r.pubsub_numsub("higherself:agents:communication")), {"higherself:agents:communication": 1})
    if PROTOCOL == "2":  # in RESP3 redis-py takes the plain +PONG for a push
        pubsub.ping()
        same(pubsub.get_message(timeout=5)["type"], "pong")
    pubsub.unsubscribe()
    pubsub.punsubscribe()
    same([pubsub.get_message(timeout=5)["type"] for _ in range(2)], ["unsubscribe", "punsubscribe"])
    pubsub.close()

    listener, heard = r.pubsub(ignore_subscribe_messages=True), []
    listener.subscribe("many")

    def listen():
        for message in listener.listen():
            heard.append(int(message["data"]))
            if heard[-1] == 999:
                return

    thread = threading.Thread(target=listen)
    thread.start()
    until(lambda: r.pubsub_numsub("many")[0][1] == 1)
    for n in range(1000):
        r.publish("many", n)
    thread.join(20)
    same(heard, list(range(1000)))
    listener.close()
    handled = []
    with r.pubsub() as other:
        other.subscribe(**{"handled": lambda m: handled.append(m["data"])})
        thread = other.run_in_thread(sleep_time=0.01)
        until(lambda: r.publish("handled", "hello"))
        until(lambda: handled)
        thread.stop()
        thread.join(5)


def pipelines(r):
    for transaction in (False, True):
        pipe = r.pipeline(transaction=transaction)
        for n in range(500):
            pipe.set(f"p:{n}", n).get(f"p:{n}").incr("p:count")
        replies = pipe.execute()
        same(replies[0::3], [True] * 500)
        same(replies[1::3], [str(n) for n in range(500)])
    same(r.get("p:count"), "1000")
    pipe = r.pipeline(transaction=False)
    replies = pipe.set("p:text", "x").incr("p:text").get("p:text").execute(raise_on_error=False)
    assert isinstance(replies[1], ResponseError) and replies[2] == "x", replies


def watching(r):
    r.set("balance", 0)
    conflicts = []

    def add(times):
        mine = client()
        for _ in range(times):
            with mine.pipeline() as pipe:
                while True:
                    try:
                        pipe.watch("balance")
                        value = int(pipe.get("balance"))
                        pipe.multi()
                        pipe.set("balance", value + 1)
                        pipe.execute()
                        break
                    except WatchError:
                        conflicts.append(1)

    threads = [threading.Thread(target=add, args=(50,)) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    same(r.get("balance"), "300")
    same(r.transaction(lambda pipe: (pipe.multi(), pipe.incr("balance")), "balance"), [301])
    assert conflicts, "no two transactions ever met: the check checks nothing"


def scripts(r):
    script = r.register_script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")
    same(script(keys=["lua"], args=["x"]), ["lua", "x", 1])
    r.script_flush()
    same(script(keys=["lua"], args=["y"]), ["lua", "y", 2])
    same(r.script_exists(script.sha), [True])
    same(r.eval("return redis.call('GET', KEYS[1])", 1, "lua"), "2")
    pipe = r.pipeline()
    script(keys=["lua"], args=["z"], client=pipe)
    same(pipe.execute(), [["lua", "z", 3]])
    same(r.eval("return {1, 'two', {3}, false}", 0), [1, "two", [3], None])


def streams(r):
    ids = [r.xadd("events", {"n": n}) for n in range(10)]
    same(r.xlen("events"), 10)
    same(r.xgroup_create("events", "workers", id="0"), True)
    first = r.xreadgroup("workers", "w1", {"events": ">"}, count=4)
    entries = entries_of(first, "events")
    same([entry[0] for entry in entries], ids[:4])
    same(r.xack("events", "workers", *ids[:3]), 3)
    same(r.xpending("events", "workers")["pending"], 1)
    claimed = r.xautoclaim("events", "workers", "w2", min_idle_time=0)
    same(claimed[1][0][0], ids[3])
    same(r.xinfo_stream("events")["length"], 10)
    same(r.xinfo_groups("events")[0]["name"], "workers")
    got = []

    def consume():
        got.extend(entries_of(client(socket_timeout=20).xread({"late": "$"}, block=15_000), "late"))

    thread = threading.Thread(target=consume)
    thread.start()
    until(lambda: any(c["cmd"] == "xread" and "b" in c["flags"] for c in direct().client_list()))
    r.xadd("late", {"is": "here"})
    thread.join(20)
    same(got[0][1], {"is": "here"})
    same(r.xrange("events", count=1)[0][1], {"n": "0"})


def entries_of(reply, stream):
    """The entries of one stream: redis-py gives a list in RESP2 and a map in RESP3."""
    if isinstance(reply, dict):
        entries = reply[stream]
        return entries[0] if entries and isinstance(entries[0], list) else entries
    return dict(map(tuple, reply))[stream]


def scanning(r):
    pipe = r.pipeline(transaction=False)
    for n in range(3000):
        pipe.set(f"scan:{n}", n)
    pipe.hset("scan-hash", mapping={f"f{n}": n for n in range(1500)})
    pipe.sadd("scan-set", *range(1500))
    pipe.zadd("scan-zset", {f"m{n}": n for n in range(1500)})
    pipe.execute()
    same(len(set(r.scan_iter("scan:*", count=100))), 3000)
    same(len(dict(r.hscan_iter("scan-hash"))), 1500)
    same(len(set(r.sscan_iter("scan-set"))), 1500)
    same(dict(r.zscan_iter("scan-zset"))["m7"], 7.0)
    same(len(r.keys("scan:*")), 3000)


def connections(r):
    health = client(health_check_interval=1)
    same(health.ping(), True)
    same(health.echo("hi"), "hi")
    health.client_setname("driver")
    same(health.client_getname(), "driver")
    assert health.client_id() > 0
    assert "Nearside" in str(r.execute_command("INFO", "nearside")) or r.info("nearside")
    same(r.info()["redis_mode"], "standalone")
    assert r.dbsize() > 0 and r.time()[0] > 0
    assert int(r.command_count()) > 200
    pool = redis.ConnectionPool.from_url(f"{URL}/3", protocol=int(PROTOCOL), decode_responses=True, max_connections=20)
    in_three = redis.Redis(connection_pool=pool)
    in_three.set("where", "three")
    same((r.get("where"), direct().get("where")), (None, None))
    same(redis.Redis(unix_socket_path=UPSTREAM, db=3).get("where"), b"three")
    r.select(0)

    failures = []

    def hammer(k):
        try:
            for n in range(200):
                in_three.set(f"t:{k}", n)
                same(in_three.get(f"t:{k}"), str(n))
        except BaseException as error:  # noqa: BLE001 told below
            failures.append(error)

    threads = [threading.Thread(target=hammer, args=(k,)) for k in range(16)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    same(failures, [])
    one = client(single_connection_client=True)
    one.select(5)
    one.set("where", "five")
    same(redis.Redis(unix_socket_path=UPSTREAM, db=5).get("where"), b"five")


def identities(_):
    direct().acl_setuser("app", enabled=True, passwords=["+se%cret"], keys=["app:*"], categories=["+@all"])
    app = redis.Redis.from_url(
        f"redis://app:se%25cret@{HOST}:{PORT}/2", protocol=int(PROTOCOL), decode_responses=True
    )
    same(app.set("app:x", 1), True)
    same(app.acl_whoami(), "app")
    refused = None
    try:
        app.set("other", 1)
    except ResponseError as error:
        refused = str(error)
    assert "permission" in refused, refused
    with app.pipeline() as pipe:
        same(pipe.incr("app:x").get("app:x").execute(), [2, "2"])
    try:
        redis.Redis.from_url(f"redis://app:wrong@{HOST}:{PORT}", protocol=int(PROTOCOL)).ping()
        raise AssertionError("a wrong password was let in")
    except AuthenticationError:
        pass
    same(client().acl_whoami(), "default")


def reconnects(r):
    """The upstream drops every connection: reads go on, and a client that retries sees nothing."""
    retrying = client(retry=Retry(ExponentialBackoff(cap=0.2, base=0.01), 5), retry_on_error=[ConnectionError])
    for _ in range(10):
        retrying.set("steady", "yes")
        direct().client_kill_filter(_type="normal", skipme=True)
        same(retrying.get("steady"), "yes")


CHECKS = [
    caching, sessions, rate_limiting, kinds_of_values, queues, publishing, pipelines, watching, scripts,
    streams, scanning, connections, identities, reconnects,
]
for each in CHECKS:
    with check(f"redis-py, RESP{PROTOCOL}: {each.__name__.replace('_', ' ')}"):
        each(client())
