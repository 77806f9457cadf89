/** Elementwise functions in plain JavaScript: one loop over typed arrays each, nothing allocated, nothing called but Math. */

/** @typedef {(x: Float32Array, y: Float32Array, out: Float32Array) => void} Loop */

/** @type {Record<string, Loop>} */
export const loops = {
  add: (x, y, out) => { for (let i = 0; i < out.length; i++) out[i] = x[i] + y[i]; },
  mul: (x, y, out) => { for (let i = 0; i < out.length; i++) out[i] = x[i] * y[i]; },
  exp: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = Math.exp(x[i]); },
  log: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = Math.log(x[i]); },
  sin: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = Math.sin(x[i]); },
  cos: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = Math.cos(x[i]); },
  tanh: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = Math.tanh(x[i]); },
  sigmoid: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = 1 / (1 + Math.exp(-x[i])); },
  relu: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = x[i] > 0 ? x[i] : 0; },
  gelu: (x, _, out) => { for (let i = 0; i < out.length; i++) out[i] = 0.5 * x[i] * (1 + erf(x[i] * Math.SQRT1_2)); },
};

/** The error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26): JavaScript has none. */
function erf(x) {
  const a = Math.abs(x);
  const t = 1 / (1 + 0.3275911 * a);
  const p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const y = 1 - p * Math.exp(-a * a);
  return x < 0 ? -y : y;
}

/** Expressions of several operations: one loop, as one writes them. @type {Record<string, (inputs: Float32Array[], out: Float32Array) => void>} */
export const expressions = {
  gate: ([a, b, c, d], out) => {
    for (let i = 0; i < out.length; i++) out[i] = d[i] / (1 + Math.exp(-(a[i] * b[i] + c[i])));
  },
  five: ([x, y], out) => {
    for (let i = 0; i < out.length; i++) {
      const t = x[i] * y[i] + x[i] - y[i];
      out[i] = t > 0 ? t * x[i] : 0;
    }
  },
};
