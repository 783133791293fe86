// ioredis, plain or cluster.

import assert from "node:assert";
import { Cluster, Redis } from "ioredis";
import { serve } from "./serve.js";

const [mode, list, prefix] = process.argv.slice(2);
const addresses = list.split(",").map((a) => ({ host: a.split(":")[0], port: Number(a.split(":")[1]) }));
const client = mode === "cluster" ? new Cluster(addresses) : new Redis(addresses[0]);
client.on("error", () => {}); // those of commands are what the test is about

assert.equal(await client.ping(), "PONG");
assert.equal(await client.set(`${prefix}k`, "v", "EX", 60), "OK");
assert.equal(await client.get(`${prefix}k`), "v");
assert.equal(await client.get(`${prefix}none`), null);
assert.equal(await client.incrby(`${prefix}n`, 7), 7);
assert.equal(await client.mset(`${prefix}{t}a`, 1, `${prefix}{t}b`, 2), "OK");
assert.deepEqual(await client.mget(`${prefix}{t}a`, `${prefix}{t}b`, `${prefix}{t}c`), ["1", "2", null]);
const replies = await client.multi().incr(`${prefix}{t}a`).incr(`${prefix}{t}b`).exec();
assert.deepEqual(replies, [[null, 2], [null, 3]]);

await Promise.all(Array.from({ length: 100 }, (_, i) => client.set(`${prefix}scan:${i}`, i)));
const pipeline = client.pipeline(); // in a cluster all keys of a pipeline are one node's
for (let i = 0; i < 100; i++) pipeline.incr(`${prefix}{p}`);
assert.equal((await pipeline.exec()).at(-1)[1], 100);

const nodes = mode === "cluster" ? client.nodes("master") : [client];
assert.equal(nodes.length, mode === "cluster" ? addresses.length : 1);
const scanned = new Set();
for (const node of nodes) {
  for await (const keys of node.scanStream({ match: `${prefix}scan:*`, count: 100 })) keys.forEach((k) => scanned.add(k));
}
assert.equal(scanned.size, 100);
await serve(client);
