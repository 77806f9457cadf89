/** Plain JavaScript on typed arrays, written as well as one can: what a user would have without any library. */
import { convolution } from "./conv.mjs";
import { hessianVector, jacobian } from "./derivatives.mjs";
import { expressions, loops } from "./elementwise.mjs";
import { gemm, matrix, transposed } from "./gemm.mjs";
import { Adam, Mlp, sgd } from "./mlp.mjs";
import { layerNorm, logSumExp, softmax, sumAll, sumAxis0, sumAxis1 } from "./reduce.mjs";
import * as scalar from "./scalar.mjs";
import { matrixVector, vectorMatrix } from "./vector.mjs";

/** @type {import("../peer.mjs").Ops} */
export const ops = {
  matmul({ m, k, n, transposeA, transposeB, batch, dtype }, inputs) {
    const Numbers = dtype === "float64" ? Float64Array : Float32Array;
    const [a, b] = inputs.map((values) => new Numbers(values));
    const c = new Numbers(batch * m * n);
    if (n === 1) return { call: () => matrixVector(a, b, m, k, c), result: () => c };
    if (m === 1) return { call: () => vectorMatrix(a, b, k, n, c), result: () => c };
    const products = Array.from({ length: batch }, (_, i) => {
      const [ai, bi] = [a.subarray(i * m * k, (i + 1) * m * k), b.subarray(i * k * n, (i + 1) * k * n)];
      return {
        left: transposeA ? transposed(ai, m) : matrix(ai, k),
        right: transposeB ? transposed(bi, k) : matrix(bi, n),
        to: c.subarray(i * m * n, (i + 1) * m * n),
      };
    });
    const call = () => {
      for (const { left, right, to } of products) gemm(m, n, k, left, right, to);
    };
    return { call, result: () => c };
  },

  elementwise({ name, size }, [x, y]) {
    const out = new Float32Array(size);
    const loop = loops[name];
    return { call: () => loop(x, y, out), result: () => out };
  },

  sum({ rows, columns, axis }, [x]) {
    const out = new Float32Array(axis === null ? 1 : axis === 0 ? columns : rows);
    const call = {
      null: () => void (out[0] = sumAll(x)),
      0: () => sumAxis0(x, rows, columns, out),
      1: () => sumAxis1(x, rows, columns, out),
    }[String(axis)];
    return { call, result: () => out };
  },

  softmax({ rows, columns }, [x]) {
    const out = new Float32Array(rows * columns);
    return { call: () => softmax(x, rows, columns, out), result: () => out };
  },

  logSumExp({ rows, columns }, [x]) {
    const out = new Float32Array(rows);
    return { call: () => logSumExp(x, rows, columns, out), result: () => out };
  },

  layerNorm({ rows, columns }, [x]) {
    const out = new Float32Array(rows * columns);
    return { call: () => layerNorm(x, rows, columns, out), result: () => out };
  },

  expression({ name, size }, inputs) {
    const out = new Float32Array(size);
    return { call: () => expressions[name](inputs, out), result: () => out };
  },

  conv2d(sizes, [x, w]) {
    const { batch, filters, size, kernel } = sizes;
    const y = new Float32Array(batch * filters * (size - kernel + 1) ** 2);
    const { forward } = convolution(sizes);
    return { call: () => forward(x, w, y), result: () => y };
  },

  conv2dGradient(sizes, [x, w, g]) {
    const [dx, dw] = [new Float32Array(x.length), new Float32Array(w.length)];
    const { backward } = convolution(sizes);
    return { call: () => backward(x, w, g, dx, dw), result: () => [...dx, ...dw] };
  },

  jacobian({ n }, [w1, w2, x]) {
    const { call, out } = jacobian(n, w1, w2, x);
    return { call, result: () => out };
  },

  hvp({ n }, [w, x, v]) {
    const { call, out } = hessianVector(n, w, x, v);
    return { call, result: () => out };
  },

  smallAdd(_, [x, y]) {
    let out = new Float32Array(4);
    const call = () => {
      out = new Float32Array(4); // as eager code would: a new value every time
      for (let i = 0; i < 4; i++) out[i] = x[i] + y[i];
    };
    return { call, result: () => out };
  },

  scalarGradient(_, [start]) {
    const { add, exp, log, mul, sin, sub, tanh } = scalar;
    const out = new Float32Array(2);
    const call = () => {
      const x = scalar.variable(start[0]);
      const y = scalar.variable(start[1]);
      const e = exp(mul(sin(mul(x, y)), tanh(add(x, y))));
      const d = sub(e, x);
      scalar.backward(log(add(mul(d, d), y)));
      out[0] = x.grad;
      out[1] = y.grad;
    };
    return { call, result: () => out };
  },

  mlp({ batch, sizes, update, lr }, [x, ...values]) {
    const network = new Mlp(Object.fromEntries(values.map((data, i) => [`${i % 2 === 0 ? "w" : "b"}${(i >> 1) + 1}`, data])), batch);
    const labels = Int32Array.from({ length: batch }, (_, i) => i % sizes[sizes.length - 1]);
    const adam = new Adam(network, lr);
    let loss = 0;
    const apply = { gradient: () => {}, sgd: () => sgd(network, lr), adam: () => adam.step() }[update];
    const call = () => {
      loss = network.gradient(x, labels, batch);
      apply();
    };
    const learnt = (update === "gradient" ? network.gradients : network.weights)[`w${sizes.length - 1}`];
    return { call, result: () => [loss, ...learnt] };
  },
};
