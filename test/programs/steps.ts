// Random programs: the table of steps. Each says which operands it wants and what it does with them.
import { readFileSync } from "node:fs";
import * as w from "wengert";
import {
  checkpoint, customJvp, customVjp, grad, hessian, hvp, jacfwd, jacrev, jvp, linalg, linearize, type Tensor, tensor, tidy, unstack, valueAndGrad, vjp, vmap,
} from "wengert";
import { type Body, type Draw, type Env, LeftOut, Literal, Operand, type Shape, type Wish } from "./draw.js";

/** A step with its operands: how it is written, and what it computes. */
export interface Expression {
  readonly text: string;
  readonly of: (env: Env) => Tensor;
}

export interface Entry {
  /** The operations in it, the first of which it is known by. */
  readonly name: string;
  readonly make: (d: Draw) => Expression;
  /** It takes a function, whose steps are drawn with it. */
  readonly takesFunction?: true;
  /** It is, or it has inside, a transformation: its results are constants for `backward`. */
  readonly constant?: true;
  /** It computes in float32: differences see the rounding. */
  readonly single?: true;
}

/** The elementwise functions of one argument and all operations, as the core describes them. */
const generated = (name: string): string => readFileSync(new URL(`../../ts/${name}.gen.ts`, import.meta.url), "utf8");
const found = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name ?? "");
export const operations: readonly string[] = ["ops", "linalg"].flatMap((name) =>
  found(generated(name), /^export function (\w+)/gm),
);

/** What is no step, and why. */
export const leftOut: Readonly<Record<string, string>> = {
  isnan: "the values are finite",
  isinf: "the values are finite",
  isfinite: "the values are finite",
};

const entries: Entry[] = [];

/** A step with operands, and options that are decided by the dice too. */
function op<O>(
  name: string,
  choose: (d: Draw) => readonly [xs: readonly Operand[], options: O],
  run: (xs: Tensor[], options: O) => Tensor,
  more: Partial<Entry> = {},
): void {
  const make = (d: Draw): Expression => {
    const [xs, options] = choose(d);
    const text = [...xs.map(String), ...(options === undefined ? [] : [JSON.stringify(options)])].join(", ");
    return { text: `${name.replaceAll(" ", ".")}(${text})`, of: (env) => run(xs.map((x) => x.of(env)), options) };
  };
  entries.push({ name, make, ...more });
}

/** Steps that want the same operands. */
function all<O>(
  choose: (d: Draw) => readonly [xs: readonly Operand[], options: O],
  functions: Readonly<Record<string, (xs: Tensor[], options: O) => Tensor>>,
): void {
  for (const [name, run] of Object.entries(functions)) op(name, choose, run);
}

// ---- elementwise

/** Where the functions of one argument are tried, the widest interval first. */
const domains = [[-2, 2], [-0.8, 0.8], [0.5, 2.5], [1.3, 3]] as const;

/** Whether it maps float64 elements to float64 elements, and has second derivatives of moderate size in an interval. */
function suits(f: (x: Tensor) => Tensor, [low, high]: readonly [number, number]): boolean {
  return tidy(() => {
    const x = w.linspace(low, high, 41, { dtype: "float64" }).reshape([41, 1]);
    const y = f(x);
    if (y.shape.join() !== "41,1" || y.dtype !== "float64") return false;
    const slopes = grad((x: Tensor) => grad((x: Tensor) => f(x).sum())(x).sum())(x);
    return [...slopes.data(), ...y.data()].every((value) => Math.abs(value) < 20);
  });
}

/** Whether it has a kink or a jump, which these functions have at multiples of 1/2 only. */
function hasKinks(f: (x: Tensor) => Tensor, [low, high]: readonly [number, number]): boolean {
  return tidy(() => {
    const near = Array.from({ length: 2 * (high - low) - 1 }, (_, k) => low + (k + 1) / 2).map((x) => Math.floor(2 * x) / 2);
    const [before, after] = [-1e-6, 1e-6].map((h) => {
      const x = tensor(near, "float64").add(h);
      const slope = (x: Tensor): Tensor => grad((x: Tensor) => f(x).sum())(x);
      return w.stack([f(x), slope(x), grad((x: Tensor) => slope(x).sum())(x)]);
    });
    return before !== undefined && after !== undefined && Number(before.sub(after).abs().max().item()) > 1e-3;
  });
}

