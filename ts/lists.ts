// Operations with several results: parts of a tensor.
import { asTensor } from "./apply.js";
import { tensor } from "./create.js";
import { isArray } from "./convert.js";
import { checkOptions, describe, shapeText, TensorError } from "./errors.js";
import { argsort, broadcastTo, flatten, gather, reshape, slice } from "./ops.gen.js";
import { dispose, isTensor, tidy } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";

/** Options of split and unstack; the axis alone may stand in their place. */
export interface AxisOptions {
  readonly axis?: number;
}

/**
 * Parts of `x` along an axis (the first if left out): `parts` equal ones, or one of each of the sizes in a list.
 * @dtypes any
 * @derivative x gets what the parts get, one after the other
 * @cost O(1) for each part
 */
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

/**
 * The slices of `x` along an axis (the first if left out), without that axis.
 * @dtypes any
 * @derivative x gets what the slices get, stacked
 * @cost O(1) for each slice
 */
export function unstack(x: TensorLike, options: number | AxisOptions = {}): Tensor[] {
  return tidy(() => {
    const t = asTensor("unstack", x);
    const axis = axisOf("unstack", t, options);
    const shape = t.shape.filter((_, i) => i !== axis);
    return Array.from({ length: t.shape[axis] ?? 0 }, (_, i) => reshape(along(t, axis, i, i + 1), shape));
  });
}

/** Options of topk; the axis alone may stand in their place. */
export interface TopkOptions {
  /** The last if left out. */
  readonly axis?: number;
  /** The smallest elements when false. */
  readonly largest?: boolean;
}

/**
 * `[values, indices]` of the k largest elements along an axis, in descending order (the smallest in ascending order); of
 * equal ones those that come first, which alone get the gradient. NaN counts as the largest.
 * @dtypes any
 * @derivative x gets g of the values in the places that they came from; the indices are int32
 * @cost O(n log n) along the axis
 */
export function topk(x: TensorLike, k: number, options: number | TopkOptions = {}): [values: Tensor, indices: Tensor] {
  return tidy((): [Tensor, Tensor] => {
    const t = asTensor("topk", x);
    checkOptions("topk", typeof options === "number" ? {} : options, ["axis", "largest"]);
    const { axis: given = -1, largest = true } = typeof options === "number" ? { axis: options } : options;
    const axis = axisOf("topk", t, given);
    const size = t.shape[axis] ?? 0;
    if (!Number.isInteger(k) || k < 0 || k > size)
      throw new TensorError("argument", "topk", `k must be from 0 to ${size}, the size of axis ${axis}, got ${describe(k)}`);
    const indices = along(argsort(t, { axis, descending: largest }), axis, 0, k);
    return [gather(t, indices, axis), indices];
  });
}

/** Options of meshgrid. */
export interface MeshgridOptions {
  /** "xy" (default) makes the first two axes those of a picture: rows belong to the second vector. */
  readonly indexing?: "xy" | "ij";
}

/**
 * Coordinates over a grid, one tensor for each vector, all of one shape: NumPy's meshgrid. Options come last.
 * @dtypes any
 * @derivative each vector gets the sum of g over the other axes
 * @cost O(1) for each vector
 */
export function meshgrid(...vectors: readonly (TensorLike | MeshgridOptions)[]): Tensor[] {
  return tidy(() => {
    const last = vectors.at(-1);
    const options = isOptions(last) ? last : {};
    checkOptions("meshgrid", options, ["indexing"]);
    const { indexing = "xy" } = options;
    if (indexing !== "xy" && indexing !== "ij")
      throw new TensorError("argument", "meshgrid", `indexing must be "xy" or "ij", got ${describe(indexing)}`);
    const xs = vectors.flatMap((x, i) => (isOptions(x) ? [] : [flatten(asTensor("meshgrid", x, `argument ${i + 1}`))]));
    const order = xs.map((_, i) => (indexing === "xy" && xs.length > 1 && i < 2 ? 1 - i : i));
    const shape = order.map((i) => xs[i]?.size ?? 0);
    return xs.map((x, i) =>
      broadcastTo(reshape(x, shape.map((_, axis) => (order[axis] === i ? x.size : 1))), shape),
    );
  });
}

function isOptions(value: unknown): value is MeshgridOptions {
  return typeof value === "object" && value !== null && !isTensor(value) && !isArray(value) && !ArrayBuffer.isView(value);
}

/**
 * The different elements in ascending order, NaN once and last. Their number depends on the values, so these are read:
 * no gradient flows, and inside vmap it is an error.
 * @shapes `[..] -> [m]`
 * @dtypes any
 * @derivative none
 * @cost O(n log n)
 */
export function unique(x: TensorLike): Tensor {
  const t = asTensor("unique", x);
  const sorted = t.data().sort();
  const kept = sorted.filter((value, i) => i === 0 || !(Object.is(value, sorted[i - 1]) || value === sorted[i - 1]));
  const result = tensor(kept, { dtype: t.dtype });
  if (t !== x) dispose(t);
  return result;
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
