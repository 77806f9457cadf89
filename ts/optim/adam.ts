// Adam, as PyTorch defines it.
import { checkOptions, describe, TensorError } from "../errors.js";
import { add, div, expm1, lerp, maximum, mul, neg, reciprocal, sqrt } from "../ops.gen.js";
import { adamStep, lerpSquare } from "../optim.gen.js";
import type { Tensor, TensorLike } from "../tensor.js";
import type { Tree } from "../structure.js";
import { atLeastZero, type Functional, functional, Optimizer, type Rule } from "./optimizer.js";

/** Options of Adam. */
export interface AdamOptions {
  /** Learning rate; 1e-3 by default. */
  readonly lr?: number;
  /** Decay rates of the averages of the gradient and of its square; [0.9, 0.999] by default. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator; 1e-8 by default. */
  readonly eps?: number;
  /** λ: λ p is added to the gradient; 0 by default. */
  readonly weightDecay?: number;
  /** Divides by the largest average of squares so far (Reddi et al., 2018); false by default. */
  readonly amsgrad?: boolean;
}

/**
 * What Adam keeps for each parameter: averages of the gradient and of its square, with `amsgrad` the largest of these.
 */
export type AdamSlot = "mean" | "square" | "largest";

/** lr / (1 - β1^t), and the factor 1 / sqrt(1 - β2^t) of the denominator's root. */
interface Corrections {
  readonly rate: TensorLike;
  readonly scale: TensorLike;
}

/**
 * g ← g + λ p; m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²; p ← p - lr m / (1 - β1^t) / (sqrt(v / (1 - β2^t)) + eps)
 * (Kingma and Ba, 2015, in the form of PyTorch).
 */
function rule(name: string, options: AdamOptions): Rule<AdamSlot, Corrections> {
  checkOptions(name, options, ["lr", "betas", "eps", "weightDecay", "amsgrad"]);
  const lr = atLeastZero(name, "lr", options.lr ?? 1e-3);
  const eps = atLeastZero(name, "eps", options.eps ?? 1e-8);
  const weightDecay = atLeastZero(name, "weightDecay", options.weightDecay ?? 0);
  const { betas = [0.9, 0.999], amsgrad = false } = options;
  if (!Array.isArray(betas) || betas.length !== 2 || !betas.every((beta) => beta >= 0 && beta < 1)) {
    throw new TensorError(
      "argument",
      name,
      `betas must be two numbers from 0 to below 1, got ${Array.isArray(betas) ? betas.map(describe).join(" and ") : describe(betas)}`,
    );
  }
  const [beta1, beta2] = betas;
  return {
    name,
    lr,
    slots: amsgrad ? ["mean", "square", "largest"] : ["mean", "square"],
    prepare(step): Corrections {
      if (typeof step === "number")
        return { rate: this.lr / (1 - beta1 ** step), scale: 1 / Math.sqrt(1 - beta2 ** step) };
      const rest = (beta: number): Tensor => neg(expm1(mul(step, Math.log(beta)))); // 1 - β^t
      return { rate: div(this.lr, rest(beta1)), scale: reciprocal(sqrt(rest(beta2))) };
    },
    update(p, gradient, [mean, mean2, largest], { rate, scale }, plain): readonly Tensor[] {
      if (mean === undefined || mean2 === undefined) return [p];
      const g = weightDecay === 0 ? gradient : add(gradient, mul(p, weightDecay));
      const m = lerp(mean, g, 1 - beta1);
      const v = lerpSquare(mean2, g, 1 - beta2);
      const most = largest === undefined ? v : maximum(largest, v);
      const next = adamStep(p, m, most, plain(rate), eps, plain(scale));
      return largest === undefined ? [next, m, v] : [next, m, v, most];
    },
  };
}

/** Adam on a tree of parameters, which get new values in each step. */
export class Adam<P = Tree> extends Optimizer<P> {
  constructor(params: P & Tree<P>, options: AdamOptions = {}) {
    super(rule("Adam", options), params);
  }
}

/** Adam as functions: `init(params)` and `update(grads, state, params)`. */
export function adam(options: AdamOptions = {}): Functional<AdamSlot> {
  return functional(rule("adam", options));
}
