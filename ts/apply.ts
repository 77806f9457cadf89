// Calling an operation: operands and attributes go into the scratch area, one call, one handle comes back.
import { type Attribute, encode } from "./attributes.js";
import { fromData, fromOperand, isArray, isNumericArray } from "./convert.js";
import { core, raise, scratch } from "./core.js";
import type { DType } from "./dtype.js";
import { checkOptions, describe, tensorBrand, TensorError } from "./errors.js";
import { alive, handleOf, isTensor, made, releaseHandle } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** One input of an operation. */
export interface Input {
  readonly name: string;
  /** Makes it an option for users, with this value. */
  readonly default?: number;
  /** What plain data becomes; without it, data adopts the dtype of the tensor operands. */
  readonly dtype?: DType;
  /** May be left out, with all optional inputs after it. */
  readonly optional?: boolean;
}

/** How users call an operation; described by the core, see ops.gen.ts. */
export interface Op {
  readonly code: number;
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly attributes: readonly Attribute[];
  /** The defaults of the inputs that are options. */
  readonly defaults: readonly number[];
  /** Names of the options: inputs with a default, then attributes that are not positional. */
  readonly options: readonly string[];
}

/** Derives from the description of an operation what each call needs. */
export function define(code: number, name: string, inputs: readonly Input[], attributes: readonly Attribute[]): Op {
  const defaults = inputs.map((input) => input.default).filter((value) => value !== undefined);
  const options = [
    ...inputs.filter((i) => i.default !== undefined),
    ...attributes.filter((a) => a.positional !== true),
  ];
  return { code, name, inputs, attributes, defaults, options: options.map((o) => o.name) };
}

/** Applies an operation of one input and no attributes: one call into the core, one new object. */
export function unary(code: number, name: string, x: unknown): Tensor {
  if (!isTensor(x)) return withPlain(code, name, [x]);
  const y = core.apply1(code, handleOf(x));
  return y === 0 ? failed(name, [x]) : made(y);
}

/** Applies an operation of two inputs and no attributes; a number goes along as it is and adopts the tensor's dtype. */
export function binary(code: number, name: string, a: unknown, b: unknown): Tensor {
  let y: number;
  if (isTensor(a)) {
    if (isTensor(b)) y = core.apply2(code, handleOf(a), handleOf(b), 0);
    else if (typeof b === "number") y = core.apply2(code, handleOf(a), b, 2);
    else return withPlain(code, name, [a, b]);
  } else if (typeof a === "number" && isTensor(b)) {
    y = core.apply2(code, a, handleOf(b), 1);
  } else {
    return withPlain(code, name, [a, b]);
  }
  return y === 0 ? failed(name, [a, b]) : made(y);
}

function withPlain(code: number, name: string, operands: readonly unknown[]): Tensor {
  return call(code, name, operands, none, none);
}

const none: readonly never[] = [];

/**
 * Applies an operation. `operands` are its inputs without those that are options, in order; `positional` are the values
 * of the attributes that are parameters; `options` is what the user gave last: an object, or the first option plainly.
 */
export function apply(
  op: Op,
  operands: readonly unknown[],
  positional: readonly unknown[] = none,
  options?: unknown,
): Tensor {
  const given = options === undefined ? none : readOptions(op, options);
  const slots: number[] = [];
  let parameter = 0;
  let option = op.defaults.length;
  for (const attribute of op.attributes) {
    encode(op.name, attribute, attribute.positional === true ? positional[parameter++] : given[option++], slots);
  }
  const all = op.defaults.length === 0 ? operands : [...operands, ...op.defaults.map((value, i) => given[i] ?? value)];
  return call(op.code, op.name, all, op.inputs, slots);
}

/** The values of an operation's options in their order; undefined where left out. */
function readOptions(op: Op, options: unknown): readonly unknown[] {
  if (op.options.length === 0)
    throw new TensorError("argument", op.name, `no options are known, got ${describe(options)}`);
  if (!isOptions(options)) return [options];
  checkOptions(op.name, options, op.options);
  return op.options.map((name) => options[name]);
}

function isOptions(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !isArray(value) && !isNumericArray(value) && !isTensor(value);
}

