/**
 * Convolution without padding in plain JavaScript: the windows of an image are laid out as columns, and the rest is matrix
 * products. Images [n, channels, size, size], weights [filters, channels, kernel, kernel].
 */
import { gemm, matrix, transposed } from "./gemm.mjs";

/** @typedef {{ batch: number, channels: number, size: number, filters: number, kernel: number }} Sizes */

/** @param {Sizes} sizes */
export function convolution({ batch, channels, size, filters, kernel }) {
  const out = size - kernel + 1;
  const pixels = out * out;
  const window = channels * kernel * kernel;
  const columns = new Float32Array(window * pixels);
  const columnGradients = new Float32Array(window * pixels);
  const part = new Float32Array(filters * window);
  const image = channels * size * size;
  const result = filters * pixels;

  /** @param {Float32Array} x @param {Float32Array} w @param {Float32Array} y */
  const forward = (x, w, y) => {
    for (let i = 0; i < batch; i++) {
      unfold(x, i * image, channels, size, kernel, columns);
      gemm(filters, pixels, window, matrix(w, window), matrix(columns, pixels), y.subarray(i * result, (i + 1) * result));
    }
  };

  /** @param {Float32Array} x @param {Float32Array} w @param {Float32Array} g @param {Float32Array} dx @param {Float32Array} dw */
  const backward = (x, w, g, dx, dw) => {
    dw.fill(0);
    dx.fill(0);
    for (let i = 0; i < batch; i++) {
      const gi = g.subarray(i * result, (i + 1) * result);
      unfold(x, i * image, channels, size, kernel, columns);
      gemm(filters, window, pixels, matrix(gi, pixels), transposed(columns, pixels), part);
      for (let j = 0; j < part.length; j++) dw[j] += part[j];
      gemm(window, pixels, filters, transposed(w, window), matrix(gi, pixels), columnGradients);
      fold(columnGradients, dx, i * image, channels, size, kernel);
    }
  };
  return { forward, backward };
}

/** columns[(c, p, q), (i, j)] = x[c, i + p, j + q] */
function unfold(x, at, channels, size, kernel, columns) {
  const out = size - kernel + 1;
  let to = 0;
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < kernel; p++) {
      for (let q = 0; q < kernel; q++) {
        for (let i = 0; i < out; i++) {
          const from = at + (c * size + i + p) * size + q;
          for (let j = 0; j < out; j++) columns[to++] = x[from + j];
        }
      }
    }
  }
}

/** x[c, i + p, j + q] += columns[(c, p, q), (i, j)] */
function fold(columns, x, at, channels, size, kernel) {
  const out = size - kernel + 1;
  let from = 0;
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < kernel; p++) {
      for (let q = 0; q < kernel; q++) {
        for (let i = 0; i < out; i++) {
          const to = at + (c * size + i + p) * size + q;
          for (let j = 0; j < out; j++) x[to + j] += columns[from++];
        }
      }
    }
  }
}
