// What all optimizers share: a rule for one parameter, used by an object that updates parameters in place, and by a
// pair of functions that takes parameters to new ones.
import { full, zerosLike } from "../create.js";
import { checkLike, checkOptions, describe, TensorError } from "../errors.js";
import { alive, dispose, keep, tidy, transform } from "../scope.js";
import type { Tensor, TensorLike } from "../tensor.js";
import { replace } from "../trace.js";
import {
  at,
  build,
  flattenTree,
  type LeafOf,
  leavesLike,
  type Structure,
  tensorLeaf,
  type Tree,
} from "../structure.js";

/**
 * How one parameter moves. `S` names the tensors that are kept for each parameter, `C` is what a step computes once.
 */
export interface Rule<S extends string, C> {
  /** The name in errors. */
  readonly name: string;
  /** Learning rate. */
  lr: number;
  /** The tensors kept for each parameter: zeros at first. */
  readonly slots: readonly S[];
  /** What depends on the number of the step only (from 1; a tensor in the functional form). */
  prepare(step: number | Tensor): C;
  /**
   * The new parameter and the new slots in their order. `plain` gives what `prepare` computed as the parameter's dtype.
   */
  update(
    parameter: Tensor,
    gradient: Tensor,
    slots: readonly Tensor[],
    prepared: C,
    plain: (x: TensorLike) => TensorLike,
  ): readonly Tensor[];
}

/** A parameter that a step moves. */
interface Moving {
  readonly i: number;
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  readonly slots: readonly Tensor[];
}

/** Updates parameters in place: the same Tensor objects get new values. */
export class Optimizer<P> {
  readonly #rule: Rule<string, unknown>;
  readonly #parameters: readonly Tensor[];
  readonly #structure: Structure;
  // Parameters that a step leaves out stand still, so each has its own count.
  readonly #steps: number[];
  readonly #slots = new Map<number, readonly Tensor[]>();

  protected constructor(rule: Rule<string, unknown>, parameters: P & Tree<P>) {
    const { leaves, definition } = flattenTree(rule.name, parameters, "the parameters", tensorLeaf);
    const twice = leaves.findIndex((p, i) => leaves.indexOf(p) < i);
    if (twice >= 0)
      throw new TensorError("argument", rule.name, `each parameter must be given once, got number ${twice + 1} again`);
    this.#rule = rule;
    this.#parameters = leaves;
    this.#structure = definition;
    this.#steps = leaves.map(() => 0);
  }

  /** The learning rate; may be changed between steps. */
  get lr(): number {
    return this.#rule.lr;
  }

  set lr(value: number) {
    this.#rule.lr = atLeastZero(this.#rule.name, "lr", value);
  }

  /**
   * One step along `grads`, a tree with the structure of the parameters, or along each parameter's `grad`. Parameters
   * without a gradient (null) stay as they are.
   */
  step(grads?: unknown): void {
    const gradients = this.#gradients(grads);
    const op = `${this.#rule.name}.step`;
    const before = new Set(this.#slots.keys());
    const moving = this.#parameters.flatMap((parameter, i) => {
      const gradient = gradients[i] ?? null;
      return gradient === null ? [] : [{ i, parameter, gradient, slots: this.#slotsOf(i, parameter) }];
    });
    try {
      this.#move(op, moving);
    } catch (error) {
      for (const { i, slots } of moving) {
        if (before.has(i)) continue;
        slots.forEach(dispose);
        this.#slots.delete(i);
      }
      throw error;
    }
    for (const { i } of moving) this.#steps[i] = (this.#steps[i] ?? 0) + 1;
  }

  #move(op: string, moving: readonly Moving[]): void {
    transform(op, () => {
      const values = moving.flatMap(({ i, parameter, gradient, slots }) =>
        this.#rule.update(parameter, gradient, slots, this.#rule.prepare((this.#steps[i] ?? 0) + 1), asIs),
      );
      replace(op, moving.flatMap(({ parameter, slots }) => [parameter, ...slots]), values);
      return [undefined, []];
    });
  }

