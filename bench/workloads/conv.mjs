/** A convolution of 32 images of 8 channels to 16, 3 x 3 and without padding, float32: its value, and its gradient by both arguments. */
import { limits, targets } from "./cases.mjs";

const sizes = { batch: 32, channels: 8, size: 28, filters: 16, kernel: 3 };
const { batch, channels, size, filters, kernel } = sizes;
const out = size - kernel + 1;
const flop = 2 * batch * filters * out * out * channels * kernel * kernel;

const images = { shape: [batch, channels, size, size], from: -1, to: 1 };
const weights = { shape: [filters, channels, kernel, kernel], from: -1, to: 1 };
const cotangent = { shape: [batch, filters, out, out], from: -1, to: 1 };

/** @type {import("./cases.mjs").Family} */
export const conv = {
  name: "conv",
  title: "Convolution of 32 x 8 x 28 x 28 to 16 channels, 3 x 3, float32",
  about: "time a call; the limit is its multiply-adds at the speed of the bare micro-kernel",
  cases: [
    {
      name: "conv2d",
      op: "conv2d",
      params: sizes,
      inputs: [images, weights],
      unit: "ms",
      work: 1,
      tolerance: { relative: 1e-5, absolute: 1e-4 },
      limit: limits.microKernel(flop),
      targets: [targets.times(1.2, ["tfjs-wasm"])],
    },
    {
      name: "conv2d, gradient by both",
      op: "conv2dGradient",
      params: sizes,
      inputs: [images, weights, cotangent],
      unit: "ms",
      work: 1,
      // The gradient by the weights is a sum of twenty thousand products.
      tolerance: { relative: 1e-4, absolute: 1e-2 },
      limit: limits.microKernel(2 * flop),
      targets: [targets.times(12, ["plain-js"])],
    },
  ],
};
