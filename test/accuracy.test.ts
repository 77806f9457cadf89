// The hardest arguments of every elementwise function, as scripts/ulp.py found them, and its special values: results are as
// far from the correctly rounded ones as they were then, or nearer. The errors themselves are in docs/ops/accuracy.md.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as wengert from "wengert";
import { tensor, type Tensor } from "wengert";

type Item = number | "NaN" | "Infinity" | "-Infinity";
interface Points {
  /** The most units in the last place that a result may be off. */
  readonly ulp: number;
  /** The arguments, and the exact result rounded to nearest. */
  readonly points: readonly (readonly Item[])[];
}
interface Case {
  readonly name: string;
  readonly float32: Points;
  readonly float64: Points;
}

const cases = JSON.parse(readFileSync(new URL("fixtures/accuracy.json", import.meta.url), "utf8")) as readonly Case[];

/** Numbers of a dtype as integers, neighbours beside each other. */
function places(numbers: readonly number[], dtype: "float32" | "float64"): bigint[] {
  const bits = dtype === "float32" ? new Int32Array(Float32Array.from(numbers).buffer) : new BigInt64Array(Float64Array.from(numbers).buffer);
  const lowest = dtype === "float32" ? -(2n ** 31n) : -(2n ** 63n);
  return Array.from(bits, BigInt).map((i) => (i < 0n ? lowest - i : i));
}

function call(name: string, args: readonly Tensor[]): Tensor {
  if (name === "geluTanh") return wengert.gelu(args[0] ?? 0, "tanh");
  return Reflect.apply(Reflect.get(wengert, name) as (...args: readonly Tensor[]) => Tensor, undefined, args);
}

describe.each(cases)("$name", ({ name, ...ofDtype }) => {
  it.each(["float32", "float64"] as const)("%s", (dtype) => {
    const { ulp, points } = ofDtype[dtype];
    expect(points.length).toBeGreaterThan(0);
    const columns = (points[0] ?? []).map((_, k) => points.map((row) => Number(row[k])));
    const wanted = columns.pop() ?? [];
    const got = [...call(name, columns.map((column) => tensor(column, dtype))).data()];
    const [gotPlaces, wantedPlaces] = [places(got, dtype), places(wanted, dtype)];
    got.forEach((value, i) => {
      const want = wanted[i] ?? NaN;
      const off = (gotPlaces[i] ?? 0n) - (wantedPlaces[i] ?? 0n);
      const near = Number.isNaN(want) || Number.isNaN(value) ? Object.is(want, value) : off <= ulp && off >= -ulp;
      if (!near) expect.fail(`${name}(${points[i]?.slice(0, -1).join(", ")}) in ${dtype} is ${value}, must be within ${ulp} ulp of ${want}`);
    });
  });
});
