/**
 * Small networks in plain JavaScript on typed arrays: what the demo and the bench compare with.
 *
 * `h = relu(x W1' + b1)` and so on, `logits = h W' + b` at the end, softmax cross-entropy averaged over the batch, gradients by
 * hand, SGD or Adam. Every array is allocated once; a step allocates nothing.
 */
import { gemm, matrix, transposed } from "./gemm.mjs";

/**
 * Weights `w1`, `w2`, .. `[out, in]` and biases `b1`, `b2`, .. `[out]`, row-major, as in PyTorch.
 * @typedef {Record<string, Float32Array>} Weights
 */

export class Mlp {
  /**
   * @param {Weights} weights the start; copied
   * @param {number} batch the most examples a call may bring
   */
  constructor(weights, batch) {
    this.layers = Array.from({ length: Object.keys(weights).length / 2 }, (_, i) => {
      const [w, b] = [weights[`w${i + 1}`], weights[`b${i + 1}`]];
      const outputs = b.length;
      return {
        inputs: w.length / outputs,
        outputs,
        w: w.slice(),
        b: b.slice(),
        dw: new Float32Array(w.length),
        db: new Float32Array(outputs),
        y: new Float32Array(batch * outputs),
        dy: new Float32Array(batch * outputs),
      };
    });
    const last = this.layers[this.layers.length - 1];
    this.classes = last.outputs;
    this.logits = last.y;
    this.logitGradients = last.dy;
    const named = (/** @type {"w" | "dw"} */ w, /** @type {"b" | "db"} */ b) =>
      Object.fromEntries(this.layers.flatMap((layer, i) => [[`w${i + 1}`, layer[w]], [`b${i + 1}`, layer[b]]]));
    /** @type {Weights} */
    this.weights = named("w", "b");
    /** @type {Weights} */
    this.gradients = named("dw", "db");
  }

  /**
   * The logits of n examples, in `this.logits`.
   * @param {Float32Array} x [n, inputs]
   * @param {number} n
   */
  forward(x, n) {
    let h = x;
    for (const { inputs, outputs, w, b, y } of this.layers) {
      gemm(n, outputs, inputs, matrix(h, inputs), transposed(w, inputs), y);
      if (y === this.logits) addRow(y, b, n);
      else addRowAndRelu(y, b, n);
      h = y;
    }
  }

  /**
   * The mean cross-entropy of n examples; its gradient by the logits goes to `this.logitGradients`.
   * @param {Int32Array} labels
   * @param {number} n
   * @returns {number}
   */
  loss(labels, n) {
    const { classes, logits, logitGradients } = this;
    const scale = 1 / n;
    let total = 0;
    for (let i = 0; i < n; i++) {
      const row = i * classes;
      let largest = logits[row];
      for (let j = 1; j < classes; j++) if (logits[row + j] > largest) largest = logits[row + j];
      let sum = 0;
      for (let j = 0; j < classes; j++) sum += logitGradients[row + j] = Math.exp(logits[row + j] - largest);
      const factor = scale / sum;
      for (let j = 0; j < classes; j++) logitGradients[row + j] *= factor;
      logitGradients[row + labels[i]] -= scale;
      total += Math.log(sum) + largest - logits[row + labels[i]];
    }
    return total * scale;
  }

  /**
   * The mean loss of n examples; its gradients go to `this.gradients`.
   * @param {Float32Array} x [n, inputs]
   * @param {Int32Array} labels [n]
   * @param {number} n
   * @returns {number}
   */
  gradient(x, labels, n) {
    this.forward(x, n);
    const loss = this.loss(labels, n);
    for (let i = this.layers.length - 1; i >= 0; i--) {
      const { inputs, outputs, w, dw, db, dy } = this.layers[i];
      const below = i === 0 ? null : this.layers[i - 1];
      gemm(outputs, inputs, n, transposed(dy, outputs), matrix(below === null ? x : below.y, inputs), dw);
      sumRows(dy, n, outputs, db);
      if (below === null) break;
      gemm(n, inputs, outputs, matrix(dy, outputs), matrix(w, inputs), below.dy);
      reluBackward(below.y, below.dy, n * inputs);
    }
    return loss;
  }
}

/** y += b, row by row. */
function addRow(y, b, n) {
  const width = b.length;
  for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < width; j++, at++) y[at] += b[j];
}

/** y = relu(y + b), row by row. */
function addRowAndRelu(y, b, n) {
  const width = b.length;
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j < width; j++, at++) {
      const z = y[at] + b[j];
      y[at] = z > 0 ? z : 0;
    }
  }
}

function reluBackward(y, dy, end) {
  for (let i = 0; i < end; i++) if (y[i] === 0) dy[i] = 0;
}

/** @param {Float32Array} x [n, width] */
function sumRows(x, n, width, sums) {
  sums.fill(0);
  for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < width; j++, at++) sums[j] += x[at];
}

/**
 * Gradient descent: w -= lr g.
 * @param {Mlp} network
 * @param {number} lr
 */
export function sgd({ weights, gradients }, lr) {
  for (const name of Object.keys(weights)) descend(weights[name], gradients[name], lr);
}

function descend(w, g, lr) {
  for (let i = 0; i < w.length; i++) w[i] -= lr * g[i];
}

/** Adam (Kingma and Ba, 2015) with PyTorch's defaults: betas 0.9 and 0.999, eps 1e-8. */
export class Adam {
  /**
   * @param {Mlp} network
   * @param {number} lr
   */
  constructor(network, lr) {
    this.lr = lr;
    this.steps = 0;
    this.slots = Object.keys(network.weights).map((name) => {
      const w = network.weights[name];
      return { w, g: network.gradients[name], m: new Float32Array(w.length), v: new Float32Array(w.length) };
    });
  }

  step() {
    this.steps += 1;
    const rate = this.lr / (1 - 0.9 ** this.steps);
    const scale = 1 / Math.sqrt(1 - 0.999 ** this.steps);
    for (const { w, g, m, v } of this.slots) adam(w, g, m, v, rate, scale);
  }
}

function adam(w, g, m, v, rate, scale) {
  for (let i = 0; i < w.length; i++) {
    const gi = g[i];
    const mi = m[i] + 0.1 * (gi - m[i]);
    const vi = v[i] + 0.001 * (gi * gi - v[i]);
    m[i] = mi;
    v[i] = vi;
    w[i] -= (rate * mi) / (Math.sqrt(vi) * scale + 1e-8);
  }
}
