// What a plan of the core does, as text and as a graph.
import { core } from "./core.js";
import { shapeText } from "./errors.js";

/** What `compile` made of a function for one kind of arguments. */
export interface Plan {
  /** The kind: `(float32[2, 3], {lr: 0.1})`. */
  readonly signature: string;
  /** Operations that each call computes. */
  readonly ops: number;
  /** How many of these are computed together with others, in one pass over memory. */
  readonly fused: number;
  /** The most memory of values at once besides the arguments, in bytes. */
  readonly bytes: number;
  /** About how many arithmetic operations a call takes. */
  readonly flops: number;
  /** The steps, one a line. */
  toString(): string;
  /** The steps as a graph, in the language of Graphviz. */
  toDot(): string;
}

interface Step {
  /** The operations, in order. */
  readonly names: readonly string[];
  /** The values that it reads. */
  readonly inputs: readonly number[];
  readonly results: readonly { readonly id: number; readonly shape: readonly number[]; readonly dtype: string }[];
}

/** The core's description of a plan. */
interface Description {
  readonly ops: number;
  readonly fused: number;
  readonly bytes: number;
  readonly flops: number;
  /** Values from this number on are constants. */
  readonly constants: number;
  readonly results: readonly number[];
  readonly steps: readonly Step[];
}

/** The plan with this number. */
export function describePlan(plan: number, signature: string): Plan {
  const description = JSON.parse(core.plan(plan)) as Description;
  const { ops, fused, bytes, flops } = description;
  return {
    signature, ops, fused, bytes, flops,
    toString: () => textOf(signature, description),
    toDot: () => dotOf(description),
  };
}

const typeText = ({ shape, dtype }: Step["results"][number]): string => `${dtype}${shapeText(shape)}`;

function textOf(signature: string, { ops, fused, bytes, flops, constants, results, steps }: Description): string {
  const value = (id: number): string => (id < constants ? `%${id}` : `#${id - constants}`);
  const lines = steps.map(({ names, inputs, results }) => {
    const made = results.map((result) => `%${result.id} ${typeText(result)}`).join(", ");
    return `  ${made} = ${names.join(" + ")} (${inputs.map(value).join(", ")})`;
  });
  const head = `${signature}: ${ops} operations in ${steps.length} steps, ${fused} of them fused; ${bytes} bytes, ${flops} flops`;
  return [head, ...lines, `  returns ${results.map(value).join(", ")}`].join("\n");
}

function dotOf({ constants, results, steps }: Description): string {
  const made = new Set(steps.flatMap((step) => step.results.map(({ id }) => id)));
  const read = new Set([...steps.flatMap(({ inputs }) => inputs), ...results]);
  const leaves = [...read].filter((id) => !made.has(id)).sort((a, b) => a - b);
  const from = (id: number): string => (made.has(id) ? `s${steps.findIndex((s) => s.results.some((r) => r.id === id))}` : `v${id}`);
  const lines = [
    "digraph plan {", '  rankdir=TB; node [shape=box, fontname="sans-serif", fontsize=10];',
    ...leaves.map((id) => `  v${id} [shape=ellipse, label="${id < constants ? `%${id}` : `constant ${id - constants}`}"];`),
    ...steps.map(({ names, results }, k) => `  s${k} [label="${names.join("\\n")}\\n${results.map(typeText).join(", ")}"];`),
    ...steps.flatMap(({ inputs }, k) => inputs.map((id) => `  ${from(id)} -> s${k};`)),
    ...results.flatMap((id, k) => [`  r${k} [shape=ellipse, label="result ${k + 1}"];`, `  ${from(id)} -> r${k};`]),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}
