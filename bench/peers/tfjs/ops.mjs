/** TensorFlow.js, on whichever backend is set. Its own layout of images, with channels last, is what it is given. */
import "@tensorflow/tfjs"; // registers the gradients
import * as tf from "@tensorflow/tfjs-core";
import { join } from "../join.mjs";

/** @type {Record<string, (...xs: any[]) => any>} */
const elementwise = {
  add: tf.add, mul: tf.mul, relu: tf.relu, exp: tf.exp, log: tf.log, sin: tf.sin, cos: tf.cos, tanh: tf.tanh, sigmoid: tf.sigmoid,
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
};

/** @type {Record<string, (...xs: any[]) => any>} */
const expressions = {
  gate: (a, b, c, d) => tf.mul(tf.sigmoid(tf.add(tf.mul(a, b), c)), d),
  five: (x, y) => tf.mul(tf.relu(tf.sub(tf.add(tf.mul(x, y), x), y)), x),
};

/**
 * Each call frees what the call before it made.
 * @param {() => any} make a tensor, or an array of them
 * @param {boolean} [many] whether tensors are made on the way, so that a `tidy` is needed
 */
function prepared(make, many = false) {
  const f = many ? () => tf.tidy(make) : make;
  let y = f();
  const call = () => {
    tf.dispose(y);
    y = f();
  };
  const result = () => join([y].flat().map((t) => t.dataSync()));
  return { call, result };
}

