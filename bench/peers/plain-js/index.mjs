/** Plain JavaScript on typed arrays, written as well as one can: what a user would have without any library. */
import { loops } from "./elementwise.mjs";
import { gemm, matrix, transposed } from "./gemm.mjs";
import { Adam, Mlp, sgd } from "./mlp.mjs";
import { softmax, sumAll, sumAxis0, sumAxis1 } from "./reduce.mjs";
import * as scalar from "./scalar.mjs";

export const about = { name: "plain JS", version: process.versions.node };

/** @type {import("../peer.mjs").Ops} */
export const ops = {
  matmul({ m, k, n, transposeA, transposeB }, [a, b]) {
    const c = new Float32Array(m * n);
    const left = transposeA ? transposed(a, m) : matrix(a, k);
    const right = transposeB ? transposed(b, k) : matrix(b, n);
    return { call: () => gemm(m, n, k, left, right, c), result: () => c };
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

  mlp({ batch, classes, update, lr }, [x, w1, b1, w2, b2]) {
    const network = new Mlp({ w1, b1, w2, b2 }, batch);
    const labels = Int32Array.from({ length: batch }, (_, i) => i % classes);
    const adam = new Adam(network, lr);
    let loss = 0;
    const apply = { gradient: () => {}, sgd: () => sgd(network, lr), adam: () => adam.step() }[update];
    const call = () => {
      loss = network.gradient(x, labels, batch);
      apply();
    };
    const { w2: learnt } = update === "gradient" ? network.gradients : network.weights;
    return { call, result: () => Float32Array.of(loss, ...learnt) };
  },
};