  /** What is kept for a parameter: zeros at first. */
  #slotsOf(i: number, parameter: Tensor): readonly Tensor[] {
    const slots = this.#slots.get(i) ?? keep(this.#rule.slots.map(() => zerosLike(parameter)));
    this.#slots.set(i, slots);
    return slots;
  }

  #gradients(grads: unknown): readonly (Tensor | null)[] {
    const op = `${this.#rule.name}.step`;
    const gradients =
      grads === undefined
        ? this.#parameters.map((p) => p.grad)
        : leavesLike(op, this.#structure, grads, "the gradients", gradientLeaf).map((g) => g.tensor);
    this.#parameters.forEach((p, i) => {
      const g = gradients[i] ?? null;
      alive(op, p, `parameter ${i + 1}`);
      if (g !== null) checkGradient(op, p, g, i);
    });
    return gradients;
  }

  /** Sets the gradient of each parameter to null. */
  zeroGrad(): void {
    for (const parameter of this.#parameters) parameter.zeroGrad();
  }

  /** Frees what the optimizer keeps for the parameters, not the parameters; the next step begins anew. */
  dispose(): void {
    [...this.#slots.values()].flat().forEach(dispose);
    this.#slots.clear();
    this.#steps.fill(0);
  }
}

/** Refuses a gradient that is not like its parameter. */
function checkGradient(op: string, p: Tensor, g: Tensor, i: number): void {
  alive(op, g, `the gradient of parameter ${i + 1}`);
  checkLike(op, "a gradient must have its parameter's shape and dtype,", g, p);
}

const asIs = (x: TensorLike): TensorLike => x;

/** A gradient or null. */
const gradientLeaf: LeafOf<{ readonly tensor: Tensor | null }> = (op, value, path) => {
  if (value === null) return { tensor: null };
  const tensor = tensorLeaf(op, value, path);
  return tensor === undefined ? undefined : { tensor };
};

/**
 * The state of a functional optimizer: the number of steps (float64, no axes), and for each slot a tree like the
 * parameters.
 */
export type State<S extends string, P> = { readonly step: Tensor } & { readonly [name in S]: P };

/** An optimizer as two functions, usable inside transformations. */
export interface Functional<S extends string> {
  /** The state before the first step. */
  init<P>(params: P & Tree<P>): State<S, P>;
  /** The parameters and the state after a step; the old ones stay the caller's. */
  update<P>(grads: P & Tree<P>, state: State<S, P>, params: P & Tree<P>): [params: P, state: State<S, P>];
}

/** The functional form of a rule. */
export function functional<S extends string, C>(rule: Rule<S, C>): Functional<S> {
  const { name, slots } = rule;
  return {
    init: <P>(params: P & Tree<P>) =>
      tidy(() => {
        const { leaves, definition } = flattenTree(name, params, "the parameters", tensorLeaf);
        return stateOf<S, P>(full([], 0, "float64"), slots, () =>
          build<P>(
            definition,
            leaves.map((p) => zerosLike(p)),
          ),
        );
      }),
    update: <P>(grads: P & Tree<P>, state: State<S, P>, params: P & Tree<P>) =>
      tidy(() => {
        const { leaves: parameters, definition } = flattenTree(name, params, "the parameters", tensorLeaf);
        const gradients = leavesLike(name, definition, grads, "the gradients", tensorLeaf);
        parameters.forEach((p, i) => {
          checkGradient(name, p, at(gradients, i), i);
        });
        checkOptions(name, state, ["step", ...slots]);
        const kept = slots.map((slot) => leavesLike(name, definition, state[slot], `the state's ${slot}`, tensorLeaf));
        const step = state.step.add(1);
        const prepared = rule.prepare(step);
        const moved = parameters.map((p, i) => {
          const plain = (x: TensorLike): TensorLike =>
            typeof x === "object" && "dtype" in x && x.dtype !== p.dtype ? x.to(p.dtype) : x;
          return rule.update(
            p,
            at(gradients, i),
            kept.map((leaves) => at(leaves, i)),
            prepared,
            plain,
          );
        });
        const tree = (k: number): P =>
          build<P>(
            definition,
            moved.map((results) => at(results, k)),
          );
        const next = stateOf<S, P>(step, slots, (slot) => tree(1 + slots.indexOf(slot)));
        const result: [P, State<S, P>] = [tree(0), next];
        return result;
      }),
  };
}

function stateOf<S extends string, P>(step: Tensor, slots: readonly S[], tree: (slot: S) => P): State<S, P> {
  return Object.assign({ step }, Object.fromEntries(slots.map((slot) => [slot, tree(slot)])) as { [name in S]: P });
}

/** Refuses what is no number of at least zero. */
export function atLeastZero(op: string, name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new TensorError("argument", op, `${name} must be a number of at least 0, got ${describe(value)}`);
}
