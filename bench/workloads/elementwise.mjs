/** Elementwise functions, float32, on one million and one hundred thousand elements. */
import { limits, targets } from "./cases.mjs";

/** What each function is tried on, how many arguments it has, and the time that was promised in ns an element. */
const functions = /** @type {const} */ ({
  add: { from: -2, to: 2, arity: 2 },
  mul: { from: -2, to: 2, arity: 2 },
  relu: { from: -2, to: 2, arity: 1 },
  exp: { from: -4, to: 4, arity: 1, promised: 1.0 },
  log: { from: 0.1, to: 10, arity: 1 },
  sin: { from: -10, to: 10, arity: 1 },
  cos: { from: -10, to: 10, arity: 1 },
  tanh: { from: -4, to: 4, arity: 1, promised: 1.3 },
  sigmoid: { from: -6, to: 6, arity: 1, promised: 1.3 },
  gelu: { from: -4, to: 4, arity: 1 },
});

/** @type {import("./cases.mjs").Family} */
export const elementwise = {
  name: "elementwise",
  title: "Elementwise functions, float32",
  about: "time an element; the limit is a copy of memory of the same size",
  cases: [1e6, 1e5].flatMap((size) =>
    Object.entries(functions).map(([name, f]) => ({
      name: `${name} 1e${Math.log10(size)}`,
      op: "elementwise",
      params: { name, size },
      inputs: Array.from({ length: f.arity }, () => ({ shape: [size], from: f.from, to: f.to })),
      unit: /** @type {const} */ ("ns/element"),
      work: size,
      // Two units in the last place of float32, and what cancels near zero.
      tolerance: { relative: 1e-6, absolute: 1e-6 },
      limit: limits.copy(size),
      targets: "promised" in f && size === 1e6 ? [targets.atMost(f.promised)] : [],
    })),
  ),
};
