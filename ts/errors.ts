// The one error of wengert. Every refusal, in Rust or here, is a sentence `op: what must hold, got what`.
import type { DType } from "./dtype.js";

/** The kind of a failure. */
export type ErrorCode =
  "shape" | "dtype" | "axis" | "argument" | "disposed" | "gradient" | "value" | "memory" | "trace" | "format";

/** A refusal: what was wrong, where, and the shapes and dtypes that were given. The engine goes on working after it. */
export class TensorError extends Error {
  /** The kind of failure, for programs. */
  readonly code: ErrorCode;
  /** The operation that refused. */
  readonly op: string;
  /** Shapes of the operands, where they matter. */
  readonly shapes: readonly (readonly number[])[];
  /** Dtypes of the operands, where they matter. */
  readonly dtypes: readonly DType[];

  /** `sentence` says what must hold and what was got; the name of the operation is put before it. */
  constructor(
    code: ErrorCode,
    op: string,
    sentence: string,
    shapes: readonly (readonly number[])[] = [],
    dtypes: readonly DType[] = [],
  ) {
    super(`${op}: ${sentence}`);
    this.name = "TensorError";
    this.code = code;
    this.op = op;
    this.shapes = shapes;
    this.dtypes = dtypes;
  }
}

/** What ends the core, thrown by what it calls: why it cannot go on. */
export class Stopped extends Error {}

/** The error that the core described as JSON `{code, op, message, shapes, dtypes}`, in the name of `user` if given. */
export function fromJson(json: string, user?: string): TensorError {
  const { code, op, message, shapes, dtypes } = JSON.parse(json) as Omit<TensorError, "name">;
  const sentence = message.startsWith(`${op}: `) ? message.slice(op.length + 2) : message;
  return new TensorError(code, user ?? op, sentence, shapes, dtypes);
}

/** Marks the Tensor class of every copy of the library. */
export const tensorBrand = Symbol.for("wengert.Tensor");

/** How a value that should not be there is named in a sentence: `undefined`, `"abc"`, `a function`, `an array`. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "bigint":
      return `${value}n`;
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `an array of ${value.length}`;
      if (tensorBrand in value) return "a tensor";
      return isPromise(value) ? "a promise" : `an object (${value.constructor?.name ?? "without a class"})`;
    default:
      return String(value);
  }
}

/** Whether something is a promise, or can be awaited like one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Refuses what an async function gave to `op`, which runs its function now. */
export function refusePromise(op: string, value: unknown): void {
  if (!isPromise(value)) return;
  value.then(undefined, () => undefined); // its own failure would come after this error and end the process
  throw new TensorError("trace", op, "the function must be synchronous, got a promise");
}

/** A list of words for a sentence: `a, b and c`. */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}

/** A shape for a sentence: `[2, 3]`. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Refuses options that are no object or have other names than these. */
export function checkOptions(op: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TensorError("argument", op, `the options must be an object, got ${describe(options)}`);
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const names = known.length === 0 ? "no options are known" : `the options are ${list(known)}`;
  throw new TensorError("argument", op, `${names}, got ${describe(unknown)}`);
}

/** Refuses what is no function. */
export function checkFunction(op: string, f: unknown): void {
  if (typeof f !== "function")
    throw new TensorError("argument", op, `the first argument must be a function, got ${describe(f)}`);
}

/** Refuses what is no finite number, or one below `least`. */
export function checkNumber(op: string, name: string, value: unknown, least = -Infinity): void {
  if (typeof value === "number" && Number.isFinite(value) && value >= least) return;
  const must = least === -Infinity ? "a number" : `a number of at least ${least}`;
  throw new TensorError("argument", op, `${name} must be ${must}, got ${describe(value)}`);
}

/** What two tensors are compared by. */
interface Typed {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Refuses a value that has not the shape and dtype of `model`; `must` says so, up to what they are. */
export function checkLike(op: string, must: string, value: Typed, model: Typed): void {
  if (shapeText(value.shape) === shapeText(model.shape) && value.dtype === model.dtype) return;
  const [wanted, got] = [model, value].map(({ shape, dtype }) => `${shapeText(shape)} ${dtype}`);
  const sentence = `${must} ${wanted ?? ""}, got ${got ?? ""}`;
  throw new TensorError("shape", op, sentence, [model.shape, value.shape], [model.dtype, value.dtype]);
}
