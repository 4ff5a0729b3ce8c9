// ioredis driven hard: what needs a connection of one's own. PORT UPSTREAM-SOCKET
import assert from "node:assert/strict";
import Redis from "ioredis";
import { numbers, port, run, same, until } from "./said.js";

const opened = [];
const connect = (more = {}) => {
  const client = new Redis({ port, host: "127.0.0.1", ...more });
  client.on("error", (error) => console.error(`ioredis error event: ${error}`));
  opened.push(client);
  return client;
};
const redis = connect();
const sorted = (values) => [...values].map(Number).sort((a, b) => a - b);

await run("ioredis hard", {
  async pipelines_of_thousands() {
    for (const begin of ["pipeline", "multi"]) {
      const batch = redis[begin]();
      numbers(4000).forEach((n) => batch.set(`${begin}:${n}`, n).incr(`${begin}:count`));
      const replies = await batch.exec();
      same(replies.filter((_, i) => i % 2).map(([, value]) => value), numbers(4000).map((n) => n + 1));
    }
  },
  async counters_under_watch() {
    await redis.set("w", 0);
    let conflicts = 0;
    const add = async () => {
      const mine = connect();
      for (let done = 0; done < 25; ) {
        await mine.watch("w");
        const value = Number(await mine.get("w"));
        if (await mine.multi().set("w", value + 1).exec()) done += 1;
        else conflicts += 1;
      }
    };
    await Promise.all(numbers(8).map(add));
    same(await redis.get("w"), "200");
    assert(conflicts > 0, "no two transactions ever met: the check checks nothing");
  },
  async publishing_both_ways() {
    const [a, b, all] = [connect(), connect(), connect()];
    const heard = [];
    all.on("pmessage", (pattern, channel, text) => heard.push(`${pattern} ${channel} ${text}`));
    await Promise.all([a.subscribe("talk:a"), b.subscribe("talk:b", "unused"), all.psubscribe("talk:*", "t*:b")]);
    const over = new Promise((resolve) => {
      b.on("message", (_, text) => (text === "199" ? resolve() : redis.publish("talk:a", Number(text) + 1)));
    });
    a.on("message", (_, text) => redis.publish("talk:b", text));
    await redis.publish("talk:a", 0);
    await over;
    await until(() => heard.length === 600);
    const of = (head) => heard.filter((line) => line.startsWith(head)).map((line) => Number(line.split(" ")[2]));
    for (const head of ["talk:* talk:a", "talk:* talk:b", "t*:b talk:b"]) same(of(head), numbers(200));
    same(await redis.pubsub("NUMSUB", "talk:a", "unused"), ["talk:a", 1, "unused", 1]);
    same(await b.unsubscribe("unused"), 1);
    same(await redis.pubsub("NUMSUB", "unused"), ["unused", 0]);
  },
  async consumers_and_producers() {
    const done = [];
    const consume = async () => {
      const mine = connect();
      for (;;) {
        const [, task] = await mine.blpop("q:1", "q:2", 20);
        if (task === "end") return;
        done.push(task);
      }
    };
    const consumers = numbers(10).map(consume);
    await Promise.all(numbers(800).map((n) => redis.rpush(`q:${1 + (n % 2)}`, n)));
    await Promise.all(numbers(10).map(() => redis.rpush("q:2", "end")));
    await Promise.all(consumers);
    same(sorted(done), numbers(800));
  },
  async streams_with_groups() {
    await redis.xgroup("CREATE", "x", "g", "$", "MKSTREAM");
    const done = [];
    const consume = async (k) => {
      const mine = connect();
      while (done.length < 400) {
        const read = ["GROUP", "g", `c${k}`, "COUNT", 5, "BLOCK", 100, "STREAMS", "x", ">"];
        for (const [, entries] of (await mine.xreadgroup(...read)) ?? []) {
          for (const [id, [, n]] of entries) {
            done.push(n);
            same(await mine.xack("x", "g", id), 1);
          }
        }
      }
    };
    const consumers = numbers(5).map(consume);
    for (const n of numbers(400)) await redis.xadd("x", "*", "n", n);
    await Promise.all(consumers);
    same(sorted(done), numbers(400));
    await redis.xadd("x", "*", "n", "last");
    await redis.xreadgroup("GROUP", "g", "dead", "STREAMS", "x", ">");
    const [, [[, [, last]]]] = await redis.xautoclaim("x", "g", "heir", 0, "0");
    same(last, "last");
  },
  async scripts_and_functions() {
    redis.defineCommand("twice", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    for (const n of numbers(5)) {
      await redis.script("FLUSH");
      same(await redis.twice("lua", 10), 10 * (n + 1));
    }
    await assert.rejects(redis.evalsha("0".repeat(40), 0), /NOSCRIPT/);
    same(await redis.call("FUNCTION", "LOAD", "#!lua name=mine\nredis.register_function('f', function(k) return k[1] end)"), "mine");
    same(await redis.fcall("f", 1, "key"), "key");
    same(await redis.call("FUNCTION", "DELETE", "mine"), "OK");
  },
  async names_ids_and_unblocking() {
    const blocked = connect({ connectionName: "the-blocked", retryStrategy: null });
    const id = await blocked.client("ID");
    assert.match(await redis.client("LIST", "ID", id), /name=the-blocked /);
    const waiting = blocked.blpop("none", 30);
    await until(async () => (await redis.client("UNBLOCK", id)) === 1);
    same(await waiting, null);
    const again = assert.rejects(blocked.blpop("none", 30), /UNBLOCKED/);
    await until(async () => (await redis.client("UNBLOCK", id, "ERROR")) === 1);
    await again;
    const ended = new Promise((resolve) => blocked.once("end", resolve));
    same(await redis.client("KILL", "ID", id), 1);
    await ended;
    same((await redis.client("LIST", "ID", id)).trim(), "");
  },
});
for (const client of opened) client.disconnect();
process.exit(0);
