// The kinds of arguments that a compiled function meets: where tensors stand in them, and everything else as it is.
import { foreign } from "./apply.js";
import { fromData, isArray } from "./convert.js";
import { shapeText, TensorError } from "./errors.js";
import { alive, handleOf, isTensor, made } from "./scope.js";
import { entriesOf, isContainer, isPlainLeaf, isPlainObject } from "./structure.js";
import type { Tensor } from "./tensor.js";

/** Arguments without their tensors. */
export type Pattern =
  | { readonly kind: "tensor" }
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "array"; readonly items: readonly Pattern[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [key: string, value: Pattern])[] };

/** The tensors of a call, in order. */
export interface Leaves {
  readonly tensors: Tensor[];
  /** Those that were made of numeric arrays for this call. */
  readonly own: Tensor[];
}

/** Whether a number array stands for a tensor: everything that holds numbers but single ones. */
function isData(value: unknown): boolean {
  return typeof value === "object" && isPlainLeaf(value);
}

/** Whether a tensor stands at a place; it is added to `leaves`. */
function isLeaf(value: unknown, leaves: Leaves): boolean {
  if (isTensor(value)) {
    leaves.tensors.push(value);
    return true;
  }
  if (!isData(value)) return false;
  const tensor = made(fromData("compile", value));
  leaves.own.push(tensor);
  leaves.tensors.push(tensor);
  return true;
}

/** Takes arguments apart. */
export function patternOf(value: unknown, path: string, leaves: Leaves, open: readonly unknown[] = []): Pattern {
  if (isTensor(value)) alive("compile", value, path);
  if (isLeaf(value, leaves)) return { kind: "tensor" };
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return { kind: "value", value };
  if (open.includes(value)) throw new TensorError("argument", "compile", `${path} must not contain itself`);
  const inside = [...open, value];
  if (isArray(value))
    return { kind: "array", items: value.map((item, i) => patternOf(item, `${path}[${i}]`, leaves, inside)) };
  if (isContainer(value)) {
    const entries = entriesOf(value).map(
      ([key, item]): [string, Pattern] => [key, patternOf(item, `${path}.${key}`, leaves, inside)],
    );
    return { kind: "object", entries };
  }
  const must = "must be a tensor, data, a plain value, or arrays and objects of such";
  throw new TensorError("argument", "compile", `${path} ${must}, got ${foreign(value)}`);
}

/** Whether a value is of a pattern, and its tensors, which are added to `leaves`, are there. */
export function matches(pattern: Pattern, value: unknown, leaves: Leaves): boolean {
  if (isTensor(value)) {
    if (pattern.kind !== "tensor" || handleOf(value) <= 0) return false;
    leaves.tensors.push(value);
    return true;
  }
  switch (pattern.kind) {
    case "tensor":
      return isLeaf(value, leaves);
    case "value":
      return Object.is(pattern.value, value);
    case "array":
      return isArray(value) && value.length === pattern.items.length && allMatch(pattern.items, value, leaves);
    case "object":
      if (!isPlainObject(value) || Object.keys(value).length !== pattern.entries.length) return false;
      for (const [key, item] of pattern.entries)
        if (!Object.hasOwn(value, key) || !matches(item, value[key], leaves)) return false;
      return true;
  }
}

/** Whether as many values as patterns are of these. */
export function allMatch(patterns: readonly Pattern[], values: readonly unknown[], leaves: Leaves): boolean {
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i];
    if (pattern === undefined || !matches(pattern, values[i], leaves)) return false;
  }
  return true;
}

/** The value of a pattern with these tensors, taken in order. */
export function fill(pattern: Pattern, tensors: Iterator<Tensor>): unknown {
  if (pattern.kind === "tensor") return tensors.next().value;
  if (pattern.kind === "value") return pattern.value;
  if (pattern.kind === "array") return pattern.items.map((item) => fill(item, tensors));
  return Object.fromEntries(pattern.entries.map(([key, item]) => [key, fill(item, tensors)]));
}

/** A pattern as text, with the dtypes and shapes of these tensors: `{w: float32[2, 3], lr: 0.1}`. */
export function patternText(pattern: Pattern, tensors: Iterator<Tensor>): string {
  if (pattern.kind === "tensor") {
    const next = tensors.next();
    return next.done === true ? "" : `${next.value.dtype}${shapeText(next.value.shape)}`;
  }
  if (pattern.kind === "value") return typeof pattern.value === "string" ? JSON.stringify(pattern.value) : String(pattern.value);
  if (pattern.kind === "array") return `[${pattern.items.map((item) => patternText(item, tensors)).join(", ")}]`;
  return `{${pattern.entries.map(([key, item]) => `${key}: ${patternText(item, tensors)}`).join(", ")}}`;
}
