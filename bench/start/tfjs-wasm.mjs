import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";

await tf.setBackend("wasm");
console.log(tf.grad((x) => tf.sin(tf.mul(x, x)))(tf.scalar(2)).dataSync()[0]);
