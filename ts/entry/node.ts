// Node, by import and by require: the whole package in one file, of which the paths of the package are parts (see
// scripts/build.mjs). One file is loaded faster than several, and its functions call each other directly.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { attach } from "../core.js";
import { provide } from "../init.js";
import { instantiate } from "../load.js";
import { nodeWorker } from "./worker.js";

export * as graph from "../graph.js";
export * as index from "../index.js";
export * as optim from "../optim.js";
export * as testing from "../testing.js";
export { startWith } from "./bytes.js";

const read = (name: string) => readFileSync(join(__dirname, "..", name));

/** Brings the core to life, from the files beside this one. */
export function start(): void {
  const bytes = () => read("wengert.wasm");
  attach(instantiate(bytes()));
  provide({
    bytes,
    relaxed: () => read("wengert-relaxed.wasm"),
    // Most programs need none, and Node takes some milliseconds to load what they are made with.
    workers: async () => nodeWorker(await import("node:worker_threads")),
  });
}
