// Gradients of functions with one number as result.
import { foreign } from "./apply.js";
import { isArray } from "./convert.js";
import { core } from "./core.js";
import { checkOptions, refusePromise, TensorError } from "./errors.js";
import { stopGradient as stop } from "./ops.gen.js";
import { alive, depth, isTensor, own, refuseTapes, tensorsIn, transform } from "./scope.js";
import type { Tensor } from "./tensor.js";
import {
  type Accepted,
  type AnyFunction,
  type Argnums,
  call,
  checkFunction,
  type Gradient,
  gradients,
  variablesFor,
} from "./trace.js";
import { build, flattenTree, operandLeaf, type Tensors } from "./structure.js";

/** By what `grad` and `valueAndGrad` differentiate, and whether the function returns more than its value. */
export interface GradOptions<N extends Argnums, H extends boolean> {
  /** Which arguments to differentiate by, from 0: one, or several in an array; the first if left out. */
  readonly argnums?: N;
  /** The function returns `[value, aux]`, and `aux` is handed through. */
  readonly hasAux?: H;
}

/**
 * The function that computes the gradient of `f`, which must return one number. Its result has the structure of the
 * argument; with an array of `argnums` it is an array of such; with `hasAux` it is `[gradient, aux]`.
 */
export function grad<A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Tensor,
  options?: GradOptions<N, false>,
): (...args: Accepted<A, N>) => Gradient<A, N>;
export function grad<X, A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => readonly [value: Tensor, aux: X],
  options: GradOptions<N, true>,
): (...args: Accepted<A, N>) => [gradient: Gradient<A, N>, aux: X];
export function grad(f: AnyFunction, options: GradOptions<Argnums, boolean> = {}): AnyFunction {
  checkFunction("grad", f);
  checkOptions("grad", options, ["argnums", "hasAux"]);
  const { argnums = 0, hasAux = false } = options;
  return (...args) => {
    const { gradient, aux } = gradientOf("grad", f, args, argnums, hasAux, false);
    return hasAux ? [gradient, aux] : gradient;
  };
}

/**
 * As `grad`, for the value of `f` and its gradient: `[value, gradient]`, or `[[value, aux], gradient]` with `hasAux`.
 */
export function valueAndGrad<A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => Tensor,
  options?: GradOptions<N, false>,
): (...args: Accepted<A, N>) => [value: Tensor, gradient: Gradient<A, N>];
export function valueAndGrad<X, A extends unknown[] = Tensor[], const N extends Argnums = 0>(
  f: (...args: A) => readonly [value: Tensor, aux: X],
  options: GradOptions<N, true>,
): (...args: Accepted<A, N>) => [value: [value: Tensor, aux: X], gradient: Gradient<A, N>];
export function valueAndGrad(f: AnyFunction, options: GradOptions<Argnums, boolean> = {}): AnyFunction {
  checkFunction("valueAndGrad", f);
  checkOptions("valueAndGrad", options, ["argnums", "hasAux"]);
  const { argnums = 0, hasAux = false } = options;
  return (...args) => {
    const { value, gradient, aux } = gradientOf("valueAndGrad", f, args, argnums, hasAux, true);
    return [hasAux ? [value, aux] : value, gradient];
  };
}

interface Outcome {
  readonly value: Tensor;
  readonly aux: unknown;
  readonly gradient: unknown;
}

/** Runs `f` and the backward pass in a transformation of its own; the value survives if it is wanted. */
export function gradientOf(
  op: string,
  f: AnyFunction,
  args: readonly unknown[],
  argnums: Argnums,
  hasAux: boolean,
  wanted: boolean,
): Outcome {
  return transform(op, () => {
    const inputs = variablesFor(op, args, argnums);
    const result = call(op, f, inputs.args);
    const [y, aux] = hasAux ? pair(op, result) : [result, undefined];
    const value = own(oneTensor(op, y));
    if (depth() === 1) refuseTapes(op, aux);
    for (const x of inputs.leaves) alive(op, x, "an argument of the function");
    const others = [...(wanted ? [value] : []), ...tensorsIn(aux)];
    for (const tensor of others) alive(op, tensor, "what the function returns");
    const found = gradients(op, value, inputs.leaves, others);
    const outcome = { value, aux, gradient: build(inputs.definition, found) };
    return [outcome, [...others, ...found]];
  });
}

function pair(op: string, result: unknown): readonly [unknown, unknown] {
  if (isArray(result) && result.length === 2) {
    refusePromise(op, result[1]);
    return [result[0], result[1]];
  }
  throw new TensorError("argument", op, `with hasAux the function must return [value, aux], got ${foreign(result)}`);
}

function oneTensor(op: string, y: unknown): Tensor {
  if (!isTensor(y)) throw new TensorError("argument", op, `the function must return a tensor, got ${foreign(y)}`);
  alive(op, y, "what the function returns");
  return y;
}

/**
 * x as a constant, through which no derivative flows; the function takes trees of tensors too.
 * @dtypes any
 * @derivative none
 * @cost O(1)
 */
export function stopGradient<T>(x: T): Tensors<T> {
  const { leaves, definition } = flattenTree("stopGradient", x, "the argument", operandLeaf);
  return build(definition, leaves.map(stop));
}

/**
 * Runs `f` now, with nothing recorded for `backward`, and returns its result. Inside a transformation such as `grad` it
 * changes nothing: `stopGradient` is what stops derivatives there.
 */
export function noGrad<T>(f: () => T): T {
  checkFunction("noGrad", f);
  const before = core.record(0);
  try {
    const result = f();
    refusePromise("noGrad", result);
    return result;
  } finally {
    core.record(before);
  }
}
