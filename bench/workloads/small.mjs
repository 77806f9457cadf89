/** Where arithmetic is next to nothing: what a call, a handle, a tape and a transformation cost. */
import { limits, targets } from "./cases.mjs";

const n = 64;
const square = { shape: [n, n], from: -0.2, to: 0.2 };
const vector = { shape: [n], from: -1, to: 1 };

/** @type {import("./cases.mjs").Family} */
export const small = {
  name: "small",
  title: "Small operations and derivatives",
  about: "time a call; the limit is an empty call into WebAssembly, for the Jacobian its products at the speed of the bare micro-kernel",
  cases: [
    {
      name: "add of 4 elements",
      op: "smallAdd",
      params: {},
      inputs: [
        { shape: [4], from: -1, to: 1 },
        { shape: [4], from: -1, to: 1 },
      ],
      unit: "us",
      work: 1,
      tolerance: { relative: 1e-6, absolute: 1e-7 },
      limit: limits.call,
      targets: [targets.atMost(0.35, "wengert"), targets.times(1.1, ["js-pytorch"], "wengert")],
    },
    {
      name: "gradient of 10 scalar ops",
      op: "scalarGradient",
      params: {},
      inputs: [{ shape: [2], from: 0.2, to: 1 }],
      unit: "us",
      work: 1,
      tolerance: { relative: 1e-5, absolute: 1e-6 },
      limit: limits.call,
      targets: [
        targets.atMost(6, "wengert"), targets.times(0.053, ["plain-js"], "wengert"),
        targets.atMost(0.6, "wengert-compiled"), targets.times(0.53, ["plain-js"], "wengert-compiled"),
      ],
    },
    {
      // tanh(w2 tanh(w1 x))
      name: "Jacobian 64 -> 64, two layers",
      op: "jacobian",
      params: { n },
      inputs: [square, square, vector],
      unit: "us",
      work: 1,
      tolerance: { relative: 1e-4, absolute: 1e-5 },
      limit: limits.microKernel(2 * n * n * n),
      targets: [targets.times(1.5, ["plain-js"])],
    },
    {
      // The Hessian of sum tanh(w x), times v
      name: "Hessian-vector product, 64",
      op: "hvp",
      params: { n },
      inputs: [square, vector, vector],
      unit: "us",
      work: 1,
      tolerance: { relative: 1e-4, absolute: 1e-5 },
      limit: limits.call,
      targets: [targets.atMost(30, "wengert-compiled"), targets.times(0.8, ["plain-js"], "wengert-compiled")],
    },
  ],
};
