// Functions that are recorded once for each kind of arguments, and then replayed in one call of the core.
import { isArray } from "./convert.js";
import { core, purpose, raise, scratch } from "./core.js";
import { isWatching } from "./diagnose.js";
import { checkOptions, describe, TensorError } from "./errors.js";
import { allMatch, fill, type Leaves, type Pattern, patternOf, patternText } from "./pattern.js";
import { describePlan, type Plan } from "./plan.js";
import {
  alive, depth, dispose, disposeKey, expire, handleOf, isTensor, refuseTapes, taken, tensorsIn, transform,
} from "./scope.js";
import { at, build, flattenTree, isContainer, type LeafOf, type Structure } from "./structure.js";
import type { Tensor } from "./tensor.js";
import { type AnyFunction, call, checkFunction, put, take } from "./trace.js";

/** What a compiled function may do with its arguments. */
export interface CompileOptions {
  /**
   * Arguments, from 0, whose tensors the function may use up: results stay in their memory where that can be. They are
   * gone once a plan was run on them, also when that failed; where `f` itself is called, or recording it fails, they stay.
   */
  readonly donate?: readonly number[];
}

/** A function with a plan for each kind of arguments that it has met. */
export type Compiled<F> = F & {
  /** The plans, the one used last first. */
  readonly plans: readonly Plan[];
  /** Frees the plans; a later call makes new ones. */
  dispose(): void;
  [Symbol.dispose](): void;
};

/** Plans that a function keeps; past these the one that was not used for longest goes. */
const most = 16;

/**
 * The function that computes what `f` does from a plan. The first call with arguments of certain shapes, dtypes and tree
 * structure runs `f` on tensors without values and keeps what it records: what no result needs is left out, equal
 * operations are computed once, elementwise neighbours in one pass over memory. Later calls run the plan, in one call of the
 * core. Gradients, other transformations and an optimizer's update inside `f` are part of the plan. Values are those of
 * `f` to the bit.
 *
 * Tensors and arrays of numbers are what a plan takes. Everything else in the arguments (single numbers, booleans, strings)
 * belongs to their kind: give as a tensor what changes from call to call. A tensor that `f` closes over is read at each
 * call; what else it reads, prints or counts is so once. Inside other transformations, and where an argument requires a
 * gradient, `f` itself is called.
 */
export function compile<A extends unknown[], Y>(
  f: (...args: A) => Y,
  options?: CompileOptions,
): Compiled<(...args: A) => Y>;
export function compile(f: AnyFunction, options: CompileOptions = {}): Compiled<(...args: unknown[]) => unknown> {
  checkFunction("compile", f);
  checkOptions("compile", options, ["donate"]);
  const { donate = [] } = options;
  if (!isArray(donate) || !donate.every((k) => Number.isInteger(k) && k >= 0)) {
    const must = `donate must be an array of numbers of arguments, from 0, got ${describe(donate)}`;
    throw new TensorError("argument", "compile", must);
  }
  const program: Program = { f, donate, kinds: [], warned: false };
  const compiled = (...args: unknown[]): unknown =>
    depth() > 0 || isWatching() ? call("compile", f, args) : run(program, args);
  const free = (): void => {
    forget(program.kinds);
  };
  registry.register(compiled, program.kinds);
  const members = { dispose: free, [disposeKey]: free };
  return Object.defineProperty(Object.assign(compiled, members, { plans: [] }), "plans", {
    get: () => program.kinds.map(({ plan, signature }) => describePlan(plan, signature)),
  });
}

/** A compiled function. */
interface Program {
  readonly f: AnyFunction;
  readonly donate: readonly number[];
  /** The kinds of arguments that it has met, the one used last first. */
  readonly kinds: Kind[];
  warned: boolean;
}

/** One kind of arguments, and what becomes of them. */
interface Kind {
  readonly arguments: readonly Pattern[];
  /** The number of the plan in the core. */
  readonly plan: number;
  readonly signature: string;
  /** The structure of what `f` returns, how many tensors are in it, and what else. */
  readonly definition: Structure;
  readonly results: number;
  readonly leaves: readonly (typeof result | { readonly value: unknown })[];
}

/** A place for the next result of the plan. */
const result = Symbol("result");

/** What the core says to `replay`. */
const answer = { refused: 0, otherKind: 2, requiresGrad: 3 } as const;

const registry = new FinalizationRegistry<Kind[]>((kinds) => {
  try {
    forget(kinds);
  } catch {
    // The core is dead, and its plans with it.
  }
});

function forget(kinds: Kind[]): void {
  for (const { plan } of kinds.splice(0)) core.forget(plan);
}

