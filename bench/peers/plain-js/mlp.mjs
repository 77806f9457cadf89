/**
 * A two-layer classifier trained in plain JavaScript on typed arrays: what the demo and the bench compare with.
 *
 * `logits = relu(x W1' + b1) W2' + b2`, softmax cross-entropy averaged over the batch, gradients by hand,
 * SGD or Adam. Every array is allocated once; a step allocates nothing.
 */
import { gemm, matrix, transposed } from "./gemm.mjs";

/**
 * Weights `[out, in]` and biases `[out]`, row-major, as in PyTorch.
 * @typedef {{ w1: Float32Array, b1: Float32Array, w2: Float32Array, b2: Float32Array }} Weights
 */

export class Mlp {
  /**
   * @param {Weights} weights the start; copied
   * @param {number} batch the most examples a call may bring
   */
  constructor({ w1, b1, w2, b2 }, batch) {
    this.hidden = b1.length;
    this.classes = b2.length;
    this.inputs = w1.length / this.hidden;
    this.batch = batch;
    /** @type {Weights} */
    this.weights = { w1: w1.slice(), b1: b1.slice(), w2: w2.slice(), b2: b2.slice() };
    /** @type {Weights} */
    this.gradients = {
      w1: new Float32Array(w1.length),
      b1: new Float32Array(b1.length),
      w2: new Float32Array(w2.length),
      b2: new Float32Array(b2.length),
    };
    this.activations = new Float32Array(batch * this.hidden);
    this.activationGradients = new Float32Array(batch * this.hidden);
    this.logits = new Float32Array(batch * this.classes);
    this.logitGradients = new Float32Array(batch * this.classes);
  }

  /**
   * The logits of n examples, in `this.logits`.
   * @param {Float32Array} x [n, inputs]
   * @param {number} n
   */
  forward(x, n) {
    const { inputs, hidden, classes, activations, logits } = this;
    const { w1, b1, w2, b2 } = this.weights;
    gemm(n, hidden, inputs, matrix(x, inputs), transposed(w1, inputs), activations);
    for (let i = 0, at = 0; i < n; i++) {
      for (let j = 0; j < hidden; j++, at++) {
        const z = activations[at] + b1[j];
        activations[at] = z > 0 ? z : 0;
      }
    }
    gemm(n, classes, hidden, matrix(activations, hidden), transposed(w2, hidden), logits);
    for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < classes; j++, at++) logits[at] += b2[j];
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
    const { inputs, hidden, classes, activations, activationGradients, logitGradients, gradients } = this;
    this.forward(x, n);
    const loss = this.loss(labels, n);
    gemm(classes, hidden, n, transposed(logitGradients, classes), matrix(activations, hidden), gradients.w2);
    sumRows(logitGradients, n, classes, gradients.b2);
    gemm(n, hidden, classes, matrix(logitGradients, classes), matrix(this.weights.w2, hidden), activationGradients);
    for (let i = 0, end = n * hidden; i < end; i++) if (activations[i] === 0) activationGradients[i] = 0;
    gemm(hidden, inputs, n, transposed(activationGradients, hidden), matrix(x, inputs), gradients.w1);
    sumRows(activationGradients, n, hidden, gradients.b1);
    return loss;
  }
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
  for (const name of /** @type {const} */ (["w1", "b1", "w2", "b2"])) {
    const w = weights[name];
    const g = gradients[name];
    for (let i = 0; i < w.length; i++) w[i] -= lr * g[i];
  }
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
    this.slots = /** @type {const} */ (["w1", "b1", "w2", "b2"]).map((name) => {
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
