// Any host, without a file to serve: the wasm is given as bytes.
import { attach } from "../core.js";
import { provide } from "../init.js";
import { instantiate } from "../load.js";
import { anyWorker } from "./worker.js";

/** Brings the core to life. */
export function startWith(wasm: Uint8Array<ArrayBuffer>, relaxed: Uint8Array<ArrayBuffer>): void {
  attach(instantiate(wasm));
  provide({ bytes: () => wasm, relaxed: () => relaxed, workers: () => anyWorker });
}
