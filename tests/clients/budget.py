"""Five upstream connections for eight workers: many clients of every kind, and no error. PORT UPSTREAM-SOCKET

Nearside runs with REDIS_MAX_CONNECTIONS=5 and --workers 8.
"""

import asyncio
import time

import redis.asyncio as redis

from said import HOST, arguments, check, same

PORT, UPSTREAM, _ = arguments()
SECONDS = 5


def client():
    return redis.Redis(host=HOST, port=PORT, decode_responses=True, max_connections=4)


async def gets(until):
    async with client() as r:
        count = 0
        while time.monotonic() < until:
            same(await r.get("value"), "x" * 64)
            count += 1
        return count


async def transactions(k, until):
    async with client() as r:
        count = 0
        while time.monotonic() < until:
            async with r.pipeline(transaction=True) as pipe:
                same(await pipe.set(f"tx:{k}", count).incr(f"tx:{k}").execute(), [True, count + 1])
            count += 1
        return count


async def consumer(k):
    async with client() as r:
        return await r.brpop(f"queue:{k}", timeout=30)


async def subscriber(ready, heard):
    async with client() as r, r.pubsub() as pubsub:
        await pubsub.subscribe("news")
        same((await pubsub.get_message(timeout=10))["type"], "subscribe")
        ready.release()
        async for message in pubsub.listen():
            if message["data"] == "end":
                return
            heard.append(message["data"])


async def main():
    ready, heard = asyncio.Semaphore(0), []
    async with client() as r:
        await r.set("value", "x" * 64)
        blocked = [asyncio.create_task(consumer(k)) for k in range(50)]
        listening = [asyncio.create_task(subscriber(ready, heard)) for _ in range(20)]
        with check("20 subscribers subscribe while 50 clients wait in BRPOP 30"):
            await asyncio.wait_for(asyncio.gather(*(ready.acquire() for _ in range(20))), 20)
        until = time.monotonic() + SECONDS
        with check("50 clients in GET and 10 in MULTI/EXEC for five seconds"):
            work = [gets(until) for _ in range(50)] + [transactions(k, until) for k in range(10)]
            counts = await asyncio.wait_for(asyncio.gather(*work), 60)
            print(f"        {sum(counts[:50])} GETs, {sum(counts[50:])} transactions")
            assert all(counts), counts
        direct = redis.Redis(unix_socket_path=UPSTREAM, decode_responses=True)
        # The cache compares the server's users now and then, on a control connection: those have a bound
        # of their own.
        with check("at most 5 upstream connections besides the 70 held ones and one for control"):
            listed = await direct.client_list()
            ours = [c for c in listed if int(c["id"]) != await direct.client_id()]
            assert len(ours) <= 76, [c["cmd"] for c in ours]
        with check("every blocked client gets its element"):
            for k in range(50):
                await r.lpush(f"queue:{k}", k)
            got = await asyncio.wait_for(asyncio.gather(*blocked), 20)
            same([tuple(each) for each in got], [(f"queue:{k}", str(k)) for k in range(50)])
        with check("every subscriber hears every message"):
            for n in range(100):
                same(await r.publish("news", n), 20)
            await r.publish("news", "end")
            await asyncio.wait_for(asyncio.gather(*listening), 20)
            same(len(heard), 2000)
        await direct.aclose()


asyncio.run(main())
