// Node, by import and by require (the one wraps the other, so that both share this core).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { attach } from "../core.js";
import { instantiate } from "../load.js";

attach(instantiate(readFileSync(join(__dirname, "../wengert.wasm"))));

export * from "../index.js";
