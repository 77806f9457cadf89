/** TensorFlow.js in plain JavaScript. */
import "@tensorflow/tfjs-backend-cpu";
import { setBackend } from "@tensorflow/tfjs-core";

await setBackend("cpu");

export { ops } from "./ops.mjs";
