// Operations with several results: parts of a tensor.
import { asTensor } from "./apply.js";
import { describe, shapeText, TensorError } from "./errors.js";
import { reshape, slice } from "./ops.gen.js";
import type { Tensor, TensorLike } from "./tensor.js";

/** Parts of `x` along an axis (the first if left out): `parts` equal ones, or one of each of the sizes in a list. */
export function split(
  x: TensorLike,
  parts: number | readonly number[],
  options: number | { readonly axis?: number } = {},
): Tensor[] {
  const t = asTensor("split", x);
  const axis = axisOf("split", t, options);
  const size = t.shape[axis] ?? 0;
  const equal = typeof parts === "number" && parts >= 1 && parts <= size;
  const sizes = typeof parts !== "number" ? parts : equal ? Array.from({ length: parts }, () => size / parts) : [];
  const total = sizes.reduce((sum, n) => sum + n, 0);
  if (sizes.length === 0 || total !== size || !sizes.every((n) => Number.isInteger(n) && n >= 0)) {
    const got = typeof parts === "number" ? `${parts} parts` : `sizes ${shapeText(parts)}`;
    throw new TensorError(
      "shape",
      "split",
      `the parts must be whole and add up to the ${size} elements of axis ${axis}, got ${got}`,
      [t.shape],
    );
  }
  let start = 0;
  const results = sizes.map((n) => {
    const part = slice(t, [...Array.from({ length: axis }, () => null), [start, start + n] as const]);
    start += n;
    return part;
  });
  if (t !== x) t.dispose();
  return results;
}

/** The slices of `x` along an axis (the first if left out), without that axis. */
export function unstack(x: TensorLike, options: number | { readonly axis?: number } = {}): Tensor[] {
  const t = asTensor("unstack", x);
  const axis = axisOf("unstack", t, options);
  const shape = t.shape.filter((_, i) => i !== axis);
  const results = Array.from({ length: t.shape[axis] ?? 0 }, (_, i) => {
    const part = slice(t, [...Array.from({ length: axis }, () => null), [i, i + 1] as const]);
    const result = reshape(part, shape);
    part.dispose();
    return result;
  });
  if (t !== x) t.dispose();
  return results;
}

function axisOf(op: string, x: Tensor, options: number | { readonly axis?: number }): number {
  const axis = typeof options === "number" ? options : (options.axis ?? 0);
  if (!Number.isInteger(axis) || axis < -x.ndim || axis >= x.ndim) {
    throw new TensorError("axis", op, `axis must be from ${-x.ndim} to ${x.ndim - 1}, got ${describe(axis)}`, [
      x.shape,
    ]);
  }
  return axis < 0 ? axis + x.ndim : axis;
}
