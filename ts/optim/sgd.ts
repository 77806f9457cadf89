// Stochastic gradient descent with momentum, as PyTorch defines it.
import { checkOptions, describe, TensorError } from "../errors.js";
import { add, equal, mul, sub } from "../ops.gen.js";
import type { Tensor, TensorLike } from "../tensor.js";
import type { Tree } from "../structure.js";
import { atLeastZero, type Functional, functional, Optimizer, type Rule } from "./optimizer.js";

/** Options of SGD. */
export interface SGDOptions {
  /** Learning rate; 1e-3 by default. */
  readonly lr?: number;
  /** μ; 0 by default. */
  readonly momentum?: number;
  /** τ: how much of each gradient but the first is kept from the momentum; 0 by default. */
  readonly dampening?: number;
  /** λ: λ p is added to the gradient; 0 by default. */
  readonly weightDecay?: number;
  /** Looks ahead along the momentum; false by default. */
  readonly nesterov?: boolean;
}

/** What SGD keeps for each parameter. */
export type SGDSlot = "momentum";

/**
 * g ← g + λ p; b ← g in the first step, then b ← μ b + (1 - τ) g; g ← g + μ b with `nesterov`, else g ← b; p ← p - lr g
 * (Sutskever et al., 2013, in the form of PyTorch).
 */
function rule(name: string, options: SGDOptions): Rule<SGDSlot, TensorLike> {
  checkOptions(name, options, ["lr", "momentum", "dampening", "weightDecay", "nesterov"]);
  const lr = atLeastZero(name, "lr", options.lr ?? 1e-3);
  const momentum = atLeastZero(name, "momentum", options.momentum ?? 0);
  const weightDecay = atLeastZero(name, "weightDecay", options.weightDecay ?? 0);
  const { dampening = 0, nesterov = false } = options;
  if (typeof dampening !== "number" || Number.isNaN(dampening) || typeof nesterov !== "boolean") {
    const got = `${describe(dampening)} and ${describe(nesterov)}`;
    throw new TensorError("argument", name, `dampening must be a number and nesterov true or false, got ${got}`);
  }
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new TensorError(
      "argument",
      name,
      `nesterov needs momentum and no dampening, got momentum ${momentum} and dampening ${dampening}`,
    );
  }
  return {
    name,
    lr,
    slots: momentum === 0 ? [] : ["momentum"],
    // What the gradient counts for in the momentum.
    prepare: (step) => {
      if (dampening === 0) return 1;
      if (typeof step === "number") return step === 1 ? 1 : 1 - dampening;
      return equal(step, 1)
        .to(step.dtype)
        .mul(dampening)
        .add(1 - dampening);
    },
    update(p, gradient, [buffer], share, plain): readonly Tensor[] {
      const g = weightDecay === 0 ? gradient : add(gradient, mul(p, weightDecay));
      if (buffer === undefined) return [sub(p, mul(g, this.lr))];
      const b = add(mul(buffer, momentum), share === 1 ? g : mul(g, plain(share)));
      const direction = nesterov ? add(g, mul(b, momentum)) : b;
      return [sub(p, mul(direction, this.lr)), b];
    },
  };
}

/** Stochastic gradient descent on a tree of parameters, which get new values in each step. */
export class SGD<P = Tree> extends Optimizer<P> {
  constructor(params: P & Tree<P>, options: SGDOptions = {}) {
    super(rule("SGD", options), params);
  }
}

/** Stochastic gradient descent as functions: `init(params)` and `update(grads, state, params)`. */
export function sgd(options: SGDOptions = {}): Functional<SGDSlot> {
  return functional(rule("sgd", options));
}
