// What holds for every program: derivatives are those of finite differences, transformations agree, nothing is left.
import {
  checkpoint, concat, grad, hvp, jvp, linearize, memory, stack, tensor, type Tensor, tidy, vjp, vmap,
} from "wengert";
import { expectClose } from "wengert/testing";
import { uniform } from "../../ts/uniform.js";
import { randoms } from "./draw.js";
import { type Draft, type Program, programOf } from "./program.js";

/** What a check has seen: steps that it left out, and finite differences that did not settle. */
export interface Seen {
  readonly steps: number;
  readonly omitted: number;
  readonly differences: number;
  readonly unsettled: number;
}

/** Throws what is wrong with the program of a draft. */
export function check(draft: Draft): Seen {
  const before = memory();
  const seen = tidy(() => {
    const program = programOf(draft);
    try {
      return { steps: draft.steps.length, omitted: program.omitted, ...checked(program) };
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n\n${program.text}\n`, { cause: error });
    }
  });
  const after = memory();
  const left = `${after.tensors - before.tensors} tensors and ${after.bytes - before.bytes} bytes`;
  if (left !== "0 tensors and 0 bytes") throw new Error(`left behind: ${left}`);
  return seen;
}

type Tensors = readonly Tensor[];

/** Numbers of one size, one for all: how large an error is depends on the largest. */
function agree(what: string, actual: Tensors, expected: Tensors, tolerance: number): void {
  const largest = [...actual, ...expected].reduce((most, t) => Math.max(most, ...t.data().map(Math.abs)), 1);
  try {
    expectClose([...actual], [...expected], { rtol: 0, atol: tolerance * largest });
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** What `f` gives, which must be all that it makes. */
function made<T>(what: string, f: () => T, count: (result: T) => number): T {
  const before = memory().tensors;
  const result = f();
  const more = memory().tensors - before - count(result);
  if (more !== 0) throw new Error(`${what} makes ${more} tensors besides its results`);
  return result;
}

const dot = (a: Tensors, b: Tensors): Tensor =>
  a.map((x, i) => x.mul(b[i] ?? NaN).sum()).reduce((x, y) => x.add(y), tensor(0, "float64"));

function checked({ f, points, constant, single }: Program): { differences: number; unsettled: number } {
  const next = uniform(points.length);
  const like = (xs: Tensors): Tensor[] => xs.map((x) => randoms(x.shape, next));
  const [xs = []] = points;
  const ys = f(xs);
  const [t, u, weights] = [like(xs), like(xs), like(ys)];
  const loss = (xs: Tensors): Tensor => dot(f(xs), weights);
  const exact = single ? 1e-3 : 1e-9;
  const second = single ? 1e-1 : 1e-7;

  const g = made("grad", () => grad(loss)([...xs]), (g) => g.length);
  const [values, tangents] = jvp(f, [xs], [t]);
  agree("the value under jvp", values, ys, 0);
  agree("jvp against grad", [dot(tangents, weights)], [dot(g, t)], exact);
  const [value, push] = linearize(f, xs);
  agree("the value under linearize", value, ys, 0);
  agree("linearize against jvp", push(t), tangents, exact);
  const [, pull] = vjp(f, xs);
  agree("vjp against grad", pull(weights)[0], g, exact);
  agree("checkpoint", grad(checkpoint(loss))([...xs]), g, exact);

  const [forward] = made("hvp", () => hvp(loss, [xs], [t]), ([h]) => h.length);
  agree("reverse over reverse against hvp", grad((xs: Tensors) => dot(grad(loss)([...xs]), t))([...xs]), forward, second);
  agree("reverse over forward against hvp", grad((xs: Tensors) => jvp(loss, [xs], [t])[1])([...xs]), forward, second);
  const twice = jvp((xs: Tensors) => jvp(loss, [xs], [t])[1], [xs], [u])[1];
  agree("forward over forward against hvp", [twice], [dot(forward, u)], second);

  const examples = xs.map((_, i) => stack(points.map((xs) => xs[i] ?? NaN)));
  const loop = (h: (xs: Tensors) => Tensors): Tensor[] => {
    const each = points.map(h);
    return (each[0] ?? []).map((_, i) => stack(each.map((ys) => ys[i] ?? NaN)));
  };
  agree("vmap", vmap(f)(examples), loop(f), exact);
  const slopes = vmap((xs: Tensors) => grad(loss)([...xs]))(examples);
  agree("vmap of grad", slopes, loop((xs) => grad(loss)([...xs])), exact);
  agree("grad of vmap", grad((all: Tensors) => vmap(loss)([...all]).sum())(examples), slopes, exact);

  if (!constant) {
    const tracked = xs.map((x) => tensor(x, { requiresGrad: true }));
    const y = loss(tracked);
    if (y.requiresGrad) y.backward(); // else all of it goes through whole numbers
    agree("backward against grad", tracked.map((x, i) => x.grad ?? (xs[i] ?? x).mul(0)), g, exact);
  }
  if (single) return { differences: 0, unsettled: 0 };
  const moved = (h: number): Tensor[] => xs.map((x, i) => x.add((t[i] ?? x).mul(h)));
  return {
    differences: 2,
    unsettled:
      differences("differences against grad", (h) => [loss(moved(h))], [dot(g, t)]) +
      differences("differences of grad against hvp", (h) => grad(loss)(moved(h)), forward),
  };
}

/**
 * Compares a derivative with central differences of fourth order at several steps. One of them must agree, unless they do
 * not agree with each other either: then differences say nothing, which counts as 1.
 */
function differences(what: string, f: (h: number) => Tensors, derivative: Tensors): 0 | 1 {
  const flat = (xs: Tensors): Tensor => concat(xs.map((x) => x.flatten()));
  const wanted = flat(derivative);
  const largest = Math.max(1, ...wanted.data().map(Math.abs));
  const apart = (a: Tensor, b: Tensor): number => Number(a.sub(b).abs().max().item()) / largest;
  const quotients: Tensor[] = [];
  for (const h of [1e-3, 1e-4, 3e-3, 1e-5]) {
    const [a, b, c, d] = [2 * h, h, -h, -2 * h].map((h) => tidy(() => flat(f(h))));
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error("four");
    const q = b.sub(c).mul(8).sub(a.sub(d)).div(12 * h);
    if (apart(q, wanted) < tolerance) return 0;
    quotients.push(q);
  }
  const settled = quotients.some((q, i) => quotients.slice(i + 1).some((r) => apart(q, r) < tolerance));
  if (!settled) return 1;
  throw new Error(`${what}: ${wanted.toString()} where differences are ${quotients.map(String).join(" and ")}`);
}

const tolerance = 1e-5;

