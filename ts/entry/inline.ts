// Any host, without a file to serve: the wasm is part of the JavaScript, which makes it a third larger.
import relaxed from "../../build/wasm/wengert-relaxed.wasm";
import wasm from "../../build/wasm/wengert.wasm";
import { attach } from "../core.js";
import { provide } from "../init.js";
import { instantiate } from "../load.js";
import { anyWorker } from "./worker.js";

attach(instantiate(wasm));
provide({ bytes: () => wasm, relaxed: () => relaxed, workers: () => anyWorker });

export * from "../index.js";
