// Every operation against NumPy, SciPy and JAX: the cases of test/fixtures/, which scripts/fixtures.py makes and describes,
// through the public API in float64 and in float32.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as wengert from "wengert";
import { jvp, Tensor, tensor, tidy, vjp } from "wengert";
import { Adam } from "wengert/optim";
import { bits, expectNothingLeft } from "./support.js";

type Float = "float32" | "float64";
type Numbers = readonly (number | "NaN" | "Infinity" | "-Infinity")[];
interface Values {
  readonly shape: readonly number[];
  readonly dtype?: wengert.DType;
  readonly data: Numbers;
}
interface Case {
  readonly op: string;
  /** Which of several results is meant. */
  readonly part?: number;
  readonly args: readonly unknown[];
  readonly value: Values;
  readonly note?: string;
  readonly rtol?: number;
  /** The value has the bits of float32 numbers. */
  readonly bits?: boolean;
  readonly g?: Numbers;
  readonly vjp?: readonly Numbers[];
  readonly t?: readonly Numbers[];
  readonly jvp?: Numbers;
}
interface AdamRun {
  readonly lr: number;
  readonly start: readonly number[];
  readonly steps: readonly { readonly gradient: readonly number[]; readonly parameter: readonly number[] }[];
}

const folder = new URL("fixtures/", import.meta.url);
const load = (name: string): unknown => JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
const files = ["elementwise", "reductions", "products", "shapes", "random", "linalg", "networks", "rearrangements"];
const cases = files.flatMap((name) => load(name) as Case[]);

/** What users cannot call: the parts of Adam's step, tested below. */
const internal = ["adamStep", "lerpSquare"];

const single: Readonly<Record<Float, boolean>> = { float32: true, float64: false };

function isValues(arg: unknown): arg is Values {
  return typeof arg === "object" && arg !== null && "data" in arg && "shape" in arg;
}

/** The arguments with tensors made; the floats among them, in order, are variables to differentiate by. */
function decode(arg: unknown, dtype: Float, variables: Tensor[]): unknown {
  if (isValues(arg)) {
    const t = make(arg.data, arg.shape, arg.dtype ?? dtype);
    if (arg.dtype === undefined) variables.push(t);
    return t;
  }
  if (Array.isArray(arg)) return arg.map((item) => decode(item, dtype, variables));
  if (typeof arg !== "object" || arg === null) return arg;
  if ("number" in arg) return Number(arg.number);
  return Object.fromEntries(Object.entries(arg).map(([key, item]) => [key, decode(item, dtype, variables)]));
}

function make(data: Numbers, shape: readonly number[], dtype: wengert.DType): Tensor {
  return tensor(Float64Array.from(data, Number), { shape, dtype });
}

/** The same arguments with other tensors in the places of the variables. */
function replace(arg: unknown, variables: readonly Tensor[], by: readonly Tensor[]): unknown {
  if (arg instanceof Tensor) return by[variables.indexOf(arg)] ?? arg;
  if (Array.isArray(arg)) return arg.map((item) => replace(item, variables, by));
  if (typeof arg !== "object" || arg === null) return arg;
  return Object.fromEntries(Object.entries(arg).map(([key, item]) => [key, replace(item, variables, by)]));
}

/** Calls an operation by its name, `random.split` or `sum`; those that are methods only on their first argument. */
function call(op: string, args: readonly unknown[], part?: number): Tensor {
  const [namespace = "", name = ""] = op.includes(".") ? op.split(".") : ["", op];
  const homes: Readonly<Record<string, object>> = { "": wengert, random: wengert.random, linalg: wengert.linalg };
  const home = homes[namespace] ?? wengert;
  const [first, ...rest] = args;
  const f: unknown = Reflect.get(home, name);
  if (typeof f === "function") {
    const y: unknown = Reflect.apply(f, undefined, args);
    return (part === undefined ? y : (y as unknown[])[part]) as Tensor;
  }
  const method: unknown = Reflect.get(first as object, name);
  if (typeof method !== "function") throw new Error(`there is no operation ${op}`);
  return Reflect.apply(method, first, rest) as Tensor;
}

