// Linear algebra over the last two dimensions. What has several results is a tensor with slices of which each is one.
import { asTensor } from "./apply.js";
import { eigh as eighParts, qr as qrParts, slogdet as slogdetParts, svd as svdParts } from "./linalg.gen.js";
import { permute, reshape, slice } from "./ops.gen.js";
import { tidy } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";

export * from "./linalg.gen.js";

/**
 * `[q, r]` with x = q r: `[.., m, n] -> [.., m, k]` with orthonormal columns and `[.., k, n]` upper triangular, k the smaller
 * of m and n. Signs are LAPACK's. The derivative exists where the first k columns are independent.
 */
export function qr(x: TensorLike): [Tensor, Tensor] {
  return tidy((): [Tensor, Tensor] => {
    const { t, m, n } = matrix("linalg.qr", x);
    const both = qrParts(t);
    return [rows(both, 0, m), transposed(rows(both, m, m + n))];
  });
}

/**
 * `[u, s, vh]` with x = u diag(s) vh: `[.., m, n] -> [.., m, k]`, `[.., k]` in descending order, `[.., k, n]`, k the smaller of
 * m and n. The largest component in magnitude of each column of u is positive. Derivatives leave out what singular vectors
 * of equal singular values would give each other.
 */
export function svd(x: TensorLike): [Tensor, Tensor, Tensor] {
  return tidy((): [Tensor, Tensor, Tensor] => {
    const { t, m, n } = matrix("linalg.svd", x);
    const all = svdParts(t);
    return [rows(all, 0, m), row(all, m + n), transposed(rows(all, m, m + n))];
  });
}

/**
 * `[w, v]`, eigenvalues `[.., n]` in ascending order and eigenvectors in the columns of `[.., n, n]`, of (x + xᵀ) / 2. The
 * largest component of each eigenvector in magnitude is positive. Derivatives are symmetric in x and leave out what
 * eigenvectors of equal eigenvalues would give each other.
 */
export function eigh(x: TensorLike): [Tensor, Tensor] {
  return tidy((): [Tensor, Tensor] => {
    const { t, n } = matrix("linalg.eigh", x);
    const both = eighParts(t);
    return [row(both, n), rows(both, 0, n)];
  });
}

/**
 * `[sign, log]`, the sign of the determinant and the logarithm of its magnitude: `[.., n, n] -> [..]`, twice; 0 and -Infinity
 * of a singular matrix. The derivative of the logarithm is the transposed inverse.
 */
export function slogdet(x: TensorLike): [Tensor, Tensor] {
  return tidy((): [Tensor, Tensor] => {
    const both = slogdetParts(x);
    const shape = both.shape.slice(0, -1);
    const whole = shape.map(() => null);
    const part = (k: number): Tensor => reshape(slice(both, [...whole, [k, k + 1]]), shape);
    return [part(0), part(1)];
  });
}

/** The tensor with the sizes of its last two dimensions, where it has them: that it must is for the core to say. */
function matrix(op: string, x: TensorLike): { t: Tensor; m: number; n: number } {
  const t = asTensor(op, x);
  return { t, m: t.shape.at(-2) ?? 0, n: t.shape.at(-1) ?? 0 };
}

function rows(x: Tensor, start: number, stop: number): Tensor {
  return slice(x, [...x.shape.slice(0, -2).map(() => null), [start, stop]]);
}

function row(x: Tensor, k: number): Tensor {
  return reshape(rows(x, k, k + 1), [...x.shape.slice(0, -2), x.shape.at(-1) ?? 0]);
}

function transposed(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return permute(x, [...axes.slice(0, -2), x.ndim - 1, x.ndim - 2]);
}