/** @type {import("../peer.mjs").Ops} */
export const ops = {
  matmul({ m, k, n, transposeA, transposeB, batch, dtype }, [a, b]) {
    if (dtype === "float64") return null;
    const stored = (/** @type {Float32Array} */ data, /** @type {number[]} */ shape) =>
      tf.tensor(data, batch === 1 ? shape : [batch, ...shape]);
    const left = stored(a, transposeA ? [k, m] : [m, k]);
    const right = stored(b, transposeB ? [n, k] : [k, n]);
    return prepared(() => tf.matMul(left, right, transposeA, transposeB));
  },

  elementwise({ name }, inputs) {
    const xs = inputs.map((values) => tf.tensor1d(values));
    return prepared(() => elementwise[name](...xs), name === "gelu");
  },

  expression({ name }, inputs) {
    const xs = inputs.map((values) => tf.tensor1d(values));
    return prepared(() => expressions[name](...xs), true);
  },

  sum({ rows, columns, axis }, [values]) {
    const x = tf.tensor2d(values, [rows, columns]);
    return prepared(() => tf.sum(x, axis ?? undefined), true);
  },

  softmax({ rows, columns }, [values]) {
    const x = tf.tensor2d(values, [rows, columns]);
    return prepared(() => tf.softmax(x, 1), true);
  },

  logSumExp({ rows, columns }, [values]) {
    const x = tf.tensor2d(values, [rows, columns]);
    return prepared(() => tf.logSumExp(x, 1), true);
  },

  layerNorm({ rows, columns }, [values]) {
    const x = tf.tensor2d(values, [rows, columns]);
    return prepared(() => {
      const { mean, variance } = tf.moments(x, 1, true);
      return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
    }, true);
  },

  conv2d(sizes, [images, weights]) {
    const [x, w] = convolved(sizes, [images, weights]);
    const { call, result } = prepared(() => tf.conv2d(x, w, 1, "valid"));
    const out = sizes.size - sizes.kernel + 1;
    return { call, result: () => permuted(result(), [sizes.batch, out, out, sizes.filters], [0, 3, 1, 2]) };
  },

  conv2dGradient(sizes, inputs) {
    // The wasm backend has no kernel for the gradient by the weights.
    if (tf.getKernel("Conv2DBackpropFilter", tf.getBackend()) === undefined) return null;
    const { batch, channels, size, filters, kernel } = sizes;
    const [x, w, g] = convolved(sizes, inputs);
    const gradients = tf.grads((/** @type {any} */ x, /** @type {any} */ w) => tf.conv2d(x, w, 1, "valid"));
    let [dx, dw] = gradients([x, w], g);
    const call = () => {
      tf.dispose([dx, dw]);
      [dx, dw] = gradients([x, w], g);
    };
    const result = () => [
      ...permuted(dx.dataSync(), [batch, size, size, channels], [0, 3, 1, 2]),
      ...permuted(dw.dataSync(), [kernel, kernel, channels, filters], [3, 2, 0, 1]),
    ];
    return { call, result };
  },

  smallAdd(_, inputs) {
    const [x, y] = inputs.map((values) => tf.tensor1d(values));
    return prepared(() => tf.add(x, y));
  },

  scalarGradient(_, [[x, y]]) {
    const gradients = tf.grads((/** @type {any} */ x, /** @type {any} */ y) => {
      const e = tf.exp(tf.mul(tf.sin(tf.mul(x, y)), tf.tanh(tf.add(x, y))));
      const d = tf.sub(e, x);
      return tf.log(tf.add(tf.mul(d, d), y));
    });
    const at = [tf.scalar(x), tf.scalar(y)];
    return prepared(() => gradients(at), true);
  },

  mlp({ batch, sizes, update, lr }, [images, ...data]) {
    const x = tf.tensor2d(images, [batch, sizes[0]]);
    const classes = sizes[sizes.length - 1];
    const labels = tf.oneHot(tf.tensor1d(Int32Array.from({ length: batch }, (_, i) => i % classes), "int32"), classes);
    const variables = data.map((values, i) =>
      tf.variable(i % 2 === 0 ? tf.tensor2d(values, [sizes[i / 2 + 1], sizes[i / 2]]) : tf.tensor1d(values)),
    );
    const last = variables.length - 2;
    const loss = () => {
      /** @type {any} */
      let h = x;
      for (let i = 0; i <= last; i += 2) {
        h = tf.add(tf.matMul(h, variables[i], false, true), variables[i + 1]);
        if (i < last) h = tf.relu(h);
      }
      return /** @type {any} */ (tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(h), labels), 1))));
    };
    const optimizer = { gradient: null, sgd: () => tf.train.sgd(lr), adam: () => tf.train.adam(lr, 0.9, 0.999, 1e-8) }[update]?.();
    let value = 0;
    /** @type {any} */
    let learnt = variables[last];
    const call = () => {
      if (optimizer === undefined) tf.dispose(learnt === variables[last] ? [] : learnt);
      const found = tf.variableGrads(loss);
      value = found.value.dataSync()[0];
      found.value.dispose();
      const gradients = /** @type {Record<string, any>} */ (found.grads);
      if (optimizer === undefined) {
        const { [variables[last].name]: kept, ...rest } = gradients;
        learnt = kept;
        tf.dispose(rest);
      } else {
        optimizer.applyGradients(gradients);
        tf.dispose(gradients);
      }
    };
    return { call, result: () => [value, ...learnt.dataSync()] };
  },
};

/** Images [n, size, size, channels], weights [kernel, kernel, channels, filters], and the cotangent, if there is one, as tensors. */
function convolved({ batch, channels, size, filters, kernel }, inputs) {
  const out = size - kernel + 1;
  const shapes = [[batch, channels, size, size], [filters, channels, kernel, kernel], [batch, filters, out, out]];
  const orders = [[0, 2, 3, 1], [2, 3, 1, 0], [0, 2, 3, 1]];
  return inputs.map((/** @type {Float32Array} */ data, /** @type {number} */ i) => tf.transpose(tf.tensor(data, shapes[i]), orders[i]));
}

/** The elements of an array with its dimensions in another order. */
function permuted(data, shape, order) {
  return tf.tidy(() => tf.transpose(tf.tensor(Float32Array.from(data), shape), order).dataSync());
}
