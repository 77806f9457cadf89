// Whole Jacobians and Hessians.
import { eye, zeros } from "./create.js";
import { checkOptions, describe, TensorError } from "./errors.js";
import { gradientOf } from "./grad.js";
import { permute, reshape, slice, stack } from "./ops.gen.js";
import { transform } from "./scope.js";
import type { Tensor } from "./tensor.js";
import {
  type Accepted,
  type AnyFunction,
  type Argnums,
  call,
  checkFloats,
  checkFunction,
  type Gradient,
  outputsOf,
  pullBack,
  pushForward,
  variablesFor,
} from "./trace.js";
import { at, build, type Mapped } from "./structure.js";

/** By what a Jacobian differentiates. */
export interface JacobianOptions<N extends Argnums> {
  /** Which arguments to differentiate by, from 0: one, or several in an array; the first if left out. */
  readonly argnums?: N;
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
  checkOptions("jacrev", options, ["argnums"]);
  const { argnums = 0 } = options;
  return (...args) => jacobianOf("jacrev", f, args, argnums, "reverse");
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
  checkOptions("jacfwd", options, ["argnums"]);
  const { argnums = 0 } = options;
  return (...args) => jacobianOf("jacfwd", f, args, argnums, "forward");
}

/**
 * The Jacobian of `f`: of shape `[...y.shape, ...x.shape]`, with an array of `argnums` an array of such, for trees a
 * tree of blocks, outputs outside and inputs inside. Without `mode` the cheaper side is taken: reverse mode, unless the
 * arguments have fewer elements than the result.
 */
export function jacobian<Y, A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Y,
  options?: JacobianOptions<N> & { readonly mode?: Mode },
): (...args: Accepted<A, N>) => Jacobian<Y, A, N>;
export function jacobian(
  f: AnyFunction,
  options: JacobianOptions<Argnums> & { readonly mode?: Mode } = {},
): AnyFunction {
  checkFunction("jacobian", f);
  checkOptions("jacobian", options, ["argnums", "mode"]);
  const { argnums = 0, mode } = options;
  if (mode !== undefined) checkMode("jacobian", mode);
  return (...args) => jacobianOf("jacobian", f, args, argnums, mode);
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
  checkOptions("hessian", options, ["argnums"]);
  const { argnums = 0 } = options;
  const gradient: AnyFunction = (...args) => gradientOf("hessian", f, args, argnums, false, false).gradient;
  return (...args) => jacobianOf("hessian", gradient, args, argnums, "forward");
}

function jacobianOf(
  op: string,
  f: AnyFunction,
  args: readonly unknown[],
  argnums: Argnums,
  mode: Mode | undefined,
): unknown {
  return transform(op, () => {
    const inputs = variablesFor(op, args, argnums);
    const outputs = outputsOf(op, call(op, f, inputs.args));
    const [ys, xs] = [outputs.leaves, inputs.leaves];
    checkFloats(op, ys);
    const chosen = mode ?? (elements(xs) < elements(ys) ? "forward" : "reverse");
    const blocks = chosen === "reverse" ? byRows(op, ys, xs) : byColumns(op, ys, xs);
    const byOutput = ys.map((_, i) => build<unknown>(inputs.definition, at(blocks, i)));
    return [build<unknown>(outputs.definition, byOutput), blocks.flat()];
  });
}

function elements(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, t) => sum + t.size, 0);
}

/** One backward pass with a one-hot cotangent per element of each output: block `[i][j]` for output i and input j. */
function byRows(op: string, ys: readonly Tensor[], xs: readonly Tensor[]): Tensor[][] {
  return ys.map((y) => {
    const rows = oneHots(y).map((cotangent) => pullBack(op, [y], [cotangent], xs));
    return xs.map((x, j) =>
      assemble(
        rows.map((row) => at(row, j)),
        [...y.shape, ...x.shape],
        y,
      ),
    );
  });
}

/** One forward pass with a one-hot tangent per element of each input: block `[i][j]` for output i and input j. */
function byColumns(op: string, ys: readonly Tensor[], xs: readonly Tensor[]): Tensor[][] {
  const byInput = xs.map((x) => {
    const columns = oneHots(x).map((tangent) => pushForward(op, ys, [x], [tangent]));
    return ys.map((y, i) => {
      const stacked = assemble(
        columns.map((column) => at(column, i)),
        [x.size, ...y.shape],
        y,
      );
      const last = permute(stacked, [...y.shape.map((_, axis) => axis + 1), 0]);
      return reshape(last, [...y.shape, ...x.shape]);
    });
  });
  return ys.map((_, i) => byInput.map((blocks) => at(blocks, i)));
}

/** The tensors of the shape of `x` that are one in one element and zero elsewhere. */
function oneHots(x: Tensor): Tensor[] {
  const unit = eye(x.size, { dtype: x.dtype });
  return Array.from({ length: x.size }, (_, i) => reshape(slice(unit, [[i, i + 1]]), x.shape));
}

function assemble(parts: readonly Tensor[], shape: readonly number[], like: Tensor): Tensor {
  return parts.length === 0 ? zeros(shape, like.dtype) : reshape(stack(parts), shape);
}
