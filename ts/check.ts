// Checking derivatives: reverse and forward mode against central differences in float64, to any order.
import { isArray, unravel } from "./convert.js";
import { tensor } from "./create.js";
import { isFloat } from "./dtype.js";
import { checkNumber, checkOptions, describe, TensorError } from "./errors.js";
import { noGrad } from "./grad.js";
import { checkMode, type Mode } from "./jacobian.js";
import { tidy } from "./scope.js";
import type { Tensor } from "./tensor.js";
import { type Accepted, call, checkFunction } from "./trace.js";
import { at, build, flattenTree, operandLeaf, tensorLeaf } from "./structure.js";
import { uniform } from "./uniform.js";
import { jvp, vjp } from "./vjp.js";

/** How closely derivatives are checked. */
export interface GradCheckOptions {
  /** Step of the central differences; 1e-6 by default. */
  readonly eps?: number;
  /** The most by which values may differ is `atol + rtol |numeric|`; 1e-3 and 1e-5 by default. */
  readonly rtol?: number;
  readonly atol?: number;
  /** Both by default. */
  readonly modes?: readonly Mode[];
  /** 2 checks the derivatives of the derivatives too, in all mixtures of the modes; 1 by default. */
  readonly order?: number;
  /** Of the random weights of outputs and of the choice of elements; at random by default. */
  readonly seed?: number;
}

/** The element at which a derivative is furthest off, in terms of what is allowed. */
export interface Discrepancy {
  /** The argument, from 0, and its name with the way to the leaf in a tree. */
  readonly argument: number;
  readonly path: string;
  /** The element of the leaf. */
  readonly index: readonly number[];
  /** How the derivative was made, outermost first: `forward over reverse`. */
  readonly mode: string;
  readonly analytic: number;
  readonly numeric: number;
  /** |analytic - numeric|. */
  readonly error: number;
  /** The differences to the two sides of the point, where they differ: then it lies at or near a kink. */
  readonly kink: readonly [before: number, after: number] | null;
}

/** What `gradCheck` found. */
export interface GradCheckResult {
  readonly ok: boolean;
  readonly worst: Discrepancy;
  /** Repeats the check when it is given as an option. */
  readonly seed: number;
  /** All of this as a sentence. */
  readonly report: string;
}

/** Of a leaf with more elements so many are drawn at random. */
const mostElements = 100;

/**
 * Compares the derivatives of `f` at `args` in both modes with central differences, after taking floats to float64.
 * What is compared is the derivative of a random combination of the outputs by each element of each argument.
 */
export function gradCheck<A extends unknown[]>(
  f: (...args: A) => unknown,
  args: Accepted<A, number>,
  options: GradCheckOptions = {},
): GradCheckResult {
  checkFunction("gradCheck", f);
  checkOptions("gradCheck", options, ["eps", "rtol", "atol", "modes", "order", "seed"]);
  const { eps = 1e-6, rtol = 1e-3, atol = 1e-5, modes = ["reverse", "forward"], order = 1 } = options;
  for (const [name, value] of Object.entries({ eps, rtol, atol })) checkNumber("gradCheck", name, value, 0);
  checkNumber("gradCheck", "seed", options.seed ?? 0);
  if (order !== 1 && order !== 2)
    throw new TensorError("argument", "gradCheck", `order must be 1 or 2, got ${describe(order)}`);
  if (!isArray(args))
    throw new TensorError("argument", "gradCheck", `the arguments must be an array, got ${describe(args)}`);
  if (!Array.isArray(modes) || modes.length === 0)
    throw new TensorError("argument", "gradCheck", `modes must name a mode to check, got ${describe(modes)}`);
  for (const mode of modes) checkMode("gradCheck", mode);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const random = uniform(seed);
  let worst: Discrepancy = { argument: 0, path: "argument 1", index: [], mode: "", analytic: 0, numeric: 0, error: 0, kink: null };
  let excess = 0; // of the worst, relative to what is allowed
  tidy(() => {
    const { leaves, names, rebuilt } = leavesOf(args);
    const consider = (name: Name, index: readonly number[], mode: string, analytic: number, slopes: Slopes): void => {
      const { numeric } = slopes;
      const error = Math.abs(analytic - numeric);
      const ratio = error / (atol + rtol * Math.abs(numeric));
      if (ratio <= excess) return;
      excess = Number.isNaN(ratio) ? Infinity : ratio;
      worst = { ...name, index, mode, analytic, numeric, error, kink: kinkIn(slopes, atol, rtol) };
    };
    const check = (g: Flat, order: number, over: string): void => {
      const weights = tidy(() =>
        g(...leaves).map((y) => tensor(randomData(y.size, random), { dtype: "float64", shape: y.shape })),
      );
      const directions = leaves.map((x) => tensor(randomData(x.size, random), { dtype: "float64", shape: x.shape }));
      const gradient = (...xs: Tensor[]): Tensor[] => pulled(g, xs, weights);
      const tangent = (...xs: Tensor[]): Tensor[] => [
        ...jvp<Tensor[], Tensor[]>((...vs) => g(...vs), xs, directions)[1],
      ];
      const rows = modes.includes("reverse") ? tidy(() => gradient(...leaves).map((t) => t.data())) : [];
      leaves.forEach((x, k) => {
        for (const i of chosen(x.size, random)) {
          const slopes = slopesAt(g, leaves, k, i, eps, weights);
          const index = unravel(i, x.shape);
          if (modes.includes("reverse")) consider(at(names, k), index, `reverse${over}`, rows[k]?.[i] ?? NaN, slopes);
          if (modes.includes("forward")) {
            const analytic = tidy(() => {
              const hot = leaves.map((leaf, j) => oneHot(leaf, j === k ? i : -1));
              return weighted(jvp<Tensor[], Tensor[]>((...vs) => g(...vs), leaves, hot)[1], weights);
            });
            consider(at(names, k), index, `forward${over}`, analytic, slopes);
          }
        }
      });
      if (order < 2) return;
      if (modes.includes("reverse")) check(gradient, order - 1, ` over reverse${over}`);
      if (modes.includes("forward")) check(tangent, order - 1, ` over forward${over}`);
    };
    check((...xs) => floats(call("gradCheck", f, rebuilt(xs))), order, "");
  });
  const { path, index, mode, analytic, numeric, error, kink } = worst;
  const ok = excess <= 1;
  const report =
    `gradCheck: ${ok ? "all derivatives agree" : "derivatives differ"}, most at ${path} [${index.join(", ")}]: ` +
    `${mode} ${analytic}, central difference ${numeric}, error ${error} (seed ${seed})` +
    (ok || kink === null ? "" : `; the point is near a kink: ${kink[0]} before it, ${kink[1]} after`);
  return { ok, worst, seed, report };
}

