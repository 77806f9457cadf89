// Random programs: from what was drawn to a function, with a text that shows it.
import { type Tensor, unstack } from "wengert";
import { type Body, Draw, type Env, LeftOut, list, type Operand, product, randoms, type Scope, type Shape, type Step } from "./draw.js";
import { uniform } from "../../ts/uniform.js";
import { table } from "./steps.js";

/** What a program is made from: all that is drawn at random. */
export interface Draft {
  readonly shapes: readonly Shape[];
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** What is known of a program besides its function. */
interface Notes {
  /** Steps that were left out. */
  omitted: number;
  /** A transformation is inside, whose results are constants for `backward`. */
  constant: boolean;
  /** Some of it is computed in float32. */
  single: boolean;
}

export interface Program extends Readonly<Notes> {
  readonly f: (xs: readonly Tensor[]) => Tensor[];
  /** Arguments to check it at: its steps have been chosen so that they are inside of all domains, and away from kinks. */
  readonly points: readonly (readonly Tensor[])[];
  readonly text: string;
}

/** A step as it will be run. */
interface Line {
  readonly text: string;
  readonly of: (env: Env) => Tensor;
}

const mostPoints = 3;

/** A step that makes a value of more elements or axes is left out. */
const mostElements = 48;
const mostAxes = 5;

/** Variables and values are named by how deep in functions they are. */
const letters = ["x", "u", "v", "w"] as const;

/** The program of a draft. */
export function programOf({ shapes, seed, steps }: Draft): Program {
  const next = uniform(seed);
  const points = Array.from({ length: mostPoints }, () => shapes.map((shape) => randoms(shape, next).mul(2)));
  const names = shapes.map((_, i) => `x${i}`);
  const scope: Scope = { names, envs: points.map((xs) => [...xs]), unused: new Set(names.keys()) };
  const notes = { omitted: 0, constant: false, single: false };
  const lines = extend(scope, steps, 0, notes);
  const outputs = [...scope.unused];
  const args = shapes.map((shape, i) => `x${i}: ${list(shape)}`).join(", ");
  return {
    ...notes,
    points,
    f: (xs) => {
      const env = run(lines, xs);
      return outputs.flatMap((i) => env.slice(i, i + 1));
    },
    text: functionText(`(${args})`, lines, list(outputs.map((i) => names[i]))),
  };
}

/** The environment after these lines. */
function run(lines: readonly Line[], start: Env): Tensor[] {
  const env = [...start];
  for (const line of lines) env.push(line.of(env));
  return env;
}

/** Adds values to a scope, one for each step that finds its operands. */
function extend(scope: Scope, steps: readonly Step[], depth: number, notes: Notes): Line[] {
  const lines: Line[] = [];
  for (const { name, dice, body } of steps) {
    const unused = [...scope.unused];
    try {
      const entry = table.get(name);
      if (entry === undefined) throw new Error(`there is no step ${name}`);
      const nest = (x: Operand, axis: number | null): Body => functionOf(scope, x, axis, body, depth + 1, notes);
      const { text, of } = entry.make(new Draw(dice, scope, nest, depth));
      const values = scope.envs.map((env) => of(env));
      const shape = values[0]?.shape ?? [];
      if (product(shape) > mostElements || shape.length > mostAxes) throw new LeftOut();
      const place = `${letters[depth] ?? "z"}${scope.names.length}`;
      const line = { text: `${place} = ${text}  // ${list(shape)}`, of };
      if (!values.every((value) => value.data().every((x) => Math.abs(x) < 1e9))) throw new Error(`too large: ${line.text}`);
      lines.push(line);
      values.forEach((value, i) => scope.envs[i]?.push(value));
      scope.unused.add(scope.names.length);
      scope.names.push(place);
      notes.constant ||= entry.constant === true;
      notes.single ||= entry.single === true;
    } catch (error) {
      if (!(error instanceof LeftOut)) {
        const message = error instanceof Error ? error.message : String(error);
        const so = [...lines.map((line) => line.text), `then ${name}, ${list(dice)}`].join("\n");
        throw new Error(`${message}\n\n${so}`, { cause: error });
      }
      unused.forEach((i) => scope.unused.add(i));
      notes.omitted += 1;
    }
  }
  return lines;
}

/** A function of one variable, with the value of `x`, or with that of each slice of it along an axis. */
function functionOf(scope: Scope, x: Operand, axis: number | null, body: readonly Step[], depth: number, notes: Notes): Body {
  const variable = `${letters[depth] ?? "z"}${scope.names.length}`;
  const names = [...scope.names, variable];
  const valuesIn = (env: Env): Tensor[] => (axis === null ? [x.of(env)] : unstack(x.of(env), axis));
  const envs = scope.envs.flatMap((env) => valuesIn(env).map((value) => [...env, value]));
  const lines = extend({ names, envs, unused: new Set() }, body, depth, notes);
  return {
    text: functionText(variable, lines, names.at(-1) ?? variable),
    of: (env) => (value) => run(lines, [...env, value]).at(-1) ?? value,
  };
}

function functionText(args: string, lines: readonly Line[], result: string): string {
  const body = [...lines.map((line) => line.text), `return ${result}`].join("\n").replaceAll(/^/gm, "  ");
  return `${args} => {\n${body}\n}`;
}
