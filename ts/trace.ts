// What the transformations share: variables for arguments, the function's outputs, and the two passes.
import { asTensor, foreign } from "./apply.js";
import { fromData, isArray, type Plain } from "./convert.js";
import { core, raise, scratch } from "./core.js";
import { isFloat } from "./dtype.js";
import { describe, refusePromise, TensorError } from "./errors.js";

export { checkFunction } from "./errors.js";
import { alive, type Handle, handleOf, isTensor, made, own, remember, taken, variable } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";
import {
  at,
  build,
  type Structure,
  flattenTree,
  isPlainLeaf,
  type LeafOf,
  leavesLike,
  tensorLeaf,
  type Tensors,
} from "./structure.js";

/**
 * A function that a transformation takes or gives, seen from inside: the types of its arguments are checked outside.
 */
export type AnyFunction = (...args: never[]) => unknown;

/** Which arguments to differentiate by, from 0: one, or several in an array. */
export type Argnums = number | readonly number[];

/** What may be given for the arguments of a function: plain data for a tensor that is differentiated by. */
export type Accepted<A extends readonly unknown[], N extends Argnums> = {
  [K in keyof A]: A[K] extends Tensor ? (K extends Places<N> ? TensorLike : A[K]) : A[K];
};

/** The keys of the arguments N; those of an array of any length are all numbers. */
type Places<N extends Argnums> = number | `${N extends readonly number[] ? N[number] : Extract<N, number>}`;

/** What a function is given for arguments that are all differentiated: a Tensor for each leaf. */
export type Variables<A extends readonly unknown[]> = { -readonly [K in keyof A]: Tensors<A[K]> };

/** What may be given for a cotangent or tangent: the structure of T, with plain data for tensors. */
export type Like<T> = T extends Tensor | Plain ? TensorLike : { readonly [K in keyof T]: Like<T[K]> };

/** The gradient by arguments `N` of a function with arguments `A`. */
export type Gradient<A extends readonly unknown[], N extends Argnums> = N extends number
  ? Tensors<A[N]>
  : N extends readonly number[]
    ? { -readonly [K in keyof N]: Tensors<A[Extract<N[K], number>]> }
    : never;

/** The arguments of a function with variables in place of the leaves to differentiate by. */
export interface Inputs {
  readonly args: readonly unknown[];
  /** The variables. */
  readonly leaves: readonly Tensor[];
  /** The structure of the leaves: of the one argument, or an array of those of several. */
  readonly definition: Structure;
}

/** Variables for the leaves of the arguments `argnums`; the other arguments stay as they are. */
export function variablesFor(op: string, args: readonly unknown[], argnums: Argnums): Inputs {
  const several = typeof argnums === "number" ? [argnums] : argnums;
  if (!isArray(several)) {
    const must = `argnums must be the number of an argument, or an array of such, got ${describe(several)}`;
    throw new TensorError("argument", op, must);
  }
  if (args.length === 0 && several.length > 0)
    throw new TensorError("argument", op, "there must be an argument to differentiate by, got none");
  if (several.some((n, i) => several.lastIndexOf(n) > i))
    throw new TensorError("argument", op, `argnums must name each argument once, got ${several.join(", ")}`);
  const leaves: Tensor[] = [];
  const items: Structure[] = [];
  const replaced = [...args];
  for (const n of several) {
    if (!Number.isInteger(n) || n < 0 || n >= args.length) {
      throw new TensorError(
        "argument",
        op,
        `argnums must be from 0 to ${args.length - 1}, one for each argument, got ${describe(n)}`,
      );
    }
    const flat = flattenTree(op, args[n], argumentName(n), variableLeaf);
    leaves.push(...flat.leaves);
    items.push(flat.definition);
    replaced[n] = build(flat.definition, flat.leaves);
  }
  return { args: replaced, leaves, definition: typeof argnums === "number" ? at(items, 0) : { kind: "array", items } };
}

/** What errors and pictures call an argument: texts that are asked for in each call, and cost more than to look them up. */
const argumentNames: string[] = [];
function argumentName(n: number): string {
  return (argumentNames[n] ??= `argument ${n + 1}`);
}

/** All arguments from 0. */
export function allOf(args: readonly unknown[]): readonly number[] {
  return args.map((_, i) => i);
}

const variableLeaf: LeafOf<Tensor> = (op, value, path) => {
  if (isTensor(value)) alive(op, value, path);
  const leaf = isPlainLeaf(value) ? made(fromData(op, value)) : tensorLeaf(op, value, path);
  if (leaf === undefined) return undefined;
  if (!isFloat(leaf.dtype)) {
    throw new TensorError(
      "dtype",
      op,
      `${path} must be float32 or float64 to have a derivative, got ${leaf.dtype}`,
      [],
      [leaf.dtype],
    );
  }
  const own = variable(leaf);
  remember({ tensor: own, given: leaf, path });
  return own;
};

/** What a function returned, with tensors of its own at the leaves. */
export interface Outputs {
  readonly leaves: readonly Tensor[];
  readonly definition: Structure;
}

/** Calls the function of a transformation; it must not be async. */
export function call(op: string, f: AnyFunction, args: readonly unknown[]): unknown {
  // The argument types of f were checked where it was given; variables have taken the places of tensors since.
  const result = (f as (...args: readonly unknown[]) => unknown)(...args);
  refusePromise(op, result);
  return result;
}

