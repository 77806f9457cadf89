// Loops that a plan generates for itself after a while: the same bits as before, in every corner; what becomes of them.
import { afterEach, describe, expect, it, vi } from "vitest";
import * as w from "wengert";
import { compile, exp, grad, keep, maximum, mul, rand, tensor, Tensor, tidy, where } from "wengert";
import { adam } from "wengert/optim";
import { expectNothingLeft } from "./support.js";

const dtypes = ["float32", "float64"] as const;

/** Modules that have been compiled since `watch`. */
let modules = 0;
function watch(refuses = false): void {
  vi.unstubAllGlobals();
  modules = 0;
  const Module = WebAssembly.Module;
  vi.stubGlobal("WebAssembly", {
    ...Object.fromEntries(Object.getOwnPropertyNames(WebAssembly).map((name) => [name, Reflect.get(WebAssembly, name) as unknown])),
    Module: function (bytes: BufferSource) {
      modules += 1;
      if (refuses) throw new WebAssembly.CompileError("forbidden by a policy");
      return new Module(bytes);
    },
  });
}

afterEach(() => {
  vi.unstubAllGlobals();
});

/** The bits of numbers, one NaN like any other. */
function bits(t: Tensor): string[] {
  return Array.from(t.data(), (x) => (Object.is(x, -0) ? "-0" : String(x)));
}

const list = (y: Tensor | readonly Tensor[]): readonly Tensor[] => (y instanceof Tensor ? [y] : y);

/** Expects the bits of `f` from its plan after it has got loops, and says how many it got. */
function expectSame(f: (...x: Tensor[]) => Tensor | readonly Tensor[], ...x: Tensor[]): number {
  const plain = tidy(() => list(f(...x)).map(bits));
  const compiled = compile(f);
  watch();
  // At least 2^20 elements of operations.
  const calls = Math.ceil(2 ** 20 / Math.max(16, ...x.map(({ size }) => size)));
  for (let k = 0; k < calls; k++) tidy(() => compiled(...x));
  const made = modules;
  expect(tidy(() => list(compiled(...x)).map(bits))).toEqual(plain);
  expect(modules).toBe(made);
  compiled.dispose();
  return made;
}

const corners = [0, -0, 1, -1, 0.5, -2.75, 6.5, 1e-42, -1e-42, 1e-310, 1e30, -1e30, 3e38, Infinity, -Infinity, NaN];

/** So many numbers that corners meet corners, and no multiple of a vector. */
const n = 4099;
const cornersOf = (dtype: "float32" | "float64", pace: number): Tensor =>
  tensor(Array.from({ length: n }, (_, i) => corners[Math.floor(i / pace) % corners.length] ?? 0), dtype);

describe.each(dtypes)("a generated loop of %s", (dtype) => {
  const [x, y] = [cornersOf(dtype, 1), cornersOf(dtype, corners.length)];

  it.each<[string, (x: Tensor, y: Tensor) => Tensor]>([
    ["arithmetic", (x, y) => x.mul(y).add(x).sub(y.div(x)).neg()],
    ["constants", (x, y) => x.mul(0.1).add(1e-8).mul(y.sub(3.5)).div(-7)],
    ["roots and powers", (x, y) => w.sqrt(x.square()).add(w.rsqrt(w.abs(y))).mul(w.reciprocal(x))],
    ["rounding", (x, y) => w.floor(x).add(w.ceil(y)).add(w.round(x.mul(1.5))).sub(w.sign(y))],
    ["choices", (x, y) => maximum(w.minimum(x, y), w.relu(x)).add(w.clip(y, -1, 2)).mul(w.leakyRelu(x))],
    ["units with kinks", (x, y) => w.relu6(x).add(w.abs(y)).sub(w.relu(y.sub(x)))],
  ])("has the bits of the kernels: %s", (_, f) => {
    expect(expectSame(f, x, y)).toBe(1);
  });

  it("is around functions that have kernels of their own", () => {
    expect(expectSame((x, y) => exp(x.mul(y).add(x)).mul(y).add(1).sub(x), x, y)).toBe(2);
    expect(expectSame((x, y) => where(w.greater(x.mul(2).add(y), 0), x.mul(y).sub(1), y.neg().mul(3)).add(x).mul(y), x, y)).toBeGreaterThan(0);
    // A value is written over in its block while the loop runs.
    expect(expectSame((x, y) => {
      const a = w.sin(x);
      const b = w.cos(y);
      return a.mul(b).add(a).mul(b).add(w.tanh(a.add(b).mul(a)));
    }, x, y)).toBeGreaterThan(0);
  });

  it("gives several results, of which others are made", () => {
    expect(expectSame((x, y) => {
      const a = x.mul(y).add(1);
      const b = a.sub(y).mul(a);
      return [a, b, a.add(b).neg()];
    }, x, y)).toBe(1);
  });

  it("reads operands of any layout", () => {
    const m = rand([60, 70], { dtype });
    const f = (m: Tensor, row: Tensor, column: Tensor, one: Tensor): Tensor =>
      m.mul(row).add(column).mul(one).sub(m.mul(one));
    const [row, column, one] = [rand([70], { dtype }), rand([60, 1], { dtype }), tensor(1.7, dtype)];
    expect(expectSame(f, m, row, column, one)).toBe(1);
    expect(expectSame(f, rand([70, 60], { dtype }).transpose(), row, column, one)).toBe(1);
    expect(expectSame(f, rand([60, 140], { dtype }).slice([null, [0, 140, 2]]), row, column, one)).toBe(1);
  });

  it("takes one number as well as many", () => {
    const f = (x: Tensor, y: Tensor): Tensor => x.mul(y).add(x).sub(y).mul(3);
    expect(expectSame(f, tensor(0.3, dtype), tensor(-1.7, dtype))).toBe(1);
    expect(expectSame(f, rand([15], { dtype }), rand([15], { dtype }))).toBe(1);
    expect(expectSame(f, rand([200_003], { dtype }), rand([200_003], { dtype }))).toBe(1);
  });

  it("computes derivatives and steps of optimizers", () => {
    const loss = (x: Tensor, y: Tensor): Tensor => maximum(x.mul(y), x.sub(1)).square().add(w.relu(y)).sum();
    expect(expectSame((x, y) => grad(loss, { argnums: [0, 1] })(x, y), rand([n], { dtype }), rand([n], { dtype }))).toBeGreaterThan(0);
    const optimizer = adam({ lr: 0.01 });
    const start = rand([n], { dtype });
    type State = ReturnType<typeof optimizer.init<Tensor>>;
    const steps = (step: (p: Tensor, s: State) => { params: Tensor; state: State }): string[] =>
      tidy(() => {
        let now = { params: start, state: optimizer.init<Tensor>(start) };
        for (let k = 0; k < 100; k++) now = step(now.params, now.state);
        return bits(now.params);
      });
    const step = (p: Tensor, s: State) => {
      const [params, state] = optimizer.update<Tensor>(grad((p: Tensor) => p.square().mul(p).sum())(p), s, p);
      return { params, state };
    };
    const expected = steps(step);
    watch();
    expect(steps(compile(step))).toEqual(expected);
    expect(modules).toBeGreaterThan(0);
  });
});

