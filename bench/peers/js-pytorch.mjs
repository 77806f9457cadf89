/**
 * js-pytorch, whose tensors are nested arrays of numbers in float64. What would take seconds a call is left out, and what it
 * means otherwise than everybody else: its layer norm and its Adam.
 */
import { torch } from "js-pytorch";

const { nn } = torch;

/** A flat array as nested ones. @param {ArrayLike<number>} data @param {readonly number[]} shape @returns {any} */
function nested(data, shape) {
  const build = (/** @type {number} */ axis, /** @type {number} */ at, /** @type {number} */ size) =>
    axis === shape.length
      ? data[at]
      : Array.from({ length: shape[axis] }, (_, i) => build(axis + 1, at + (i * size) / shape[axis], size / shape[axis]));
  return build(0, 0, data.length);
}

const tensor = (/** @type {ArrayLike<number>} */ data, /** @type {readonly number[]} */ shape = [data.length]) => torch.tensor(nested(data, shape));

/** @param {() => any} make */
function prepared(make) {
  let y = make();
  const call = () => {
    y = make();
  };
  return { call, result: () => [y.data].flat(Infinity) };
}

/** @type {Record<string, (...xs: any[]) => any>} */
const elementwise = { add: torch.add, mul: torch.mul, exp: torch.exp, log: torch.log };

/** @type {import("./peer.mjs").Ops} */
export const ops = {
  matmul({ m, k, n, transposeA, transposeB, batch, dtype }, [a, b]) {
    if (batch * m * k * n > 2 ** 24 || dtype === "float64") return null;
    const many = batch === 1 ? [] : [batch];
    const left = tensor(a, [...many, ...(transposeA ? [k, m] : [m, k])]);
    const right = tensor(b, [...many, ...(transposeB ? [n, k] : [k, n])]);
    const t = (/** @type {boolean} */ is, /** @type {any} */ x) => (is ? torch.transpose(x, -2, -1) : x);
    return prepared(() => torch.matmul(t(transposeA, left), t(transposeB, right)));
  },

  elementwise({ name }, inputs) {
    if (!(name in elementwise)) return null;
    const xs = inputs.map((values) => tensor(values));
    return prepared(() => elementwise[name](...xs));
  },

  sum({ rows, columns, axis }, [values]) {
    if (axis === null) return null; // it sums over one axis at a time
    const x = tensor(values, [rows, columns]);
    return prepared(() => x.sum(axis));
  },

  softmax({ rows, columns }, [values]) {
    const x = tensor(values, [rows, columns]);
    const softmax = new nn.Softmax();
    return prepared(() => softmax.forward(x, 1));
  },

  smallAdd(_, inputs) {
    const [x, y] = inputs.map((values) => tensor(values));
    return prepared(() => torch.add(x, y));
  },

  mlp({ batch, sizes, update }, [images, ...data]) {
    if (update !== "gradient") return null;
    const x = tensor(images, [batch, sizes[0]]);
    const labels = torch.tensor(Array.from({ length: batch }, (_, i) => i % sizes[sizes.length - 1]));
    const relu = new nn.ReLU(); // which lets a thousandth of what is negative through
    const linears = sizes.slice(1).map((/** @type {number} */ outputs, /** @type {number} */ i) => {
      const linear = new nn.Linear(sizes[i], outputs);
      linear.W._data = nested(transposed(data[2 * i], outputs, sizes[i]), [sizes[i], outputs]);
      linear.b._data = nested(data[2 * i + 1], [outputs]);
      return linear;
    });
    const loss = new nn.CrossEntropyLoss();
    const last = linears[linears.length - 1];
    let value = 0;
    let gradient = last.W.data;
    const call = () => {
      let h = x;
      for (const linear of linears) h = linear === last ? linear.forward(h) : relu.forward(linear.forward(h));
      const y = loss.forward(h, labels);
      y.backward();
      value = [y.data].flat(Infinity)[0];
      gradient = last.W.grad;
      for (const { W, b } of linears) [W, b].forEach((parameter) => parameter.zero_grad());
    };
    return { call, result: () => [value, ...transposed(gradient.flat(), sizes[sizes.length - 2], sizes[sizes.length - 1])] };
  },
};

/** @param {ArrayLike<number>} data @param {number} rows @param {number} columns */
const transposed = (data, rows, columns) => Array.from({ length: rows * columns }, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
