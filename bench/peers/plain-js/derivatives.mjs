/** Derivatives of small networks by hand, in plain JavaScript on typed arrays. */
import { gemm, matrix } from "./gemm.mjs";
import { matrixVector, vectorMatrix } from "./vector.mjs";

/**
 * The Jacobian of tanh(w2 tanh(w1 x)): D2 w2 D1 w1.
 * @param {number} n
 * @param {Float32Array} w1 [n, n]
 * @param {Float32Array} w2 [n, n]
 * @param {Float32Array} x [n]
 */
export function jacobian(n, w1, w2, x) {
  const [h, y, scaled, out] = [new Float32Array(n), new Float32Array(n), new Float32Array(n * n), new Float32Array(n * n)];
  const call = () => {
    matrixVector(w1, x, n, n, h);
    for (let i = 0; i < n; i++) h[i] = Math.tanh(h[i]);
    matrixVector(w2, h, n, n, y);
    for (let i = 0; i < n; i++) {
      const t = Math.tanh(y[i]);
      const d2 = 1 - t * t;
      for (let j = 0; j < n; j++) scaled[i * n + j] = d2 * w2[i * n + j] * (1 - h[j] * h[j]);
    }
    gemm(n, n, n, matrix(scaled, n), matrix(w1, n), out);
  };
  return { call, out };
}

/**
 * The Hessian of sum tanh(w x) times v: w' D w v with D = -2 t (1 - t²), t = tanh(w x).
 * @param {number} n
 * @param {Float32Array} w [n, n]
 * @param {Float32Array} x [n]
 * @param {Float32Array} v [n]
 */
export function hessianVector(n, w, x, v) {
  const [z, u, out] = [new Float32Array(n), new Float32Array(n), new Float32Array(n)];
  const call = () => {
    matrixVector(w, x, n, n, z);
    matrixVector(w, v, n, n, u);
    for (let i = 0; i < n; i++) {
      const t = Math.tanh(z[i]);
      u[i] *= -2 * t * (1 - t * t);
    }
    vectorMatrix(u, w, n, n, out);
  };
  return { call, out };
}
