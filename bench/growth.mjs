/** How costs grow: time against size, depth and width, memory against depth, the Jacobian's ways against its size. */
import { add, checkpoint, compile, exp, grad, jacfwd, jacrev, jvp, linear, memory, ones, randn, relu, resetPeak, sub, mul, sum, tanh, tensor, tidy, vjp } from "wengert";
import { chart, palette } from "../scripts/chart.mjs";
import { sample, summary, warmUp } from "./harness.mjs";
import { expressions, loops } from "./peers/plain-js/elementwise.mjs";
import { logarithmic } from "./plot.mjs";

/** @typedef {import("wengert").Tensor} Tensor */
/** @typedef {{ series: string, x: number, value: number }} Point */
/** @typedef {{ name: string, title: string, about: string, x: string, y: string, points: Point[] }} Growth */

/** A short look at each of many sizes. */
const glance = { warmUpMs: 40, warmUpCalls: 20, mostWarmUpMs: 400, sampleMs: 2, rounds: 5, mostMs: 200 };

/** Milliseconds a call, the best of some samples. @param {() => unknown} f @param {number} rounds */
async function time(f, rounds) {
  const calls = await warmUp(f, glance);
  const samples = [];
  for (let round = 0; round < rounds; round++) samples.push(await sample(f, calls));
  return summary(samples).best;
}

/** A function whose tensors are freed. @param {() => unknown} f */
const freed = (f) => () => tidy(() => void f());

/** @param {number} from @param {number} to */
const powersOfTwo = (from, to) => Array.from({ length: Math.log2(to / from) + 1 }, (_, i) => from * 2 ** i);

/** @param {number} rounds @returns {Promise<Growth>} */
async function elements(rounds) {
  const points = [];
  const five = (/** @type {Tensor} */ x, /** @type {Tensor} */ y) => mul(relu(sub(add(mul(x, y), x), y)), x);
  const compiled = /** @type {any} */ (compile(five));
  for (const n of [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7]) {
    const [a, b, out] = [new Float32Array(n).fill(0.5), new Float32Array(n).fill(0.25), new Float32Array(n)];
    const [x, y] = [tensor(a), tensor(b)];
    /** @type {Record<string, () => unknown>} */
    const ways = {
      add: freed(() => add(x, y)),
      "add, plain JS": () => loops.add(a, b, out),
      exp: freed(() => exp(x)),
      "exp, plain JS": () => loops.exp(a, b, out),
      "five operations": freed(() => five(x, y)),
      "five operations, compiled": freed(() => compiled(x, y)),
      "five operations, plain JS": () => expressions.five([a, b], out),
    };
    for (const [series, f] of Object.entries(ways)) points.push({ series, x: n, value: ((await time(f, rounds)) * 1e6) / n });
    [x, y].forEach((t) => t.dispose());
  }
  compiled.dispose();
  return { name: "elements", title: "Time an element", about: "elementwise operations, float32", x: "elements", y: "ns/element", points };
}

const net = (/** @type {Tensor} */ x, /** @type {Tensor[]} */ weights) => weights.reduce((h, w) => tanh(linear(h, w)), x);

/**
 * The gradient of a network by its weights, batch 32.
 * @param {number} depth
 * @param {number} width
 * @param {number} at
 * @param {number} rounds
 * @returns {Promise<Point[]>}
 */
async function gradient(depth, width, at, rounds) {
  const x = randn([32, width]);
  const weights = Array.from({ length: depth }, () => randn([width, width]).mul(1 / Math.sqrt(width)));
  const loss = (/** @type {Tensor[]} */ weights, /** @type {Tensor} */ x) => sum(net(x, weights));
  const compiled = /** @type {any} */ (compile(grad(loss)));
  const ways = {
    value: freed(() => loss(weights, x)),
    gradient: freed(() => grad(loss)(weights, x)),
    "gradient, compiled": freed(() => compiled(weights, x)),
  };
  const points = [];
  for (const [series, f] of Object.entries(ways)) points.push({ series, x: at, value: await time(f, rounds) });
  compiled.dispose();
  [x, ...weights].forEach((t) => t.dispose());
  return points;
}

/** @param {number} rounds @returns {Promise<Growth>} */
async function depths(rounds) {
  const points = [];
  for (const depth of powersOfTwo(1, 256)) points.push(...(await gradient(depth, 64, depth, rounds)));
  return { name: "depth", title: "Gradient of a deep network", about: "layers of 64, batch 32, by all weights", x: "layers", y: "ms", points };
}

/** @param {number} rounds @returns {Promise<Growth>} */
async function widths(rounds) {
  const points = [];
  for (const width of powersOfTwo(8, 1024)) points.push(...(await gradient(4, width, width, rounds)));
  return { name: "width", title: "Gradient of a wide network", about: "four layers, batch 32, by all weights", x: "width", y: "ms", points };
}

