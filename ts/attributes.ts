// Attributes of operations: what a user may write for each kind, and the numbers that it becomes at the boundary.
// Ranges and meanings are the core's business; here it is only seen to that every slot is a number.
import { isArray } from "./convert.js";
import { type DType, dtypeCode, dtypes } from "./dtype.js";
import { describe, type ErrorCode, list, TensorError } from "./errors.js";

/** Axes of a tensor; negative ones count from the last. */
export type Axes = number | readonly number[];

/** How many axes are summed over (the last of the first tensor, the first of the second), or which of each. */
export type Contraction = number | readonly [readonly number[], readonly number[]];

/** Elements added on both sides: for each axis, for all of them, as many as keep the size, or none. */
export type Padding = number | readonly number[] | "same" | "valid";

/** Elements added before and after, for each axis. */
export type Pairs = readonly (readonly [before: number, after: number])[];

/** For each axis `[start, stop, step]`, with any of them left out, or null for all of the axis. */
export type Slices = readonly (
  readonly [start?: number | undefined, stop?: number | undefined, step?: number | undefined] | null
)[];

/** The kinds of attributes: one slot each from `int` to `choice`, else a count and the slots of the items. */
export type Kind =
  "int" | "float" | "bool" | "axis" | "dtype" | "choice" | "axes" | "shape" | "ints" | "contraction" | "padding" | "pairs" | "slices" | "text";

/** One attribute of an operation. */
export interface Attribute {
  readonly name: string;
  readonly kind: Kind;
  /** A parameter of its own; the others are options. */
  readonly positional?: boolean;
  /** Taken when it is left out; null means that the operation knows what to do without. */
  readonly default?: unknown;
  readonly choices?: readonly string[];
}

/** Stands in a slot for the padding that keeps the size. */
const samePadding = -2;

/** Stands in a slot for "left out". */
const leftOut = Infinity;

/** Appends the slots of an attribute's value to `slots`. */
export function encode(op: string, attribute: Attribute, value: unknown, slots: number[]): void {
  const { name, kind } = attribute;
  if (value === undefined && attribute.positional === true && attribute.default === undefined) {
    throw new TensorError("argument", op, `${name} must be given`);
  }
  const given = value === undefined ? (attribute.default ?? null) : value;
  const refuse = (must: string, code: ErrorCode = "argument"): never => {
    throw new TensorError(code, op, `${name} must be ${must}, got ${describe(given)}`);
  };
  if (given === null) {
    if (value === null && attribute.default !== null) refuse("given");
    slots.push(isList(kind) ? -1 : leftOut);
    return;
  }
  switch (kind) {
    case "float":
      slots.push(typeof given === "number" ? given : refuse("a number"));
      break;
    case "int":
    case "axis":
      slots.push(isInteger(given) ? given : refuse("an integer", kind === "axis" ? "axis" : "argument"));
      break;
    case "bool":
      slots.push(typeof given === "boolean" ? Number(given) : refuse("true or false"));
      break;
    case "dtype":
      slots.push(dtypeCode(given) ?? refuse(oneOf(dtypes), "dtype"));
      break;
    case "choice": {
      const choices: readonly unknown[] = attribute.choices ?? [];
      const index = choices.indexOf(given);
      slots.push(index >= 0 ? index : refuse(oneOf(attribute.choices ?? [])));
      break;
    }
    case "axes":
    case "shape":
    case "ints": {
      const items = typeof given === "number" ? [given] : given;
      const code = kind === "axes" ? "axis" : kind === "shape" ? "shape" : "argument";
      if (!isArray(items)) return refuse("an integer or a list of integers", code);
      const bad = items.findIndex((item) => !isInteger(item));
      if (bad >= 0)
        throw new TensorError(
          code,
          op,
          `${name} must be an integer or a list of integers, got ${describe(items[bad])}`,
        );
      slots.push(items.length, ...items.map(Number));
      break;
    }
    case "contraction":
      slots.push(...(contraction(given) ?? refuse("a number of axes, or two lists of axes of one length")));
      break;
    case "padding":
      if (given === "same") slots.push(samePadding);
      else if (given === "valid") slots.push(-1);
      else encode(op, { ...attribute, kind: "ints" }, given, slots);
      break;
    case "pairs":
      slots.push(...(pairs(given) ?? refuse("a list of pairs of integers, such as [[1, 1], [0, 0]]")));
      break;
    case "slices":
      slots.push(...(slices(given) ?? refuse("a list with [start, stop, step], of integers, or null for each axis")));
      break;
    case "text":
      if (typeof given !== "string") return refuse("a string");
      slots.push(given.length, ...Array.from(given, (char) => char.charCodeAt(0)));
      break;
  }
}

const lists: readonly Kind[] = ["axes", "shape", "ints", "padding", "pairs", "slices", "text"];

function isList(kind: Kind): boolean {
  return lists.includes(kind);
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

function oneOf(words: readonly string[]): string {
  return list(words.map((word) => `"${word}"`)).replace(" and ", " or ");
}

function contraction(value: unknown): number[] | undefined {
  if (isInteger(value) && value >= 0) return [-1 - value];
  if (!isArray(value) || value.length !== 2) return undefined;
  const [a, b] = value;
  if (!isArray(a) || !isArray(b) || a.length !== b.length) return undefined;
  const axes = [...a, ...b];
  return axes.every(isInteger) ? [a.length, ...axes] : undefined;
}

function pairs(value: unknown): number[] | undefined {
  if (!isArray(value)) return undefined;
  const slots = [value.length];
  for (const pair of value) {
    if (!isArray(pair) || pair.length !== 2 || !pair.every(isInteger)) return undefined;
    slots.push(...pair);
  }
  return slots;
}

function slices(value: unknown): number[] | undefined {
  if (!isArray(value)) return undefined;
  const slots = [value.length];
  for (const slice of value) {
    const parts: unknown = slice ?? [];
    if (!isArray(parts) || parts.length > 3) return undefined;
    for (let i = 0; i < 3; i++) {
      const part = parts[i];
      if (part !== undefined && !isInteger(part)) return undefined;
      slots.push(part ?? leftOut);
    }
  }
  return slots;
}

/** The option types of an operation need these names. */
export type { DType };
