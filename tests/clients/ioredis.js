// ioredis through Nearside. PORT UPSTREAM-SOCKET
import assert from "node:assert/strict";
import Redis from "ioredis";
import { numbers, port, run, same, until, upstream } from "./said.js";

const opened = [];
const connect = (more = {}) => {
  const client = new Redis({ port, host: "127.0.0.1", ...more });
  client.on("error", (error) => console.error(`ioredis error event: ${error}`));
  opened.push(client);
  return client;
};
const redis = connect();

await run("ioredis", {
  async caching_and_hashes() {
    same(await redis.set("api:1", JSON.stringify({ n: 1 }), "EX", 300), "OK");
    same(JSON.parse(await redis.get("api:1")), { n: 1 });
    same(await redis.hset("session:1", { user: "u", seen: 1 }), 2);
    same(await redis.expire("session:1", 3600), 1);
    same(await redis.hgetall("session:1"), { user: "u", seen: "1" });
    const binary = Buffer.from(numbers(200_000).map((n) => n % 256));
    await redis.set("binary", binary);
    assert(binary.equals(await redis.getBuffer("binary")));
    await assert.rejects(redis.lpush("api:1", "x"), /WRONGTYPE/);
  },
  async many_at_once() {
    await Promise.all(numbers(5000).map((n) => redis.set(`k:${n}`, n)));
    same(await Promise.all(numbers(5000).map((n) => redis.get(`k:${n}`))), numbers(5000).map(String));
    const auto = connect({ enableAutoPipelining: true });
    same(await Promise.all(numbers(500).map((n) => auto.get(`k:${n}`))), numbers(500).map(String));
  },
  async pipelines_and_multi() {
    const pipeline = redis.pipeline();
    numbers(1000).forEach((n) => pipeline.set(`p:${n}`, n).get(`p:${n}`));
    const replies = await pipeline.exec();
    same(replies.filter((_, i) => i % 2).map(([, value]) => value), numbers(1000).map(String));
    same(await redis.multi().set("m", 1).incr("m").get("m").exec(), [[null, "OK"], [null, 2], [null, "2"]]);
    const mixed = await redis.multi().set("m", "x").incr("m").exec();
    assert.match(String(mixed[1][0]), /not an integer/);
    await assert.rejects(redis.multi().set("m").exec(), /EXECABORT|wrong number/);
    same(await redis.get("m"), "x");
    const open = connect();
    await open.multi({ pipeline: false });
    same(await open.set("m", 5), "QUEUED");
    same(await open.exec(), [[null, "OK"]]);
    const watcher = connect();
    await watcher.watch("m");
    await redis.set("m", 6);
    same(await watcher.multi().set("m", 7).exec(), null);
  },
  async publish_and_subscribe() {
    const heard = [];
    const subscriber = connect();
    same(await subscriber.subscribe("news", "other"), 2);
    same(await subscriber.psubscribe("ne*"), 3);
    subscriber.on("message", (channel, text) => heard.push(text));
    subscriber.on("pmessage", (pattern, channel, text) => heard.push(`p${text}`));
    for (const n of numbers(200)) same(await redis.publish("news", n), 2);
    await until(() => heard.length === 400);
    same(heard.filter((text) => text[0] !== "p"), numbers(200).map(String));
    same(await subscriber.unsubscribe("news", "other"), 1);
    same(await subscriber.punsubscribe("ne*"), 0);
    same(await subscriber.get("m"), "6");
  },
  async blocking_consumers() {
    const consumers = numbers(10).map(() => connect());
    const waiting = Promise.all(consumers.map((client) => client.brpop("queue", 20)));
    await redis.lpush("queue", ...numbers(10));
    same((await waiting).map(([, value]) => Number(value)).sort((a, b) => a - b), numbers(10));
    same(await redis.duplicate().brpop("queue", 1), null);
  },
  async scripts() {
    redis.defineCommand("echoed", { numberOfKeys: 1, lua: "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}" });
    same(await redis.echoed("lua", "x"), ["lua", "x", 1]);
    await redis.script("FLUSH");
    same(await redis.echoed("lua", "y"), ["lua", "y", 2]);
    same((await redis.pipeline().echoed("lua", "z").exec())[0][1], ["lua", "z", 3]);
  },
  async streams() {
    const ids = await Promise.all(numbers(20).map((n) => redis.xadd("events", "*", "n", n)));
    await redis.xgroup("CREATE", "events", "g", "0");
    const [[name, entries]] = await redis.xreadgroup("GROUP", "g", "me", "COUNT", 20, "STREAMS", "events", ">");
    same([name, entries.map(([id]) => id)], ["events", ids]);
    same(await redis.xack("events", "g", ...ids), 20);
    const late = connect().xread("BLOCK", 15_000, "STREAMS", "late", "0");
    await redis.xadd("late", "*", "is", "here");
    same((await late)[0][1][0][1], ["is", "here"]);
  },
  async scanning() {
    const keys = new Set();
    for await (const batch of redis.scanStream({ match: "k:*", count: 100 })) batch.forEach((key) => keys.add(key));
    same(keys.size, 5000);
  },
  async reconnecting() {
    const direct = connect({ path: upstream, port: undefined, host: undefined });
    const steady = connect({ db: 4, connectionName: "steady" });
    same(await steady.client("GETNAME"), "steady");
    await steady.set("steady", "yes");
    for (const _ of numbers(10)) {
      await direct.client("KILL", "TYPE", "normal", "SKIPME", "yes");
      same(await steady.get("steady"), "yes");
    }
  },
});
for (const client of opened) client.disconnect();
process.exit(0);
