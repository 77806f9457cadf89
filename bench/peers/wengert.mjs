/** wengert, by its public API alone, one operation at a time. */
import { readFileSync } from "node:fs";
import {
  add, cos, crossEntropy, exp, gelu, grad, linear, log, matmul, mul, relu, sigmoid, sin, softmax, sub, sum, tanh, tensor,
  transpose, tree, valueAndGrad,
} from "wengert";
import { Adam, SGD } from "wengert/optim";

/** @typedef {import("wengert").Tensor} Tensor */

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
export const about = { name: "wengert", version };

/** @type {Record<string, (x: Tensor) => Tensor>} */
const unary = { relu, exp, log, sin, cos, tanh, sigmoid, gelu };
/** @type {Record<string, (x: Tensor, y: Tensor) => Tensor>} */
const binary = { add, mul };

/**
 * A function that makes one tensor: each call frees what the call before it made.
 * @param {() => Tensor} make
 */
function prepared(make) {
  let y = make();
  const call = () => {
    y.dispose();
    y = make();
  };
  return { call, result: () => /** @type {Float32Array} */ (y.data()) };
}

/** @type {import("./peer.mjs").Ops} */
export const ops = {
  matmul({ m, k, n, transposeA, transposeB }, [a, b]) {
    const storedA = tensor(a, { shape: transposeA ? [k, m] : [m, k] });
    const storedB = tensor(b, { shape: transposeB ? [n, k] : [k, n] });
    const left = transposeA ? transpose(storedA) : storedA;
    const right = transposeB ? transpose(storedB) : storedB;
    return prepared(() => matmul(left, right));
  },

  elementwise({ name }, inputs) {
    const [x, y] = inputs.map((values) => tensor(values));
    return prepared(name in unary ? () => unary[name](x) : () => binary[name](x, y));
  },

  sum({ rows, columns, axis }, [values]) {
    const x = tensor(values, { shape: [rows, columns] });
    return prepared(axis === null ? () => sum(x) : () => sum(x, axis));
  },

  softmax({ rows, columns }, [values]) {
    const x = tensor(values, { shape: [rows, columns] });
    return prepared(() => softmax(x, 1));
  },

  smallAdd(_, inputs) {
    const [x, y] = inputs.map((values) => tensor(values));
    return prepared(() => add(x, y));
  },

  scalarGradient(_, [[x0, y0]]) {
    const x = tensor(x0);
    const y = tensor(y0);
    const gradient = grad(
      (x, y) => {
        const e = exp(mul(sin(mul(x, y)), tanh(add(x, y))));
        const d = sub(e, x);
        return log(add(mul(d, d), y));
      },
      { argnums: [0, 1] },
    );
    let [dx, dy] = gradient(x, y);
    const call = () => {
      dx.dispose();
      dy.dispose();
      [dx, dy] = gradient(x, y);
    };
    return { call, result: () => Float32Array.of(Number(dx.item()), Number(dy.item())) };
  },

  mlp({ batch, inputs, hidden, classes, update, lr }, [images, w1, b1, w2, b2]) {
    const x = tensor(images, { shape: [batch, inputs] });
    const labels = tensor(Int32Array.from({ length: batch }, (_, i) => i % classes));
    const params = {
      w1: tensor(w1, { shape: [hidden, inputs] }),
      b1: tensor(b1),
      w2: tensor(w2, { shape: [classes, hidden] }),
      b2: tensor(b2),
    };
    const lossAndGradients = valueAndGrad(({ w1, b1, w2, b2 }, x, labels) =>
      crossEntropy(linear(relu(linear(x, w1, b1)), w2, b2), labels),
    );
    const optimizer = { gradient: null, sgd: new SGD(params, { lr }), adam: new Adam(params, { lr }) }[update];
    let loss = 0;
    let [value, gradients] = lossAndGradients(params, x, labels);
    const call = () => {
      value.dispose();
      tree.leaves(gradients).forEach((g) => g.dispose());
      [value, gradients] = lossAndGradients(params, x, labels);
      loss = Number(value.item());
      optimizer?.step(gradients);
    };
    const result = () => Float32Array.of(loss, .../** @type {Float32Array} */ ((optimizer === null ? gradients : params).w2.data()));
    return { call, result };
  },
};
