/** Matrix products: squares, transposed operands, batches, thin ones, float64, and the products of the small network. */
import { limits, targets } from "./cases.mjs";

/**
 * `op(a) · op(b)` with op(a) [m, k] and op(b) [k, n], where op transposes what is stored transposed; `batch` of them, each
 * with matrices of its own.
 * @param {string} name
 * @param {number} m
 * @param {number} k
 * @param {number} n
 * @param {{ transposeA?: boolean, transposeB?: boolean, batch?: number, dtype?: "float32" | "float64",
 *   targets?: import("./cases.mjs").Target[] }} [o]
 * @returns {import("./cases.mjs").Case}
 */
function product(name, m, k, n, { transposeA = false, transposeB = false, batch = 1, dtype = "float32", targets = [] } = {}) {
  const flop = 2 * batch * m * k * n;
  const many = batch === 1 ? [] : [batch];
  return {
    name,
    op: "matmul",
    params: { m, k, n, transposeA, transposeB, batch, dtype },
    inputs: [
      { shape: [...many, ...(transposeA ? [k, m] : [m, k])], from: -1, to: 1 },
      { shape: [...many, ...(transposeB ? [n, k] : [k, n])], from: -1, to: 1 },
    ],
    unit: "GFLOP/s",
    work: flop,
    // A sum of k products of numbers up to 1, rounded to float32 k times.
    tolerance: { relative: 1e-5, absolute: 1e-6 * Math.sqrt(k) * 4 },
    limit: limits.microKernel(flop),
    targets,
  };
}

const rivals = ["tfjs-wasm"];
const alike = [targets.timesCase(0.9, "matmul 256")];
/** @type {Record<number, import("./cases.mjs").Target[]>} */
const promised = {
  16: [targets.times(2, rivals)],
  64: [targets.times(1.2, rivals)],
  256: [targets.times(1.25, rivals), targets.ofLimit(0.93)],
  512: [targets.times(1.25, rivals), targets.ofLimit(0.93), targets.timesOneThread(1.85)],
  1024: [targets.times(1.25, rivals), targets.ofLimit(0.93)],
};

/** @type {import("./cases.mjs").Family} */
export const matmul = {
  name: "matmul",
  title: "Matrix product",
  about: "float32 and square matrices of n rows unless said otherwise; the limit is the bare 4 x 8 micro-kernel",
  cases: [
    ...[16, 32, 64, 128, 256, 512, 1024].map((n) => product(`matmul ${n}`, n, n, n, { targets: promised[n] ?? [] })),
    product("matmul 256, A transposed", 256, 256, 256, { transposeA: true, targets: alike }),
    product("matmul 256, B transposed", 256, 256, 256, { transposeB: true, targets: alike }),
    product("matmul 256, both", 256, 256, 256, { transposeA: true, transposeB: true, targets: alike }),
    product("matmul 8 times 128", 128, 128, 128, { batch: 8, targets: [targets.timesCase(0.9, "matmul 128")] }),
    product("matmul 64 x 512 x 512", 64, 512, 512, { targets: [targets.timesCase(0.9, "matmul 512")] }),
    product("matmul 512, float64", 512, 512, 512, { dtype: "float64", targets: [targets.timesCase(0.45, "matmul 512")] }),
    product("x · W'  64 x 784 x 128", 64, 784, 128, { transposeB: true }),
    product("d' · x  128 x 64 x 784", 128, 64, 784, { transposeA: true }),
    product("h · W'  64 x 128 x 10", 64, 128, 10, { transposeB: true }),
  ],
};

const rows = 2048;

/** A product that is bound by memory: the matrix is read once. @type {import("./cases.mjs").Family} */
export const vector = {
  name: "vector",
  title: "Matrix times vector, float32, 2048 x 2048",
  about: "bytes of the matrix a second; the limit is a copy that reads as many",
  cases: [
    {
      ...product("matrix-vector 2048", rows, rows, 1, { targets: [targets.ofLimit(1)] }),
      unit: "GB/s",
      work: 4 * rows * rows,
      limit: limits.copy(rows * rows),
    },
    {
      ...product("vector-matrix 2048", 1, rows, rows, { targets: [targets.ofLimit(1)] }),
      unit: "GB/s",
      work: 4 * rows * rows,
      limit: limits.copy(rows * rows),
    },
  ],
};
