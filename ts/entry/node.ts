// Node, by import and by require (the one wraps the other, so that both share this core).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { attach } from "../core.js";
import { provide } from "../init.js";
import { instantiate } from "../load.js";
import { nodeWorker } from "./worker.js";

const read = (name: string) => readFileSync(join(__dirname, "..", name));
const bytes = () => read("wengert.wasm");

attach(instantiate(bytes()));
provide({
  bytes,
  relaxed: () => read("wengert-relaxed.wasm"),
  // Most programs need none, and Node takes some milliseconds to load what they are made with.
  workers: async () => nodeWorker(await import("node:worker_threads")),
});

export * from "../index.js";
