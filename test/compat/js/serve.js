// What both clients do after their scenario. See program in program_test.go.

import { createInterface } from "node:readline";

export async function serve(client) {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...args] = line.split(" ");
    try {
      if (command === "set") {
        console.log((await client.set(...args)) === "OK" ? "ok" : "error not set");
      } else {
        const value = await client.get(...args);
        console.log(value === null ? "nil" : `value ${value}`);
      }
    } catch (e) {
      console.log(`error ${e.name} ${e.message}`.replaceAll("\n", " "));
    }
  }
  process.exit(0);
}
