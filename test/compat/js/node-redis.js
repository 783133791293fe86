// node-redis, plain or cluster.

import assert from "node:assert";
import { createClient, createCluster } from "redis";
import { serve } from "./serve.js";

const [mode, list, prefix] = process.argv.slice(2);
const urls = list.split(",").map((a) => ({ url: `redis://${a}` }));
const client = mode === "cluster" ? createCluster({ rootNodes: urls }) : createClient(urls[0]);
client.on("error", () => {}); // those of commands are what the test is about
await client.connect();

assert.equal(await client.set(`${prefix}k`, "v", { EX: 60 }), "OK");
assert.equal(await client.get(`${prefix}k`), "v");
assert.equal(await client.get(`${prefix}none`), null);
assert.equal(await client.incrBy(`${prefix}n`, 7), 7);
assert.equal(await client.mSet({ [`${prefix}{t}a`]: "1", [`${prefix}{t}b`]: "2" }), "OK");
assert.deepEqual(await client.mGet([`${prefix}{t}a`, `${prefix}{t}b`, `${prefix}{t}c`]), ["1", "2", null]);
assert.deepEqual(await client.multi().incr(`${prefix}{t}a`).incr(`${prefix}{t}b`).exec(), [2, 3]);
await Promise.all(Array.from({ length: 100 }, (_, i) => client.set(`${prefix}scan:${i}`, `${i}`)));

const nodes = mode === "cluster" ? await Promise.all(client.masters.map((m) => client.nodeClient(m))) : [client];
assert.equal(nodes.length, mode === "cluster" ? urls.length : 1);
const scanned = new Set();
for (const node of nodes) {
  for await (const keys of node.scanIterator({ MATCH: `${prefix}scan:*`, COUNT: 100 })) keys.forEach((k) => scanned.add(k));
}
assert.equal(scanned.size, 100);
await serve(client);
