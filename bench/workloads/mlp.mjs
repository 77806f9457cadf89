/** The demo's network, 784-128-10 with ReLU and softmax cross-entropy, batch 64: its gradient and whole training steps. */
import { limits, targets } from "./cases.mjs";

const sizes = { batch: 64, inputs: 784, hidden: 128, classes: 10 };
const { batch, inputs, hidden, classes } = sizes;
/** Products of the forward pass, and of the backward pass by both operands but the images. */
const flop = 2 * batch * (2 * inputs * hidden + 3 * hidden * classes);

/**
 * @param {string} name
 * @param {"gradient" | "sgd" | "adam"} update
 * @param {import("./cases.mjs").Target[]} targets
 * @returns {import("./cases.mjs").Case}
 */
const step = (name, update, targets) => ({
  name,
  op: "mlp",
  // A rate so small that thousands of calls on the same batch do not train into underflow, which would be slow;
  // the results that are compared come from five steps at an ordinary rate.
  params: { ...sizes, update, lr: 1e-8 },
  check: { calls: 5, params: { lr: update === "sgd" ? 0.1 : 1e-3 } },
  inputs: [
    { shape: [batch, inputs], from: 0, to: 1 },
    { shape: [hidden, inputs], from: -1 / 28, to: 1 / 28 },
    { shape: [hidden], from: -1 / 28, to: 1 / 28 },
    { shape: [classes, hidden], from: -0.088, to: 0.088 },
    { shape: [classes], from: -0.088, to: 0.088 },
  ],
  unit: "ms",
  work: 1,
  tolerance: { relative: 1e-3, absolute: 1e-4 },
  limit: limits.microKernel(flop),
  targets,
});

/** @type {import("./cases.mjs").Family} */
export const mlp = {
  name: "mlp",
  title: "Network 784-128-10, batch 64",
  about: "time a step; the limit is its matrix products at the speed of the bare micro-kernel",
  cases: [
    step("loss and gradients", "gradient", []),
    step("training step, SGD", "sgd", []),
    step("training step, Adam", "adam", [targets.timesPlain(8)]),
  ],
};
