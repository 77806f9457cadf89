// Any host, without a file to serve: the wasm is part of the JavaScript, which makes it a third larger.
import wasm from "../../build/wasm/wengert.wasm";
import { attach } from "../core.js";
import { instantiate } from "../load.js";

attach(instantiate(wasm));

export * from "../index.js";
