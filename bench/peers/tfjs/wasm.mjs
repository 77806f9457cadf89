/** TensorFlow.js in WebAssembly with SIMD, one thread. */
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { setBackend } from "@tensorflow/tfjs-core";
import { urlOf } from "../bytes.mjs";

setThreadsCount(1);
setWasmPaths(urlOf("@tensorflow/tfjs-backend-wasm/dist/"));
await setBackend("wasm");

export { ops } from "./ops.mjs";