describe("loops", () => {
  const x = rand([2 ** 16]);
  const f = (x: Tensor): Tensor => x.mul(2).add(1).mul(x).sub(0.5);
  const run = (compiled: (x: Tensor) => Tensor): void => {
    for (let k = 0; k < 5; k++) compiled(x).dispose();
  };

  it("are made once for each plan, and not for a single operation", () => {
    const compiled = compile(f);
    watch();
    run(compiled);
    run(compiled);
    expect(modules).toBe(1);
    run(compile((x: Tensor) => x.mul(2)));
    run(compile((x: Tensor) => exp(x.mul(2)).add(1)));
    expect(modules).toBe(1);
  });

  it("make results over what is donated", () => {
    const compiled = compile((x: Tensor, y: Tensor) => x.mul(y).add(x).sub(1), { donate: [0] });
    const y = rand([2 ** 16]);
    const expected = tidy(() => bits(mul(x, y).add(x).sub(1)));
    compiled(x.mul(1), y).dispose();
    for (let k = 0; k < 10; k++) {
      expectNothingLeft(() => {
        const made = tidy(() => compiled(x.mul(1), y));
        if (k === 9) expect(bits(made)).toEqual(expected);
        made.dispose();
      });
    }
  });

  it("are not needed: where the host compiles nothing, kernels go on", () => {
    const compiled = compile(f);
    watch(true);
    run(compiled);
    expect(modules).toBeGreaterThan(0);
    expect(tidy(() => bits(compiled(x)))).toEqual(tidy(() => bits(f(x))));
  });

  it("give their places back", () => {
    const grown = vi.spyOn(WebAssembly.Table.prototype, "grow");
    for (let k = 0; k < 30; k++) {
      const compiled = compile((x: Tensor) => f(x).add(k));
      run(compiled);
      compiled.dispose();
    }
    expect(grown.mock.calls.length).toBeLessThanOrEqual(1);
    grown.mockRestore();
  });

  it("are bounded in number", () => {
    watch();
    const kept = Array.from({ length: 530 }, (_, k) => {
      const compiled = compile((x: Tensor) => f(x).mul(k));
      run(compiled);
      return compiled;
    });
    expect(modules).toBeGreaterThan(400);
    expect(modules).toBeLessThanOrEqual(512);
    for (const [k, compiled] of kept.entries()) {
      if (k % 100 === 29) expect(tidy(() => bits(compiled(x)))).toEqual(tidy(() => bits(f(x).mul(k))));
      compiled.dispose();
    }
  });

  it("serve gradients that were met before", () => {
    const g = grad((x: Tensor) => x.mul(x).mul(x.sub(1)).add(x).sum());
    const small = keep(rand([2000]));
    const expected = tidy(() => bits(g(small)));
    watch();
    for (let k = 0; k < 200; k++) g(small).dispose();
    expect(modules).toBeGreaterThan(0);
    expect(tidy(() => bits(g(small)))).toEqual(expected);
    small.dispose();
  });
});
