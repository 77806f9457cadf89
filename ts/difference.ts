// Derivatives by finite differences: what derivatives are checked against.
import { asTensor } from "./apply.js";
import { tensor } from "./create.js";
import { isFloat } from "./dtype.js";
import { checkNumber, checkOptions, describe, shapeText, TensorError } from "./errors.js";
import { noGrad } from "./grad.js";
import { tidy } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";
import { checkFunction } from "./trace.js";

/** Which differences, and how far apart. */
export interface DifferenceOptions {
  /** (f(x + h) - f(x)) / h, (f(x) - f(x - h)) / h, or by default (f(x + h) - f(x - h)) / 2h. */
  readonly scheme?: "forward" | "backward" | "central";
  /** The step; by default where rounding and truncation are about equal: ε^(1/2), for central differences ε^(1/3). */
  readonly h?: number;
}

/** Where `f` is evaluated for each scheme, in steps of h. */
const stencils = { forward: [0, 1], backward: [-1, 0], central: [-1, 1] } as const;

/**
 * The derivative of `f` at `x` by finite differences, of shape `[...y.shape, ...x.shape]`: the gradient where `f`
 * returns one number without axes. The error is O(h) for forward and backward differences and O(h²) for central ones.
 * Plain data for `x` is taken as float64, which leaves 10 digits for central differences; float32 leaves 4.
 */
export function finiteDifference(f: (x: Tensor) => TensorLike, x: TensorLike, options: DifferenceOptions = {}): Tensor {
  checkFunction("finiteDifference", f);
  checkOptions("finiteDifference", options, ["scheme", "h"]);
  const { scheme = "central" } = options;
  if (options.h !== undefined) checkNumber("finiteDifference", "h", options.h, Number.MIN_VALUE);
  if (!Object.hasOwn(stencils, scheme)) {
    throw new TensorError(
      "argument",
      "finiteDifference",
      `scheme must be "forward", "backward" or "central", got ${describe(scheme)}`,
    );
  }
  return tidy(() => {
    const point = asTensor("finiteDifference", x, "x", "float64");
    const { dtype, shape } = point;
    if (!isFloat(dtype)) {
      throw new TensorError(
        "dtype",
        "finiteDifference",
        `x must be float32 or float64, got ${dtype}`,
        [shape],
        [dtype],
      );
    }
    const epsilon = dtype === "float64" ? 2 ** -52 : 2 ** -23;
    const h = options.h ?? (scheme === "central" ? Math.cbrt(epsilon) : Math.sqrt(epsilon));
    const center = point.data();
    const evaluate = (i: number, value: number, steps: number): Sample => {
      const moved = center.slice();
      moved[i] = value;
      if (steps !== 0 && moved[i] === center[i]) {
        const must = `h must be large enough to move x, got ${h} beside ${center[i] ?? NaN} in ${dtype}`;
        throw new TensorError("argument", "finiteDifference", must);
      }
      return sample(f, () => tensor(moved, { dtype, shape }), moved[i] ?? 0);
    };
    const pairs = Array.from(center, (value, i) => stencils[scheme].map((steps) => evaluate(i, value + steps * h, steps)));
    const outputs = pairs[0]?.[0] ?? sample(f, () => point, 0); // what f returns for an empty x has a shape too
    const columns = pairs.map(([from = outputs, to = outputs]) => quotient(from, to));
    const rows = outputs.values.length;
    const result = new Float64Array(rows * columns.length);
    columns.forEach((column, j) => {
      column.forEach((value, i) => (result[i * columns.length + j] = value));
    });
    return tensor(result, { dtype, shape: [...outputs.shape, ...shape] });
  });
}

interface Sample {
  /** The moved coordinate as the dtype could hold it. */
  readonly at: number;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

function sample(f: (x: Tensor) => TensorLike, x: () => Tensor, at: number): Sample {
  return tidy(() => {
    const y = asTensor(
      "finiteDifference",
      noGrad(() => f(x())),
      "what the function returns",
      "float64",
    );
    return { at, shape: y.shape, values: Float64Array.from(y.data()) };
  });
}

function quotient(from: Sample, to: Sample): number[] {
  if (shapeText(from.shape) !== shapeText(to.shape)) {
    const got = `${shapeText(from.shape)} and ${shapeText(to.shape)}`;
    const must = `the function must return the same shape everywhere, got ${got}`;
    throw new TensorError("shape", "finiteDifference", must, [from.shape, to.shape]);
  }
  return Array.from(to.values, (value, i) => (value - (from.values[i] ?? NaN)) / (to.at - from.at));
}
