// Tensors as text: values in brackets with shape and dtype, long axes abridged, as NumPy and PyTorch print them.
import type { DType, TensorData } from "./dtype.js";
import { shapeText } from "./errors.js";

/** An axis longer than this shows its ends; fewer are shown where there are many axes. */
const limits = [12, 6, 4, 2] as const;
const mostElements = 400;

/** Text of a tensor's values with shape and dtype, for instance `tensor([1, 2.5], shape [2], float32)`. */
export function print(values: TensorData, shape: readonly number[], dtype: DType, remark = ""): string {
  const shown = (limit: number): number => shape.reduce((product, n) => product * Math.min(n, limit), 1);
  const limit = limits.find((n) => shown(n) <= mostElements) ?? 2;
  const words = texts(values, shape, limit, (x) => formatNumber(x, dtype));
  const width = Math.max(0, ...words.map((word) => word.length));
  const indent = "tensor(".length;
  let next = 0;
  const render = (axis: number): string => {
    const size = shape[axis];
    if (size === undefined) return (words[next++] ?? "").padStart(shape.length > 1 ? width : 0);
    const last = axis === shape.length - 1;
    const separator = last ? ", " : `,${"\n".repeat(shape.length - 1 - axis)}${" ".repeat(indent + axis + 1)}`;
    const parts = places(size, limit).map((place) => (place === null ? "…" : render(axis + 1)));
    return `[${parts.join(separator)}]`;
  };
  return `tensor(${render(0)}, shape ${shapeText(shape)}, ${dtype}${remark})`;
}

/** A number as people read it: up to 6 digits of a float32, up to 12 of a float64. */
export function formatNumber(x: number, dtype: DType): string {
  if (dtype === "bool") return x === 0 ? "false" : "true";
  if (Object.is(x, -0)) return "-0";
  return dtype === "int32" || !Number.isFinite(x)
    ? String(x)
    : String(Number(x.toPrecision(dtype === "float32" ? 6 : 12)));
}

/** The places of an axis that are shown; null stands for those between. */
function places(size: number, limit: number): readonly (number | null)[] {
  const all = Array.from({ length: size }, (_, i) => i);
  if (size <= limit) return all;
  const ends = Math.max(1, Math.floor(limit / 3));
  return [...all.slice(0, ends), null, ...all.slice(size - ends)];
}

/** The words for the elements that are shown, in row-major order. */
function texts(values: TensorData, shape: readonly number[], limit: number, format: (x: number) => string): string[] {
  let rows = [0];
  for (const size of shape) {
    const shown = places(size, limit).filter((place) => place !== null);
    rows = rows.flatMap((row) => shown.map((place) => row * size + place));
  }
  return rows.map((at) => format(values[at] ?? 0));
}
