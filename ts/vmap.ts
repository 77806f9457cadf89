// Functions of one example applied to many at once.
import { foreign } from "./apply.js";
import { fromData, isArray } from "./convert.js";
import { checkOptions, describe, TensorError } from "./errors.js";
import { alive, isTensor, made, transform } from "./scope.js";
import type { Tensor } from "./tensor.js";
import {
  type Accepted,
  type AnyFunction,
  batched,
  call,
  checkFunction,
  type Mapped,
  mappedOver,
  outputsOf,
} from "./trace.js";
import { at, build, flattenTree, isContainer, isPlainLeaf, type LeafOf, type Structure } from "./structure.js";

/**
 * Axes to map over: one for every tensor, null for none, or an array or object of such along the structure of the
 * argument or result.
 */
export type MappedAxes = number | null | readonly MappedAxes[] | { readonly [key: string]: MappedAxes };

/** Over which axes `vmap` maps. */
export interface VmapOptions {
  /** The axes of the arguments: one for all, or an array with one entry per argument; 0 by default. */
  readonly inAxes?: MappedAxes;
  /** Where the examples lie in the results; null for results that are the same for all examples; 0 by default. */
  readonly outAxes?: MappedAxes;
}

/**
 * The function that applies `f`, which takes one example, to all slices of its arguments along the mapped axes:
 * `vmap(f)(x)[i] = f(x[i])`. `f` is run once, with tensors that stand for every example and have no value to read; what it
 * records is turned into operations on all examples. Arguments with a null axis are shared, random keys too: give `f` a key
 * per example, mapped, for numbers of its own.
 */
export function vmap<Y, A extends unknown[] = Tensor[]>(
  f: (...args: A) => Y,
  options?: VmapOptions,
): (...args: Accepted<A, number>) => Y;
export function vmap(f: AnyFunction, options: VmapOptions = {}): AnyFunction {
  checkFunction("vmap", f);
  checkOptions("vmap", options, ["inAxes", "outAxes"]);
  const { inAxes = 0, outAxes = 0 } = options;
  return (...args: readonly unknown[]) =>
    transform("vmap", () => {
      const mapped: Mapped[] = [];
      const examples = args.map((arg, i) => exampleOf(arg, i, forArgument(inAxes, i, args.length), mapped));
      if (mapped.length === 0)
        throw new TensorError("argument", "vmap", "inAxes must name an axis of at least one argument, got null for all");
      const outputs = outputsOf("vmap", call("vmap", f, examples));
      const axes = along("outAxes", outAxes, outputs.definition, "what the function returns");
      const results = batched("vmap", mapped, outputs.leaves, axes);
      return [build<unknown>(outputs.definition, results), results];
    });
}

/** The axes of one argument. */
function forArgument(inAxes: MappedAxes, i: number, count: number): MappedAxes {
  if (typeof inAxes === "number" || inAxes === null) return inAxes;
  const axes = isArray(inAxes) && inAxes.length === count ? inAxes[i] : undefined;
  if (axes !== undefined) return axes;
  const got = isArray(inAxes) ? `${inAxes.length} for ${count} arguments` : describe(inAxes);
  throw new TensorError("argument", "vmap", `inAxes must be one axis, or an array with one entry per argument, got ${got}`);
}

/** An argument with tensors that stand for one example in place of those that are mapped. */
function exampleOf(arg: unknown, i: number, axes: MappedAxes, mapped: Mapped[]): unknown {
  if (axes === null) return arg;
  const name = `argument ${i + 1}`;
  const { leaves, definition } = flattenTree("vmap", arg, name, exampleLeaf);
  const each = along("inAxes", axes, definition, name);
  const replaced = leaves.map(({ value, path }, k) => {
    const axis = at(each, k);
    if (axis === null) return value;
    if (!isTensor(value) && !isPlainLeaf(value))
      throw new TensorError("argument", "vmap", `${path} must be a tensor to be mapped, got ${foreign(value)}`);
    const tensor = isTensor(value) ? value : made(fromData("vmap", value));
    const one = mappedOver("vmap", tensor, axis);
    checkSize(one, path, mapped[0]);
    mapped.push(one);
    return one.example;
  });
  return build<unknown>(definition, replaced);
}

/** Anything may be shared by the examples; what is mapped is checked later. */
const exampleLeaf: LeafOf<{ readonly value: unknown; readonly path: string }> = (op, value, path) => {
  if (isTensor(value)) alive(op, value, path);
  return isContainer(value) && !isPlainLeaf(value) ? undefined : { value, path };
};

function sizeOf({ tensor, axis }: Mapped): number {
  return tensor.shape.at(axis) ?? 0;
}

function checkSize(one: Mapped, path: string, first: Mapped | undefined): void {
  if (first === undefined || sizeOf(first) === sizeOf(one)) return;
  const got = `${sizeOf(first)} at first and ${sizeOf(one)} for axis ${one.axis} of ${path}`;
  throw new TensorError("shape", "vmap", `the mapped axes must have one size, got ${got}`, [one.tensor.shape]);
}

/** The axis of each leaf of a structure. */
function along(option: string, axes: MappedAxes, definition: Structure, path: string): (number | null)[] {
  const refuse = (must: string): never => {
    throw new TensorError("argument", "vmap", `${option} must be ${must} for ${path}, got ${describe(axes)}`);
  };
  if (axes === null || (typeof axes === "number" && Number.isInteger(axes))) return repeated(definition, axes);
  if (definition.kind === "array") {
    if (!isArray(axes) || axes.length !== definition.items.length)
      return refuse(`an axis, null or an array of ${definition.items.length}`);
    return definition.items.flatMap((item, i) => along(option, at(axes, i), item, `${path}[${i}]`));
  }
  if (definition.kind === "object") {
    const given = new Map(isArray(axes) || typeof axes !== "object" ? [] : Object.entries(axes));
    const names = definition.entries.map(([key]) => key);
    if (given.size !== names.length || !names.every((key) => given.has(key)))
      return refuse(`an axis, null or an object with ${names.join(", ")}`);
    return definition.entries.flatMap(([key, item]) => along(option, given.get(key) ?? null, item, `${path}.${key}`));
  }
  return refuse("an axis or null");
}

function repeated(definition: Structure, axis: number | null): (number | null)[] {
  if (definition.kind === "array") return definition.items.flatMap((item) => repeated(item, axis));
  if (definition.kind === "object") return definition.entries.flatMap(([, item]) => repeated(item, axis));
  return [axis];
}
