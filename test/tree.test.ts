// Trees: tensors in arrays and plain objects.
import { describe, expect, it } from "vitest";
import { ones, type Tensor, tensor, tree } from "wengert";
import { refusal, values } from "./support.js";

interface Layer {
  readonly w: Tensor;
  readonly b: Tensor;
}

const t = (n: number): Tensor => tensor([n]);
const net: { layers: Layer[]; scale: Tensor } = {
  layers: [
    { w: t(1), b: t(2) },
    { w: t(3), b: t(4) },
  ],
  scale: t(5),
};

describe("tree", () => {
  it("lists the leaves in order", () => {
    expect(tree.leaves(net).map(values)).toEqual([[1], [2], [3], [4], [5]]);
    expect(tree.leaves(net.scale)[0]).toBe(net.scale);
    expect(tree.leaves([])).toEqual([]);
    expect(tree.leaves({ a: [], b: {} })).toEqual([]);
  });

  it("maps leaves, to anything, with those of other trees at the same place", () => {
    expect(tree.map((x) => x.shape[0], net)).toEqual({
      layers: [
        { w: 1, b: 1 },
        { w: 1, b: 1 },
      ],
      scale: 1,
    });
    const sums = tree.map((x, y) => x.add(y ?? 0), net, net);
    expect(values(sums.layers[1]?.b ?? null)).toEqual([8]);
    const order: Layer = { b: t(1), w: t(2) };
    expect(values(tree.map((x, y) => x.sub(y ?? 0), order, { w: t(20), b: t(10) }).w)).toEqual([-18]);
  });

  it("takes trees apart and puts them together again", () => {
    const [leaves, definition] = tree.flatten(net);
    const again = tree.unflatten(definition, leaves);
    expect([again.layers[0]?.w, again.layers[1]?.b, again.scale].every((t) => leaves.some((leaf) => leaf === t))).toBe(true);
    expect(Object.keys(again)).toEqual(["layers", "scale"]);
    expect(tree.unflatten(definition, [...leaves].reverse()).scale).toBe(net.layers[0]?.w);
    expect(refusal(() => tree.unflatten(definition, [])).message).toBe(
      "tree.unflatten: there must be 5 leaves for this structure, got 0",
    );
  });

  it("says where a tree is none, or is another one", () => {
    const bad = (value: unknown): string => refusal(() => tree.leaves(value as never)).message;
    expect(bad({ a: [t(1), "x"] })).toBe(
      'tree.leaves: the tree.a[1] must be a tensor, or arrays and objects of tensors, got "x"',
    );
    expect(bad(null)).toContain("got null");
    expect(bad(new Map())).toContain("got an object (Map)");
    const knot: unknown[] = [];
    knot.push([knot]);
    expect(bad(knot)).toBe("tree.leaves: the tree[0][0] must not contain itself");
    const other = (value: unknown): string =>
      refusal(() => tree.map((x) => x, { a: ones([1]), b: [ones([1])] }, value as never)).message;
    expect(other({ a: t(1) })).toBe("tree.map: tree 2 must be an object with a and b, got one with a");
    expect(other({ a: t(1), b: [] })).toBe("tree.map: tree 2.b must be an array of 1, got an array of 0");
    expect(other({ a: [t(1)], b: [t(1)] })).toBe("tree.map: tree 2.a must be a tensor, got an array of 1");
  });
});
