// Functions with a derivative of the user's own, and functions whose inner values are computed again.
import { foreign } from "./apply.js";
import { isArray } from "./convert.js";
import { core, purpose, scratch } from "./core.js";
import { zerosLike } from "./create.js";
import { type DType, isFloat } from "./dtype.js";
import { checkLike, describe, TensorError } from "./errors.js";
import { concat, reshape, slice } from "./ops.gen.js";
import { alive, depth, handleOf, isTensor, taken, tidy, transform } from "./scope.js";
import type { Tensor } from "./tensor.js";
import { type AnyFunction, call, checkFunction, type Like, type Outputs, outputsOf, put } from "./trace.js";
import { at, build, flattenTree, isContainer, type LeafOf, leavesLike, type Structure } from "./structure.js";

/**
 * The same function, of which reverse mode keeps the arguments only: what `f` computes on the way is computed again when
 * the backward pass gets there. Time for memory: one more run of `f`.
 */
export function checkpoint<A extends unknown[], Y>(f: (...args: A) => Y): (...args: A) => Y;
export function checkpoint(f: AnyFunction): AnyFunction {
  checkFunction("checkpoint", f);
  return (...args: readonly unknown[]) =>
    ruled("checkpoint", (eager) => {
      const start = core.clock();
      const outputs = outputsOf("checkpoint", call("checkpoint", f, args));
      const y = pack(floatsOf(outputs));
      return [outputs, y === null ? null : taken(core.checkpoint(handleOf(y), start, eager))];
    });
}

/** What `backward` of `customVjp` returns: for each argument a cotangent of its structure, null for none. */
type Cotangents<A extends readonly unknown[]> = { readonly [K in keyof A]: Like<A[K]> | null };

/**
 * `f` with a reverse rule of its own: `forward(...args)` gives `[y, residuals]` with y as `f` has it, `backward(residuals,
 * g)` takes the cotangent of y to one per argument (null for none). Both are run when the function is called, `backward`
 * on a cotangent without a value; what they record is differentiable itself. Forward mode transposes the rule. What the
 * functions close over is a constant: pass what has a derivative as an argument.
 */
export function customVjp<A extends unknown[], Y, R>(
  f: (...args: A) => Y,
  forward: (...args: A) => readonly [y: Y, residuals: R],
  backward: (residuals: R, cotangent: Y) => Cotangents<A>,
): (...args: A) => Y;
export function customVjp(f: AnyFunction, forward: AnyFunction, backward: AnyFunction): AnyFunction {
  const op = "customVjp";
  [f, forward, backward].forEach((part) => {
    checkFunction(op, part);
  });
  return (...args: readonly unknown[]) => {
    const given = argumentsOf(op, args);
    if (!canBeDifferentiated(given)) return call(op, f, args);
    return ruled(op, (eager) => {
      const start = core.clock();
      const [result, residuals] = pair(op, "forward", call(op, forward, args));
      const outputs = outputsOf(op, result);
      const y = pack(floatsOf(outputs));
      if (y === null || given.leaves.length === 0) return [outputs, null];
      const g = taken(core.placeholder(handleOf(y), purpose.customVjp));
      const cotangent = build(outputs.definition, unpack(g, outputs.leaves.map(pieceOf)));
      const found = cotangentsOf(op, call(op, backward, [residuals, cotangent]), given);
      return [outputs, custom(0, given.leaves, y, [g, ...found], start, eager)];
    });
  };
}

/**
 * `f` with a forward rule of its own: `rule(primals, tangents)` gives `[y, the tangent of y]`; it must be linear in the
 * tangents, which have no values to read. It is run when the function is called; reverse mode transposes what it records.
 * What the functions close over is a constant: pass what has a derivative as an argument.
 */
export function customJvp<A extends unknown[], Y>(
  f: (...args: A) => Y,
  rule: (primals: A, tangents: A) => readonly [y: Y, tangent: Y],
): (...args: A) => Y;
export function customJvp(f: AnyFunction, rule: AnyFunction): AnyFunction {
  const op = "customJvp";
  checkFunction(op, f);
  checkFunction(op, rule);
  return (...args: readonly unknown[]) => {
    const given = argumentsOf(op, args);
    if (!canBeDifferentiated(given)) return call(op, f, args);
    return ruled(op, (eager) => {
      const start = core.clock();
      const tangents = given.leaves.map((x) => taken(core.placeholder(handleOf(x), purpose.customJvp)));
      const [result, tangent] = pair(op, "the rule", call(op, rule, [args, withLeaves(given, tangents)]));
      const outputs = outputsOf(op, result);
      const y = pack(floatsOf(outputs));
      if (y === null || given.leaves.length === 0) return [outputs, null];
      let next = 0;
      const leafOf: LeafOf<Tensor> = (_, value, path) => like(op, value, at(outputs.leaves, next++), path);
      const moved = leavesLike(op, outputs.definition, tangent, "the tangent", leafOf);
      const floats = moved.filter((_, i) => isFloat(at(outputs.leaves, i).dtype));
      return [outputs, custom(1, given.leaves, y, [...tangents, pack(floats) ?? y], start, eager)];
    });
  };
}

/**
 * Runs `body`, which gives outputs and the tensor with a rule that all their floats are packed in, and unpacks it. Outside
 * transformations the body is one, so that its program is there for `backward`.
 */
