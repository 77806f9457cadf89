// Whole Jacobians and Hessians.
import { tensor } from "./create.js";
import { checkOptions, describe, TensorError } from "./errors.js";
import { gradientOf } from "./grad.js";
import { concat, permute, reshape } from "./ops.gen.js";
import { transform } from "./scope.js";
import type { Tensor } from "./tensor.js";
import {
  type Accepted,
  type AnyFunction,
  type Argnums,
  batched,
  call,
  checkFloats,
  checkFunction,
  type Gradient,
  mappedOver,
  outputsOf,
  pullBack,
  pushForward,
  variablesFor,
} from "./trace.js";
import { at, build, type Mapped } from "./structure.js";

/** By what a Jacobian differentiates, and how much of it at once. */
export interface JacobianOptions<N extends Argnums> {
  /** Which arguments to differentiate by, from 0: one, or several in an array; the first if left out. */
  readonly argnums?: N;
  /** How many rows or columns are computed together, which bounds the memory; all of them if left out. */
  readonly chunk?: number;
}

/** Reverse mode makes a row for each element of the result, forward mode a column for each element of the arguments. */
export type Mode = "reverse" | "forward";

/** Refuses what is no mode. */
export function checkMode(op: string, mode: unknown): asserts mode is Mode {
  if (mode === "reverse" || mode === "forward") return;
  throw new TensorError("argument", op, `a mode must be "reverse" or "forward", got ${describe(mode)}`);
}

/** The Jacobian for outputs Y and arguments A: the structure of the outputs outside, that of the inputs inside. */
export type Jacobian<Y, A extends readonly unknown[], N extends Argnums> = Mapped<Y, Gradient<A, N>>;

/**
 * The Jacobian of `f` by reverse mode: of shape `[...y.shape, ...x.shape]`. Right where there are fewer outputs than
 * inputs.
 */
export function jacrev<Y, A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Y,
  options?: JacobianOptions<N>,
): (...args: Accepted<A, N>) => Jacobian<Y, A, N>;
export function jacrev(f: AnyFunction, options: JacobianOptions<Argnums> = {}): AnyFunction {
  checkFunction("jacrev", f);
  checkOptions("jacrev", options, ["argnums", "chunk"]);
  const { argnums = 0, chunk } = options;
  return (...args) => jacobianOf("jacrev", f, args, argnums, "reverse", chunk);
}

/**
 * The Jacobian of `f` by forward mode: of shape `[...y.shape, ...x.shape]`. Right where there are fewer inputs than
 * outputs.
 */
export function jacfwd<Y, A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Y,
  options?: JacobianOptions<N>,
): (...args: Accepted<A, N>) => Jacobian<Y, A, N>;
export function jacfwd(f: AnyFunction, options: JacobianOptions<Argnums> = {}): AnyFunction {
  checkFunction("jacfwd", f);
  checkOptions("jacfwd", options, ["argnums", "chunk"]);
  const { argnums = 0, chunk } = options;
  return (...args) => jacobianOf("jacfwd", f, args, argnums, "forward", chunk);
}

/**
 * The Jacobian of `f`: of shape `[...y.shape, ...x.shape]`, with an array of `argnums` an array of such, for trees a
 * tree of blocks, outputs outside and inputs inside. Without `mode` the cheaper side is taken: reverse mode, unless the
 * arguments have fewer elements than the result; the function that is returned has it as its `mode` after a call.
 */
export function jacobian<Y, A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Y,
  options?: JacobianOptions<N> & { readonly mode?: Mode },
): ((...args: Accepted<A, N>) => Jacobian<Y, A, N>) & { readonly mode: Mode | null };
export function jacobian(
  f: AnyFunction,
  options: JacobianOptions<Argnums> & { readonly mode?: Mode } = {},
): AnyFunction {
  checkFunction("jacobian", f);
  checkOptions("jacobian", options, ["argnums", "chunk", "mode"]);
  const { argnums = 0, chunk, mode } = options;
  if (mode !== undefined) checkMode("jacobian", mode);
  const jacobian: AnyFunction & { mode: Mode | null } = Object.assign(
    (...args: readonly unknown[]): unknown =>
      jacobianOf("jacobian", f, args, argnums, mode, chunk, (chosen) => {
        jacobian.mode = chosen;
      }),
    { mode: mode ?? null },
  );
  return jacobian;
}

