/** Sums and normalisations of a 1024 x 1024 matrix, float32. */
import { limits, targets } from "./cases.mjs";

const rows = 1024;
const columns = 1024;

/**
 * @param {string} name
 * @param {string} op
 * @param {Record<string, unknown>} params
 * @param {number} times as fast as the best peer
 * @returns {import("./cases.mjs").Case}
 */
const reduction = (name, op, params, times) => ({
  name,
  op,
  params: { rows, columns, ...params },
  inputs: [{ shape: [rows, columns], from: 0, to: 1 }],
  unit: "ns/element",
  work: rows * columns,
  // Peers that add up in one float32 after the other are off by some units in the fifth place for a sum of a million.
  tolerance: op === "sum" ? { relative: 1e-4, absolute: 1e-7 } : { relative: 1e-5, absolute: op === "layerNorm" ? 1e-5 : 1e-7 },
  limit: limits.copy(rows * columns),
  targets: [targets.times(times)],
});

/** @type {import("./cases.mjs").Family} */
export const reduce = {
  name: "reduce",
  title: "Reductions of a 1024 x 1024 matrix, float32",
  about: "time an element read; the limit is a copy of memory of the same size, which also writes",
  cases: [
    reduction("sum of all", "sum", { axis: null }, 5),
    reduction("sum over axis 0", "sum", { axis: 0 }, 1.5),
    reduction("sum over axis 1", "sum", { axis: 1 }, 1.1),
    reduction("softmax over axis 1", "softmax", {}, 1),
    reduction("logSumExp over axis 1", "logSumExp", {}, 4),
    reduction("layerNorm over axis 1", "layerNorm", {}, 4),
  ],
};
