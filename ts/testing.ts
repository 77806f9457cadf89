// For tests of programs that use wengert, with any test runner.
import { asTensor } from "./apply.js";
import { unravel } from "./convert.js";
import { isFloat } from "./dtype.js";
import { checkNumber, checkOptions, shapeText } from "./errors.js";
import { formatNumber } from "./print.js";
import { tidy } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";
import { at, flattenTree, leavesLike, operandLeaf } from "./structure.js";

export { type Discrepancy, gradCheck, type GradCheckOptions, type GradCheckResult } from "./check.js";

/** How close is close: |actual - expected| <= atol + rtol |expected|. */
export interface CloseOptions {
  /** 1e-5 by default, 1e-9 where both are float64. */
  readonly rtol?: number;
  /** 1e-6 by default, 1e-12 where both are float64. */
  readonly atol?: number;
}

/**
 * Throws an error that names the worst element unless two tensors, or trees of them, agree in shape and nearly in
 * value. NaN equals NaN.
 */
export function expectClose(actual: unknown, expected: unknown, options: CloseOptions = {}): void {
  checkOptions("expectClose", options, ["rtol", "atol"]);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) checkNumber("expectClose", name, value, 0);
  }
  tidy(() => {
    const paths: string[] = [];
    const { leaves, definition } = flattenTree("expectClose", actual, "actual", (op, value, path) => {
      const leaf = operandLeaf(op, value, path);
      if (leaf !== undefined) paths.push(path);
      return leaf;
    });
    const wanted = leavesLike("expectClose", definition, expected, "expected", operandLeaf);
    leaves.forEach((leaf, i) => {
      compare(leaf, at(wanted, i), at(paths, i), options);
    });
  });
}

function compare(a: TensorLike, b: TensorLike, path: string, options: CloseOptions): void {
  const actual = asTensor("expectClose", a, path);
  const expected = asTensor("expectClose", b, "expected", actual.dtype);
  if (shapeText(actual.shape) !== shapeText(expected.shape)) {
    throw new Error(
      `expectClose: ${path} must have shape ${shapeText(expected.shape)}, got ${shapeText(actual.shape)}`,
    );
  }
  const double = actual.dtype === "float64" && expected.dtype === "float64";
  const exact = !isFloat(actual.dtype) && !isFloat(expected.dtype);
  const { rtol = exact ? 0 : double ? 1e-9 : 1e-5, atol = exact ? 0 : double ? 1e-12 : 1e-6 } = options;
  const [xs, ys] = [actual.data(), expected.data()];
  let worst = { i: -1, excess: 1 };
  let wrong = 0;
  for (let i = 0; i < xs.length; i++) {
    const [x, y] = [xs[i] ?? NaN, ys[i] ?? NaN];
    if (Object.is(x, y) || x === y) continue;
    const ratio = Math.abs(x - y) / (atol + rtol * Math.abs(y));
    const excess = Number.isNaN(ratio) ? Infinity : ratio;
    if (excess <= 1) continue;
    wrong += 1;
    if (worst.i < 0 || excess > worst.excess) worst = { i, excess };
  }
  if (wrong > 0) throw new Error(difference(path, actual, expected, worst.i, wrong));
}

function difference(path: string, actual: Tensor, expected: Tensor, i: number, wrong: number): string {
  const [x, y] = [actual.data()[i] ?? NaN, expected.data()[i] ?? NaN];
  const index = unravel(i, actual.shape);
  const numbers = `${formatNumber(x, actual.dtype)} where ${formatNumber(y, expected.dtype)} is expected`;
  const place = `${path} differs in ${wrong} of ${actual.size} elements, most at ${shapeText(index)}`;
  return `expectClose: ${place}: ${numbers} (difference ${Math.abs(x - y)})`;
}
