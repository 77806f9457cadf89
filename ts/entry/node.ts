// Node, by import and by require (the one wraps the other, so that both share this core).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import threads from "node:worker_threads";
import { attach } from "../core.js";
import { provide } from "../init.js";
import { instantiate } from "../load.js";
import { nodeWorker } from "./worker.js";

const read = (name: string) => readFileSync(join(__dirname, "..", name));
const bytes = () => read("wengert.wasm");

attach(instantiate(bytes()));
provide({ bytes, relaxed: () => read("wengert-relaxed.wasm"), spawn: nodeWorker(threads) });

export * from "../index.js";
