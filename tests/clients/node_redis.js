// node-redis through Nearside. PORT UPSTREAM-SOCKET PROTOCOL
import assert from "node:assert/strict";
import { createClient, createClientPool, defineScript, WatchError } from "redis";
import { numbers, port, protocol, run, same, until, upstream } from "./said.js";

const url = `redis://127.0.0.1:${port}`;
const connect = (more = {}) =>
  createClient({ url, RESP: Number(protocol), ...more })
    .on("error", (error) => console.error(`node-redis error event: ${error}`))
    .connect();
const client = await connect();

await run("node-redis", {
  async caching_and_hashes() {
    same(await client.set("api:1", JSON.stringify({ n: 1 }), { EX: 300 }), "OK");
    same(JSON.parse(await client.get("api:1")), { n: 1 });
    same(await client.hSet("session:1", { user: "u", seen: 1 }), 2);
    same({ ...(await client.hGetAll("session:1")) }, { user: "u", seen: "1" });
    same(await client.zAdd("z", [{ score: 1.5, value: "a" }, { score: 2, value: "b" }]), 2);
    same(await client.zRangeWithScores("z", 0, -1), [{ value: "a", score: 1.5 }, { value: "b", score: 2 }]);
    same(await client.incr("n"), 1);
    await assert.rejects(client.lPush("api:1", "x"), /WRONGTYPE/);
  },
  async many_at_once() {
    await Promise.all(numbers(5000).map((n) => client.set(`k:${n}`, String(n))));
    same(await Promise.all(numbers(5000).map((n) => client.get(`k:${n}`))), numbers(5000).map(String));
  },
  async pipelines_and_multi() {
    same(await client.multi().set("m", 1).incr("m").get("m").exec(), ["OK", 2, "2"]);
    same(await client.multi().set("m", 1).incr("m").execAsPipeline(), ["OK", 2]);
    const two = await connect();
    await two.watch("m");
    await client.set("m", 9);
    await assert.rejects(two.multi().set("m", 3).exec(), WatchError);
    two.destroy();
  },
  async publish_and_subscribe() {
    const subscriber = await connect();
    const heard = [];
    await subscriber.subscribe("news", (text) => heard.push(text));
    await subscriber.pSubscribe("ne*", (text) => heard.push(`p${text}`));
    for (const n of numbers(200)) same(await client.publish("news", String(n)), 2);
    await until(() => heard.length === 400);
    same(heard.filter((text) => text[0] !== "p"), numbers(200).map(String));
    if (protocol === "3") same(await subscriber.get("m"), "9"); // pushes and replies side by side
    await subscriber.unsubscribe("news");
    await subscriber.pUnsubscribe("ne*");
    same(String(await subscriber.get("m")), "9"); // node-redis may give a Buffer here
    subscriber.destroy();
  },
  async blocking_consumers_of_a_pool() {
    const pool = createClientPool({ url, RESP: Number(protocol) }, { maximum: 10 });
    await pool.connect();
    const waiting = Promise.all(numbers(10).map(() => pool.brPop("queue", 20)));
    await client.lPush("queue", numbers(10).map(String));
    same((await waiting).map(({ element }) => Number(element)).sort((a, b) => a - b), numbers(10));
    same(await pool.brPop("queue", 1), null);
    pool.destroy();
  },
  async scripts() {
    const echoed = defineScript({
      SCRIPT: "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}",
      NUMBER_OF_KEYS: 1,
      parseCommand: (parser, key, arg) => { parser.pushKey(key); parser.push(arg); },
      transformReply: undefined,
    });
    const scripted = await connect({ scripts: { echoed } });
    same(await scripted.echoed("lua", "x"), ["lua", "x", 1]);
    await scripted.scriptFlush();
    same(await scripted.echoed("lua", "y"), ["lua", "y", 2]);
    scripted.destroy();
  },
  async streams() {
    const ids = await Promise.all(numbers(20).map((n) => client.xAdd("events", "*", { n: String(n) })));
    await client.xGroupCreate("events", "g", "0");
    if (protocol === "2") {
      const [{ messages }] = await client.xReadGroup("g", "me", { key: "events", id: ">" }, { COUNT: 20 });
      same(messages.map(({ id }) => id), ids);
    } else {
      // node-redis 5 leaves this reply as it comes: what RESP3 says is a map
      const reply = await client.sendCommand(["XREADGROUP", "GROUP", "g", "me", "STREAMS", "events", ">"]);
      same(reply.events.map(([id]) => id), ids);
    }
    same(await client.xAck("events", "g", ids), 20);
    same((await client.xRange("events", "-", "+", { COUNT: 1 }))[0].message.n, "0");
    same((await client.xInfoStream("events")).length, 20);
  },
  async scanning() {
    const keys = new Set();
    for await (const batch of client.scanIterator({ MATCH: "k:*", COUNT: 100 })) batch.forEach((key) => keys.add(key));
    same(keys.size, 5000);
  },
  async reconnecting() {
    const direct = await createClient({ socket: { path: upstream } }).connect();
    const steady = await connect({ database: 4, name: "steady", pingInterval: 50 });
    same(await steady.clientGetName(), "steady");
    await steady.set("steady", "yes");
    for (const _ of numbers(10)) {
      await direct.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
      same(await steady.get("steady"), "yes");
    }
    for (const each of [direct, steady]) each.destroy();
  },
});
process.exit(0);
