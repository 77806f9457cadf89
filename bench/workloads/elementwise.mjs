/** Elementwise functions, float32, on one million and one hundred thousand elements, and expressions of several. */
import { limits, targets } from "./cases.mjs";

/** @typedef {{ from: number, to: number, arity: number, targets?: import("./cases.mjs").Target[] }} Tried what it is tried on */

/** The targets are those of one million elements. */
const functions = /** @type {Record<string, Tried>} */ ({
  add: { from: -2, to: 2, arity: 2, targets: [targets.times(1, ["tfjs-wasm"])] },
  mul: { from: -2, to: 2, arity: 2, targets: [targets.times(1, ["tfjs-wasm"])] },
  relu: { from: -2, to: 2, arity: 1 },
  exp: { from: -4, to: 4, arity: 1, targets: [targets.atMost(0.75), targets.times(2.7, ["onnxruntime-web"])] },
  log: { from: 0.1, to: 10, arity: 1 },
  sin: { from: -10, to: 10, arity: 1 },
  cos: { from: -10, to: 10, arity: 1 },
  tanh: { from: -4, to: 4, arity: 1, targets: [targets.atMost(0.95), targets.times(1.9, ["onnxruntime-web"])] },
  sigmoid: { from: -6, to: 6, arity: 1, targets: [targets.atMost(0.84), targets.times(1, ["tfjs-wasm"])] },
  gelu: { from: -4, to: 4, arity: 1 },
});

/**
 * @param {string} name
 * @param {number} size
 * @param {string} op
 * @param {Record<string, unknown>} params
 * @param {Tried} tried
 * @returns {import("./cases.mjs").Case}
 */
const elements = (name, size, op, params, { arity, from, to, targets = [] }) => ({
  name: `${name} 1e${Math.log10(size)}`,
  op,
  params: { size, ...params },
  inputs: Array.from({ length: arity }, () => ({ shape: [size], from, to })),
  unit: "ns/element",
  work: size,
  // A few units in the last place of float32, and what cancels near zero.
  tolerance: { relative: 2e-6, absolute: 2e-6 },
  limit: limits.copy(size),
  targets,
});

/** @type {import("./cases.mjs").Family} */
export const elementwise = {
  name: "elementwise",
  title: "Elementwise functions, float32",
  about: "time an element; the limit is a copy of memory of the same size",
  cases: [1e6, 1e5].flatMap((size) =>
    Object.entries(functions).map(([name, f]) =>
      elements(name, size, "elementwise", { name }, size === 1e6 ? f : { ...f, targets: [] }),
    ),
  ),
};

const overOurOwn = [targets.times(2, ["wengert"], "wengert-compiled")];

/** @type {import("./cases.mjs").Family} */
export const expressions = {
  name: "expressions",
  title: "Expressions of several elementwise operations, float32",
  about: "time an element; the limit is a copy of memory of the same size; five operations: relu(x y + x - y) x",
  cases: [
    elements("sigmoid(a b + c) d", 1e6, "expression", { name: "gate" }, {
      arity: 4,
      from: -2,
      to: 2,
      targets: [targets.times(1.4, ["tfjs-wasm"], "wengert-compiled")],
    }),
    ...[1e5, 1e7].map((size) => elements("five operations", size, "expression", { name: "five" }, { arity: 2, from: -2, to: 2, targets: overOurOwn })),
  ],
};