function ruled(op: string, body: (eager: 0 | 1) => readonly [outputs: Outputs, ruled: Tensor | null]): unknown {
  const eager = depth() === 0;
  const run = (): readonly [Structure, readonly Piece[], Tensor | null] => {
    const [{ definition, leaves }, y] = body(eager ? 1 : 0);
    return [definition, leaves.map(pieceOf), y];
  };
  const [definition, pieces, y] = eager
    ? transform(op, () => {
        const found = run();
        const [, pieces, y] = found;
        const rest = pieces.filter(({ dtype }) => y === null || !isFloat(dtype)).map(({ tensor }) => tensor);
        return [found, y === null ? rest : [y, ...rest]];
      })
    : run();
  if (y === null) return build<unknown>(definition, pieces.map(({ tensor }) => tensor));
  const results = unpack(y, pieces);
  if (eager && !results.includes(y)) y.dispose();
  return build<unknown>(definition, results);
}

/** An output, and what is known of it when it is gone. */
interface Piece {
  readonly tensor: Tensor;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly size: number;
}

const pieceOf = (tensor: Tensor): Piece => ({ tensor, shape: tensor.shape, dtype: tensor.dtype, size: tensor.size });

function floatsOf({ leaves }: Outputs): Tensor[] {
  return leaves.filter((y) => isFloat(y.dtype));
}

/** All numbers of some floats in one tensor; null of none. */
function pack(ys: readonly Tensor[]): Tensor | null {
  const [first] = ys;
  if (first === undefined || ys.length === 1) return first ?? null;
  const dtype = ys.some((y) => y.dtype === "float64") ? "float64" : "float32";
  return concat(ys.map((y) => reshape(y.to(dtype), [-1])));
}

/** The floats among the outputs from what they were packed in; the others as they are. */
function unpack(packed: Tensor, pieces: readonly Piece[]): Tensor[] {
  const single = pieces.filter(({ dtype }) => isFloat(dtype)).length === 1;
  let start = 0;
  return pieces.map(({ tensor, shape, dtype, size }) => {
    if (!isFloat(dtype)) return tensor;
    if (single) return packed;
    return tidy(() => reshape(slice(packed, [[start, (start += size)]]), shape).to(dtype));
  });
}

/** The arguments of a function with a rule: the float tensors in them, and what takes others to their places. */
interface Arguments {
  readonly leaves: readonly Tensor[];
  readonly trees: readonly { readonly definition: Structure; readonly leaves: readonly unknown[] }[];
}

function argumentsOf(op: string, args: readonly unknown[]): Arguments {
  const anything: LeafOf<{ readonly value: unknown }> = (_, value, path) => {
    if (isTensor(value)) alive(op, value, path);
    return isContainer(value) ? undefined : { value };
  };
  const trees = args.map((arg, i) => {
    const { definition, leaves } = flattenTree(op, arg, `argument ${i + 1}`, anything);
    return { definition, leaves: leaves.map(({ value }) => value) };
  });
  return { trees, leaves: trees.flatMap((tree) => tree.leaves.filter(isFloatTensor)) };
}

/** Whether somebody can ask for a derivative: else a rule would be recorded for nothing. */
function canBeDifferentiated({ leaves }: Arguments): boolean {
  return depth() > 0 || leaves.some((x) => x.requiresGrad);
}

function isFloatTensor(value: unknown): value is Tensor {
  return isTensor(value) && isFloat(value.dtype);
}

/** The arguments with other tensors in the places of the floats. */
function withLeaves({ trees }: Arguments, by: readonly Tensor[]): unknown[] {
  let next = 0;
  return trees.map(({ definition, leaves }) =>
    build<unknown>(
      definition,
      leaves.map((value) => (isFloatTensor(value) ? at(by, next++) : value)),
    ),
  );
}

/** The cotangents of the float tensors in the arguments, from what `backward` returned. */
function cotangentsOf(op: string, result: unknown, { trees }: Arguments): Tensor[] {
  if (!isArray(result) || result.length !== trees.length) {
    const got = isArray(result) ? String(result.length) : foreign(result);
    throw new TensorError("argument", op, `backward must return an array of ${trees.length} cotangents, got ${got}`);
  }
  return trees.flatMap(({ definition, leaves }, i) => {
    const name = `the cotangent of argument ${i + 1}`;
    if ((result[i] ?? null) === null) return leaves.filter(isFloatTensor).map((x) => zerosLike(x));
    let next = 0;
    const leafOf: LeafOf<{ readonly tensor: Tensor | null }> = (_, value, path) => {
      const x = at(leaves, next++);
      return { tensor: isFloatTensor(x) ? like(op, value, x, path) : null };
    };
    const found = leavesLike(op, definition, result[i], name, leafOf);
    return found.flatMap(({ tensor }) => (tensor === null ? [] : [tensor]));
  });
}

/** A tensor that must have the shape and dtype of another; null is zero. */
function like(op: string, value: unknown, model: Tensor, path: string): Tensor {
  if ((value ?? null) === null) return zerosLike(model);
  if (!isTensor(value)) throw new TensorError("argument", op, `${path} must be a tensor or null, got ${foreign(value)}`);
  alive(op, value, path);
  checkLike(op, `${path} must have the shape and dtype`, value, model);
  return value;
}

function pair(op: string, whose: string, result: unknown): readonly [unknown, unknown] {
  if (isArray(result) && result.length === 2) return [result[0], result[1]];
  throw new TensorError("argument", op, `${whose} must return an array of 2, got ${describe(result)}`);
}

/** A tensor with a rule: 0 that of `customVjp`, 1 that of `customJvp`. */
function custom(
  rule: 0 | 1,
  xs: readonly Tensor[],
  y: Tensor,
  rest: readonly Tensor[],
  start: number,
  eager: 0 | 1,
): Tensor {
  const all = [...xs, y, ...rest];
  const slots = scratch(all.length);
  put(slots, 0, all);
  return taken(core.custom(rule, xs.length, rest.length, start, eager));
}
