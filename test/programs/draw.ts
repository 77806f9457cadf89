// Random programs: the dice of a step, and how it gets operands that fit.
import { add, flatten, mul, reshape, take, type Tensor, tensor } from "wengert";

export type Shape = readonly number[];

/** A step as it is drawn: the dice decide which values it takes, and how; the body is for steps that take a function. */
export interface Step {
  readonly name: string;
  readonly dice: readonly number[];
  readonly body: readonly Step[];
}

/** What a step makes would be too large: it is left out, and counted. */
export class LeftOut extends Error {}

/** Numbers of [-1, 1). */
export function randoms(shape: Shape, next: () => number): Tensor {
  return tensor(Float64Array.from({ length: product(shape) }, () => 2 * next() - 1), { shape, dtype: "float64" });
}

export const product = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** As it is written in a program. */
export const list = (items: readonly unknown[]): string => `[${items.join(", ")}]`;

/** What an environment has: the values of the program so far, in order. */
export type Env = readonly Tensor[];

/** An expression over the values of a program, and how it is written. */
export class Operand {
  constructor(
    readonly text: string,
    readonly shape: Shape,
    readonly of: (env: Env) => Tensor,
  ) {}

  map(text: (x: string) => string, f: (x: Tensor) => Tensor, shape: Shape = this.shape): Operand {
    return new Operand(text(this.text), shape, (env) => f(this.of(env)));
  }

  toString(): string {
    return this.text;
  }
}

/** Values that later steps can take: named by a letter and their place, in several environments at once. */
export interface Scope {
  readonly names: string[];
  /** One environment for each point at which the program is checked, in bodies of vmap one for each example. */
  readonly envs: Tensor[][];
  /** The places of values that no step has taken yet. */
  readonly unused: Set<number>;
}

/** What an operand must be. */
export interface Wish {
  readonly shape?: Shape;
  /** Fewest and most axes. */
  readonly ndim?: readonly [least: number, most: number];
  /** Its elements lie here; [-2, 2] if left out. */
  readonly domain?: readonly [low: number, high: number];
  /** Where functions have kinks or jumps: the elements keep away from all multiples of 1/2. */
  readonly smooth?: boolean;
  /** No two elements are nearly equal. */
  readonly apart?: boolean;
}

/** A function in a program, which sees the values outside. */
export interface Body {
  readonly text: string;
  readonly of: (env: Env) => (x: Tensor) => Tensor;
}

/** The dice of one step, and the values that it may take. */
export class Draw {
  private next = 0;

  constructor(
    private readonly dice: readonly number[],
    private readonly scope: Scope,
    /** The function that the step takes, of a variable with this value, or with the slices of it along an axis. */
    readonly nest: (variable: Operand, axis: number | null) => Body,
    private readonly depth: number,
  ) {}

  /** Leaves out a step of many axes in functions of functions: vmap over vmap adds one for each. */
  notDeeperThan(depth: number): void {
    if (this.depth > depth) throw new LeftOut();
  }

  /** A whole number below `n`. */
  below(n: number): number {
    return (this.dice[this.next++ % this.dice.length] ?? 0) % n;
  }

  /** One of these. */
  of<const T>(first: T, ...others: readonly T[]): T {
    const i = this.below(others.length + 1);
    return i === 0 ? first : others[i - 1];
  }

  flag(): boolean {
    return this.below(2) === 1;
  }

  /** A shape of so many axes. */
  shape(least: number, most: number): Shape {
    return Array.from({ length: least + this.below(most - least + 1) }, () => this.of(2, 1, 3));
  }

  /** A value, made to fit. */
  tensor(wish: Wish = {}): Operand {
    const { names } = this.scope;
    const place = names.length - 1 - this.below(names.length);
    const shape = this.scope.envs[0]?.[place]?.shape ?? this.none();
    this.scope.unused.delete(place);
    const value = new Operand(names[place] ?? "", shape, (env) => env[place] ?? this.none());
    const [least, most] = wish.ndim ?? [0, 8];
    const wanted = wish.shape ?? (shape.length >= least && shape.length <= most ? shape : this.shape(least, most));
    const domain = wish.domain ?? [-2, 2];
    const fitted = this.within(resized(value, wanted), domain);
    if (wish.apart === true) return this.apart(fitted);
    if (wish.smooth !== true) return fitted;
    const ok = (x: Operand): boolean => this.numbers(x).every((x) => smoothAt(x) && x > domain[0] && x < domain[1]);
    return this.shifted(fitted, ok) ?? this.within(fitted, [0.05, 0.45]);
  }

  /** A value whose shape broadcasts to that of another: as it is, where it can, else with some axes 1 or left out. */
  beside(other: Operand, wish: Wish = {}): Operand {
    const shape = other.shape.map((n) => (this.below(3) === 2 ? 1 : n)).slice(this.below(3) === 2 ? 1 : 0);
    return this.tensor({ shape, ...wish });
  }

