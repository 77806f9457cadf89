/** Sums and softmax of a 1024 x 1024 matrix, float32. */
import { limits } from "./cases.mjs";

const rows = 1024;
const columns = 1024;

/**
 * @param {string} name
 * @param {string} op
 * @param {Record<string, unknown>} params
 * @returns {import("./cases.mjs").Case}
 */
const reduction = (name, op, params) => ({
  name,
  op,
  params: { rows, columns, ...params },
  inputs: [{ shape: [rows, columns], from: 0, to: 1 }],
  unit: "ns/element",
  work: rows * columns,
  tolerance: { relative: 1e-5, absolute: 1e-7 },
  limit: limits.copy(rows * columns),
  targets: [],
});

/** @type {import("./cases.mjs").Family} */
export const reduce = {
  name: "reduce",
  title: "Reductions of a 1024 x 1024 matrix, float32",
  about: "time an element read; the limit is a copy of memory of the same size, which also writes",
  cases: [
    reduction("sum of all", "sum", { axis: null }),
    reduction("sum over axis 0", "sum", { axis: 0 }),
    reduction("sum over axis 1", "sum", { axis: 1 }),
    reduction("softmax over axis 1", "softmax", {}),
  ],
};
