"""redis-py, asyncio: the same client as the guide's async half. PORT UPSTREAM-SOCKET PROTOCOL"""

import asyncio
import json

import redis.asyncio as redis
from redis.exceptions import WatchError

from said import HOST, arguments, check, same

PORT, UPSTREAM, (PROTOCOL,) = arguments()


def client(**more):
    """Its pool grows to as many connections as there are calls at once."""
    settings = {"protocol": int(PROTOCOL), "decode_responses": True, "max_connections": 1000} | more
    return redis.Redis(host=HOST, port=PORT, **settings)


async def many_at_once(r):
    await asyncio.gather(*(r.set(f"a:{n}", json.dumps({"n": n}), ex=60) for n in range(500)))
    got = await asyncio.gather(*(r.get(f"a:{n}") for n in range(500)))
    same([json.loads(value)["n"] for value in got], list(range(500)))
    same(max(await asyncio.gather(*(r.incr("a:count") for _ in range(300)))), 300)


async def pipelines(r):
    async def one(k):
        async with r.pipeline(transaction=k % 2 == 0) as pipe:
            for n in range(50):
                pipe.set(f"ap:{k}:{n}", n).get(f"ap:{k}:{n}")
            same((await pipe.execute())[1::2], [str(n) for n in range(50)])

    await asyncio.gather(*(one(k) for k in range(40)))


async def watching(r):
    await r.set("a:balance", 0)

    async def add():
        for _ in range(20):
            async with r.pipeline() as pipe:
                while True:
                    try:
                        await pipe.watch("a:balance")
                        value = int(await pipe.get("a:balance"))
                        pipe.multi()
                        await pipe.set("a:balance", value + 1).execute()
                        break
                    except WatchError:
                        continue

    await asyncio.gather(*(add() for _ in range(8)))
    same(await r.get("a:balance"), "160")


async def publishing(r):
    heard = asyncio.Queue()

    async def listen(pubsub, last):
        async for message in pubsub.listen():
            if message["type"] in ("message", "pmessage"):
                await heard.put(message["data"])
                if message["data"] == last:
                    return

    subscribers = []
    for k in range(10):
        pubsub = r.pubsub()
        await (pubsub.psubscribe("as:*") if k % 2 else pubsub.subscribe("as:news"))
        same((await pubsub.get_message(timeout=5))["type"], "psubscribe" if k % 2 else "subscribe")
        subscribers.append(pubsub)
    tasks = [asyncio.create_task(listen(pubsub, "99")) for pubsub in subscribers]
    for n in range(100):
        same(await r.publish("as:news", n), 10)
    await asyncio.gather(*tasks)
    same(heard.qsize(), 1000)
    for pubsub in subscribers:
        await pubsub.aclose()


async def queues(r):
    consumers = [asyncio.create_task(client().brpop(["aq:1", "aq:2"], timeout=20)) for _ in range(20)]
    await asyncio.gather(*(r.lpush(f"aq:{1 + n % 2}", n) for n in range(20)))
    got = [value for _, value in await asyncio.gather(*consumers)]
    same(sorted(map(int, got)), list(range(20)))
    same(await r.blpop("aq:none", timeout=1), None)


async def cancelled_calls(r):
    """A call given up half-way must not leave its reply for the next one."""
    for n in range(30):
        # Given up while it connects, redis-py 8.1 goes on regardless (against plain Redis too).
        await r.ping()
        task = asyncio.create_task(r.brpop("aq:never", timeout=5))
        await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        same(await r.echo(str(n)), str(n))


async def scripts_and_streams(r):
    script = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    same(await script(keys=["a:lua"], args=[5]), 5)
    await r.xgroup_create("a:stream", "g", mkstream=True)
    await asyncio.gather(*(r.xadd("a:stream", {"n": n}) for n in range(100)))
    seen = 0
    while seen < 100:
        reply = await r.xreadgroup("g", "me", {"a:stream": ">"}, count=30, block=5000)
        entries = reply["a:stream"] if isinstance(reply, dict) else reply[0][1]
        if entries and isinstance(entries[0], list):
            entries = entries[0]
        seen += len(entries)
    same(seen, 100)
    found = [key async for key in r.scan_iter("a:*", count=50)]
    assert len(set(found)) > 500, len(found)


CHECKS = [many_at_once, pipelines, watching, publishing, queues, cancelled_calls, scripts_and_streams]


async def main():
    for each in CHECKS:
        with check(f"redis-py asyncio, RESP{PROTOCOL}: {each.__name__.replace('_', ' ')}"):
            async with client() as r:
                await asyncio.wait_for(each(r), 60)


asyncio.run(main())
