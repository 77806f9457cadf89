// From plain JavaScript data to tensors of the core: shapes and dtypes of numbers, nested arrays and typed arrays.
import { core, memoryView, raise, scratch } from "./core.js";
import { type DType, dtypeCode, dtypes, type TensorData } from "./dtype.js";
import { describe, list, TensorError } from "./errors.js";
import { isTensor } from "./scope.js";

/** Numbers or booleans, nested to any depth; rows may be typed arrays. */
export type NestedArray = readonly (number | boolean | NumericArray | NestedArray)[];

/** A typed array of numbers. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** What is taken in place of a tensor. */
export type Plain = number | boolean | NestedArray | NumericArray;

/** A shape: sizes of the axes in elements, outermost first; a number is a shape of one axis. */
export type Shape = number | readonly number[];

/** Whether something is a typed array of numbers. */
export function isNumericArray(value: unknown): value is NumericArray {
  return ArrayBuffer.isView(value) && "length" in value && !kindOf(value).startsWith("Big");
}

/** What a view of bytes is called: one of another realm, such as the context of a test runner, is no instance of ours. */
function kindOf(view: ArrayBufferView): string {
  return String(Reflect.get(view, Symbol.toStringTag));
}

/** Whether something is an array (of anything). */
export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** The dtype of an option, or an error that lists them. */
export function checkDType(op: string, dtype: unknown): DType {
  const found = dtypes[dtypeCode(dtype) ?? -1];
  if (found !== undefined) return found;
  throw new TensorError(
    "dtype",
    op,
    `dtype must be ${list(dtypes.map((d) => `"${d}"`)).replace(" and ", " or ")}, got ${describe(dtype)}`,
  );
}

/** The sizes in a shape. That they are whole and fit in memory is the core's business. */
export function checkShape(op: string, shape: unknown): readonly number[] {
  if (typeof shape === "number") return [shape];
  if (isArray(shape) && shape.every((size) => typeof size === "number")) return shape;
  throw new TensorError("argument", op, `the shape must be an array of numbers, got ${describe(shape)}`);
}

/** The index, axis by axis, of element `i` in row-major order. */
export function unravel(i: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  shape.reduceRight((rest, size) => {
    index.unshift(rest % size);
    return Math.floor(rest / size);
  }, i);
  return index;
}

/** The values of a tensor as nested arrays. */
export type NestedValues = readonly (number | boolean | NestedValues)[];

/** Nested arrays of values in row-major order; one value where there are no axes. */
export function nest(
  values: ArrayLike<number>,
  shape: readonly number[],
  dtype: DType,
): number | boolean | NestedValues {
  let at = 0;
  const visit = (axis: number): number | boolean | NestedValues => {
    const size = shape[axis];
    if (size !== undefined) return Array.from({ length: size }, () => visit(axis + 1));
    const value = values[at++] ?? 0;
    return dtype === "bool" ? value !== 0 : value;
  };
  return visit(0);
}

/** The most dimensions a tensor can have. */
export const maxDims = 8;

/** A new tensor of the core whose contents the caller writes at once; gives its handle and a view of them. */
export function createFor(op: string, dtype: DType, shape: readonly number[]): { handle: number; values: TensorData } {
  scratch(shape.length).set(shape);
  const handle = core.create(dtypeCode(dtype) ?? 0, shape.length);
  if (handle === 0) raise(op);
  const size = shape.reduce((product, n) => product * n, 1);
  return { handle, values: memoryView(dtype, core.data(handle), size) };
}

/** Writes numbers into a tensor's elements: int32 truncates and saturates, bool is x ≠ 0. */
function write(values: TensorData, dtype: DType, data: ArrayLike<number>): void {
  const isInt32 = isNumericArray(data) && dtypeOf(data) === "int32";
  const copies = dtype === "float32" || dtype === "float64" || (dtype === "int32" && isInt32);
  if (copies) {
    values.set(data);
    return;
  }
  for (let i = 0; i < values.length; i++) {
    const x = data[i] ?? 0;
    values[i] = dtype === "bool" ? Number(x !== 0) : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, x));
  }
}