function run(program: Program, args: readonly unknown[]): unknown {
  const { f, kinds } = program;
  for (let k = 0; k < kinds.length; k++) {
    const kind = at(kinds, k);
    const leaves: Leaves = { tensors: [], own: [] };
    try {
      const found = fits(kind, args, leaves) ? replay(program, kind, args, leaves.tensors) : answer.otherKind;
      if (found === answer.otherKind) continue;
      if (found === answer.requiresGrad) return call("compile", f, args);
      if (k > 0) kinds.unshift(...kinds.splice(k, 1));
      return assembled(kind);
    } finally {
      leaves.own.forEach(dispose);
    }
  }
  const missing = program.donate.find((k) => k >= args.length);
  if (missing !== undefined) {
    const must = `donate must name arguments from 0 to ${args.length - 1}, got ${missing}`;
    throw new TensorError("argument", "compile", must);
  }
  const leaves: Leaves = { tensors: [], own: [] };
  try {
    const patterns = args.map((arg, i) => patternOf(arg, `argument ${i + 1}`, leaves));
    if (recordsGradients() && leaves.tensors.some((tensor) => tensor.requiresGrad)) return call("compile", f, args);
    const kind = planned(f, patterns, leaves.tensors);
    kinds.unshift(kind);
    boundKinds(program);
    const found = replay(program, kind, args, leaves.tensors);
    if (found === answer.otherKind) throw new RangeError("a plan must fit what it was made for");
    // Recording can have changed what an argument requires.
    return found === answer.requiresGrad ? call("compile", f, args) : assembled(kind);
  } finally {
    leaves.own.forEach(dispose);
  }
}

function fits(kind: Kind, args: readonly unknown[], leaves: Leaves): boolean {
  return kind.arguments.length === args.length && allMatch(kind.arguments, args, leaves);
}

/** Whether operations outside transformations are recorded for `backward`. */
function recordsGradients(): boolean {
  const were = core.record(0);
  core.record(were);
  return were !== 0;
}

/** Runs the plan; its results are in the scratch area. Says how the core answered. */
function replay({ donate }: Program, kind: Kind, args: readonly unknown[], tensors: readonly Tensor[]): number {
  const donated = donate.length === 0 ? [] : givenAway(donate, args, tensors);
  const slots = scratch(Math.max(tensors.length, kind.results));
  put(slots, 0, tensors);
  for (const tensor of donated) slots[tensors.indexOf(tensor)] = -handleOf(tensor);
  const answered = core.replay(kind.plan, tensors.length);
  if (answered !== answer.otherKind && answered !== answer.requiresGrad)
    for (const tensor of donated) expire(tensor, "was donated to a compiled function");
  return answered === answer.refused ? raise() : answered;
}

/** The tensors in the arguments that are donated; one that is there twice must stay. */
function givenAway(donate: readonly number[], args: readonly unknown[], tensors: readonly Tensor[]): readonly Tensor[] {
  const found = donate.flatMap((k) => tensorsIn(args[k])).filter(isTensor);
  return found.filter((tensor) => tensors.indexOf(tensor) === tensors.lastIndexOf(tensor));
}

/** What the function returns, from the results in the scratch area. */
function assembled({ definition, results, leaves }: Kind): unknown {
  const tensors = take(results);
  if (results === leaves.length) return build<unknown>(definition, tensors);
  const next = tensors.values();
  return build<unknown>(definition, leaves.map((leaf) => (leaf === result ? next.next().value : leaf.value)));
}

/** Runs `f` on tensors without values, and makes a plan of what it records. */
function planned(f: AnyFunction, patterns: readonly Pattern[], tensors: readonly Tensor[]): Kind {
  let plan = 0;
  const inputs = tensors.values();
  const signature = `(${patterns.map((pattern) => patternText(pattern, inputs)).join(", ")})`;
  const body = (): readonly [Kind, readonly Tensor[]] => {
    const placeholders = tensors.map((tensor) => taken(core.placeholder(handleOf(tensor), purpose.compile), "compile"));
    const given = placeholders.values();
    const returned = call("compile", f, patterns.map((pattern) => fill(pattern, given)));
    refuseTapes("compile", returned);
    const { leaves, definition } = flattenTree("compile", returned, "what the function returns", anyLeaf);
    const results = leaves.map(({ value }) => value).filter(isTensor);
    const slots = scratch(tensors.length + results.length);
    put(slots, 0, placeholders);
    put(slots, tensors.length, results);
    plan = core.compile(tensors.length, results.length);
    if (plan === 0) raise("compile");
    const kept = leaves.map((leaf) => (isTensor(leaf.value) ? result : leaf));
    return [{ arguments: patterns, plan, signature, definition, results: results.length, leaves: kept }, []];
  };
  try {
    return transform("compile", body, true);
  } catch (error) {
    if (plan !== 0) core.forget(plan); // what was kept inside could not be computed
    throw error;
  }
}

/** A function may return anything beside tensors. */
const anyLeaf: LeafOf<{ readonly value: unknown }> = (op, value, path) => {
  if (isTensor(value)) alive(op, value, path);
  return isContainer(value) ? undefined : { value };
};

/** Frees the plan that was not used for longest, when there are too many. */
function boundKinds(program: Program): void {
  if (program.kinds.length <= most) return;
  forget(program.kinds.splice(most));
  if (program.warned) return;
  program.warned = true;
  console.warn(
    `wengert: a compiled function has met more than ${most} kinds of arguments, and each costs a recording; ` +
      "give what changes from call to call as tensors of few shapes",
  );
}