function call(
  code: number,
  name: string,
  operands: readonly unknown[],
  inputs: readonly Input[],
  attributes: readonly number[],
): Tensor {
  let count = operands.length;
  while (count > 0 && (operands[count - 1] ?? null) === null && inputs[count - 1]?.optional === true) count -= 1;
  const slots = scratch(2 * count + attributes.length);
  let [numbers, models] = [0, 0];
  for (let i = 0; i < count; i++) {
    const x = operands[i];
    const adopts = inputs[i]?.dtype === undefined;
    if (isTensor(x)) {
      slots[2 * i] = handleOf(x);
      slots[2 * i + 1] = 0;
      models += adopts ? 1 : 0;
    } else if (typeof x === "number" && adopts) {
      slots[2 * i] = 0;
      slots[2 * i + 1] = x;
      numbers += 1;
    } else {
      return callWithPlain(code, name, operands.slice(0, count), inputs, attributes);
    }
  }
  // Numbers alone have no tensor whose dtype they could adopt.
  if (numbers > 0 && models === 0) return callWithPlain(code, name, operands.slice(0, count), inputs, attributes);
  return finish(code, name, operands, count, attributes);
}

/** Makes the call whose operands stand in the scratch area. */
function finish(
  code: number,
  name: string,
  operands: readonly unknown[],
  count: number,
  attributes: readonly number[],
): Tensor {
  const slots = scratch(2 * count + attributes.length);
  for (let i = 0; i < attributes.length; i++) slots[2 * count + i] = attributes[i] ?? NaN;
  const y = core.apply(code, count, attributes.length);
  return y === 0 ? failed(name, operands) : made(y);
}

/**
 * As `call`, where plain data stand for some tensors: numbers go along as they are, arrays become tensors for the call.
 */
function callWithPlain(
  code: number,
  name: string,
  operands: readonly unknown[],
  inputs: readonly Input[],
  attributes: readonly number[],
): Tensor {
  const adopts = (i: number): boolean => inputs[i]?.dtype === undefined;
  const model = operands.find((x, i): x is Tensor => isTensor(x) && adopts(i));
  // An array becomes a tensor, whose dtype numbers adopt as that of any other.
  const models = operands.some((x, i) => adopts(i) && (isTensor(x) || isArray(x) || isNumericArray(x)));
  const temporaries: number[] = [];
  try {
    // All of them first: making a tensor uses the scratch area.
    const handles = operands.map((x, i) => {
      if (isTensor(x)) return alive(name, x, `argument ${i + 1}`);
      const literal = (typeof x === "number" || typeof x === "boolean") && adopts(i) && models;
      if (literal) return 0;
      const handle = fromPlain(name, i, x, inputs[i]?.dtype ?? model?.dtype);
      temporaries.push(handle);
      return handle;
    });
    const slots = scratch(2 * handles.length + attributes.length);
    handles.forEach((handle, i) => {
      slots[2 * i] = handle;
      slots[2 * i + 1] = handle === 0 ? Number(operands[i]) : 0;
    });
    return finish(code, name, operands, handles.length, attributes);
  } finally {
    for (const handle of temporaries) releaseHandle(handle);
  }
}

/** The handle of a new tensor for an operand that is none, or a sentence about what it is. */
function fromPlain(op: string, i: number, value: unknown, dtype: DType | undefined): number {
  const plain = typeof value === "number" || typeof value === "boolean" || isArray(value) || isNumericArray(value);
  if (plain) return fromOperand(op, value, dtype);
  throw new TensorError(
    "argument",
    op,
    `argument ${i + 1} must be a tensor, a number or an array, got ${foreign(value)}`,
  );
}

/** The operands of an operation that takes a list of them. */
export function operands(op: Op, xs: unknown): readonly unknown[] {
  if (isArray(xs)) return xs;
  throw new TensorError("argument", op.name, `the first argument must be an array of tensors, got ${foreign(xs)}`);
}

/** Names what is no operand; a tensor of another copy of the library looks just like one of ours. */
export function foreign(value: unknown): string {
  if (isTensor(value)) return "a tensor";
  const other = typeof value === "object" && value !== null && tensorBrand in value;
  return other ? "a tensor of another copy of wengert; load the library once" : describe(value);
}

/** Throws why the core refused: first what happened to an operand, else what the core says. */
function failed(op: string, operands: readonly unknown[]): never {
  operands.forEach((x, i) => {
    if (isTensor(x) && handleOf(x) <= 0) {
      core.error();
      alive(op, x, x.name === null ? `argument ${i + 1}` : `argument ${i + 1}, ${x.name},`);
    }
  });
  return raise();
}

/** The tensor that was given, or a new one for plain data; what functions that are no operations begin with. */
export function asTensor(op: string, value: unknown, name = "the argument", dtype?: DType): Tensor {
  if (isTensor(value)) {
    alive(op, value, name);
    return value;
  }
  if (typeof value === "number" || typeof value === "boolean" || isArray(value) || isNumericArray(value)) {
    return made(fromData(op, value, dtype));
  }
  throw new TensorError("argument", op, `${name} must be a tensor, a number or an array, got ${foreign(value)}`);
}
