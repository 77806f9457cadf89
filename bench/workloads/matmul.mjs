/** Matrix products, float32: squares, transposed operands, and the products of the small network. */
import { limits, targets } from "./cases.mjs";

/**
 * `op(a) · op(b)` with op(a) [m, k] and op(b) [k, n], where op transposes what is stored transposed.
 * @param {string} name
 * @param {number} m
 * @param {number} k
 * @param {number} n
 * @param {{ transposeA?: boolean, transposeB?: boolean, targets?: import("./cases.mjs").Target[] }} [o]
 * @returns {import("./cases.mjs").Case}
 */
function product(name, m, k, n, { transposeA = false, transposeB = false, targets = [] } = {}) {
  return {
    name,
    op: "matmul",
    params: { m, k, n, transposeA, transposeB },
    inputs: [
      { shape: transposeA ? [k, m] : [m, k], from: -1, to: 1 },
      { shape: transposeB ? [n, k] : [k, n], from: -1, to: 1 },
    ],
    unit: "GFLOP/s",
    work: 2 * m * k * n,
    // A sum of k products of numbers up to 1, rounded to float32 k times.
    tolerance: { relative: 1e-5, absolute: 1e-6 * Math.sqrt(k) * 4 },
    limit: limits.microKernel(2 * m * k * n),
    targets,
  };
}

/** @type {import("./cases.mjs").Family} */
export const matmul = {
  name: "matmul",
  title: "Matrix product, float32",
  about: "square matrices of n rows unless said otherwise; the limit is the bare 4 x 8 micro-kernel",
  cases: [
    ...[16, 32, 64, 128, 256, 512, 1024].map((n) =>
      product(`matmul ${n}`, n, n, n, {
        targets: n === 512 ? [targets.ofLimit(0.85), targets.timesPlain(15)] : [],
      }),
    ),
    product("matmul 256, A transposed", 256, 256, 256, { transposeA: true }),
    product("matmul 256, B transposed", 256, 256, 256, { transposeB: true }),
    product("matmul 256, both", 256, 256, 256, { transposeA: true, transposeB: true }),
    product("x · W'  64 x 784 x 128", 64, 784, 128, { transposeB: true }),
    product("d' · x  128 x 64 x 784", 128, 64, 784, { transposeA: true }),
    product("h · W'  64 x 128 x 10", 64, 128, 10, { transposeB: true }),
  ],
};
