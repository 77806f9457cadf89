/** wengert by its public API alone. Everything but a training step is written once, for one operation at a time and for `compile`. */
import {
  add, conv2d, cos, crossEntropy, exp, gelu, grad, hvp, jacobian, layerNorm, linear, log, logSumExp, matmul, mul, relu, sigmoid, sin,
  softmax, sub, sum, tanh, tensor, transpose, vjp,
} from "wengert";
import { join } from "../join.mjs";

/** @typedef {import("wengert").Tensor} Tensor */
/** @typedef {(...tensors: Tensor[]) => Tensor} Operation */
/** @typedef {(...tensors: Tensor[]) => readonly Tensor[]} Program */

/** @type {Record<string, Operation>} */
const elementwise = { add, mul, relu, exp, log, sin, cos, tanh, sigmoid, gelu: (x) => gelu(x) };

/** @type {Record<string, Operation>} */
const expressions = {
  gate: (a, b, c, d) => mul(sigmoid(add(mul(a, b), c)), d),
  five: (x, y) => mul(relu(sub(add(mul(x, y), x), y)), x),
};

/**
 * @param {<F extends Operation>(f: F) => F} one makes a function of an operation ready to be called
 * @param {<F extends Program>(f: F) => F} many the same for a function that makes tensors on its way
 * @returns {import("../peer.mjs").Ops} all but `mlp`
 */
export function opsWith(one, many) {
  /** Each call frees what the call before it made. @param {Operation} f @param {Tensor[]} args */
  const operation = (f, ...args) => {
    const ready = one(f);
    let y = ready(...args);
    const call = () => {
      y.dispose();
      y = ready(...args);
    };
    return { call, result: () => values(y) };
  };

  /** @param {Program} f @param {Tensor[]} args */
  const program = (f, ...args) => {
    const ready = many(f);
    let ys = ready(...args);
    const call = () => {
      for (const y of ys) y.dispose();
      ys = ready(...args);
    };
    return { call, result: () => join(ys.map(values)) };
  };

  return {
    matmul({ m, k, n, transposeA, transposeB, batch, dtype }, [a, b]) {
      const stored = (/** @type {Float32Array} */ data, /** @type {number[]} */ shape) =>
        tensor(data, { shape: batch === 1 ? shape : [batch, ...shape], dtype });
      const left = stored(a, transposeA ? [k, m] : [m, k]);
      const right = stored(b, transposeB ? [n, k] : [k, n]);
      return operation((a, b) => matmul(transposeA ? transpose(a) : a, transposeB ? transpose(b) : b), left, right);
    },

    elementwise: ({ name }, inputs) => operation(elementwise[name], ...inputs.map((values) => tensor(values))),

    expression: ({ name }, inputs) => program((...xs) => [expressions[name](...xs)], ...inputs.map((values) => tensor(values))),

    sum: ({ rows, columns, axis }, [values]) => operation((x) => sum(x, axis), tensor(values, { shape: [rows, columns] })),

    softmax: ({ rows, columns }, [values]) => operation((x) => softmax(x, 1), tensor(values, { shape: [rows, columns] })),

    logSumExp: ({ rows, columns }, [values]) => operation((x) => logSumExp(x, 1), tensor(values, { shape: [rows, columns] })),

    layerNorm: ({ rows, columns }, [values]) => operation((x) => layerNorm(x), tensor(values, { shape: [rows, columns] })),

    conv2d: (sizes, inputs) => operation((x, w) => conv2d(x, w), ...convolved(sizes, inputs)),

    conv2dGradient: (sizes, inputs) =>
      program((x, w, g) => {
        const [, pullback] = vjp((/** @type {Tensor} */ x, /** @type {Tensor} */ w) => conv2d(x, w), x, w);
        return pullback(g);
      }, ...convolved(sizes, inputs)),

    smallAdd: (_, inputs) => operation((x, y) => add(x, y), ...inputs.map((values) => tensor(values))),

    scalarGradient(_, [[x, y]]) {
      const gradient = grad(
        (x, y) => {
          const e = exp(mul(sin(mul(x, y)), tanh(add(x, y))));
          const d = sub(e, x);
          return log(add(mul(d, d), y));
        },
        { argnums: [0, 1] },
      );
      return program((x, y) => gradient(x, y), tensor(x), tensor(y));
    },

    jacobian({ n }, [w1, w2, x]) {
      const [first, second] = [w1, w2].map((w) => tensor(w, { shape: [n, n] }));
      return program((x) => [jacobian((/** @type {Tensor} */ x) => tanh(linear(tanh(linear(x, first)), second)))(x)], tensor(x));
    },

    hvp({ n }, [weights, x, v]) {
      const w = tensor(weights, { shape: [n, n] });
      return program((x, v) => hvp((/** @type {Tensor} */ x) => sum(tanh(linear(x, w))), [x], [v]), tensor(x), tensor(v));
    },
  };
}

const values = (/** @type {Tensor} */ y) => /** @type {Float32Array | Float64Array} */ (y.data());

/** Images, weights and the cotangent as tensors; there may be no cotangent. */
function convolved({ batch, channels, size, filters, kernel }, inputs) {
  const out = size - kernel + 1;
  const shapes = [[batch, channels, size, size], [filters, channels, kernel, kernel], [batch, filters, out, out]];
  return inputs.map((/** @type {Float32Array} */ data, /** @type {number} */ i) => tensor(data, { shape: shapes[i] }));
}

/**
 * A network: its weights and biases as tensors, its data, and its loss.
 * @param {{ batch: number, sizes: number[] }} params
 * @param {Float32Array[]} inputs
 */
export function network({ batch, sizes }, [images, ...data]) {
  const layers = sizes.slice(1).map((outputs, i) => ({
    w: tensor(data[2 * i], { shape: [outputs, sizes[i]] }),
    b: tensor(data[2 * i + 1]),
  }));
  const last = layers.length - 1;
  const x = tensor(images, { shape: [batch, sizes[0]] });
  const labels = tensor(Int32Array.from({ length: batch }, (_, i) => i % sizes[last + 1]));
  const loss = (/** @type {{ w: Tensor, b: Tensor }[]} */ layers, /** @type {Tensor} */ x, /** @type {Tensor} */ labels) =>
    crossEntropy(layers.reduce((h, { w, b }, i) => (i === last ? linear(h, w, b) : relu(linear(h, w, b))), x), labels);
  return { layers, x, labels, loss, last };
}