/**
 * The Hessian of `f`, which must return one number: of shape `[...x.shape, ...x.shape]`; `H[i][j]` for an array of
 * `argnums`.
 */
export function hessian<A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Tensor,
  options?: JacobianOptions<N>,
): (...args: Accepted<A, N>) => Mapped<Gradient<A, N>, Gradient<A, N>>;
export function hessian(f: AnyFunction, options: JacobianOptions<Argnums> = {}): AnyFunction {
  checkFunction("hessian", f);
  checkOptions("hessian", options, ["argnums", "chunk"]);
  const { argnums = 0, chunk } = options;
  const gradient: AnyFunction = (...args) => gradientOf("hessian", f, args, argnums, false, false).gradient;
  return (...args) => jacobianOf("hessian", gradient, args, argnums, "forward", chunk);
}

function jacobianOf(
  op: string,
  f: AnyFunction,
  args: readonly unknown[],
  argnums: Argnums,
  mode: Mode | undefined,
  chunk = Infinity,
  tell: (chosen: Mode) => void = () => undefined,
): unknown {
  if (chunk !== Infinity && !(Number.isInteger(chunk) && chunk > 0))
    throw new TensorError("argument", op, `chunk must be a whole number from 1, got ${describe(chunk)}`);
  return transform(op, () => {
    const inputs = variablesFor(op, args, argnums);
    const outputs = outputsOf(op, call(op, f, inputs.args));
    const [ys, xs] = [outputs.leaves, inputs.leaves];
    checkFloats(op, ys);
    const chosen = mode ?? (elements(xs) < elements(ys) ? "forward" : "reverse");
    tell(chosen);
    const blocks = (chosen === "reverse" ? byRows : byColumns)(op, ys, xs, chunk);
    const byOutput = ys.map((_, i) => build<unknown>(inputs.definition, at(blocks, i)));
    return [build<unknown>(outputs.definition, byOutput), blocks.flat()];
  });
}

function elements(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, t) => sum + t.size, 0);
}

/** Rows: the backward pass for one cotangent, batched over all one-hot cotangents of each output. */
function byRows(op: string, ys: readonly Tensor[], xs: readonly Tensor[], chunk: number): Tensor[][] {
  return ys.map((y) => {
    const rows = forEachElement(op, y, chunk, (cotangent) => pullBack(op, [y], [cotangent], xs));
    return xs.map((x, j) => reshape(at(rows, j), [...y.shape, ...x.shape]));
  });
}

/** Columns: the forward pass for one tangent, batched over all one-hot tangents of each input. */
function byColumns(op: string, ys: readonly Tensor[], xs: readonly Tensor[], chunk: number): Tensor[][] {
  const byInput = xs.map((x) => {
    const columns = forEachElement(op, x, chunk, (tangent) => pushForward(op, ys, [x], [tangent]));
    return ys.map((y, i) => {
      const last = permute(at(columns, i), [...y.shape.map((_, axis) => axis + 1), 0]);
      return reshape(last, [...y.shape, ...x.shape]);
    });
  });
  return ys.map((_, i) => byInput.map((blocks) => at(blocks, i)));
}

/**
 * The results of a pass for every tensor of the shape of `x` that is one in one element and zero elsewhere, along a new
 * first axis: one program for all of them, or for `chunk` at a time.
 */
function forEachElement(op: string, x: Tensor, chunk: number, pass: (direction: Tensor) => Tensor[]): Tensor[] {
  const size = Math.min(chunk, x.size);
  const one = mappedOver(op, unitRows(x, 0, size), 0);
  const found = pass(one.example);
  const axes = found.map(() => 0);
  if (size === x.size) return batched(op, [one], found, axes);
  const parts = Array.from({ length: Math.ceil(x.size / size) }, (_, i) => {
    const tensor = unitRows(x, i * size, Math.min(x.size, (i + 1) * size));
    return batched(op, [{ ...one, tensor }], found, axes);
  });
  return found.map((_, i) => concat(parts.map((part) => at(part, i))));
}

/** The tensors like `x` that are one in the element `start`, in the next, and so on, before `stop`. */
function unitRows(x: Tensor, start: number, stop: number): Tensor {
  const values = x.dtype === "float64" ? new Float64Array((stop - start) * x.size) : new Float32Array((stop - start) * x.size);
  for (let i = start; i < stop; i++) values[(i - start) * x.size + i] = 1;
  return tensor(values, { shape: [stop - start, ...x.shape] });
}
