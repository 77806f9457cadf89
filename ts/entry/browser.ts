// Browsers and bundlers: the wasm is a file of its own, found by URL; bundlers understand the form below.
import { attach } from "../core.js";
import { compile, instantiate } from "../load.js";

attach(instantiate(await compile(new URL("../wengert.wasm", import.meta.url))));

export * from "../index.js";
