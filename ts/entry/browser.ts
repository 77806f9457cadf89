// Browsers and bundlers: the wasm is a file of its own, found by URL; bundlers understand the form below.
import { attach } from "../core.js";
import { provide } from "../init.js";
import { bytes, compile, instantiate } from "../load.js";
import { webWorker } from "./worker.js";

const url = new URL("../wengert.wasm", import.meta.url);

attach(instantiate(await compile(url)));
provide({
  bytes: () => bytes(url),
  relaxed: () => bytes(new URL("../wengert-relaxed.wasm", import.meta.url)),
  workers: () => webWorker,
});

export * from "../index.js";
