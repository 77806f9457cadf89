// Operations with several results: parts of a tensor.
import { asTensor } from "./apply.js";
import { isArray } from "./convert.js";
import { checkOptions, describe, shapeText, TensorError } from "./errors.js";
import { reshape, slice } from "./ops.gen.js";
import { tidy } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";

/** Options of split and unstack; the axis alone may stand in their place. */
export interface AxisOptions {
  readonly axis?: number;
}

/** Parts of `x` along an axis (the first if left out): `parts` equal ones, or one of each of the sizes in a list. */
export function split(
  x: TensorLike,
  parts: number | readonly number[],
  options: number | AxisOptions = {},
): Tensor[] {
  return tidy(() => {
    const t = asTensor("split", x);
    const axis = axisOf("split", t, options);
    const size = t.shape[axis] ?? 0;
    if (typeof parts !== "number" && !isArray(parts)) {
      const must = `the second argument must be a number of parts or a list of sizes, got ${describe(parts)}`;
      throw new TensorError("argument", "split", must);
    }
    const equal = typeof parts === "number" && parts >= 1 && parts <= size;
    const sizes = typeof parts !== "number" ? parts : equal ? Array.from({ length: parts }, () => size / parts) : [];
    const total = sizes.reduce((sum, n) => sum + n, 0);
    if (sizes.length === 0 || total !== size || !sizes.every((n) => Number.isInteger(n) && n >= 0)) {
      const got = typeof parts === "number" ? `${parts} parts` : `sizes ${shapeText(parts)}`;
      const must = `the parts must be whole and add up to the ${size} elements of axis ${axis}, got ${got}`;
      throw new TensorError("shape", "split", must, [t.shape]);
    }
    let start = 0;
    return sizes.map((n) => {
      start += n;
      return along(t, axis, start - n, start);
    });
  });
}

/** The slices of `x` along an axis (the first if left out), without that axis. */
export function unstack(x: TensorLike, options: number | AxisOptions = {}): Tensor[] {
  return tidy(() => {
    const t = asTensor("unstack", x);
    const axis = axisOf("unstack", t, options);
    const shape = t.shape.filter((_, i) => i !== axis);
    return Array.from({ length: t.shape[axis] ?? 0 }, (_, i) => reshape(along(t, axis, i, i + 1), shape));
  });
}

function along(x: Tensor, axis: number, start: number, stop: number): Tensor {
  return slice(x, [...Array.from({ length: axis }, () => null), [start, stop] as const]);
}

function axisOf(op: string, x: Tensor, options: number | AxisOptions): number {
  if (typeof options !== "number") checkOptions(op, options, ["axis"]);
  const axis = typeof options === "number" ? options : (options.axis ?? 0);
  if (!Number.isInteger(axis) || axis < -x.ndim || axis >= x.ndim) {
    const must = `axis must be from ${-x.ndim} to ${x.ndim - 1}, got ${describe(axis)}`;
    throw new TensorError("axis", op, must, [x.shape]);
  }
  return axis < 0 ? axis + x.ndim : axis;
}
