/** Where arithmetic is next to nothing: what a call, a handle and a tape cost. */
import { limits, targets } from "./cases.mjs";

/** @type {import("./cases.mjs").Family} */
export const small = {
  name: "small",
  title: "Small operations",
  about: "time a call; the limit is an empty call into WebAssembly",
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
      targets: [targets.atMost(0.8)],
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
      targets: [],
    },
  ],
};