  /** A value whose elements are not near those of another. */
  awayFrom(other: Operand, wish: Wish = {}): Operand {
    const differs = (x: Operand): boolean =>
      this.scope.envs.every((env) => other.of(env).sub(x.of(env)).data().every((d) => Math.abs(d) > margin));
    const x = this.beside(other, wish);
    return this.shifted(x, differs) ?? plus(x, 5);
  }

  axis(x: Operand): number {
    return this.below(2 * x.shape.length) - x.shape.length;
  }

  /** All axes, one, or a list of different ones. */
  axes(x: Operand): number | readonly number[] | null {
    const n = x.shape.length;
    if (n === 0) return null;
    const chosen = x.shape.map((_, axis) => axis).filter(() => this.flag());
    return this.of<number | readonly number[] | null>(null, this.axis(x), chosen);
  }

  /** A permutation of the numbers below n. */
  order(n: number): number[] {
    const left = Array.from({ length: n }, (_, i) => i);
    return left.map(() => 0).flatMap(() => left.splice(this.below(left.length), 1));
  }

  /** Indices into an axis of this size, repeated and negative ones too. */
  indices(shape: Shape, size: number): Literal {
    return new Literal(Array.from({ length: product(shape) }, () => this.below(2 * size) - size), shape);
  }

  /** Numbers that an operand has, in all environments. */
  numbers(x: Operand): number[] {
    return this.scope.envs.flatMap((env) => [...x.of(env).data()]);
  }

  private none(): never {
    throw new LeftOut();
  }

  /** Scaled down and moved into the domain, if it is not there. */
  private within(x: Operand, [low, high]: readonly [number, number]): Operand {
    const values = this.numbers(x);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    if (least >= low && most <= high) return x;
    const scale = Math.min(1, Number((0.9 * (high - low) / (most - least)).toPrecision(2)));
    const shift = Number(((low + high - scale * (least + most)) / 2).toFixed(3));
    return plus(scale === 1 ? x : x.map((text) => `${scale} * ${text}`, (t) => mul(t, scale)), shift);
  }

  private shifted(x: Operand, ok: (x: Operand) => boolean): Operand | undefined {
    const shifts = Array.from({ length: 40 }, (_, k) => Number(((k % 2 === 0 ? 1 : -1) * 0.0137 * k).toFixed(4)));
    return shifts.map((shift) => plus(x, shift)).find(ok);
  }

  private apart(x: Operand): Operand {
    const ok = (x: Operand): boolean => this.scope.envs.every((env) => gap(x.of(env).data()) > margin / 2);
    const ramps = Array.from({ length: 20 }, (_, k) => plusRamp(x, Number((0.11 * (k + 1)).toFixed(2)), 2));
    return [x, ...ramps].find(ok) ?? plusRamp(x, 4.1, Infinity);
  }
}

/** How far from kinks values are kept: far more than finite differences move them. */
const margin = 0.02;

const smoothAt = (x: number): boolean => Math.abs(2 * x - Math.round(2 * x)) > 2 * margin;

function gap(values: Iterable<number>): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.slice(1).reduce((least, x, i) => Math.min(least, x - (sorted[i] ?? 0)), Infinity);
}

const plus = (x: Operand, c: number): Operand =>
  c === 0 ? x : x.map((text) => `(${text} ${c < 0 ? "-" : "+"} ${Math.abs(c)})`, (t) => add(t, c));

/** The elements of a constant beside each other differ by `slope`, except where it starts again. */
function plusRamp(x: Operand, slope: number, until: number): Operand {
  const ramp = Float64Array.from({ length: product(x.shape) }, (_, i) => (i * slope) % until);
  const options = { shape: x.shape, dtype: "float64" } as const;
  return x.map((text) => `(${text} + ramp(${slope}))`, (t) => add(t, tensor(ramp, options)));
}

/** The elements in row-major order, repeated or cut to another shape, as NumPy's resize does. */
function resized(x: Operand, shape: Shape): Operand {
  if (shape.join() === x.shape.join()) return x;
  const [from, to] = [product(x.shape), product(shape)];
  if (from === to) return x.map((text) => `reshape(${text}, ${list(shape)})`, (t) => reshape(t, shape), shape);
  const indices = Int32Array.from({ length: to }, (_, i) => i % from);
  const f = (t: Tensor): Tensor => reshape(take(flatten(t), tensor(indices)), shape);
  return x.map((text) => `resize(${text}, ${list(shape)})`, f, shape);
}

/** Whole numbers as an option: written as they are, and a tensor when they are used. */
export class Literal {
  constructor(
    readonly values: readonly number[],
    private readonly shape: Shape,
  ) {}

  tensor(): Tensor {
    return tensor(Int32Array.from(this.values), { shape: this.shape });
  }

  toJSON(): unknown {
    return this.shape.length === 1 ? this.values : { shape: this.shape, data: this.values };
  }
}

