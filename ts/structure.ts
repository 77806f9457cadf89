// The structure of trees: taking them apart into leaves and putting leaves together again.
import { foreign } from "./apply.js";
import { isArray, isNumericArray, type Plain, maxDims } from "./convert.js";
import { list, TensorError } from "./errors.js";
import { isTensor } from "./scope.js";
import type { Tensor, TensorLike } from "./tensor.js";

/**
 * A tensor, or arrays and plain objects of tensors nested to any depth; objects typed by an interface are `Tree<T>`.
 */
export type Tree<T = Nested> = Nested extends T
  ? Nested
  : T extends Tensor
    ? T
    : T extends Primitive
      ? never
      : { readonly [K in keyof T]: Tree<T[K]> };

type Primitive = string | number | boolean | bigint | symbol | null | undefined | ((...args: never) => unknown);
type Nested = Tensor | readonly Nested[] | { readonly [key: string]: Nested };

/** The structure of T with a Tensor at each leaf; numbers and typed arrays are leaves too. */
export type Tensors<T> = T extends Tensor | Plain
  ? Tensor
  : T extends Primitive
    ? never
    : { -readonly [K in keyof T]: Tensors<T[K]> };

/** The structure of T with a U at each leaf. */
export type Mapped<T, U> = T extends Tensor ? U : { -readonly [K in keyof T]: Mapped<T[K], U> };

/** What a tree is made of without its leaves: a leaf, the items of an array, or the entries of an object. */
export type Structure =
  | { readonly kind: "leaf" }
  | { readonly kind: "array"; readonly items: readonly Structure[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [key: string, value: Structure])[] };

const leaf: Structure = { kind: "leaf" };

/** Makes a leaf of a value, or says why it is none; `undefined` where the value must be looked into. */
export type LeafOf<L> = (op: string, value: unknown, path: string) => L | undefined;

/** Only tensors are leaves. */
export const tensorLeaf: LeafOf<Tensor> = (op, value, path) => {
  if (isTensor(value)) return value;
  if (isContainer(value)) return undefined;
  throw new TensorError(
    "argument",
    op,
    `${path} must be a tensor, or arrays and objects of tensors, got ${foreign(value)}`,
  );
};

/** What can be an operand is a leaf. */
export const operandLeaf: LeafOf<TensorLike> = (op, value, path) =>
  isTensor(value) || isPlainLeaf(value) ? value : tensorLeaf(op, value, path);

/** Numbers, booleans, typed arrays and arrays of numbers: what can stand for a tensor in a tree. */
export function isPlainLeaf(value: unknown): value is Plain {
  if (typeof value === "number" || typeof value === "boolean" || isNumericArray(value)) return true;
  let first: unknown = value;
  for (let depth = 0; depth < maxDims && isArray(first) && first.length > 0; depth++) first = first[0];
  const data = typeof first === "number" || typeof first === "boolean" || isNumericArray(first);
  // An array with a tensor in it is a tree, whatever it begins with.
  return first !== value && data && !(isArray(value) && value.some(isTensor));
}

/** Arrays and plain objects: what trees are made of. */
export function isContainer(value: unknown): value is readonly unknown[] | Readonly<Record<string, unknown>> {
  return isArray(value) || isPlainObject(value);
}

/** An object that holds values by names, and is no instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** The leaves of a tree and its structure; `name` says in errors what the tree is. */
export function flattenTree<L>(
  op: string,
  tree: unknown,
  name: string,
  leafOf: LeafOf<L>,
): { leaves: L[]; definition: Structure } {
  const only = leafOf(op, tree, name); // what most trees are
  if (only !== undefined) return { leaves: [only], definition: leaf };
  const leaves: L[] = [];
  const open = new Set<unknown>();
  const inner = (value: unknown, path: string): Structure => {
    const found = leafOf(op, value, path);
    if (found === undefined) return visit(value, path);
    leaves.push(found);
    return leaf;
  };
  const visit = (value: unknown, path: string): Structure => {
    if (open.has(value)) throw new TensorError("argument", op, `${path} must not contain itself`);
    open.add(value);
    const definition: Structure = isArray(value)
      ? { kind: "array", items: value.map((item, i) => inner(item, `${path}[${i}]`)) }
      : { kind: "object", entries: entriesOf(value).map(([key, item]) => [key, inner(item, `${path}.${key}`)]) };
    open.delete(value);
    return definition;
  };
  return { definition: visit(tree, name), leaves };
}

/** Keys and values of a plain object. */
export function entriesOf(value: unknown): [string, unknown][] {
  return isPlainObject(value) ? Object.entries(value) : [];
}

/** The leaves of a tree in the order of `definition`, whose structure it must have. */
export function leavesLike<L>(op: string, definition: Structure, tree: unknown, name: string, leafOf: LeafOf<L>): L[] {
  const leaves: L[] = [];
  const visit = (d: Structure, value: unknown, path: string): void => {
    if (d.kind === "leaf") {
      const found = leafOf(op, value, path);
      if (found === undefined) throw new TensorError("argument", op, `${path} must be a tensor, got ${foreign(value)}`);
      leaves.push(found);
    } else if (d.kind === "array") {
      if (!isArray(value) || value.length !== d.items.length) {
        throw new TensorError("argument", op, `${path} must be an array of ${d.items.length}, got ${foreign(value)}`);
      }
      d.items.forEach((item, i) => {
        visit(item, value[i], `${path}[${i}]`);
      });
    } else {
      const keys = d.entries.map(([key]) => key);
      const given = isPlainObject(value) && !isTensor(value) ? new Map(Object.entries(value)) : undefined;
      if (given === undefined || given.size !== keys.length || !keys.every((key) => given.has(key))) {
        const got = given === undefined ? foreign(value) : `one with ${list([...given.keys()]) || "no keys"}`;
        throw new TensorError("argument", op, `${path} must be an object with ${list(keys) || "no keys"}, got ${got}`);
      }
      for (const [key, item] of d.entries) visit(item, given.get(key), `${path}.${key}`);
    }
  };
  visit(definition, tree, name);
  return leaves;
}

/** The tree with this structure and these leaves, of which there must be as many as it has places. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- here a structure becomes a type
export function build<T>(definition: Structure, leaves: readonly unknown[]): T {
  let next = 0;
  const visit = (d: Structure): unknown => {
    if (d.kind === "leaf") return leaves[next++];
    if (d.kind === "array") return d.items.map(visit);
    return Object.fromEntries(d.entries.map(([key, item]) => [key, visit(item)]));
  };
  return visit(definition) as T;
}

/** Number of leaves. */
export function countLeaves(d: Structure): number {
  if (d.kind === "leaf") return 1;
  const inner = d.kind === "array" ? d.items : d.entries.map(([, item]) => item);
  return inner.reduce((count, item) => count + countLeaves(item), 0);
}

/** The element at a place that is known to be there. */
export function at<T>(items: readonly T[], i: number): T {
  const item = items[i];
  if (item === undefined) throw new RangeError(`there is no item ${i} of ${items.length}`);
  return item;
}
