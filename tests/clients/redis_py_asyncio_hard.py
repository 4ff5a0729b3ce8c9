"""redis-py, asyncio, driven hard: what needs a connection of one's own. PORT UPSTREAM-SOCKET PROTOCOL"""

import asyncio
import time

import redis.asyncio as redis
from redis.exceptions import LockNotOwnedError, ResponseError, WatchError

from said import HOST, arguments, check, same

PORT, UPSTREAM, (PROTOCOL,) = arguments()


def client(**more):
    settings = {"protocol": int(PROTOCOL), "decode_responses": True, "max_connections": 200} | more
    return redis.Redis(host=HOST, port=PORT, **settings)


async def until(condition, patience=10.0):
    deadline = time.monotonic() + patience
    while not await condition():
        assert time.monotonic() < deadline, f"not within {patience} s"
        await asyncio.sleep(0.005)


async def pipelines_of_thousands(r):
    async def one(k):
        async with r.pipeline(transaction=k % 2 == 0) as pipe:
            for n in range(1500):
                pipe.set(f"p:{k}:{n}", n).get(f"p:{k}:{n}").incr(f"p:count:{k % 2}")
            replies = await pipe.execute()
        same(replies[0::3], [True] * 1500)
        same(replies[1::3], [str(n) for n in range(1500)])
        if k % 2 == 0:  # nobody came between
            same(replies[2::3], list(range(replies[2], replies[2] + 1500)))

    await asyncio.gather(*(one(k) for k in range(6)))
    same(await r.mget("p:count:0", "p:count:1"), ["4500", "4500"])


async def counters_under_watch(r):
    await r.mset({"w:0": 0, "w:1": 0})
    conflicts = 0

    async def add(k):
        nonlocal conflicts
        for n in range(25):
            key = f"w:{(k + n) % 2}"
            async with r.pipeline() as pipe:
                while True:
                    try:
                        await pipe.watch(key)
                        value = int(await pipe.get(key))
                        pipe.multi()
                        await pipe.set(key, value + 1).execute()
                        break
                    except WatchError:
                        conflicts += 1

    await asyncio.gather(*(add(k) for k in range(10)))
    same(sum(map(int, await r.mget("w:0", "w:1"))), 250)
    assert conflicts, "no two transactions ever met: the check checks nothing"

    async def double(pipe):
        value = int(await pipe.get("w:0"))
        pipe.multi()
        pipe.set("w:0", 2 * value)

    before = int(await r.get("w:0"))
    same(await r.transaction(double, "w:0"), [True])
    same(await r.get("w:0"), str(2 * before))


async def publishing_both_ways(r):
    """Services in a ring, each with its channel and a pattern, pass words round."""
    size, rounds = 8, 25
    heard = [[] for _ in range(size)]

    async def serve(k, pubsub):
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            n = int(message["data"])
            heard[k].append(n)
            if n < size * rounds - 1:
                same(await r.publish(f"ring:{(k + 1) % size}", n + 1), 2)
            if n >= size * (rounds - 1):
                return

    subscribers = []
    for k in range(size):
        pubsub = r.pubsub(ignore_subscribe_messages=True)
        await pubsub.subscribe(f"ring:{k}", f"quiet:{k}")
        subscribers.append(pubsub)
    every = r.pubsub(ignore_subscribe_messages=True)
    await every.psubscribe("ring:*")

    async def all_there():
        counts = dict(await r.pubsub_numsub(*(f"ring:{k}" for k in range(size))))
        return set(counts.values()) == {1} and await r.pubsub_numpat() == 1

    await until(all_there)
    tasks = [asyncio.create_task(serve(k, pubsub)) for k, pubsub in enumerate(subscribers)]
    await r.publish("ring:0", 0)
    await asyncio.gather(*tasks)
    same(heard, [list(range(k, size * rounds, size)) for k in range(size)])
    order = []
    while len(order) < size * rounds:
        message = await every.get_message(timeout=5)
        if message:
            order.append(int(message["data"]))
    same(order, list(range(size * rounds)))
    for pubsub in [*subscribers, every]:
        await pubsub.aclose()

    async def all_gone():
        return await r.pubsub_channels() == [] and await r.pubsub_numpat() == 0

    await until(all_gone)


