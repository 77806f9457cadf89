// Browsers and bundlers, without a file to serve.
import { startWith } from "./bytes.js";
import { relaxed, wasm } from "./modules.js";

startWith(wasm, relaxed);

export * from "../index.js";
