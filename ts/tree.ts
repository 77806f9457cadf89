// Trees: a tensor, or arrays and plain objects of tensors nested to any depth. Results of transformations have the
// structure of what they belong to.
import { isArray } from "./convert.js";
import { checkFunction, describe, TensorError } from "./errors.js";
import {
  at,
  build,
  countLeaves,
  flattenTree,
  leavesLike,
  type Mapped,
  type Structure,
  tensorLeaf,
  type Tree,
} from "./structure.js";
import type { Tensor } from "./tensor.js";

/** The structure of a tree T without its leaves. */
export type Definition<T> = Structure & {
  /** Never there; carries the type. */
  readonly tree?: T;
};

/** Calls `f` with each leaf of `t`, and the leaves of `rest` at the same place; gives the tree of the results. */
export function map<T, U>(
  f: (leaf: Tensor, ...rest: Tensor[]) => U,
  t: T & Tree<T>,
  ...rest: readonly (T & Tree<T>)[]
): Mapped<T, U> {
  checkFunction("tree.map", f);
  const { leaves: firsts, definition } = flattenTree("tree.map", t, "the tree", tensorLeaf);
  const others = rest.map((tree, i) => leavesLike("tree.map", definition, tree, `tree ${i + 2}`, tensorLeaf));
  const results = firsts.map((first, i) => f(first, ...others.map((leaves) => at(leaves, i))));
  return build<Mapped<T, U>>(definition, results);
}

/** The leaves in order: arrays by index, objects by the order of their keys. */
export function leaves<T>(t: T & Tree<T>): Tensor[] {
  return flattenTree("tree.leaves", t, "the tree", tensorLeaf).leaves;
}

/** The leaves, and the structure that `unflatten` puts them back into. */
export function flatten<T>(t: T & Tree<T>): [leaves: Tensor[], definition: Definition<T>] {
  const { leaves, definition } = flattenTree("tree.flatten", t, "the tree", tensorLeaf);
  return [leaves, definition];
}

/** The tree with this structure and these leaves: the inverse of `flatten`. */
export function unflatten<T>(definition: Definition<T>, leaves: readonly Tensor[]): T {
  if (typeof definition?.kind !== "string" || !isArray(leaves)) {
    const must = `a structure made by flatten and an array of leaves are needed, got ${describe(definition)} and ${describe(leaves)}`;
    throw new TensorError("argument", "tree.unflatten", must);
  }
  const count = countLeaves(definition);
  if (count !== leaves.length) {
    throw new TensorError(
      "argument",
      "tree.unflatten",
      `there must be ${count} leaves for this structure, got ${leaves.length}`,
    );
  }
  return build<T>(definition, leaves);
}
