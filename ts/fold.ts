// Large graphs for people: blocks of operations that repeat along a path become one box.
import type { Graph, GraphEdge, GraphNode } from "./dot.js";

/** A node of a picture; one that stands for many says which operations it repeats. */
export interface Drawn extends GraphNode {
  readonly folded?: { readonly ops: readonly string[]; readonly times: number; readonly others: number };
}

/** Graphs with at most so many nodes are drawn whole. */
const small = 60;
/** The longest block that is looked for. */
const longestBlock = 24;

/**
 * The graph with repetitions folded, if it is large. A path is a series of operations of which each has the one before as
 * its only computed input and is that one's only user; leaves and constants at its side go with it.
 */
export function fold(g: Graph): { nodes: readonly Drawn[]; edges: readonly GraphEdge[] } {
  if (g.nodes.length <= small) return g;
  const byId = new Map(g.nodes.map((node) => [node.id, node]));
  const isLeaf = (id: number): boolean => ["leaf", "constant"].includes(byId.get(id)?.op ?? "leaf");
  const inputs = group(g.edges, ({ to }) => to);
  const users = group(g.edges, ({ from }) => from);
  const computed = (id: number): number[] => [...new Set((inputs.get(id) ?? []).map((e) => e.from).filter((i) => !isLeaf(i)))];
  /** The next operation of the path, if the path goes on. */
  const next = (id: number): number | undefined => {
    const following = new Set((users.get(id) ?? []).map((e) => e.to));
    const [only] = following;
    return only !== undefined && following.size === 1 && computed(only).length === 1 ? only : undefined;
  };
  const removed = new Map<number, number>(); // to the node that stands for it
  const boxes = new Map<number, Drawn>();
  const seen = new Set<number>();
  for (const node of g.nodes) {
    if (isLeaf(node.id) || seen.has(node.id)) continue;
    const path: GraphNode[] = [];
    for (let id: number | undefined = node.id; id !== undefined && !seen.has(id); id = next(id)) {
      seen.add(id);
      const member = byId.get(id);
      if (member !== undefined) path.push(member);
    }
    for (const { start, period, times } of repetitions(path.map(({ op }) => op))) {
      const block = path.slice(start, start + period * times);
      const last = block.at(-1);
      if (last === undefined) continue;
      const inside = new Set(block.map(({ id }) => id));
      const beside = new Set(block.flatMap(({ id }) => (inputs.get(id) ?? []).map((e) => e.from)).filter(isLeaf));
      const own = [...beside].filter((id) => (users.get(id) ?? []).every(({ to }) => inside.has(to)));
      for (const id of [...inside, ...own]) removed.set(id, last.id);
      const ops = block.slice(0, period).map(({ op }) => op);
      boxes.set(last.id, { ...last, vjp: [], folded: { ops, times, others: own.length } });
    }
  }
  const standIn = (id: number): number => removed.get(id) ?? id;
  const drawn = new Set<string>();
  const edges = g.edges
    .map((e) => ({ ...e, from: standIn(e.from), to: standIn(e.to) }))
    .filter(({ from, to, input }) => {
      const key = removed.has(to) || removed.has(from) ? `${from} ${to}` : `${from} ${to} ${input}`;
      return from !== to && !drawn.has(key) && drawn.add(key);
    });
  const nodes = g.nodes.filter(({ id }) => standIn(id) === id).map((node) => boxes.get(node.id) ?? node);
  return { nodes, edges };
}

function group<T>(items: readonly T[], key: (item: T) => number): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const list = groups.get(key(item));
    if (list === undefined) groups.set(key(item), [item]);
    else list.push(item);
  }
  return groups;
}

/** Where a series of words repeats a block at least three times: the shortest block that covers most, from the left. */
function repetitions(words: readonly string[]): { start: number; period: number; times: number }[] {
  const found: { start: number; period: number; times: number }[] = [];
  for (let start = 0; start < words.length;) {
    let best = { start, period: 1, times: 1 };
    for (let period = 1; period <= Math.min(longestBlock, (words.length - start) / 3); period++) {
      let end = start + period;
      while (end < words.length && words[end] === words[end - period]) end += 1;
      const times = Math.floor((end - start) / period);
      if (times >= 3 && times * period > best.times * best.period) best = { start, period, times };
    }
    if (best.times >= 3) found.push(best);
    start += best.times >= 3 ? best.times * best.period : 1;
  }
  return found;
}
