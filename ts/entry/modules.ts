// The wasm as part of the JavaScript, which makes it a third larger.
export { default as relaxed } from "../../build/wasm/wengert-relaxed.wasm";
export { default as wasm } from "../../build/wasm/wengert.wasm";
