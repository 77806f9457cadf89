/**
 * jax-js on its WebAssembly backend, which has one thread where there are no Web Workers or no shared memory. It evaluates
 * lazily, so each call waits until its results are there. Arguments are used up by what they are given to: `.ref` keeps them.
 */
import { blockUntilReady, defaultDevice, grad, init, jacrev, jvp, lax, nn, numpy as np, tree, valueAndGrad, vjp } from "@jax-js/jax";
import { join } from "../join.mjs";

await init("wasm");
defaultDevice("wasm");

/** @typedef {any} Array_ an array of jax-js */

/** @type {Record<string, (...xs: Array_[]) => Array_>} */
const elementwise = {
  add: np.add, mul: np.multiply, relu: nn.relu, exp: np.exp, log: np.log, sin: np.sin, cos: np.cos, tanh: np.tanh, sigmoid: nn.sigmoid,
  gelu: (x) => nn.gelu(x, { approximate: false }),
};

/** @type {Record<string, (...xs: Array_[]) => Array_>} */
const expressions = {
  gate: (a, b, c, d) => nn.sigmoid(a.mul(b).add(c)).mul(d),
  five: (x, y) => nn.relu(x.ref.mul(y.ref).add(x.ref).sub(y)).mul(x),
};

/**
 * @param {(f: any) => any} jitted
 * @returns {import("../peer.mjs").Ops}
 */
