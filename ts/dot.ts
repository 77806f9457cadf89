// The graph that led to a tensor, as plain data and as a DOT picture.
import { asTensor, foreign } from "./apply.js";
import { isArray, nest, type NestedValues } from "./convert.js";
import { core, raise, setName } from "./core.js";
import type { DType } from "./dtype.js";
import { TensorError } from "./errors.js";
import { type Drawn, fold } from "./fold.js";
import { readable } from "./formula.js";
import { formatNumber } from "./print.js";
import { alive, dispose, handleOf, variables } from "./scope.js";
import type { TensorLike } from "./tensor.js";

/** Values of a small tensor; a number or boolean where there are no axes. */
export type Values = number | boolean | NestedValues;

/** A value of the graph: a leaf, a constant, or what an operation computed. */
export interface GraphNode {
  readonly id: number;
  /** The operation; "leaf" for a tensor that was not computed, "constant" for a number. */
  readonly op: string;
  /** The name given with `named`. */
  readonly name: string | null;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The value, where it is small and there. */
  readonly value: Values | null;
  /** The adjoint, after `backward(gradient, { retainGraph: true })`; of a leaf what has been accumulated. */
  readonly gradient: Values | null;
  /** What the formulas in `vjp` call the inputs; none where there are no formulas. */
  readonly parameters: readonly string[];
  /**
   * For each input the derivative by it as text, in the names of the inputs and y for the result; "" where it has no
   * short form.
   */
  readonly vjp: readonly string[];
  /** What is kept for the backward pass: the places of inputs, and "output". */
  readonly keeps: readonly (number | "output")[];
}

/** The value `from` is input number `input` (from 0) of the operation that computed `to`. */
export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  readonly input: number;
}

/** A graph as plain data. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** As the core writes it: values are flat, and those that JSON lacks are words. */
interface Raw {
  readonly nodes: readonly (Omit<GraphNode, "op" | "value" | "gradient" | "vjp"> & {
    readonly op: string | null;
    readonly value: readonly (number | string)[] | null;
    readonly gradient: readonly (number | string)[] | null;
    readonly vjp: readonly (string | null)[];
  })[];
  readonly edges: readonly GraphEdge[];
}

/**
 * What `y` was computed from: nodes with their values, and edges. Operations are remembered for tensors that require a
 * gradient, and inside transformations.
 */
export function graph(y: TensorLike): Graph {
  const tensor = asTensor("graph", y);
  for (const { tensor, given, path } of variables()) setName(handleOf(tensor), given.name ?? placeName(path), true);
  const json = core.graph(alive("graph", tensor));
  if (tensor !== y) dispose(tensor);
  if (json === "") raise("graph");
  const { nodes, edges } = JSON.parse(json) as Raw;
  return {
    nodes: nodes.map((node) => ({
      ...node,
      op: node.op ?? "leaf",
      value: valuesOf(node.value, node),
      gradient: valuesOf(node.gradient, node),
      vjp: node.vjp.map((formula) => (formula === null ? "" : readable(formula))),
    })),
    edges,
  };
}

/** The name of a variable by its place in the arguments: `w1` for `argument 1.w1`, x1 for the whole of argument 1. */
function placeName(path: string): string {
  const [, number = "", rest = ""] = /^argument (\d+)\.?(.*)$/.exec(path) ?? [];
  return rest === "" ? `x${number}` : rest;
}

function valuesOf(
  flat: readonly (number | string)[] | null,
  { shape, dtype }: { shape: readonly number[]; dtype: DType },
): Values | null {
  return flat === null ? null : nest(flat.map(numberOf), shape, dtype);
}

function numberOf(value: number | string): number {
  return typeof value === "number" ? value : Number(value.replace("inf", "Infinity"));
}

const colors = {
  leaf: "#d7e8fb",
  constant: "#f1f3f4",
  op: "#fdf0d5",
  line: "#5f6368",
  adjoint: "#b3261e",
  note: "#80868b",
};
const font = "Courier"; // of one width, so that boxes fit whatever font stands in for it
const longest = 28; // characters of a value that is written out

/**
 * A picture of a graph in DOT: a box for each value with its operation or name, its value, and its adjoint where there
 * is one; on the edges the derivative of the operation by that input. In large graphs blocks of operations that follow
 * each other again and again are one box, with their number.
 */
export function toDot(g: Graph): string {
  const isNode = (node: GraphNode | null): boolean => typeof node?.op === "string" && isArray(node.vjp);
  if (!isArray(g?.nodes) || !isArray(g.edges) || !g.nodes.every(isNode)) {
    throw new TensorError("argument", "toDot", `the argument must be what graph(y) returns, got ${foreign(g)}`);
  }
  const { nodes, edges } = fold(g);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const lines = [
    "digraph {",
    `  graph [rankdir=LR, ranksep=0.55, nodesep=0.3, bgcolor="transparent", fontname="${font}"];`,
    `  node [shape=plain, fontname="${font}", fontsize=12];`,
    `  edge [color="${colors.line}", arrowsize=0.7, fontname="${font}", fontsize=10, fontcolor="${colors.note}"];`,
    ...nodes.map((node) => `  n${node.id} [label=<${box(node)}>];`),
    ...edges.map((edge) => `  n${edge.from} -> n${edge.to}${label(edge, byId.get(edge.to))};`),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function box(node: Drawn): string {
  if (node.folded !== undefined) {
    const { ops, times, others } = node.folded;
    const note = others === 0 ? [] : [`<font color="${colors.note}">with ${others} other values</font>`];
    return table(colors.op, [`<b>${escape(ops.join(", "))}</b>`, `${times} times`, ...note]);
  }
  const value = text(node.value, node);
  if (node.op === "constant" && node.name === null) return table(colors.constant, [value]);
  const leaf = node.op === "leaf";
  const title = node.name === null ? node.op : leaf ? node.name : `${node.name} = ${node.op}`;
  const adjoint =
    node.gradient === null ? [] : [`<font color="${colors.adjoint}">adjoint ${text(node.gradient, node)}</font>`];
  return table(leaf ? colors.leaf : colors.op, [`<b>${escape(title)}</b>`, value, ...adjoint]);
}

function table(color: string, rows: readonly string[]): string {
  const cells = rows.map((row) => `<tr><td align="center">${row}</td></tr>`).join("");
  const frame = `border="1" color="${colors.line}" bgcolor="${color}" style="rounded"`;
  return `<table ${frame} cellborder="0" cellspacing="0" cellpadding="4">${cells}</table>`;
}

/** A value in few characters, else its shape and dtype. */
function text(value: Values | null, { shape, dtype }: GraphNode): string {
  const written = value === null ? "" : write(value, dtype);
  if (written !== "" && written.length <= longest) return escape(written);
  return escape(`${dtype} [${shape.join(", ")}]`);
}

function write(value: Values, dtype: DType): string {
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return formatNumber(Number(value.toPrecision(5)), dtype);
  return `[${value.map((item) => write(item, dtype)).join(", ")}]`;
}

/** The derivative by this input, where it is short and not simply 1. */
function label({ input }: GraphEdge, to: GraphNode | undefined): string {
  const formula = to?.vjp[input] ?? "";
  return formula === "" || formula === "1" || formula.length > longest
    ? ""
    : ` [label="  ${formula.replaceAll(/["\\]/g, "\\$&")}  "]`;
}

function escape(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
