/** Networks with ReLU and softmax cross-entropy: the gradient and whole training steps of the demo's, and of a larger one. */
import { limits, targets } from "./cases.mjs";

/**
 * @param {string} name
 * @param {number} batch
 * @param {readonly number[]} sizes of the layers' values, the images' first
 * @param {"gradient" | "sgd" | "adam"} update
 * @param {number} times as fast as the best peer
 * @param {import("./cases.mjs").Target[]} [more]
 * @returns {import("./cases.mjs").Case}
 */
function step(name, batch, sizes, update, times, more = []) {
  const layers = sizes.slice(1).map((outputs, i) => ({ inputs: sizes[i], outputs }));
  // Products of the forward pass, and of the backward pass by both operands but the images.
  const flop = layers.reduce((sum, { inputs, outputs }, i) => sum + 2 * batch * inputs * outputs * (i === 0 ? 2 : 3), 0);
  return {
    name,
    op: "mlp",
    // A rate so small that thousands of calls on the same batch do not train into underflow, which would be slow;
    // the results that are compared come from five steps at an ordinary rate.
    params: { batch, sizes, update, lr: 1e-8 },
    check: { calls: 5, params: { lr: update === "sgd" ? 0.1 : 1e-3 } },
    inputs: [
      { shape: [batch, sizes[0]], from: 0, to: 1 },
      ...layers.flatMap(({ inputs, outputs }) => {
        const bound = 1 / Math.sqrt(inputs);
        return [{ shape: [outputs, inputs], from: -bound, to: bound }, { shape: [outputs], from: -bound, to: bound }];
      }),
    ],
    unit: "ms",
    work: 1,
    // Where a gradient is next to nothing, a step of Adam has the sign of its rounding; the loss still tells.
    tolerance: { relative: 1e-3, absolute: update === "adam" ? 6e-3 : 2e-4 },
    limit: limits.microKernel(flop),
    targets: [targets.times(times), ...more],
  };
}

const [demo, large] = [[784, 128, 10], [784, 512, 512, 10]];

/** @type {import("./cases.mjs").Family} */
export const mlp = {
  name: "mlp",
  title: "Networks 784-128-10, batch 64, and 784-512-512-10, batch 128",
  about: "time a step; the limit is its matrix products at the speed of the bare micro-kernel",
  cases: [
    step("loss and gradients", 64, demo, "gradient", 1.9),
    step("training step, SGD", 64, demo, "sgd", 1.9),
    step("training step, Adam", 64, demo, "adam", 1.9),
    step("large training step, SGD", 128, large, "sgd", 1.7, [targets.timesOneThread(1.6)]),
    step("large training step, Adam", 128, large, "adam", 1.7, [targets.timesOneThread(1.6)]),
  ],
};