async def consumers_and_producers(r):
    done = []

    async def produce(k):
        for n in range(100):
            await r.rpush(f"q:{n % 3}", f"{k}:{n}")

    async def consume():
        while True:
            _, task = await r.blpop(["q:0", "q:1", "q:2"], timeout=20)
            if task == "end":
                return
            done.append(task)

    consumers = [asyncio.create_task(consume()) for _ in range(12)]
    await asyncio.gather(*(produce(k) for k in range(6)))
    for n in range(12):
        await r.rpush(f"q:{n % 3}", "end")
    await asyncio.gather(*consumers)
    same(sorted(done), sorted(f"{k}:{n}" for k in range(6) for n in range(100)))


async def streams_with_groups(r):
    await r.xgroup_create("x:s", "g", mkstream=True)
    done = []

    async def consume(k):
        while len(done) < 400:
            reply = await r.xreadgroup("g", f"c{k}", {"x:s": ">"}, count=5, block=100)
            for id_, fields in entries_of(reply):
                done.append(int(fields["n"]))
                same(await r.xack("x:s", "g", id_), 1)

    async def produce():
        for n in range(400):
            await r.xadd("x:s", {"n": n})

    await asyncio.gather(produce(), *(consume(k) for k in range(5)))
    same(sorted(done), list(range(400)))
    same((await r.xpending("x:s", "g"))["pending"], 0)


def entries_of(reply):
    """Of one stream: redis-py gives lists in RESP2 and maps in RESP3."""
    if not reply:
        return []
    entries = next(iter(reply.values())) if isinstance(reply, dict) else reply[0][1]
    return entries[0] if entries and isinstance(entries[0], list) else entries


async def locks(r):
    await r.set("l:n", 0)

    async def work():
        for _ in range(10):
            async with r.lock("l:lock", timeout=20, blocking_timeout=30, sleep=0.002):
                await r.set("l:n", int(await r.get("l:n")) + 1)

    await asyncio.gather(*(work() for _ in range(6)))
    same(await r.get("l:n"), "60")
    lock = r.lock("l:other", timeout=10)
    assert await lock.acquire()
    await r.delete("l:other")
    try:
        await lock.release()
        raise AssertionError("it was not its own")
    except LockNotOwnedError:
        pass


async def scripts_and_functions(r):
    script = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    for n in range(1, 4):
        await r.script_flush()
        same(await script(keys=["s:n"], args=[10]), 10 * n)
    await r.function_load("#!lua name=mine\nredis.register_function('twice', function(k, a) return 2 * a[1] end)", replace=True)
    same(await asyncio.gather(*(r.fcall("twice", 0, n) for n in range(50))), [2 * n for n in range(50)])
    await r.function_delete("mine")


async def unblocking_and_killing(r):
    blocked = client(single_connection_client=True)
    await blocked.initialize()
    id_ = await blocked.client_id()
    task = asyncio.create_task(blocked.blpop("u:none", timeout=30))

    async def unblocked():
        return await r.client_unblock(id_, error=True) == 1

    await until(unblocked)
    try:
        await asyncio.wait_for(task, 10)
        raise AssertionError("no error")
    except ResponseError as error:
        assert str(error).startswith("UNBLOCKED"), error
    same(await blocked.client_setname("mine"), True)
    same([each["name"] for each in await r.client_list(client_id=[str(id_)])], ["mine"])
    same(await r.client_kill_filter(_id=str(id_)), 1)
    same(await r.client_list(client_id=[str(id_)]), [])
    await blocked.aclose()


async def calls_given_up(r):
    """A blocked call that is given up takes no element along."""
    for n in range(20):
        await r.ping()
        task = asyncio.create_task(r.brpop("g:q", timeout=20))
        direct = redis.Redis(unix_socket_path=UPSTREAM, decode_responses=True)

        async def blocked(count=1):
            return (await direct.info("clients"))["blocked_clients"] == count

        await until(blocked)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: blocked(0))
        await r.lpush("g:q", n)
        same(await r.rpop("g:q"), str(n))
        await direct.aclose()


CHECKS = [
    pipelines_of_thousands, counters_under_watch, publishing_both_ways, consumers_and_producers,
    streams_with_groups, locks, scripts_and_functions, unblocking_and_killing, calls_given_up,
]


async def main():
    for each in CHECKS:
        with check(f"redis-py asyncio hard, RESP{PROTOCOL}: {each.__name__.replace('_', ' ')}"):
            async with client() as r:
                await asyncio.wait_for(each(r), 60)


asyncio.run(main())