/** The handle of a new tensor for an operand; data that its dtype cannot hold as it is is refused. */
export function fromOperand(op: string, data: unknown, dtype?: DType): number {
  const fits = { int32: (x: number) => x === (x | 0), bool: (x: number) => x === 0 || x === 1 };
  if (dtype === "int32" || dtype === "bool") {
    const odd = Array.from(flatten(op, data).values).find((x) => !fits[dtype](x));
    const must = dtype === "int32" ? "whole numbers of 32 bits" : "0, 1 or truth values";
    if (odd !== undefined) throw new TensorError("dtype", op, `plain data for ${dtype} must be ${must}, got ${odd}`);
  }
  return fromData(op, data, dtype);
}

/** The handle of a new tensor with this data. The dtype follows from the data when it is not given. */
export function fromData(op: string, data: unknown, dtype?: DType, shape?: readonly number[]): number {
  const plain = flatten(op, data);
  const as = dtype ?? plain.dtype;
  const sizes = shape ?? plain.shape;
  const size = sizes.reduce((product, n) => product * n, 1);
  if (size !== plain.values.length) {
    const counts = `${size} and ${plain.values.length}`;
    const sentence = `the shape [${sizes.join(", ")}] must have as many elements as the data, got ${counts}`;
    throw new TensorError("shape", op, sentence, [sizes]);
  }
  const { handle, values } = createFor(op, as, sizes);
  try {
    write(values, as, plain.values);
  } catch (error) {
    scratch(1)[0] = handle;
    core.release(1);
    throw new TensorError("argument", op, `the data could not be read: ${String(error)}`);
  }
  return handle;
}

interface Flat {
  readonly values: ArrayLike<number>;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

function flatten(op: string, data: unknown): Flat {
  if (typeof data === "number") return { values: [data], shape: [], dtype: "float32" };
  if (typeof data === "boolean") return { values: [Number(data)], shape: [], dtype: "bool" };
  if (isNumericArray(data)) return { values: data, shape: [data.length], dtype: dtypeOf(data) };
  if (!isArray(data)) {
    throw new TensorError(
      "argument",
      op,
      `the data must be numbers, booleans, nested arrays or a typed array, got ${describe(data)}`,
    );
  }
  const shape: number[] = [];
  let first: unknown = data;
  while (isArray(first) || isNumericArray(first)) {
    if (shape.push(first.length) > maxDims)
      throw new TensorError("shape", op, `nested arrays must be at most ${maxDims} deep, got more`);
    first = first[0];
  }
  const size = shape.reduce((product, n) => product * n, 1);
  if (size > 2 ** 31) throw new TensorError("memory", op, `the data must have at most 2^31 elements, got ${size}`, [shape]);
  const values = new Float64Array(size);
  const leaf = typeof first === "boolean" ? "boolean" : "number";
  const path: number[] = []; // to `item`
  let at = 0;
  const visit = (item: unknown): void => {
    const size = shape[path.length];
    if (isArray(item) || isNumericArray(item)) {
      if (item.length !== size) ragged(op, path, `an array of ${item.length}`, shape);
      for (let i = 0; i < size; i++) {
        path.push(i);
        visit(item[i]);
        path.pop();
      }
    } else if (size !== undefined) {
      ragged(op, path, describe(item), shape);
    } else if (typeof item === leaf) {
      values[at++] = Number(item);
    } else {
      const hint = isTensor(item) ? "a tensor; use stack for a list of tensors" : describe(item);
      throw new TensorError(
        "argument",
        op,
        `the data must be all numbers or all booleans, got ${hint} at [${path.join(", ")}]`,
      );
    }
  };
  visit(data);
  return { values, shape, dtype: leaf === "boolean" ? "bool" : "float32" };
}

function ragged(op: string, path: readonly number[], got: string, shape: readonly number[]): never {
  const size = shape[path.length];
  const must = size === undefined ? `numbers` : `${size} elements`;
  throw new TensorError(
    "shape",
    op,
    `nested arrays must be rectangular: [${path.join(", ")}] must hold ${must} as its neighbours do, got ${got}`,
  );
}

function dtypeOf(data: NumericArray): DType {
  const kind = kindOf(data);
  if (kind === "Float64Array") return "float64";
  return kind === "Int32Array" ? "int32" : "float32";
}