export function opsWith(jitted) {
  /**
   * Each call frees what the call before it made. Small results are read, which is quicker than to wait for them.
   * @param {(...args: any[]) => any} f
   * @param {readonly any[]} args
   */
  const prepared = (f, args) => {
    const ready = jitted(f);
    /** @type {any} */
    let y = null;
    const call = () => {
      if (y !== null) tree.dispose(y);
      y = ready(...args.map((x) => tree.ref(x)));
      const leaves = /** @type {Array_[]} */ (tree.leaves(y));
      if (leaves.some(({ size }) => size > 64)) return blockUntilReady(y);
      for (const leaf of leaves) leaf.ref.dataSync();
      return undefined;
    };
    const result = () => join(tree.leaves(y).map((/** @type {Array_} */ leaf) => leaf.ref.dataSync()));
    return { call, result };
  };
  const array = (/** @type {Float32Array} */ values, /** @type {number[]} */ shape = [values.length]) => np.array(values, { shape });

  return {
    matmul({ m, k, n, transposeA, transposeB, batch, dtype }, [a, b]) {
      const stored = (/** @type {Float32Array} */ data, /** @type {number[]} */ shape) => {
        const whole = batch === 1 ? shape : [batch, ...shape];
        return dtype === "float64" ? array(data, whole).astype(np.float64) : array(data, whole);
      };
      const t = (/** @type {boolean} */ is, /** @type {Array_} */ x) => (is ? np.matrixTranspose(x) : x);
      return prepared(
        (a, b) => np.matmul(t(transposeA, a), t(transposeB, b)),
        [stored(a, transposeA ? [k, m] : [m, k]), stored(b, transposeB ? [n, k] : [k, n])],
      );
    },

    elementwise: ({ name }, inputs) => prepared((...xs) => elementwise[name](...xs), inputs.map((x) => array(x))),

    expression: ({ name }, inputs) => prepared((...xs) => expressions[name](...xs), inputs.map((x) => array(x))),

    sum: ({ rows, columns, axis }, [x]) => prepared((x) => np.sum(x, axis), [array(x, [rows, columns])]),

    softmax: ({ rows, columns }, [x]) => prepared((x) => nn.softmax(x, 1), [array(x, [rows, columns])]),

    logSumExp: ({ rows, columns }, [x]) => prepared((x) => nn.logsumexp(x, 1), [array(x, [rows, columns])]),

    layerNorm: ({ rows, columns }, [x]) => prepared((x) => nn.standardize(x, 1, { epsilon: 1e-5 }), [array(x, [rows, columns])]),

    conv2d: (sizes, inputs) => prepared(convolve, convolved(sizes, inputs)),

    conv2dGradient: (sizes, inputs) =>
      prepared((x, w, g) => {
        const [y, pullback] = vjp(convolve, [x, w]);
        y.dispose();
        const gradients = pullback(g);
        pullback.dispose();
        return gradients;
      }, convolved(sizes, inputs)),

    smallAdd: (_, inputs) => prepared((x, y) => np.add(x, y), inputs.map((x) => array(x))),

    scalarGradient(_, [[x, y]]) {
      const f = (/** @type {Array_} */ x, /** @type {Array_} */ y) => {
        const e = np.exp(np.sin(x.ref.mul(y.ref)).mul(np.tanh(x.ref.add(y.ref))));
        const d = e.sub(x);
        return np.log(d.ref.mul(d).add(y));
      };
      return prepared(grad(f, { argnums: [0, 1] }), [np.array(x), np.array(y)]);
    },

    jacobian({ n }, [w1, w2, x]) {
      const net = (/** @type {Array_} */ w1, /** @type {Array_} */ w2) => (/** @type {Array_} */ x) =>
        np.tanh(np.matmul(w2.ref, np.tanh(np.matmul(w1.ref, x))));
      return prepared(
        (w1, w2, x) => {
          const jacobian = jacrev(net(w1, w2))(x);
          tree.dispose([w1, w2]);
          return jacobian;
        },
        [array(w1, [n, n]), array(w2, [n, n]), array(x)],
      );
    },

    hvp({ n }, [w, x, v]) {
      return prepared(
        (w, x, v) => {
          const gradient = grad((/** @type {Array_} */ x) => np.sum(np.tanh(np.matmul(w.ref, x))));
          const [value, product] = jvp(gradient, [x], [v]);
          tree.dispose([w, value]);
          return product;
        },
        [array(w, [n, n]), array(x), array(v)],
      );
    },

    mlp({ batch, sizes, update, lr }, [images, ...data]) {
      const x = array(images, [batch, sizes[0]]);
      const classes = sizes[sizes.length - 1];
      const labels = nn.oneHot(np.array(Int32Array.from({ length: batch }, (_, i) => i % classes)), classes);
      const start = data.map((values, i) => array(values, i % 2 === 0 ? [sizes[i / 2 + 1], sizes[i / 2]] : [values.length]));
      const last = start.length - 2;
      const loss = (/** @type {Array_[]} */ params, /** @type {Array_} */ x, /** @type {Array_} */ labels) => {
        let h = x;
        for (let i = 0; i <= last; i += 2) {
          h = np.matmul(h, np.transpose(params[i])).add(params[i + 1]);
          if (i < last) h = nn.relu(h);
        }
        return nn.logSoftmax(h, 1).mul(labels).sum(1).mean().neg();
      };
      const lossAndGradients = valueAndGrad(loss);
      const updates = {
        gradient: (/** @type {any} */ { params, state }, /** @type {Array_[]} */ gradients) => {
          tree.dispose(params);
          return { params: gradients, state };
        },
        sgd: (/** @type {any} */ { params, state }, /** @type {Array_[]} */ gradients) => ({
          params: params.map((/** @type {Array_} */ p, /** @type {number} */ i) => p.sub(gradients[i].mul(lr))),
          state,
        }),
        adam: (/** @type {any} */ { params, state: { step, m, v } }, /** @type {Array_[]} */ gradients) => {
          const t = step.add(1);
          const rate = np.divide(lr, np.subtract(1, np.exp(t.ref.mul(Math.log(0.9)))));
          const scale = np.sqrt(np.subtract(1, np.exp(t.ref.mul(Math.log(0.999)))));
          const means = m.map((/** @type {Array_} */ x, /** @type {number} */ i) => x.mul(0.9).add(gradients[i].ref.mul(0.1)));
          const squares = v.map((/** @type {Array_} */ x, /** @type {number} */ i) => x.mul(0.999).add(np.square(gradients[i]).mul(0.001)));
          const next = params.map((/** @type {Array_} */ p, /** @type {number} */ i) =>
            p.sub(rate.ref.mul(means[i].ref).div(np.sqrt(squares[i].ref).div(scale.ref).add(1e-8))),
          );
          tree.dispose([rate, scale]);
          return { params: next, state: { step: t, m: means, v: squares } };
        },
      };
      const zeros = () => start.map(({ shape }) => np.zeros(shape));
      const step = jitted((/** @type {any} */ all, /** @type {Array_} */ x, /** @type {Array_} */ labels) => {
        const [value, gradients] = lossAndGradients(tree.ref(all.params), x, labels);
        return [value, updates[/** @type {"gradient" | "sgd" | "adam"} */ (update)](all, gradients)];
      });
      const initial = { params: start, state: update === "adam" ? { step: np.array(0), m: zeros(), v: zeros() } : {} };
      let all = /** @type {any} */ (initial);
      let value = 0;
      const call = async () => {
        const given = update === "gradient" ? tree.ref(initial) : all;
        if (update === "gradient" && all !== initial) tree.dispose(all);
        const [loss, next] = step(given, x.ref, labels.ref);
        all = next;
        value = (await loss.data())[0];
        await blockUntilReady(all);
      };
      return { call, result: () => [value, ...all.params[last].ref.dataSync()] };
    },
  };
}

const convolve = (/** @type {Array_} */ x, /** @type {Array_} */ w) => lax.conv(x, w, [1, 1], "VALID");

/** Images, weights and the cotangent as arrays; there may be no cotangent. */
function convolved({ batch, channels, size, filters, kernel }, inputs) {
  const out = size - kernel + 1;
  const shapes = [[batch, channels, size, size], [filters, channels, kernel, kernel], [batch, filters, out, out]];
  return inputs.map((/** @type {Float32Array} */ data, /** @type {number} */ i) => np.array(data, { shape: shapes[i] }));
}
