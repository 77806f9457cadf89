// The derivative of a tensor in words: the graph, and the chain rule with this example's numbers.
import { asTensor } from "./apply.js";
import { type Graph, graph, type GraphNode } from "./dot.js";
import { isFloat } from "./dtype.js";
import { shapeText } from "./errors.js";
import * as ops from "./ops.gen.js";
import { dispose, tidy } from "./scope.js";
import { tensor } from "./create.js";
import type { Tensor, TensorLike } from "./tensor.js";
import { at } from "./structure.js";
import { vjp } from "./vjp.js";

const infix: ReadonlyMap<string, string> = new Map([
  ["add", "+"],
  ["sub", "-"],
  ["mul", "·"],
  ["div", "/"],
]);

/**
 * How `y` was computed, and its derivative by each tensor on the way, step by step: `∂y/∂a = ∂y/∂b · cos(a)`, with numbers
 * where everything is a number, with shapes elsewhere. What was computed is remembered for tensors that require a
 * gradient, and inside transformations.
 */
export function explain(y: TensorLike): string {
  const given = asTensor("explain", y);
  const g = graph(given);
  if (given !== y) dispose(given);
  return new Explanation(g).text();
}

class Explanation {
  readonly #g: Graph;
  /** Nodes by their place, which is their id. */
  readonly #names: readonly string[];
  readonly #inputs: readonly (readonly number[])[];

  constructor(g: Graph) {
    this.#g = g;
    const taken = new Set(g.nodes.map((node) => node.name));
    let next = 0;
    const fresh = (): string => {
      const name = next < 26 ? String.fromCharCode(97 + next) : `v${next - 25}`;
      next += 1;
      return taken.has(name) ? fresh() : name;
    };
    const used = new Map<string, number>();
    this.#names = g.nodes.map((node) => {
      if (node.name === null) return node.op === "constant" ? number(node) : fresh();
      const times = (used.get(node.name) ?? 0) + 1;
      used.set(node.name, times);
      return times === 1 ? node.name : `${node.name}_${times}`;
    });
    const inputs: number[][] = g.nodes.map(() => []);
    for (const { from, to, input } of g.edges) at(inputs, to)[input] = from;
    this.#inputs = inputs;
  }

  text(): string {
    const { nodes } = this.#g;
    const last = nodes.length - 1;
    const computed = nodes.filter((node) => node.op !== "constant" || node.name !== null);
    const forward = computed.map((node) => `  ${this.#step(node)}`);
    const relevant = this.#relevant(last);
    const backward = [...nodes].reverse().filter((node) => relevant.has(node.id)).map((node) => `  ${this.#derivative(node, last)}`);
    return ["Forward", ...forward, `Backward: the derivative of ${at(this.#names, last)}`, ...backward].join("\n");
  }

  /** How a node was computed. */
  #step(node: GraphNode): string {
    const value = isNumber(node) ? ` = ${number(node)}` : `: ${node.dtype} ${shapeText(node.shape)}`;
    const name = at(this.#names, node.id);
    if (node.op === "leaf" || node.op === "constant") return `${name}${value}`;
    return `${name} = ${this.#expression(node)}${value}`;
  }

  #expression({ op, id }: GraphNode): string {
    const args = at(this.#inputs, id).flatMap((input) => at(this.#names, input));
    const sign = infix.get(op);
    if (sign !== undefined && args.length === 2) return args.join(` ${sign} `);
    return `${op}(${args.join(", ")})`;
  }

  /** Nodes that `last` depends on through floats, constants left out. */
  #relevant(last: number): ReadonlySet<number> {
    const { nodes } = this.#g;
    const found = new Set<number>();
    const visit = [last];
    for (let id = visit.pop(); id !== undefined; id = visit.pop()) {
      const node = at(nodes, id);
      if (found.has(id) || !isFloat(node.dtype) || node.op === "constant") continue;
      found.add(id);
      visit.push(...at(this.#inputs, id));
    }
    return found;
  }

  /** The chain rule for one node: the sum over what was computed from it. */
  #derivative(node: GraphNode, last: number): string {
    const y = at(this.#names, last);
    const by = (id: number): string => `∂${y}/∂${at(this.#names, id)}`;
    const left = by(node.id);
    if (node.id === last) return `${left} = 1`;
    const uses = this.#g.edges.filter((edge) => edge.from === node.id);
    const terms = uses.map(({ to, input }) => {
      const user = at(this.#g.nodes, to);
      return { to, text: this.#local(user, input), value: this.#localValue(user, input) };
    });
    const formal = terms.map(({ to, text }) => (text === "1" ? by(to) : `${by(to)} · ${text}`)).join(" + ");
    const adjoints = this.#adjoints();
    const own = adjoints[node.id];
    if (own === undefined || Number.isNaN(own)) return `${left} = ${formal}`;
    const product = ({ to, value }: (typeof terms)[number]): string => `${short(adjoints[to] ?? NaN)} · ${short(value)}`;
    return `${left} = ${formal} = ${terms.map(product).join(" + ")} = ${short(own)}`;
  }

  /** The derivative of an operation by one of its inputs, in the names of this graph. */
  #local(user: GraphNode, input: number): string {
    const formula = user.vjp[input] ?? "";
    if (formula === "") return `∂${at(this.#names, user.id)}/∂${at(this.#names, at(at(this.#inputs, user.id), input))}`;
    const names = new Map(user.parameters.map((name, i) => [name, at(this.#inputs, user.id)[i]]));
    names.set("y", user.id);
    const text = formula.replaceAll(/\b[a-z]\w*\b(?!\()/g, (word) => {
      const id = names.get(word);
      return id === undefined ? word : at(this.#names, id);
    });
    return /[ +-]/.test(text) && !/^\w+\([^()]*\)$/.test(text) ? `(${text})` : text;
  }

  #localValue(user: GraphNode, input: number): number {
    const f: unknown = Reflect.get(ops, user.op);
    if (typeof f !== "function") return NaN;
    const nodes = at(this.#inputs, user.id).map((id) => at(this.#g.nodes, id));
    if (nodes.length !== at(this.#inputs, user.id).length || !nodes.every(isNumber) || !isNumber(user)) return NaN;
    return tidy(() => {
      const xs = nodes.map((node) => tensor(Number(node.value), "float64"));
      const [, pullback] = vjp<Tensor[], Tensor>((...xs) => Reflect.apply(f, undefined, xs) as Tensor, ...xs);
      return Number(at([...pullback(1)], input).item());
    });
  }

  #known: (number | undefined)[] | null = null;

  /** Derivatives by the chain rule, where all is numbers. */
  #adjoints(): readonly (number | undefined)[] {
    if (this.#known !== null) return this.#known;
    const { nodes, edges } = this.#g;
    const found: (number | undefined)[] = nodes.map(() => undefined);
    found[nodes.length - 1] = 1;
    for (const node of [...nodes].reverse().slice(1)) {
      const uses = edges.filter((edge) => edge.from === node.id && found[edge.to] !== undefined);
      if (!isNumber(node) || !isFloat(node.dtype)) continue;
      found[node.id] = uses.reduce(
        (sum, { to, input }) => sum + (found[to] ?? NaN) * this.#localValue(at(nodes, to), input),
        0,
      );
    }
    this.#known = found;
    return found;
  }
}

function isNumber(node: GraphNode): boolean {
  return node.shape.length === 0 && typeof node.value === "number";
}

function number(node: GraphNode): string {
  return typeof node.value === "number" ? short(node.value) : String(node.value);
}

function short(x: number): string {
  return String(Number(x.toPrecision(5)));
}
