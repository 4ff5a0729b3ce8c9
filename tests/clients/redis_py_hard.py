"""redis-py, blocking, driven hard: what needs a connection of one's own. PORT UPSTREAM-SOCKET PROTOCOL"""

import threading

from redis.exceptions import LockError, LockNotOwnedError, NoScriptError, ResponseError, WatchError

from redis_py_clients import PROTOCOL, at_once, client
from said import check, same, until


def pipelines_of_thousands(r):
    for transaction in (True, False):
        pipe = r.pipeline(transaction=transaction)
        for n in range(3000):
            pipe.set(f"p:{n}", f"{transaction}{n}" + "x" * (n % 200)).strlen(f"p:{n}").incr("p:count")
        replies = pipe.execute()
        same(replies[0::3], [True] * 3000)
        same(replies[1::3], [len(f"{transaction}{n}") + n % 200 for n in range(3000)])
    same(replies[2::3], list(range(3001, 6001)))
    pipe = r.pipeline(transaction=True)
    for n in range(2000):
        pipe.incr("p:good")
        if n == 1000:
            pipe.lpush("p:good", "wrong type")
    replies = pipe.execute(raise_on_error=False)
    same([type(each) for each in replies if not isinstance(each, int)], [ResponseError])
    same(r.get("p:good"), "2000")
    # A command that cannot be queued: nothing of the transaction runs.
    pipe = r.pipeline(transaction=True).set("p:good", 0).execute_command("GET", "too", "many").set("p:good", 1)
    try:
        pipe.execute()
        raise AssertionError("it ran")
    except ResponseError:
        same(r.get("p:good"), "2000")


def counters_under_watch(r):
    keys = [f"w:{k}" for k in range(3)]
    r.mset({key: 0 for key in keys})
    conflicts = []

    def add():
        mine = client()
        for n in range(40):
            key = keys[n % 3]
            while True:
                with mine.pipeline() as pipe:
                    try:
                        pipe.watch(key)
                        value = int(pipe.get(key))
                        pipe.multi()
                        pipe.set(key, value + 1).rpush("w:log", value)
                        pipe.execute()
                        break
                    except WatchError:
                        conflicts.append(key)

    at_once(*[add] * 8)
    same(sum(map(int, r.mget(keys))), 320)
    same(r.llen("w:log"), 320)
    assert conflicts, "no two transactions ever met: the check checks nothing"


def publishing_both_ways(r):
    """Two services that ask and answer each other, each on its channel, with patterns listening in."""
    eavesdropper = r.pubsub(ignore_subscribe_messages=True)
    eavesdropper.psubscribe("talk:*", "t*:b")
    server = r.pubsub(ignore_subscribe_messages=True)
    server.subscribe("talk:a", "unused:1", "unused:2")
    me = r.pubsub(ignore_subscribe_messages=True)
    me.subscribe("talk:b")
    until(lambda: r.pubsub_numpat() == 2 and dict(r.pubsub_numsub("talk:a", "talk:b")) == {"talk:a": 1, "talk:b": 1})

    def serve():
        answering = client()
        for message in server.listen():
            answering.publish("talk:b", f"re {message['data']}")
            if message["data"] == "99":
                return

    def ask():
        for n in range(100):
            same(r.publish("talk:a", n), 2)
            same(next(me.listen())["data"], f"re {n}")

    at_once(serve, ask)
    heard = []
    until(lambda: heard.extend(filter(None, [eavesdropper.get_message(timeout=0.05)])) or len(heard) == 300)
    same([m["data"] for m in heard if m["channel"] == "talk:a"], [str(n) for n in range(100)])
    for pattern in ("talk:*", "t*:b"):
        answers = [m["data"] for m in heard if m["channel"] == "talk:b" and m["pattern"] == pattern]
        same(answers, [f"re {n}" for n in range(100)])
    server.unsubscribe("unused:1")
    until(lambda: (server.get_message(timeout=0.01), dict(r.pubsub_numsub("unused:1")) == {"unused:1": 0})[1])
    same(sorted(r.pubsub_channels("unused:*")), ["unused:2"])
    for each in (eavesdropper, server, me):
        each.close()
    until(lambda: r.pubsub_numpat() == 0 and r.pubsub_channels() == [])


def publishing_in_shards(r):
    pubsub = r.pubsub(ignore_subscribe_messages=False)
    pubsub.ssubscribe("shard:1", "shard:2")
    same([pubsub.get_message(timeout=5)["data"] for _ in range(2)], [1, 2])
    same(r.spublish("shard:1", "hello"), 1)
    same(pubsub.get_message(timeout=5)["data"], "hello")
    same([list(pair) for pair in dict(r.pubsub_shardnumsub("shard:1")).items()], [["shard:1", 1]])
    pubsub.close()


def consumers_and_producers(r):
    """A reliable queue: moved to the consumer's own list, done, removed. Nothing lost, nothing twice."""
    done, lock = [], threading.Lock()

    def produce(k):
        mine = client()
        for n in range(150):
            mine.lpush("q:tasks", f"{k}:{n}") if n % 2 else mine.pipeline().lpush("q:tasks", f"{k}:{n}").execute()

    def consume(k):
        mine = client()
        while (task := mine.blmove("q:tasks", f"q:doing:{k}", 10, "RIGHT", "LEFT")) != "end":
            with lock:
                done.append(task)
            same(mine.lrem(f"q:doing:{k}", 1, task), 1)

    def all_produced():
        at_once(*(lambda k=k: produce(k) for k in range(5)))
        r.lpush("q:tasks", *["end"] * 8)

    at_once(all_produced, *(lambda k=k: consume(k) for k in range(8)))
    same(sorted(done), sorted(f"{k}:{n}" for k in range(5) for n in range(150)))
    same(r.llen("q:tasks"), 0)