/** Megabytes at the peak of f, above what was there. @param {() => unknown} f */
function peak(f) {
  return tidy(() => {
    resetPeak();
    const before = memory().bytes;
    f();
    return (memory().peak - before) / 1e6;
  });
}

/** @returns {Growth} */
function memories() {
  const points = [];
  const x = ones([10_000]);
  const chain = (/** @type {number} */ n) => (/** @type {Tensor} */ x) => Array.from({ length: n }).reduce((/** @type {Tensor} */ y) => tanh(y), x);
  for (const depth of powersOfTwo(1, 1024)) {
    // Blocks of about the square root of the depth keep as much at their seams as inside of one.
    const inside = 2 ** Math.round(Math.log2(depth) / 2);
    const block = checkpoint(chain(inside));
    const blocks = (/** @type {Tensor} */ x) => Array.from({ length: depth / inside }).reduce((/** @type {Tensor} */ y) => block(y), x);
    points.push(
      { series: "forward mode", x: depth, value: peak(() => jvp(chain(depth), [x], [x])) },
      { series: "reverse mode", x: depth, value: peak(() => grad((/** @type {Tensor} */ x) => sum(chain(depth)(x)))(x)) },
      { series: "reverse mode, checkpoints", x: depth, value: peak(() => grad((/** @type {Tensor} */ x) => sum(blocks(x)))(x)) },
    );
  }
  x.dispose();
  return { name: "memory", title: "Memory at the peak", about: "a chain of tanh of 10,000 numbers, float32", x: "operations", y: "MB", points };
}

/** @param {number} rounds @returns {Promise<Growth>} */
async function jacobians(rounds) {
  const points = [];
  for (const n of powersOfTwo(2, 256)) {
    const weights = [0, 1].map(() => randn([n, n]).mul(1 / Math.sqrt(n)));
    const x = randn([n]);
    const f = (/** @type {Tensor} */ x) => net(x, weights);
    const unit = Array.from({ length: n }, (_, i) => tensor(Float32Array.from({ length: n }, (_, j) => Number(i === j))));
    const compiled = /** @type {any} */ (compile(jacrev(f)));
    const rows = () => {
      const [, pullback] = vjp(f, x);
      for (const e of unit) pullback(e);
      pullback.dispose();
    };
    const columns = () => unit.forEach((e) => jvp(f, [x], [e]));
    const ways = {
      "row by row": freed(rows),
      "column by column": freed(columns),
      "all rows, jacrev": freed(() => jacrev(f)(x)),
      "all columns, jacfwd": freed(() => jacfwd(f)(x)),
      "jacrev, compiled": freed(() => compiled(x)),
    };
    for (const [series, way] of Object.entries(ways)) points.push({ series, x: n, value: await time(way, rounds) });
    compiled.dispose();
    [x, ...weights, ...unit].forEach((t) => t.dispose());
  }
  return { name: "jacobian", title: "Jacobian of two layers, n by n", about: "float32", x: "n", y: "ms", points };
}

/** @param {Growth} growth @param {string} machine */
function plot({ title, about, x, y, points }, machine) {
  const series = [...new Set(points.map(({ series }) => series))];
  const colors = [palette.main, palette.other, "#2f855a", "#805ad5", "#b83280", palette.mainLight, palette.faint];
  const range = (/** @type {"x" | "value"} */ key) => points.map((point) => point[key]);
  const across = logarithmic(x, Math.min(...range("x")), Math.max(...range("x")));
  return chart({
    width: 620,
    height: 340,
    title: { text: title, subtitle: [about, machine] },
    data: { values: points },
    mark: { type: "line", strokeWidth: 2, point: { size: 35 } },
    encoding: {
      x: { ...across, field: "x", axis: { ...across.axis, format: "~s" } },
      y: logarithmic(y, 0.7 * Math.min(...range("value")), 1.4 * Math.max(...range("value"))),
      color: { field: "series", title: null, scale: { domain: series, range: colors.slice(0, series.length) }, legend: { symbolType: "circle", labelLimit: 300 } },
    },
  });
}

/**
 * The files of all plots, by what follows their name.
 * @param {import("./harness.mjs").Effort} effort
 * @param {string} machine
 * @returns {Promise<[string, string][]>}
 */
export async function growth({ rounds }, machine) {
  /** @type {[string, string][]} */
  const files = [];
  for (const measure of [elements, depths, widths, memories, jacobians]) {
    const start = performance.now();
    const found = await measure(rounds);
    console.log(`growth: ${found.title} (${((performance.now() - start) / 1000).toFixed(0)} s)`);
    files.push([`${found.name}.svg`, await plot(found, machine)], [`${found.name}.json`, JSON.stringify(found, null, 2)]);
  }
  return files;
}
