// Making tensors: from data, filled, and sequences.
import { asTensor } from "./apply.js";
import { checkDType, checkShape, createFor, fromData, type Plain, type Shape } from "./convert.js";
import type { DType, TensorData } from "./dtype.js";
import { describe, TensorError } from "./errors.js";
import { isTensor, made, tidy } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";

/** What a new tensor is like; the dtype alone may stand in its place. */
export interface CreateOptions {
  readonly dtype?: DType;
  /** Whether `backward` accumulates a gradient in it; false by default. */
  readonly requiresGrad?: boolean;
}

/** How data becomes a tensor; the dtype alone may stand in its place. */
export interface TensorOptions extends CreateOptions {
  /** The shape, with as many elements as the data; by default that of the data. */
  readonly shape?: Shape;
}

/**
 * A tensor with the given values. Without `dtype`, Float64Array gives float64, Int32Array int32, booleans bool,
 * everything else float32. Nested arrays must be rectangular. int32 truncates and saturates, bool is x ≠ 0.
 */
export function tensor(data: Plain | Tensor, options?: DType | TensorOptions): Tensor {
  const { dtype, shape, requiresGrad } = read("tensor", options, ["dtype", "shape", "requiresGrad"]);
  if (isTensor(data)) {
    return tidy(() => {
      const typed = dtype === undefined || dtype === data.dtype ? data.detach() : data.detach().to(dtype);
      return finish(shape === undefined ? typed : typed.reshape(shape), requiresGrad);
    });
  }
  const sizes = shape === undefined ? undefined : checkShape("tensor", shape);
  return finish(made(fromData("tensor", data, dtype, sizes)), requiresGrad);
}

/** A tensor of zeros; float32 unless said otherwise. */
export function zeros(shape: Shape, options?: DType | CreateOptions): Tensor {
  return filled("zeros", shape, 0, options);
}

/** A tensor of ones; float32 unless said otherwise. */
export function ones(shape: Shape, options?: DType | CreateOptions): Tensor {
  return filled("ones", shape, 1, options);
}

/** A tensor with the same value everywhere; bool for a boolean, else float32 unless said otherwise. */
export function full(shape: Shape, value: number | boolean, options?: DType | CreateOptions): Tensor {
  return filled("full", shape, value, options, typeof value === "boolean" ? "bool" : "float32");
}

/** Zeros of the shape of `x`, and of its dtype unless said otherwise. */
export function zerosLike(x: TensorLike, options?: DType | CreateOptions): Tensor {
  return like("zerosLike", x, 0, options);
}

/** Ones of the shape of `x`, and of its dtype unless said otherwise. */
export function onesLike(x: TensorLike, options?: DType | CreateOptions): Tensor {
  return like("onesLike", x, 1, options);
}

/** The same value everywhere, in the shape of `x`, and of its dtype unless said otherwise. */
export function fullLike(x: TensorLike, value: number | boolean, options?: DType | CreateOptions): Tensor {
  return like("fullLike", x, value, options);
}

/** The unit matrix: [rows, columns] with ones on the diagonal; square if `columns` is left out. */
export function eye(rows: number, columns?: number | DType | CreateOptions, options?: DType | CreateOptions): Tensor {
  const square = typeof columns !== "number";
  const width = square ? rows : columns;
  const { dtype = "float32", requiresGrad } = read("eye", square ? (options ?? columns) : options);
  const { handle, values } = createFor("eye", dtype, [number("eye", "rows", rows), width]);
  values.fill(0);
  for (let i = 0; i < Math.min(rows, width); i++) values[i * width + i] = 1;
  return finish(made(handle), requiresGrad);
}

/**
 * The numbers from `start` (0 if only `stop` is given) up to but without `stop`, `step` apart; float32 unless said
 * otherwise. Options come last.
 */
export function arange(...args: readonly (number | DType | CreateOptions)[]): Tensor {
  const numbers = args.filter((arg) => typeof arg === "number");
  const options = args[numbers.length];
  if (numbers.length === 0 || numbers.length > 3 || args.length > numbers.length + 1 || typeof options === "number") {
    throw new TensorError("argument", "arange", "the arguments must be stop, or start, stop and step, then options");
  }
  const [first = 0, second, step = 1] = numbers;
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!Number.isFinite(count)) {
    throw new TensorError(
      "argument",
      "arange",
      `start, stop and step must be finite and step not 0, got ${numbers.join(", ")}`,
    );
  }
  return sequence("arange", count, (i) => start + i * step, options);
}

/**
 * `count` numbers (50 if left out) from `start` to `stop`, both included, at equal distances; float32 unless said
 * otherwise.
 */
export function linspace(start: number, stop: number, count = 50, options?: DType | CreateOptions): Tensor {
  for (const [name, value] of [
    ["start", start],
    ["stop", stop],
    ["count", count],
  ] as const)
    number("linspace", name, value);
  const steps = Math.max(1, count - 1);
  return sequence("linspace", count, (i) => (i === steps ? stop : start + ((stop - start) * i) / steps), options);
}

function sequence(op: string, count: number, value: (i: number) => number, options: unknown): Tensor {
  const { dtype = "float32", requiresGrad } = read(op, options);
  const { handle, values } = createFor(op, dtype, [count]);
  for (let i = 0; i < values.length; i++) values[i] = element(value(i), dtype);
  return finish(made(handle), requiresGrad);
}

function like(op: string, x: TensorLike, value: number | boolean, options: unknown): Tensor {
  if (isTensor(x)) return filled(op, x.shape, value, options, x.dtype);
  const model = asTensor(op, x);
  try {
    return filled(op, model.shape, value, options, model.dtype);
  } finally {
    model.dispose();
  }
}

function filled(op: string, shape: Shape, value: number | boolean, options: unknown, usual: DType = "float32"): Tensor {
  if (typeof value !== "boolean") number(op, "the value", value);
  const { dtype = usual, requiresGrad } = read(op, options);
  const { handle, values } = createFor(op, dtype, checkShape(op, shape));
  values.fill(element(Number(value), dtype));
  return finish(made(handle), requiresGrad);
}

/** A number as an element; typed arrays would let int32 wrap around. */
function element(x: number, dtype: DType): TensorData[number] {
  if (dtype === "bool") return Number(x !== 0);
  return dtype === "int32" ? Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, x)) : x;
}

/** A new tensor with the option that is set after it is made. */
export function finish(made: Tensor, requiresGrad: boolean | undefined): Tensor {
  if (requiresGrad === undefined) return made;
  try {
    made.requiresGrad = requiresGrad;
  } catch (error) {
    made.dispose();
    throw error;
  }
  return made;
}

function number(op: string, name: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw new TensorError("argument", op, `${name} must be a number, got ${describe(value)}`);
}

interface AllOptions {
  readonly dtype?: DType;
  readonly shape?: Shape;
  readonly requiresGrad?: boolean;
}

/** The options that a user gave: a dtype, or an object with known names. */
export function read(op: string, options: unknown, known: readonly string[] = ["dtype", "requiresGrad"]): AllOptions {
  if (options === undefined) return {};
  if (typeof options === "string") return { dtype: checkDType(op, options) };
  if (typeof options !== "object" || options === null) {
    throw new TensorError("argument", op, `the options must be an object or a dtype, got ${describe(options)}`);
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new TensorError("argument", op, `the options are ${known.join(", ")}, got ${describe(unknown)}`);
  const { dtype, ...rest }: { readonly dtype?: unknown } & Omit<AllOptions, "dtype"> = options;
  return dtype === undefined ? rest : { ...rest, dtype: checkDType(op, dtype) };
}
