/**
 * onnxruntime-web in WebAssembly, one thread. Its models are made here. The operands are constants of the model, so that they
 * lie in its memory as the operands of other peers do; nothing is folded, since the optimiser of graphs is off. Results are
 * copied out, which its API does in any case. It has no gradients.
 */
import { env, InferenceSession } from "onnxruntime-web";
import { urlOf } from "../bytes.mjs";
import { model } from "./model.mjs";

env.wasm.numThreads = 1;
if (!import.meta.url.startsWith("file:")) env.wasm.wasmPaths = urlOf("onnxruntime-web/dist/");

/** @typedef {import("./model.mjs").Constant} Constant */
/** @typedef {import("./model.mjs").Node} Node */

/** @param {readonly Constant[]} constants @param {readonly Node[]} nodes */
async function prepared(constants, nodes) {
  const session = await InferenceSession.create(model(constants, nodes), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "disabled",
  });
  const [name] = session.outputNames;
  /** @type {any} */
  let y = null;
  const call = async () => {
    y = (await session.run({}))[name];
  };
  return { call, result: () => y.data };
}

/** @param {string} name @param {Constant["data"]} data @param {readonly number[]} [shape] @returns {Constant} */
const constant = (name, data, shape = [data.length]) => ({ name, data, shape });

/** @param {string} op @param {readonly string[]} inputs @param {string} [output] @param {Record<string, number>} [attributes] @returns {Node} */
const node = (op, inputs, output = "result", attributes = {}) => ({ op, inputs, output, attributes });

const names = ["a", "b", "c", "d"];

/** @type {Record<string, string>} */
const elementwise = {
  add: "Add", mul: "Mul", relu: "Relu", exp: "Exp", log: "Log", sin: "Sin", cos: "Cos", tanh: "Tanh", sigmoid: "Sigmoid", gelu: "Gelu",
};

/** @type {Record<string, readonly Node[]>} */
const expressions = {
  gate: [node("Mul", ["a", "b"], "ab"), node("Add", ["ab", "c"], "sum"), node("Sigmoid", ["sum"], "gate"), node("Mul", ["gate", "d"])],
  five: [
    node("Mul", ["a", "b"], "ab"), node("Add", ["ab", "a"], "sum"), node("Sub", ["sum", "b"], "difference"),
    node("Relu", ["difference"], "positive"), node("Mul", ["positive", "a"]),
  ],
};

/** @type {import("../peer.mjs").Ops} */
export const ops = {
  matmul({ m, k, n, transposeA, transposeB, batch, dtype }, inputs) {
    const [a, b] = inputs.map((values) => (dtype === "float64" ? new Float64Array(values) : values));
    const many = batch === 1 ? [] : [batch];
    const constants = [
      constant("a", a, [...many, ...(transposeA ? [k, m] : [m, k])]),
      constant("b", b, [...many, ...(transposeB ? [n, k] : [k, n])]),
    ];
    const product = transposeA || transposeB
      ? node("Gemm", ["a", "b"], "result", { transA: Number(transposeA), transB: Number(transposeB) })
      : node("MatMul", ["a", "b"]);
    return prepared(constants, [product]);
  },

  elementwise: ({ name }, inputs) =>
    prepared(inputs.map((data, i) => constant(names[i], data)), [node(elementwise[name], names.slice(0, inputs.length))]),

  expression: ({ name }, inputs) => prepared(inputs.map((data, i) => constant(names[i], data)), expressions[name]),

  sum({ rows, columns, axis }, [x]) {
    const axes = BigInt64Array.from(axis === null ? [0n, 1n] : [BigInt(axis)]);
    return prepared([constant("x", x, [rows, columns]), constant("axes", axes)], [node("ReduceSum", ["x", "axes"], "result", { keepdims: 0 })]);
  },

  softmax: ({ rows, columns }, [x]) => prepared([constant("x", x, [rows, columns])], [node("Softmax", ["x"], "result", { axis: 1 })]),

  logSumExp: ({ rows, columns }, [x]) =>
    prepared(
      [constant("x", x, [rows, columns]), constant("axes", BigInt64Array.of(1n))],
      [node("ReduceLogSumExp", ["x", "axes"], "result", { keepdims: 0 })],
    ),

  layerNorm: ({ rows, columns }, [x]) =>
    prepared(
      [constant("x", x, [rows, columns]), constant("scale", new Float32Array(columns).fill(1))],
      [node("LayerNormalization", ["x", "scale"], "result", { axis: 1 })],
    ),

  conv2d: ({ batch, channels, size, filters, kernel }, [x, w]) =>
    prepared(
      [constant("x", x, [batch, channels, size, size]), constant("w", w, [filters, channels, kernel, kernel])],
      [node("Conv", ["x", "w"])],
    ),

  smallAdd: (_, [a, b]) => prepared([constant("a", a), constant("b", b)], [node("Add", ["a", "b"])]),
};
