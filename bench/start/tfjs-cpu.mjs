import * as tf from "@tensorflow/tfjs";

await tf.setBackend("cpu");
console.log(tf.grad((x) => tf.sin(tf.mul(x, x)))(tf.scalar(2)).dataSync()[0]);