def scripts_that_are_forgotten(r):
    script = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    for n in range(1, 6):
        r.script_flush()
        same(script(keys=["s:n"], args=[10]), 10 * n)
    r.script_flush()
    try:
        r.evalsha(script.sha, 1, "s:n", 1)
        raise AssertionError("a forgotten script ran")
    except NoScriptError:
        pass
    same(r.script_load(script.script), script.sha)
    same(r.script_exists(script.sha, "0" * 40), [True, False])
    at_once(*[lambda: [script(keys=["s:all"], args=[1], client=client()) for _ in range(100)]] * 4)
    same(r.get("s:all"), "400")
    try:
        r.eval("return redis.error_reply('MINE of my own')", 0)
        raise AssertionError("no error")
    except ResponseError as error:
        same(str(error), "MINE of my own")


def functions(r):
    code = (
        "#!lua name=mine\n"
        "redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], args[1]) end)\n"
        "redis.register_function{function_name='look', callback=function(keys) return redis.call('GET', keys[1]) end,"
        " flags={'no-writes'}}"
    )
    same(r.function_load(code), "mine")
    same(r.function_load(code, replace=True), "mine")
    same(r.fcall("put", 1, "f:k", "value"), "OK")
    same(r.fcall_ro("look", 1, "f:k"), "value")
    pipe = r.pipeline()
    same(pipe.fcall("put", 1, "f:k", "again").fcall("look", 1, "f:k").execute(), ["OK", "again"])
    raw = client(decode_responses=False)
    dumped = raw.function_dump()
    assert r.function_delete("mine")
    try:
        r.fcall("look", 1, "f:k")
        raise AssertionError("a deleted function ran")
    except ResponseError as error:
        assert "Function not found" in str(error), error
    raw.function_restore(dumped)
    same(r.fcall("look", 1, "f:k"), "again")
    assert r.function_flush()


def entries_of(reply):
    """Of one stream: redis-py gives lists in RESP2 and maps in RESP3."""
    if not reply:
        return []
    entries = next(iter(reply.values())) if isinstance(reply, dict) else reply[0][1]
    return entries[0] if entries and isinstance(entries[0], list) else entries


def streams_with_groups(r):
    """Consumers share the work; one dies with its entries, and another claims them."""
    r.xgroup_create("x:s", "g", id="$", mkstream=True)
    done, lock, over = [], threading.Lock(), threading.Event()

    def consume(k):
        mine = client()
        while not over.is_set():
            for id_, fields in entries_of(mine.xreadgroup("g", f"c{k}", {"x:s": ">"}, count=7, block=200)):
                if k == 0:
                    continue  # reads, and never acknowledges
                with lock:
                    done.append(int(fields["n"]))
                same(mine.xack("x:s", "g", id_), 1)

    def produce():
        mine = client()
        for n in range(600):
            mine.xadd("x:s", {"n": n}, maxlen=100_000)
        until(lambda: len(done) + mine.xpending("x:s", "g")["pending"] == 600)
        until(lambda: r.xinfo_groups("x:s")[0]["lag"] == 0)
        over.set()

    at_once(produce, *(lambda k=k: consume(k) for k in range(5)))
    left = r.xpending("x:s", "g")["pending"]
    same(len(done) + left, 600)
    start = "0-0"
    while left:
        start, claimed, *_ = r.xautoclaim("x:s", "g", "heir", min_idle_time=0, start_id=start, count=10)
        for id_, fields in claimed:
            done.append(int(fields["n"]))
            left -= r.xack("x:s", "g", id_)
        if start == "0-0":
            break
    same(sorted(done), list(range(600)))
    same(r.xpending("x:s", "g")["pending"], 0)


def locks(r):
    r.set("l:n", 0)

    def work():
        mine = client()
        for _ in range(15):
            with mine.lock("l:lock", timeout=20, blocking_timeout=30, sleep=0.002):
                value = int(mine.get("l:n"))
                mine.set("l:n", value + 1)

    at_once(*[work] * 6)
    same(r.get("l:n"), "90")
    lock = r.lock("l:other", timeout=10)
    assert lock.acquire() and lock.owned() and not r.lock("l:other").acquire(blocking=False)
    assert lock.extend(20) and r.pttl("l:other") > 25_000 and lock.reacquire() and r.pttl("l:other") <= 10_000
    r.set("l:other", "somebody else")
    try:
        lock.release()
        raise AssertionError("it was not its own")
    except LockNotOwnedError:
        pass
    try:
        lock.release()
        raise AssertionError("it was released before")
    except LockError:
        pass


CHECKS = [
    pipelines_of_thousands, counters_under_watch, publishing_both_ways, publishing_in_shards,
    consumers_and_producers, scripts_that_are_forgotten, functions, streams_with_groups, locks,
]
for each in CHECKS:
    with check(f"redis-py hard, RESP{PROTOCOL}: {each.__name__.replace('_', ' ')}"):
        each(client())