/** A function of the leaves of the arguments, giving the leaves of the result. */
type Flat = (...xs: Tensor[]) => Tensor[];

interface Name {
  readonly argument: number;
  readonly path: string;
}

/** The float leaves of the arguments as float64, and the arguments with other tensors in their places. */
function leavesOf(args: readonly unknown[]): {
  leaves: Tensor[];
  names: Name[];
  rebuilt: (xs: readonly Tensor[]) => unknown[];
} {
  const leaves: Tensor[] = [];
  const names: Name[] = [];
  const makers = args.map((arg, argument) => {
    const paths: string[] = [];
    const flat = flattenTree("gradCheck", arg, `argument ${argument + 1}`, (op, value, path) => {
      const leaf = operandLeaf(op, value, path);
      if (leaf !== undefined) paths.push(path);
      return leaf;
    });
    const places = flat.leaves.map((leaf, i) => {
      const constant = tensor(leaf);
      if (!isFloat(constant.dtype)) return () => constant;
      const place = leaves.push(constant.to("float64")) - 1;
      names.push({ argument, path: at(paths, i) });
      return (xs: readonly Tensor[]) => at(xs, place);
    });
    return (xs: readonly Tensor[]) =>
      build<unknown>(
        flat.definition,
        places.map((take) => take(xs)),
      );
  });
  if (leaves.length === 0)
    throw new TensorError("argument", "gradCheck", "there must be an argument of floats to differentiate by");
  return { leaves, names, rebuilt: (xs) => makers.map((make) => make(xs)) };
}

function floats(result: unknown): Tensor[] {
  const { leaves } = flattenTree("gradCheck", result, "what the function returns", tensorLeaf);
  const found = leaves.filter((y) => isFloat(y.dtype));
  if (found.length > 0) return found;
  const got = leaves.length === 0 ? "none" : leaves.map((y) => y.dtype).join(", ");
  throw new TensorError("dtype", "gradCheck", `the function must return float32 or float64 somewhere, got ${got}`);
}

function pulled(g: Flat, xs: readonly Tensor[], weights: readonly Tensor[]): Tensor[] {
  const [, pullback] = vjp<Tensor[], Tensor[]>((...vs) => g(...vs), ...xs);
  try {
    return pullback([...weights]);
  } finally {
    pullback.dispose();
  }
}

/** Differences of the weighted outputs by one element: central, and to either side. */
interface Slopes {
  readonly numeric: number;
  readonly before: number;
  readonly after: number;
}

/** The differences to the two sides, if they differ by far more than a smooth function's would. */
function kinkIn({ before, after, numeric }: Slopes, atol: number, rtol: number): readonly [number, number] | null {
  return Math.abs(after - before) > 10 * (atol + rtol * Math.abs(numeric)) ? [before, after] : null;
}

/** The differences of the weighted outputs by element `i` of leaf `k`. */
function slopesAt(
  g: Flat,
  leaves: readonly Tensor[],
  k: number,
  i: number,
  eps: number,
  weights: readonly Tensor[],
): Slopes {
  const value = (step: number): number =>
    tidy(() => {
      const x = at(leaves, k);
      const moved = x.data();
      moved[i] = (moved[i] ?? 0) + step;
      const xs = leaves.map((leaf, j) => (j === k ? tensor(moved, { dtype: "float64", shape: x.shape }) : leaf));
      return weighted(
        noGrad(() => g(...xs)),
        weights,
      );
    });
  const [below, here, above] = [value(-eps), value(0), value(eps)];
  return { numeric: (above - below) / (2 * eps), before: (here - below) / eps, after: (above - here) / eps };
}

function weighted(ys: readonly Tensor[], weights: readonly Tensor[]): number {
  let sum = 0;
  ys.forEach((y, k) => {
    const factors = at(weights, k).data();
    y.data().forEach((x, i) => (sum += x * (factors[i] ?? NaN)));
  });
  return sum;
}

function oneHot(like: Tensor, i: number): Tensor {
  const values = new Float64Array(like.size);
  if (i >= 0) values[i] = 1;
  return tensor(values, { dtype: "float64", shape: like.shape });
}

function chosen(size: number, random: () => number): readonly number[] {
  if (size <= mostElements) return Array.from({ length: size }, (_, i) => i);
  return Array.from({ length: mostElements }, () => Math.floor(random() * size));
}

/** Random numbers from 0.5 to 1.5 of either sign: no output and no direction goes nearly unseen. */
function randomData(size: number, random: () => number): Float64Array {
  return Float64Array.from({ length: size }, () => (random() < 0.5 ? -1 : 1) * (0.5 + random()));
}
