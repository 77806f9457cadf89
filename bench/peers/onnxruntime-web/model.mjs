/**
 * Writes a small ONNX model: the few messages of onnx.proto (https://github.com/onnx/onnx) that a chain of operations on
 * constants needs, in the wire format of protocol buffers.
 */
import { join } from "../join.mjs";

/** @typedef {{ name: string, shape: readonly number[], data: Float32Array | Float64Array | BigInt64Array }} Constant */
/** @typedef {{ op: string, inputs: readonly string[], output: string, attributes?: Record<string, number> }} Node */

/** @param {number} n @returns {number[]} */
const varint = (n) => (n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))]);

/** A field that is a number. @param {number} field @param {number} value */
const number = (field, value) => Uint8Array.from([...varint(field * 8), ...varint(value)]);

/** A field that is a text, raw bytes, or a message as its parts. @param {number} field @param {string | Uint8Array | Uint8Array[]} value */
function message(field, value) {
  const body = typeof value === "string" ? new TextEncoder().encode(value) : Array.isArray(value) ? joined(value) : value;
  return joined([Uint8Array.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
}

/** @param {Uint8Array[]} parts */
const joined = (parts) => join(parts, Uint8Array);

const types = { float32: 1, int64: 7, float64: 11 };

/** @param {Constant["data"]} data */
const typeOf = (data) => (data instanceof Float32Array ? types.float32 : data instanceof Float64Array ? types.float64 : types.int64);

/** TensorProto @param {Constant} constant */
const tensor = ({ name, shape, data }) =>
  message(5, [
    ...shape.map((d) => number(1, d)),
    number(2, typeOf(data)),
    message(8, name),
    message(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ]);

/** NodeProto, whose attributes are whole numbers. @param {Node} node */
const node = ({ op, inputs, output, attributes = {} }) =>
  message(1, [
    ...inputs.map((name) => message(1, name)),
    message(2, output),
    message(4, op),
    ...Object.entries(attributes).map(([name, value]) => message(5, [message(1, name), number(3, value), number(20, 2)])),
  ]);

/**
 * A model (opset 20) that computes the output of its last node from constants.
 * @param {readonly Constant[]} constants
 * @param {readonly Node[]} nodes
 */
export function model(constants, nodes) {
  const { output } = nodes[nodes.length - 1];
  const elementType = [message(1, [number(1, typeOf(constants[0].data))])];
  const graph = [
    ...nodes.map(node),
    message(2, "bench"),
    ...constants.map(tensor),
    message(12, [message(1, output), message(2, elementType)]),
  ];
  return joined([number(1, 9), message(7, graph), message(8, [message(1, ""), number(2, 20)])]);
}