const isUnary = (f: unknown): f is (x: Tensor) => Tensor => typeof f === "function" && f.length === 1;
for (const name of found(generated("ops"), /return unary\(\d+, "(\w+)"/g)) {
  const f: unknown = Reflect.get(w, name);
  if (!isUnary(f) || name === "stopGradient") continue;
  const domain = domains.find((domain) => suits(f, domain));
  if (domain === undefined) continue;
  const wish: Wish = { domain, smooth: hasKinks(f, domain) };
  op(name, (d) => [[d.tensor(wish)], undefined], ([x]) => f(x));
}

const above: Wish = { domain: [0.5, 2.5] };
const pair = (a: Wish = {}, b: Wish = {}) => (d: Draw): readonly [Operand[], undefined] => {
  const x = d.tensor(a);
  const y = d.beside(x, b);
  return [d.flag() && a === b ? [y, x] : [x, y], undefined];
};
const plain: Wish = {};
all(pair(plain, plain), {
  add: ([a, b]) => w.add(a, b),
  sub: ([a, b]) => w.sub(a, b),
  mul: ([a, b]) => w.mul(a, b),
  logaddexp: ([a, b]) => w.logaddexp(a, b),
});
all(pair(plain, above), {
  div: ([a, b]) => w.div(a, b),
  atan2: ([a, b]) => w.atan2(a, b),
  hypot: ([a, b]) => w.hypot(b, a),
});
op("pow", pair(above, plain), ([a, b]) => w.pow(a, b));
all(pair({ domain: [-1.4, 1.4], smooth: true }, { domain: [1.5, 2.5] }), {
  mod: ([a, b]) => w.mod(a, b),
  floorDiv: ([a, b]) => w.floorDiv(a, b),
});
all(pair({ smooth: true }, { domain: [0.1, 0.9] }), {
  prelu: ([x, slope]) => w.prelu(x, slope),
  leakyRelu: ([x, negativeSlope]) => w.leakyRelu(x, { negativeSlope }),
  elu: ([x, alpha]) => w.elu(x, { alpha }),
  celu: ([x, alpha]) => w.celu(x, { alpha }),
});
op("gelu", (d) => [[d.tensor()], d.of("none", "tanh")], ([x], o) => w.gelu(x, o));
op("polygamma", (d) => [[d.tensor({ domain: [1, 3] })], d.below(3)], ([x], n) => w.polygamma(n, x));
op("clip", (d) => [[d.tensor({ smooth: true }), d.tensor({ shape: [], domain: [-0.51, -0.49] })], undefined], ([x, low]) => w.clip(x, low, 0.5));
op("lerp", (d) => {
  const a = d.tensor();
  return [[a, d.beside(a), d.beside(a)], undefined];
}, ([a, b, c]) => w.lerp(a, b, c));

/** Two operands that are nowhere nearly equal, and two more. */
const compared = (d: Draw): readonly [Operand[], undefined] => {
  const a = d.tensor();
  const b = d.awayFrom(a);
  return [[a, b, d.beside(a), d.beside(a)], undefined];
};
const comparisons = ["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"] as const;
const logic = ["logicalAnd", "logicalOr", "logicalXor"] as const;
for (const name of comparisons) op(`${name} where`, compared, ([a, b, yes, no]) => w.where(w[name](a, b), yes, no));
for (const name of logic) {
  op(`${name} maskedFill`, compared, ([a, b, x]) => w.maskedFill(x, w[name](w.less(a, b), tensor(true)), 0.5));
}
all(compared, {
  "logicalNot to": ([a, b, x]) => w.logicalNot(w.less(a, b)).to("float64").mul(x),
  maximum: ([a, b]) => w.maximum(a, b),
  minimum: ([a, b]) => w.minimum(a, b),
  "all any to": ([a, b, x]) => w.all(a.less(b)).logicalOr(w.any(a.equal(b))).to("float64").mul(x),
});
op("to", (d) => [[d.tensor({ smooth: true })], undefined], ([x]) => x.to("int32").add(x.less(0.5).to("int32")).to("float64"));
op("stopGradient", pair(plain, plain), ([a, b]) => w.stopGradient(a).mul(0).add(b));
op("to.float32", (d) => [[d.tensor()], undefined], ([x]) => x.to("float32").sin().to("float64"), { single: true });

// ---- reductions and scans

const along = (wish: Wish) => (d: Draw) => {
  const x = d.tensor(wish);
  return [[x], { axis: d.axes(x), keepDims: d.flag() }] as const;
};
all(along(plain), {
  sum: ([x], o) => w.sum(x, o),
  mean: ([x], o) => w.mean(x, o),
  logSumExp: ([x], o) => w.logSumExp(x, o),
});
all(along(above), {
  norm: ([x], o) => w.norm(x, o),
  "norm 3": ([x], o) => w.norm(x, { ...o, ord: 3 }),
});
op("prod", along({ domain: [0.7, 1.3] }), ([x], o) => w.prod(x, o));
all(along({ apart: true }), {
  max: ([x], o) => w.max(x, o),
  min: ([x], o) => w.min(x, o),
  variance: ([x], o) => w.variance(x, o),
  "norm Infinity": ([x], o) => w.norm(w.add(x, 3), { ...o, ord: Infinity }),
});
/** Of at least two elements; of one the standard deviation is 0, where it has no derivative. */
op("std", (d) => [[d.tensor({ apart: true, shape: [...d.shape(0, 1), 3] })], { axis: -1, keepDims: d.flag() }], ([x], o) => w.std(x, o));

const vector = (wish: Wish) => (d: Draw) => {
  const x = d.tensor({ ...wish, ndim: [1, 4] });
  return [[x], { axis: d.axis(x) }] as const;
};
all(vector(plain), {
  softmax: ([x], o) => w.softmax(x, o),
  logSoftmax: ([x], o) => w.logSoftmax(x, o),
  logCumSumExp: ([x], o) => w.logCumSumExp(x, o),
  unstack: ([x], o) => unstack(x, o).reduce((a, b) => a.mul(0.7).add(b)),
});
all(vector(above), {
  normalize: ([x], o) => w.normalize(x, o),
  "normalize 1": ([x], o) => w.normalize(x, { ...o, ord: 1 }),
});
all(vector({ apart: true }), {
  cummax: ([x], o) => w.cummax(x, o),
  sort: ([x], o) => w.sort(x, o),
  "sort descending": ([x], o) => w.sort(x, { ...o, descending: true }),
  "argsort gather": ([x], o) => w.gather(x, w.argsort(x, o), o.axis),
  "argmax argmin take": ([x], o) => w.take(x, w.argmax(x, o), o).add(w.take(x, w.argmin(x, o), o).sin()),
  "argmax oneHot": ([x], o) => w.oneHot(w.argmax(x, o), x.shape.at(o.axis) ?? 0, "float64").mul(x.mean()),
  topk: ([x], o) => w.topk(x, 1, o)[0],
});
const scan = (wish: Wish) => (d: Draw) => {
  const x = d.tensor({ ...wish, ndim: [1, 4] });
  return [[x], { axis: d.of<number | null>(d.axis(x), null), exclusive: d.flag(), reverse: d.flag() }] as const;
};
op("cumsum", scan(plain), ([x], o) => w.cumsum(x, o));
op("cumprod", scan({ domain: [0.7, 1.3] }), ([x], o) => w.cumprod(x, o));
op("searchsorted take", (d) => {
  const x = d.tensor({ ndim: [1, 1], apart: true });
  return [[x, d.awayFrom(x)], { right: d.flag() }];
}, ([x, y], o) => w.take(w.concat([x, y.flatten()]), w.searchsorted(w.sort(x), y.flatten().at(0), o)));

// ---- shapes

const anything = (d: Draw): readonly [Operand[], undefined] => [[d.tensor()], undefined];
all(anything, {
  flatten: ([x]) => w.flatten(x),
  transpose: ([x]) => w.transpose(x),
  "squeeze expandDims": ([x]) => w.squeeze(w.expandDims(x, -1)),
});
const withAxes = (least: number) => (d: Draw): Operand => d.tensor({ ndim: [least, 4] });
op("reshape", (d) => {
  const x = d.tensor();
  return [[x], d.of([-1], [...x.shape].reverse(), [1, ...x.shape], [x.shape.at(0) ?? 1, -1])];
}, ([x], shape) => w.reshape(x, shape));
op("permute", (d) => {
  const x = d.tensor();
  return [[x], d.order(x.shape.length)];
}, ([x], axes) => w.permute(x, axes));
op("broadcastTo", (d) => {
  const x = d.tensor();
  return [[x], [...d.shape(0, 1), ...x.shape.map((n) => (n === 1 ? d.of(3, 1) : n))]];
}, ([x], shape) => w.broadcastTo(x, shape));
op("slice", (d) => {
  const x = d.tensor();
  const range = (n: number) => {
    const start = d.below(n);
    type Range = readonly [start: number, stop?: number | undefined, step?: number];
    return d.of<Range | null>(null, [start], [start, start + 1], [start - n, undefined, -1], [start, undefined, -2], [start, undefined, 2]);
  };
  return [[x], x.shape.map(range)];
}, ([x], slices) => w.slice(x, slices));
op("at", (d) => {
  const x = withAxes(1)(d);
  return [[x], d.below(2 * (x.shape[0] ?? 1)) - (x.shape[0] ?? 1)];
}, ([x], i) => w.at(x, i));
op("pad", (d) => {
  const x = withAxes(1)(d);
  const mode = d.of("constant", "edge", "symmetric", "reflect");
  return [[x], { by: x.shape.map((n) => (n > 1 ? [d.below(2), d.below(2)] as const : [0, 0] as const)), mode }];
}, ([x], { by, mode }) => w.pad(x, by, { mode }));
op("concat split", (d) => {
  const x = withAxes(1)(d);
  const axis = d.axis(x);
  return [[x, d.tensor({ shape: x.shape.map((n, i) => (i === (axis + x.shape.length) % x.shape.length ? d.of(1, 2) : n)) })], { axis }];
}, ([x, y], o) => w.concat([...w.split(x, x.shape.at(o.axis) ?? 1, o), y, x], o));
op("stack", (d) => {
  const x = d.tensor();
  return [[x, d.tensor({ shape: x.shape })], { axis: d.below(x.shape.length + 1) }];
}, ([x, y], o) => w.stack([x, y], o));
op("meshgrid", (d) => [[d.tensor({ ndim: [1, 1] }), d.tensor({ ndim: [1, 1] })], { indexing: d.of("xy", "ij") }], ([x, y], o) =>
  w.meshgrid(x, y, o).reduce((a, b) => a.mul(b)));
op("expandDims", (d) => {
  const x = d.tensor({ ndim: [0, 4] });
  return [[x], d.below(x.shape.length + 1)];
}, ([x], axis) => w.expandDims(x, axis));
const two = (d: Draw) => {
  const x = withAxes(2)(d);
  return [[x], [d.axis(x), d.axis(x)]] as const;
};
op("swapAxes", two, ([x], [a, b]) => w.swapAxes(x, a, b));
op("moveAxis", two, ([x], [a, b]) => w.moveAxis(x, a, b));
op("flip", (d) => {
  const x = d.tensor();
  return [[x], d.axes(x)];
}, ([x], axes) => w.flip(x, axes));
op("roll", (d) => {
  const x = withAxes(1)(d);
  return [[x], { shift: d.below(7) - 3, axis: d.of<number | null>(null, d.axis(x)) }];
}, ([x], { shift, axis }) => w.roll(x, shift, { axis }));
op("tile", (d) => {
  const x = withAxes(1)(d);
  return [[x], x.shape.map(() => d.of(1, 2))];
}, ([x], reps) => w.tile(x, reps));
op("repeat", (d) => {
  const x = withAxes(1)(d);
  return [[x], { axis: d.of<number | null>(null, d.axis(x)) }];
}, ([x], o) => w.repeat(x, 2, o));
op("diag", (d) => [[d.tensor({ ndim: [1, 2] })], d.of(0, 1, -1)], ([x], k) => w.diag(w.pad(x, x.shape.map(() => [1, 1] as const)), k));
const diagonal = (d: Draw) => [[withAxes(2)(d)], d.of(0, 1, -1)] as const;
all(diagonal, {
  triu: ([x], k) => w.triu(x, k),
  tril: ([x], k) => w.tril(x, k),
});
op("diagonal", (d) => [[withAxes(2)(d)], d.of({ axis1: 0, axis2: 1 }, { axis1: -1, axis2: -2 })], ([x], o) => w.diagonal(x, o));
op("trace", (d) => [[withAxes(2)(d)], d.of({ axis1: 0, axis2: 1 }, { axis1: -1, axis2: -2 })], ([x], o) => w.trace(x, o));
op("unfold", (d) => {
  const x = withAxes(1)(d);
  return [[x], d.below(x.shape.length)];
}, ([x], mode) => w.unfold(x, mode));

// ---- picking and adding by index

const picked = (d: Draw) => {
  const x = withAxes(1)(d);
  const axis = d.axis(x);
  return { x, axis, size: x.shape.at(axis) ?? 1 };
};
op("take", (d) => {
  const { x, axis, size } = picked(d);
  return [[x], { at: d.indices(d.shape(0, 2), size), axis }];
}, ([x], { at, axis }) => w.take(x, at.tensor(), { axis }));
op("gather", (d) => {
  const { x, axis, size } = picked(d);
  return [[x], { at: d.indices(x.shape.map((n, i) => (i === (axis + x.shape.length) % x.shape.length ? d.of(1, 2, 4) : n)), size), axis }];
}, ([x], { at, axis }) => w.gather(x, at.tensor(), axis));
op("scatterAdd", (d) => {
  const { x, axis, size } = picked(d);
  return [[x, d.tensor({ shape: x.shape })], { at: d.indices(x.shape, size), axis }];
}, ([x, y], { at, axis }) => w.scatterAdd(x, at.tensor(), y, axis));
op("indexAdd", (d) => {
  const { x, axis, size } = picked(d);
  const updates = x.shape.map((n, i) => (i === (axis + x.shape.length) % x.shape.length ? 3 : n));
  return [[x, d.tensor({ shape: updates })], { at: d.indices([3], size), axis }];
}, ([x, y], { at, axis }) => w.indexAdd(x, at.tensor(), y, axis));
op("segmentSum", (d) => {
  const x = withAxes(1)(d);
  return [[x], new Literal(Array.from({ length: x.shape[0] ?? 1 }, () => d.below(3)), [x.shape[0] ?? 1])];
}, ([x], ids) => w.segmentSum(x, ids.tensor(), 3));
op("gatherND", (d) => [[d.tensor({ shape: [2, ...d.shape(0, 1)] })], d.indices([3, 1], 2)], ([x], at) => w.gatherND(x, at.tensor()));
op("scatterND", (d) => [[d.tensor({ shape: [3, ...d.shape(0, 1)] })], d.indices([3, 1], 2)], ([x], at) =>
  w.scatterND(at.tensor(), x, [2, ...x.shape.slice(1)]));
op("embedding", (d) => [[d.tensor({ shape: [2, ...d.shape(1, 1)] })], new Literal([d.below(2), d.below(2), 0], [3])], ([x], at) =>
  w.embedding(at.tensor(), x));

// ---- products

op("matmul", (d) => {
  const a = withAxes(1)(d);
  const k = a.shape.at(-1) ?? 1;
  const leading = a.shape.length > 2 && d.flag() ? a.shape.slice(0, -2) : [];
  return [[a, d.tensor({ shape: d.of<Shape>([...leading, k, 2], [k, 1], [k]) })], undefined];
}, ([a, b]) => w.matmul(a, b));
op("dot", (d) => {
  const a = withAxes(1)(d);
  const k = a.shape.at(-1) ?? 1;
  return [[a, d.tensor({ shape: d.of<Shape>([k], [k, 2], [2, k, 1]) })], undefined];
}, ([a, b]) => w.dot(a, b));
op("outer", (d) => [[d.tensor(), d.tensor()], undefined], ([a, b]) => w.outer(a, b));
op("tensordot", (d) => {
  const a = withAxes(1)(d);
  const axis = d.axis(a);
  return [[a, d.tensor({ shape: [2, a.shape.at(axis) ?? 1] })], [[axis], [1]] as const];
}, ([a, b], axes) => w.tensordot(a, b, axes));
op("modeProduct", (d) => {
  const a = withAxes(1)(d);
  const mode = d.below(a.shape.length);
  return [[a, d.tensor({ shape: [2, a.shape[mode] ?? 1] })], mode];
}, ([a, b], mode) => w.modeProduct(a, b, mode));
op("einsum", (d) => {
  const equation = d.of("ij,jk->ik", "i,i->", "ij->ji", "ij,ij->i", "ij,k->kij", "bij,bjk->bik", "ijk->ik", "ij,jk,kl->li", "ii->i", "ii,ij->j", "i,i,i->i");
  const sizes: Readonly<Record<string, number>> = { b: 2, i: d.of(2, 1, 3), j: d.of(2, 1, 3), k: d.of(2, 1, 3), l: d.of(2, 1, 3) };
  const terms = equation.split("->")[0]?.split(",") ?? [];
  return [terms.map((term) => d.tensor({ shape: Array.from(term, (letter) => sizes[letter] ?? 1) })), equation];
}, (xs, equation) => w.einsum(equation, ...xs));
op("linear", (d) => {
  const x = withAxes(1)(d);
  return [[x, d.tensor({ shape: [2, x.shape.at(-1) ?? 1] }), d.tensor({ shape: [2] })], undefined];
}, ([x, weight, bias]) => w.linear(x, weight, bias));

// ---- networks

const window = { stride: [1, 2], padding: [0, 1], dilation: [1, 2] } as const;
const conv = (x: Shape, weight: Shape, channels: number) => (d: Draw) => {
  d.notDeeperThan(5 - x.length);
  return [
    [d.tensor({ shape: x }), d.tensor({ shape: weight }), d.tensor({ shape: [channels] })],
    { stride: d.of(...window.stride), padding: d.of(...window.padding), dilation: d.of(...window.dilation) },
  ] as const;
};
op("conv1d", conv([2, 2, 4], [2, 2, 2], 2), ([x, k, bias], o) => w.conv1d(x, k, { ...o, bias }));
op("conv1d groups", conv([1, 2, 4], [4, 1, 2], 4), ([x, k, bias], o) => w.conv1d(x, k, { ...o, padding: "same", groups: 2, bias }));
op("conv2d", conv([1, 2, 3, 3], [1, 2, 2, 2], 1), ([x, k, bias], o) => w.conv2d(x, k, { ...o, bias }));
op("conv3d", conv([1, 1, 2, 3, 3], [2, 1, 2, 1, 1], 2), ([x, k, bias], o) => w.conv3d(x, k, { ...o, padding: 0, dilation: 1, bias }));
op("convTranspose1d", conv([2, 2, 3], [2, 2, 2], 2), ([x, k, bias], o) => w.convTranspose1d(x, k, { ...o, bias }));
op("convTranspose2d", conv([1, 1, 2, 3], [1, 2, 2, 2], 2), ([x, k, bias], o) => w.convTranspose2d(x, k, { ...o, bias }));
const pool = (shape: Shape, wish: Wish) => (d: Draw) => [[d.tensor({ ...wish, shape })], { stride: d.of(1, 2), padding: d.of(0, 1) }] as const;
op("maxPool1d", pool([2, 5], { apart: true }), ([x], o) => w.maxPool1d(x, 2, o));
op("maxPool2d", pool([1, 3, 4], { apart: true }), ([x], o) => w.maxPool2d(x, 2, o));
op("avgPool1d", pool([2, 5], {}), ([x], o) => w.avgPool1d(x, 2, o));
op("avgPool2d", pool([1, 3, 4], {}), ([x], o) => w.avgPool2d(x, 2, { ...o, countIncludePad: false }));
op("interpolate", (d) => {
  const options = { size: [d.of(3, 1, 4), d.of(2, 5)], mode: d.of("nearest", "bilinear"), alignCorners: d.flag() };
  return [[d.tensor({ shape: [1, 1, 2, 3] })], options];
}, ([x], { alignCorners, ...o }) => w.interpolate(x, o.mode === "bilinear" ? { ...o, alignCorners } : o));
op("pixelShuffle", (d) => [[d.tensor({ shape: [4, ...d.shape(2, 2)] })], undefined], ([x]) => w.pixelShuffle(x, 2));
op("glu", (d) => [[d.tensor({ shape: [...d.shape(0, 1), 4] })], undefined], ([x]) => w.glu(x));
op("dropout", (d) => [[d.tensor()], d.below(100)], ([x], seed) => w.dropout(x, 0.3, w.random.key(seed)));
op("attention", (d) => {
  const batch = d.of<Shape>([], [2]);
  const shapes: readonly Shape[] = [[...batch, 2, 2], [3, 2], [...batch, 3, 1], [2, 3]];
  return [shapes.map((shape) => d.tensor({ shape })), { causal: d.flag() }];
}, ([q, k, v, mask], o) => w.attention(q, k, v, { ...o, mask }));

/** What is divided by its deviation: elements apart, and enough of them. */
const features: Wish = { shape: [2, 4], apart: true };
const weights = (n: number): Wish => ({ shape: [n] });
const normal = (d: Draw): readonly [Operand[], undefined] => [[d.tensor(features), d.tensor(weights(4)), d.tensor(weights(4))], undefined];
all(normal, {
  layerNorm: ([x, weight, bias]) => w.layerNorm(x, weight, bias, { eps: 0.1 }),
  rmsNorm: ([x, weight]) => w.rmsNorm(x, weight, { eps: 0.1 }),
  groupNorm: ([x, weight, bias]) => w.groupNorm(x, 2, weight, bias, 0.1),
  batchNorm: ([x, weight, bias]) => w.batchNorm(x, weight, bias, { eps: 0.1 }),
  "batchNorm mean": ([x, mean, weight]) => w.batchNorm(x, weight, null, { mean, variance: w.exp(mean), eps: 0.1 }),
});

const reduction = (x: Wish, target: Wish) => (d: Draw) => {
  const a = d.tensor(x);
  return [[a, d.tensor({ ...target, shape: a.shape })], d.of("none", "mean", "sum")] as const;
};
op("binaryCrossEntropyWithLogits", reduction({}, { domain: [0.1, 0.9] }), ([x, t], o) => w.binaryCrossEntropyWithLogits(x, t, o));
op("klDiv", reduction({}, above), ([x, t], o) => w.klDiv(x, t, o));
op("hingeLoss", reduction({ smooth: true, domain: [-1.9, 1.9] }, {}), ([x, t], o) => w.hingeLoss(x, w.sign(t.add(3)), o));
op("huberLoss", (d) => [[d.tensor({ smooth: true })], d.of("none", "mean", "sum")], ([x], reduction) =>
  w.huberLoss(x.add(x.sin()), x.sin(), { reduction, delta: 0.5 }));
op("mseLoss", reduction({}, {}), ([x, t], o) => w.mseLoss(x, t, o));
op("maeLoss", (d) => {
  const x = d.tensor();
  return [[x, d.awayFrom(x, { shape: x.shape })], d.of("none", "mean", "sum")];
}, ([x, t], o) => w.maeLoss(x, t, o));
op("cosineSimilarity", (d) => {
  const a = d.tensor({ ...above, ndim: [1, 4] });
  return [[a, d.tensor({ ...above, shape: a.shape })], { axis: d.axis(a) }];
}, ([a, b], o) => w.cosineSimilarity(a, b, o));
const labelled = (d: Draw) => {
  const labels = new Literal([d.below(3), d.below(3)], [2]);
  return [[d.tensor({ shape: [2, 3] })], { labels, reduction: d.of("none", "mean", "sum") }] as const;
};
op("nllLoss", labelled, ([x], { labels, reduction }) => w.nllLoss(x, labels.tensor(), reduction));
op("nllLoss ignoreIndex", labelled, ([x], { labels, reduction }) =>
  w.nllLoss(w.concat([x, x]), w.concat([labels.tensor(), [1, 1]]), { reduction, ignoreIndex: labels.values[0] === 1 ? 0 : 2 }));
op("crossEntropy", labelled, ([x], { labels, reduction }) => w.crossEntropy(x, labels.tensor(), { reduction, labelSmoothing: 0.1 }));

// ---- linear algebra

/** Matrices near a diagonal one with different elements on its diagonal: well-conditioned, and their eigenvalues apart. */
const matrices = (d: Draw, m: number, n: number): Operand => {
  const values = Float64Array.from({ length: m * n }, (_, i) => (Math.floor(i / n) === i % n ? 1.5 + 1.2 * (i % n) : 0));
  const x = d.tensor({ shape: [...d.of<Shape>([], [2]), m, n], domain: [-0.25, 0.25] });
  return x.map((text) => `(diag(1.5, 2.7, ..) + ${text})`, (t) => t.add(tensor(values, { shape: [m, n], dtype: "float64" })));
};
const square = (d: Draw): readonly [Operand[], undefined] => {
  const n = d.of(2, 1, 3);
  const a = matrices(d, n, n);
  return [[a, d.tensor({ shape: [n, 2] })], undefined];
};
all(square, {
  cholesky: ([a]) => linalg.cholesky(a),
  inv: ([a]) => linalg.inv(a),
  det: ([a]) => linalg.det(a),
  slogdet: ([a]) => linalg.slogdet(a)[1],
  solve: ([a, b]) => linalg.solve(a, b),
  triangularSolve: ([a, b]) => linalg.triangularSolve(a, b),
  "triangularSolve upper": ([a, b]) => linalg.triangularSolve(a, b, { lower: false }),
  "eigh values": ([a]) => linalg.eigh(a)[0],
  "eigh vectors": ([a]) => linalg.eigh(a)[1],
  matrixPower: ([a]) => linalg.matrixPower(a, 3),
  "matrixPower inverse": ([a]) => linalg.matrixPower(a, -2),
});
op("expm", (d) => [[d.tensor({ shape: [2, 2] })], undefined], ([a]) => linalg.expm(a));
all((d) => [[matrices(d, 3, 2), d.tensor({ shape: [3, 1] })], undefined] as const, {
  "qr q": ([a]) => linalg.qr(a)[0],
  "qr r": ([a]) => linalg.qr(a)[1],
  "svd u": ([a]) => linalg.svd(a)[0],
  "svd s": ([a]) => linalg.svd(a)[1],
  "svd vh": ([a]) => linalg.svd(a.transpose())[2],
  pinv: ([a]) => linalg.pinv(a),
  lstsq: ([a, b]) => linalg.lstsq(a, b),
});

// ---- transformations inside, of a function whose steps are drawn too and which sees the values outside

type Inner = (x: Tensor) => Tensor;

/** The function before it closes over the values outside, and those. */
type Open = readonly [body: Body, env: Env];

/** A step that takes a function, which is of its first operand, or of the slices of that along an axis. */
function taking<O>(
  name: string,
  choose: (d: Draw) => readonly [xs: readonly Operand[], options: O],
  run: (f: Inner, xs: Tensor[], options: O, open: Open) => Tensor,
  { slices, ...more }: Partial<Entry> & { slices?: (options: O) => number } = {},
): void {
  const make = (d: Draw): Expression => {
    const [xs, options] = choose(d);
    const [first] = xs;
    if (first === undefined) throw new LeftOut();
    const f = d.nest(first, slices === undefined ? null : slices(options));
    const text = [f.text, ...xs.map(String), ...(options === undefined ? [] : [JSON.stringify(options)])].join(", ");
    return { text: `${name}(${text})`, of: (env) => run(f.of(env), xs.map((x) => x.of(env)), options, [f, env]) };
  };
  entries.push({ name, make, takesFunction: true, ...more });
}

/** One number that is nowhere linear in the values. */
const total = (f: Inner): Inner => (x) => f(x).sin().sum();

const one = (d: Draw): readonly [Operand[], undefined] => [[d.tensor()], undefined];
const withTangent = (d: Draw): readonly [Operand[], undefined] => {
  const x = d.tensor();
  return [[x, d.tensor({ shape: x.shape })], undefined];
};
const constant = { constant: true } as const;
taking("grad", one, (f, [x]) => grad(total(f))(x), constant);
taking("jvp", withTangent, (f, [x, t]) => jvp(f, [x], [t])[1], constant);
taking("linearize", withTangent, (f, [x, t]) => linearize(f, x)[1](t), constant);
taking("vjp", one, (f, [x]) => {
  const [y, pullback] = vjp(f, x);
  return pullback(y.cos())[0];
}, constant);
taking("hvp", withTangent, (f, [x, t]) => hvp(total(f), [x], [t])[0], constant);
taking("jacrev", (d) => [[d.tensor({ ndim: [0, 1] })], undefined], (f, [x]) => jacrev(f)(x), constant);
taking("jacfwd", (d) => [[d.tensor({ ndim: [0, 1] })], undefined], (f, [x]) => jacfwd(f)(x), constant);
taking("vmap", (d) => {
  const x = withAxes(1)(d);
  return [[x], d.axis(x)];
}, (f, [x], inAxes) => vmap(f, { inAxes })(x), { ...constant, slices: (axis) => axis });
taking("vmap.grad", (d) => {
  const x = withAxes(1)(d);
  return [[x], d.axis(x)];
}, (f, [x], inAxes) => vmap(grad(total(f)), { inAxes })(x), { ...constant, slices: (axis) => axis });
taking("hessian", (d) => [[d.tensor({ ndim: [0, 1] })], undefined], (f, [x]) => hessian(total(f))(x), constant);
taking("valueAndGrad", one, (f, [x]) => {
  const [value, gradient] = valueAndGrad(total(f))(x);
  return gradient.mul(value);
}, constant);
taking("checkpoint", one, (f, [x]) => checkpoint(f)(x));
/** What a function with a rule closes over is a constant: here the values outside are arguments too. */
const opened = (body: Body) => (x: Tensor, ...env: Tensor[]): Tensor => body.of(env)(x);
taking("customVjp", one, (_, [x], __, [body, env]) => {
  const f = opened(body);
  const forward = (...xs: [Tensor, ...Tensor[]]): [Tensor, [Tensor, ...Tensor[]]] => [f(...xs), xs];
  return customVjp(f, forward, (xs, g) => vjp(f, ...xs)[1](g))(x, ...env);
}, constant);
taking("customJvp", one, (_, [x], __, [body, env]) => {
  const f = opened(body);
  return customJvp(f, (xs, ts) => jvp(f, xs, ts))(x, ...env);
}, constant);

export const table: ReadonlyMap<string, Entry> = new Map(entries.map((entry) => [entry.name, entry]));