function close(actual: Tensor, expected: Numbers, rtol: number, what: string): void {
  const values = actual.data();
  expect(values.length, `${what}: number of elements`).toBe(expected.length);
  const wanted = expected.map(Number);
  const single = actual.dtype === "float32";
  const largest = Math.max(0, ...wanted.filter(Number.isFinite).map(Math.abs));
  values.forEach((value, i) => {
    const exact = wanted[i] ?? NaN;
    const want = single ? Math.fround(exact) : exact;
    if (Object.is(value, want) || value === want) return;
    // Relative to the largest where terms cancel.
    const error = Math.abs(value - want) / (Math.abs(want) + 0.1 * Math.min(largest, 10));
    if (!(error <= rtol)) expect.fail(`${what}: element ${i} is ${value}, must be ${want} (relative error ${error})`);
  });
}

function run({ op, part, args, value, rtol, bits = false, ...derivatives }: Case, dtype: Float): void {
  const tolerance = Math.max(rtol ?? 1e-12, single[dtype] ? 3e-5 : 0);
  const variables: Tensor[] = [];
  const decoded = args.map((arg) => decode(arg, dtype, variables));
  const y = call(op, decoded, part);
  expect(y.shape, "shape").toEqual(value.shape);
  if (bits) {
    expect([...new Int32Array(Float32Array.from(y.data()).buffer)], "bits").toEqual(value.data);
    return;
  }
  if (!single[dtype]) expect(y.dtype, "dtype").toBe(value.dtype ?? "float64");
  close(y, value.data, tolerance, "value");
  const { g, t } = derivatives;
  if (g === undefined || t === undefined) return;
  const f = (...xs: Tensor[]): Tensor => call(op, decoded.map((arg) => replace(arg, variables, xs)), part);
  const [, pullback] = vjp(f, ...variables);
  pullback(make(g, y.shape, y.dtype)).forEach((c, i) => {
    close(c, derivatives.vjp?.[i] ?? [], tolerance, `vjp by tensor ${i}`);
  });
  const tangents = variables.map((x, i) => make(t[i] ?? [], x.shape, x.dtype));
  close(jvp(f, variables, tangents)[1], derivatives.jvp ?? [], tolerance, "jvp");
}

const names = [...new Set(cases.map(({ op }) => op))];
describe.each(names)("%s", (op) => {
  it.each(["float64", "float32"] as const)("%s", (dtype) => {
    cases.filter((c) => c.op === op).forEach((c) => {
      tidy(() => {
        try {
          run(c, dtype);
        } catch (error) {
          if (error instanceof Error) error.message = `${JSON.stringify(c.args)} ${c.note ?? ""}\n${error.message}`;
          throw error;
        }
      });
    });
  });
});

describe("called again and again, as plans take over, all give the same bits and leave nothing", () => {
  it.each(names)("%s", (op) => {
    cases.filter((c) => c.op === op).forEach(({ args, part, note }) => {
      const variables: Tensor[] = [];
      const decoded = args.map((arg) => decode(arg, "float32", variables));
      const others = variables.map((x) => tidy(() => x.flatten().flip().reshape(x.shape)));
      const given = [decoded, decoded.map((arg) => replace(arg, variables, others))];
      const all = () =>
        given.map((args) => {
          try {
            return tidy(() => bits(call(op, args, part)));
          } catch (error) {
            if (!(error instanceof wengert.TensorError)) throw error; // a matrix that is not definite any more
            return error.message;
          }
        });
      const first = all();
      expectNothingLeft(() => {
        for (let k = 0; k < 8; k++) expect(all(), `${JSON.stringify(args)} ${note ?? ""}`).toEqual(first);
      });
    });
  });
});

it("Adam takes the steps of its definition", () => {
  const [adam] = load("adam") as [AdamRun];
  const p = tensor(Float64Array.from(adam.start));
  const optimizer = new Adam(p, { lr: adam.lr });
  for (const { gradient, parameter } of adam.steps) {
    optimizer.step(tensor(Float64Array.from(gradient)));
    close(p, parameter, 1e-13, "parameter");
  }
});

it("every operation has a fixture: add it to scripts/fixtures.py", () => {
  const folder = fileURLToPath(new URL("../ts/", import.meta.url));
  const generated = readdirSync(folder).filter((name) => name.endsWith(".gen.ts")).map((name) => readFileSync(`${folder}${name}`, "utf8"));
  const ops = generated.flatMap((text) => [...text.matchAll(/\b(?:unary|binary|define)\(\s*\d+,\s*"([\w.]+)"/g)].map(([, op = ""]) => op.replace("optim.", "")));
  expect(ops.length).toBeGreaterThan(100);
  expect(ops.filter((op) => !names.includes(op) && !internal.includes(op))).toEqual([]);
});
