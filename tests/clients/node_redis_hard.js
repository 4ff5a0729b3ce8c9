// node-redis driven hard: what needs a connection of one's own. PORT UPSTREAM-SOCKET PROTOCOL
import assert from "node:assert/strict";
import { BasicClientSideCache, createClient, createClientPool, WatchError } from "redis";
import { numbers, port, protocol, run, same, until, upstream } from "./said.js";

const url = `redis://127.0.0.1:${port}`;
const connect = (more = {}) =>
  createClient({ url, RESP: Number(protocol), ...more })
    .on("error", (error) => console.error(`node-redis error event: ${error}`))
    .connect();
const client = await connect();
const direct = await createClient({ socket: { path: upstream } }).connect();
const sorted = (values) => [...values].map(Number).sort((a, b) => a - b);

await run("node-redis hard", {
  async pipelines_of_thousands() {
    for (const end of ["exec", "execAsPipeline"]) {
      const batch = client.multi();
      numbers(4000).forEach((n) => batch.set(`${end}:${n}`, String(n)).incr(`${end}:count`));
      const replies = await batch[end]();
      same(replies.filter((_, i) => i % 2), numbers(4000).map((n) => n + 1));
    }
  },
  async counters_under_watch() {
    await client.set("w", "0");
    let conflicts = 0;
    const add = async () => {
      const mine = await connect();
      for (let done = 0; done < 25; ) {
        await mine.watch("w");
        const value = Number(await mine.get("w"));
        try {
          await mine.multi().set("w", String(value + 1)).exec();
          done += 1;
        } catch (error) {
          if (!(error instanceof WatchError)) throw error;
          conflicts += 1;
        }
      }
      mine.destroy();
    };
    await Promise.all(numbers(8).map(add));
    same(await client.get("w"), "200");
    assert(conflicts > 0, "no two transactions ever met: the check checks nothing");
  },
  async publishing_both_ways() {
    const [a, b, all] = await Promise.all([connect(), connect(), connect()]);
    const heard = [];
    await all.pSubscribe(["talk:*", "t*:b"], (text, channel) => heard.push(`${channel} ${text}`));
    let resolve;
    const over = new Promise((done) => (resolve = done));
    await a.subscribe("talk:a", (text) => client.publish("talk:b", text));
    await b.subscribe(["talk:b", "unused"], (text) =>
      text === "199" ? resolve() : client.publish("talk:a", String(Number(text) + 1)));
    await client.publish("talk:a", "0");
    await over;
    await until(() => heard.length === 600);
    const of = (channel) => heard.filter((line) => line.startsWith(channel)).map((line) => Number(line.split(" ")[1]));
    same(of("talk:a"), numbers(200));
    same(of("talk:b"), numbers(400).map((n) => Math.floor(n / 2)));
    same({ ...(await client.pubSubNumSub(["talk:a", "unused"])) }, { "talk:a": 1, unused: 1 });
    await b.unsubscribe("unused");
    same({ ...(await client.pubSubNumSub(["unused"])) }, { unused: 0 });
    await a.sSubscribe("shard", (text) => heard.push(text));
    same(await client.sPublish("shard", "sharded"), 1);
    await until(() => heard.at(-1) === "sharded");
    for (const each of [a, b, all]) each.destroy();
  },
  async consumers_and_producers() {
    const done = [];
    const pool = createClientPool({ url, RESP: Number(protocol) }, { maximum: 10 });
    await pool.connect();
    const consume = async () => {
      for (;;) {
        const { element } = await pool.blPop(["q:1", "q:2"], 20);
        if (element === "end") return;
        done.push(element);
      }
    };
    const consumers = numbers(10).map(consume);
    await Promise.all(numbers(800).map((n) => client.rPush(`q:${1 + (n % 2)}`, String(n))));
    await Promise.all(numbers(10).map(() => client.rPush("q:2", "end")));
    await Promise.all(consumers);
    same(sorted(done), numbers(800));
    pool.destroy();
  },
  async streams_with_groups() {
    await client.xGroupCreate("x", "g", "$", { MKSTREAM: true });
    const done = [];
    const consume = async (k) => {
      const mine = await connect();
      while (done.length < 400) {
        const read = ["XREADGROUP", "GROUP", "g", `c${k}`, "COUNT", "5", "BLOCK", "100", "STREAMS", "x", ">"];
        const reply = await mine.sendCommand(read);
        const entries = !reply ? [] : Array.isArray(reply) ? reply[0][1] : reply.x;
        for (const [id, [, n]] of entries) {
          done.push(n);
          same(await mine.xAck("x", "g", id), 1);
        }
      }
      mine.destroy();
    };
    const consumers = numbers(5).map(consume);
    for (const n of numbers(400)) await client.xAdd("x", "*", { n: String(n) });
    await Promise.all(consumers);
    same(sorted(done), numbers(400));
    await client.xAdd("x", "*", { n: "last" });
    await client.sendCommand(["XREADGROUP", "GROUP", "g", "dead", "STREAMS", "x", ">"]);
    const { messages } = await client.xAutoClaim("x", "g", "heir", 0, "0");
    same(messages[0].message.n, "last");
  },
  async scripts_and_functions() {
    const code = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    const sha = await client.scriptLoad(code);
    same(await client.evalSha(sha, { keys: ["lua"], arguments: ["10"] }), 10);
    await client.scriptFlush();
    await assert.rejects(client.evalSha(sha, { keys: ["lua"], arguments: ["10"] }), /NOSCRIPT/);
    same(await client.eval(code, { keys: ["lua"], arguments: ["10"] }), 20);
    same(await client.functionLoad("#!lua name=mine\nredis.register_function('f', function(k) return k[1] end)"), "mine");
    same(await client.fCall("f", { keys: ["key"] }), "key");
    same(await client.functionDelete("mine"), "OK");
  },
  async names_ids_and_unblocking() {
    const blocked = await connect({ name: "the-blocked", socket: { reconnectStrategy: false } });
    const id = await blocked.clientId();
    assert((await client.clientList()).some((each) => each.id === id && each.name === "the-blocked"));
    const waiting = blocked.blPop("none", 30);
    await until(async () => (await client.sendCommand(["CLIENT", "UNBLOCK", String(id)])) === 1);
    same(await waiting, null);
    const again = assert.rejects(blocked.blPop("none", 30), /UNBLOCKED/);
    await until(async () => (await client.sendCommand(["CLIENT", "UNBLOCK", String(id), "ERROR"])) === 1);
    await again;
    const ended = new Promise((resolve) => blocked.once("end", resolve).once("error", resolve));
    same(await client.sendCommand(["CLIENT", "KILL", "ID", String(id)]), 1);
    await ended;
    assert(!(await client.clientList()).some((each) => each.id === id));
    if (blocked.isOpen) blocked.destroy();
  },
  async caching_in_the_client() {
    if (protocol !== "3") return;
    const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 0 });
    const caching = await connect({ clientSideCache: cache });
    await client.set("cc", "old");
    same(await caching.get("cc"), "old");
    await direct.configResetStat();
    for (const _ of numbers(50)) same(await caching.get("cc"), "old");
    assert(!(await direct.info("commandstats")).includes("cmdstat_get:"), "it asks for what it has");
    for (const n of numbers(20)) {
      await (n % 2 ? client : direct).set("cc", String(n));
      await until(async () => (await caching.get("cc")) === String(n));
    }
    await direct.flushDb();
    await until(async () => (await caching.get("cc")) === null);
    caching.destroy();
  },
});
process.exit(0);