/** The tensors that a function returned. */
export function outputsOf(op: string, result: unknown): Outputs {
  return flattenTree(op, result, "what the function returns", outputLeaf);
}

const outputLeaf: LeafOf<Tensor> = (op, value, path) => {
  if (isTensor(value)) {
    alive(op, value, path);
    return own(value);
  }
  if (typeof value === "object" && value !== null && isPlainLeaf(value)) {
    throw new TensorError("argument", op, `${path} must be a tensor, got ${foreign(value)}`);
  }
  return tensorLeaf(op, value, path);
};

/** Refuses outputs that have no derivative. */
export function checkFloats(op: string, outputs: readonly Tensor[]): void {
  for (const { dtype } of outputs) {
    if (!isFloat(dtype)) {
      throw new TensorError(
        "dtype",
        op,
        `the function must return float32 or float64 to have a derivative, got ${dtype}`,
        [],
        [dtype],
      );
    }
  }
}

/**
 * Tensors for the cotangents or tangents of `of`, given as a tree of the same structure; plain data adopts their dtype.
 */
export function directions(op: string, tree: unknown, name: string, of: Outputs): Tensor[] {
  let next = 0;
  const leafOf: LeafOf<Tensor> = (_, value, path) => asTensor(op, value, path, at(of.leaves, next++).dtype);
  return leavesLike(op, of.definition, tree, name, leafOf);
}

/** Appends the backward pass from `ys` with their cotangents (null is one everywhere): the cotangents of `xs`. */
export function pullBack(
  op: string,
  ys: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  xs: readonly Tensor[],
): Tensor[] {
  const [n, m] = [ys.length, xs.length];
  const slots = scratch(2 * n + m);
  put(slots, 0, ys);
  put(slots, n, cotangents);
  put(slots, 2 * n, xs);
  if (core.vjp(n, m) === 0) raise(op);
  return take(m);
}

/**
 * Appends the backward pass from the number `y`, the last thing that a transformation does before it ends with `results` and
 * these: the gradients by `xs`.
 */
export function gradients(op: string, y: Tensor, xs: readonly Tensor[], results: readonly Handle[]): Tensor[] {
  const n = xs.length;
  const slots = scratch(1 + n + results.length);
  put(slots, 0, [y]);
  put(slots, 1, xs);
  put(slots, 1 + n, results);
  if (core.gradients(n, results.length) === 0) raise(op);
  return take(n);
}

/** Appends the forward pass from `xs` with their tangents: the tangents of `ys`. */
export function pushForward(
  op: string,
  ys: readonly Tensor[],
  xs: readonly Tensor[],
  tangents: readonly Tensor[],
): Tensor[] {
  const [n, m] = [ys.length, xs.length];
  const slots = scratch(n + 2 * m);
  put(slots, 0, ys);
  put(slots, n, xs);
  put(slots, n + m, tangents);
  if (core.jvp(n, m) === 0) raise(op);
  return take(n);
}

/** A tensor that is mapped over an axis, and the one that stands for each of its slices inside. */
export interface Mapped {
  readonly example: Tensor;
  readonly tensor: Tensor;
  readonly axis: number;
}

/** The tensor that stands for each slice of `tensor` along an axis. */
export function mappedOver(op: string, tensor: Tensor, axis: number): Mapped {
  return { example: taken(core.example(handleOf(tensor), axis), op), tensor, axis };
}

/** For outputs computed from examples the tensors of all their values, along the axes given; null where all are equal. */
export function batched(
  op: string,
  mapped: readonly Mapped[],
  ys: readonly Tensor[],
  axes: readonly (number | null)[],
): Tensor[] {
  const [n, m] = [mapped.length, ys.length];
  const slots = scratch(3 * n + 2 * m);
  put(slots, 0, mapped.map(({ example }) => example));
  put(slots, n, mapped.map(({ tensor }) => tensor));
  mapped.forEach(({ axis }, i) => (slots[2 * n + i] = axis));
  put(slots, 3 * n, ys);
  axes.forEach((axis, i) => (slots[3 * n + m + i] = axis ?? NaN));
  if (core.batch(n, m) === 0) raise(op);
  return take(m);
}

/** Gives tensors the values that this transformation has recorded for them; all of them, or none where it throws. */
export function replace(op: string, tensors: readonly Tensor[], values: readonly Tensor[]): void {
  const slots = scratch(2 * tensors.length);
  put(slots, 0, tensors);
  put(slots, tensors.length, values);
  if (core.update(tensors.length) === 0) raise(op);
}

/** Writes handles into the scratch area; 0 for null. */
export function put(slots: Float64Array, from: number, tensors: readonly (Handle | null)[]): void {
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i] ?? null;
    slots[from + i] = tensor === null ? 0 : handleOf(tensor);
  }
}

/** Tensors for the handles that the core left in the scratch area. */
export function take(count: number): Tensor[] {
  const slots = scratch(count);
  const tensors: Tensor[] = [];
  for (let i = 0; i < count; i++) tensors.push(made(slots[i] ?? 0));
  return tensors;
}
