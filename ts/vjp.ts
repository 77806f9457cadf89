// Products with the Jacobian and its transpose, without the Jacobian.
import { TensorError } from "./errors.js";
import { gradientOf } from "./grad.js";
import { alive, dispose, disposeKey, owns, transform, variable } from "./scope.js";
import type { Tensor } from "./tensor.js";
import {
  allOf,
  type AnyFunction,
  call,
  checkFloats,
  checkFunction,
  directions,
  type Inputs,
  type Like,
  type Outputs,
  outputsOf,
  pullBack,
  pushForward,
  type Variables,
  variablesFor,
} from "./trace.js";
import { build } from "./structure.js";

/** The derivative of a function at a point as a linear function, which keeps the tape that it runs on. */
interface Linear {
  /** Frees the tape; calling the function afterwards is an error. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** Takes the cotangent of the result to one cotangent per primal; may be called many times. */
export interface Pullback<A extends unknown[], Y> extends Linear {
  (cotangent: Like<Y>): Variables<A>;
}

/** Takes one tangent per primal to the tangent of the result; may be called many times. */
export interface Pushforward<A extends unknown[], Y> extends Linear {
  (...tangents: { [K in keyof A]: Like<A[K]> }): Y;
}

/**
 * Reverse mode: `[f(...primals), pullback]`. The pullback owns the tape: dispose it, or let the enclosing tidy do so.
 */
export function vjp<A extends unknown[], Y>(
  f: (...args: Variables<A>) => Y,
  ...primals: A
): [y: Y, pullback: Pullback<A, Y>];
export function vjp(f: AnyFunction, ...primals: readonly unknown[]): [unknown, AnyFunction & Linear] {
  const { y, inputs, outputs } = record("vjp", f, primals);
  const pull = (cotangent: unknown): readonly [unknown, readonly Tensor[]] => {
    const cotangents = directions("vjp", cotangent, "the cotangent", outputs);
    const gradients = pullBack("vjp", outputs.leaves, cotangents, inputs.leaves);
    return [build(inputs.definition, gradients), gradients];
  };
  return [y, linear("vjp", "the pullback", [...outputs.leaves, ...inputs.leaves], ([cotangent]) => pull(cotangent))];
}

/** Forward mode, kept: `[f(...primals), pushforward]`. The pushforward owns the tape, as a pullback does. */
export function linearize<A extends unknown[], Y>(
  f: (...args: Variables<A>) => Y,
  ...primals: A
): [y: Y, pushforward: Pushforward<A, Y>];
export function linearize(f: AnyFunction, ...primals: readonly unknown[]): [unknown, AnyFunction & Linear] {
  const { y, inputs, outputs } = record("linearize", f, primals);
  const push = (given: readonly unknown[]): readonly [unknown, readonly Tensor[]] => {
    const tangents = directions("linearize", given, "the list of tangents", inputs);
    const results = pushForward("linearize", outputs.leaves, inputs.leaves, tangents);
    return [build(outputs.definition, results), results];
  };
  return [y, linear("linearize", "the pushforward", [...outputs.leaves, ...inputs.leaves], push)];
}

interface Recorded {
  readonly y: unknown;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
}

/** Runs a function in a transformation whose results stay connected to its variables. */
function record(op: string, f: AnyFunction, primals: readonly unknown[]): Recorded {
  checkFunction(op, f);
  return transform(op, () => {
    const inputs = variablesFor(op, primals, allOf(primals));
    const outputs = outputsOf(op, call(op, f, inputs.args));
    checkFloats(op, outputs.leaves);
    // The caller may free the result while the tape lives on, so each has tensors of its own.
    const copies = outputs.leaves.map((y) => variable(y));
    const recorded = { y: build<unknown>(outputs.definition, copies), inputs, outputs };
    const connected = { copies: copies.length, variables: inputs.leaves.length };
    return [recorded, [...copies, ...inputs.leaves, ...outputs.leaves], connected];
  });
}

/** A function that runs `pass` in a transformation as long as the tensors it lives by are there. */
function linear(
  op: string,
  name: string,
  tensors: readonly Tensor[],
  pass: (args: readonly unknown[]) => readonly [unknown, readonly Tensor[]],
): AnyFunction & Linear {
  const run = (...args: unknown[]): unknown => {
    for (const tensor of tensors) alive(op, tensor, name);
    return transform(op, () => pass(args));
  };
  owns(run, tensors);
  const free = (): void => {
    tensors.forEach(dispose);
  };
  return Object.assign(run, { dispose: free, [disposeKey]: free });
}

/** What may be given as tangents: one for each primal, of its structure. */
type Tangents<A extends readonly unknown[]> = { readonly [K in keyof A]: Like<A[K]> };

/** Forward mode: `[f(...primals), its tangent]` for one tangent per primal, in one pass. */
export function jvp<A extends unknown[], Y>(
  f: (...args: Variables<A>) => Y,
  primals: readonly [...A],
  tangents: Tangents<A>,
): [y: Y, tangent: Y];
export function jvp(f: AnyFunction, primals: unknown, tangents: unknown): [unknown, unknown] {
  checkFunction("jvp", f);
  const points = listOf("jvp", primals);
  return transform("jvp", () => {
    const inputs = variablesFor("jvp", points, allOf(points));
    const given = directions("jvp", tangents, "the list of tangents", inputs);
    const outputs = outputsOf("jvp", call("jvp", f, inputs.args));
    checkFloats("jvp", outputs.leaves);
    const results = pushForward("jvp", outputs.leaves, inputs.leaves, given);
    const pair: [unknown, unknown] = [build(outputs.definition, outputs.leaves), build(outputs.definition, results)];
    return [pair, [...outputs.leaves, ...results]];
  });
}

/**
 * The product of the Hessian of `f`, which must return one number, with one tangent per primal: an array with H v for
 * each primal. Forward mode over reverse mode; the Hessian is not formed.
 */
export function hvp<A extends unknown[]>(
  f: (...args: Variables<A>) => Tensor,
  primals: readonly [...A],
  tangents: Tangents<A>,
): Variables<A>;
export function hvp(f: AnyFunction, primals: unknown, tangents: unknown): unknown {
  checkFunction("hvp", f);
  const points = listOf("hvp", primals);
  return transform("hvp", () => {
    const inputs = variablesFor("hvp", points, allOf(points));
    const given = directions("hvp", tangents, "the list of tangents", inputs);
    const { gradient } = gradientOf("hvp", f, inputs.args, allOf(points), false, false);
    const outputs = outputsOf("hvp", gradient);
    const results = pushForward("hvp", outputs.leaves, inputs.leaves, given);
    return [build<unknown>(outputs.definition, results), results];
  });
}

function listOf(op: string, primals: unknown): readonly unknown[] {
  if (Array.isArray(primals)) return primals;
  throw new TensorError("argument", op, "the primals must be an array, one for each argument of the function");
}
