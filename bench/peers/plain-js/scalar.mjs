/**
 * Reverse mode over single numbers in plain JavaScript, in the manner of Karpathy's micrograd, but written for speed:
 * a node stores its parents and its local derivatives as numbers, nodes are created in topological order,
 * and the backward pass is one loop over the tape from its end.
 */

/** @type {Value[]} */
const tape = [];

export class Value {
  constructor(value, a, da, b, db) {
    this.value = value;
    this.a = a;
    this.da = da;
    this.b = b;
    this.db = db;
    this.grad = 0;
    tape.push(this);
  }
}

/** A number to differentiate by. */
export const variable = (x) => new Value(x, null, 0, null, 0);
export const add = (a, b) => new Value(a.value + b.value, a, 1, b, 1);
export const sub = (a, b) => new Value(a.value - b.value, a, 1, b, -1);
export const mul = (a, b) => new Value(a.value * b.value, a, b.value, b, a.value);
export const sin = (a) => new Value(Math.sin(a.value), a, Math.cos(a.value), null, 0);
export const exp = (a) => {
  const y = Math.exp(a.value);
  return new Value(y, a, y, null, 0);
};
export const log = (a) => new Value(Math.log(a.value), a, 1 / a.value, null, 0);
export const tanh = (a) => {
  const y = Math.tanh(a.value);
  return new Value(y, a, 1 - y * y, null, 0);
};

/** Sets `grad` of everything y was made from since the last call, and forgets the tape. */
export function backward(y) {
  y.grad = 1;
  for (let i = tape.length - 1; i >= 0; i--) {
    const node = tape[i];
    const g = node.grad;
    if (node.a !== null) node.a.grad += g * node.da;
    if (node.b !== null) node.b.grad += g * node.db;
  }
  tape.length = 0;
}
