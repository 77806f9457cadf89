// Loops that a plan generates for itself after a while: the same bits as before, in every corner; what becomes of them.
import { afterEach, describe, expect, it, vi } from "vitest";
import * as w from "wengert";
import { compile, exp, grad, keep, maximum, mul, rand, tensor, Tensor, tidy, where } from "wengert";
import { adam } from "wengert/optim";
import { expectNothingLeft } from "./support.js";
import { stubModule } from "./webassembly.js";

const dtypes = ["float32", "float64"] as const;

/** Modules that have been compiled since `watch`, and how often the host was asked. */
let modules = 0;
let asked = 0;

/** From now on the host compiles `instead`, or refuses after the first `limit`. */
function watch({ limit = Infinity, instead }: { limit?: number; instead?: BufferSource } = {}): void {
  vi.unstubAllGlobals();
  [modules, asked] = [0, 0];
  stubModule((bytes, Module) => {
    asked += 1;
    if (modules >= limit) throw new WebAssembly.CompileError("forbidden by a policy");
    const module = new Module(instead ?? bytes);
    modules += 1;
    return module;
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
  for (let k = 0; k < calls; k++) tidy(() => void compiled(...x));
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

  it("is made of every function that can be, and of its derivative", () => {
    const some = Array.from({ length: 300 }, (_, i) => corners[i % 14] ?? 0);
    const [x, y] = [tensor(some, dtype), tensor([...some].reverse(), dtype)];
    const functions: readonly (readonly [string, (x: Tensor, y: Tensor) => Tensor])[] = Object.entries(w).flatMap(([name, f]) => {
      if (typeof f !== "function" || !/^[a-z]/.test(name) || ["init", "keep"].includes(name)) return [];
      const call = f as unknown as (...args: Tensor[]) => unknown;
      return [1, 2].flatMap((arity) => {
        const of = (x: Tensor, y: Tensor): unknown => (arity === 1 ? call(x) : call(x, y));
        const isElementwise = (): boolean => {
          const made = of(x, y);
          return made instanceof Tensor && made.dtype === dtype && made.shape.join() === x.shape.join();
        };
        try {
          return tidy(isElementwise) ? [[name, of as (x: Tensor, y: Tensor) => Tensor] as const] : [];
        } catch {
          return [];
        }
      });
    });
    expect(functions.length).toBeGreaterThan(70);
    let made = 0;
    for (const [, f] of functions) {
      const around = (x: Tensor, y: Tensor): Tensor => f(x.mul(2).add(y), y.sub(x)).mul(x).sub(y);
      made += expectSame(around, x, y);
      made += expectSame((x, y) => {
        const [by] = w.vjp((x: Tensor) => around(x, y), x)[1](y);
        return [by.mul(x).add(y)];
      }, x, y);
    }
    expect(made).toBeGreaterThan(2 * functions.length);
  });

  it.each([30, 100, 200, 500])("can be long: %i operations", (length) => {
    expect(expectSame((x, y) => {
      let sum = x;
      for (let k = 0; k < length; k++) sum = sum.mul(1 / (k + 3)).add(y);
      return sum;
    }, x, y)).toBeGreaterThan(length > 200 ? 1 : 0);
  });

  it("stands beside operations of other dtypes", () => {
    const other = dtype === "float32" ? "float64" : "float32";
    expect(expectSame((x, y) => {
      const there = x.mul(y).add(1).to(other);
      const back = there.mul(3).sub(0.1).to(dtype);
      return back.mul(x).add(w.clip(y, -100, 100).to("int32").mul(3).add(1).to(dtype)).sub(y);
    }, x, y)).toBeGreaterThan(1);
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
    const others = [compile((x: Tensor) => x.mul(2)), compile((x: Tensor) => exp(x.mul(2)).add(1))];
    others.forEach(run);
    expect(modules).toBe(1);
    [compiled, ...others].forEach((compiled) => { compiled.dispose(); });
  });

  it("are what is called", () => {
    // A function that does nothing: type, function, export "" and code, https://webassembly.github.io/spec/core/binary/modules.html
    const nothing = new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 2, 127, 127, 0, 3, 2, 1, 0, 7, 4, 1, 0, 0, 0, 10, 4, 1, 2, 0, 11,
    ]);
    const compiled = compile(f, { donate: [0] });
    watch({ instead: nothing });
    for (let k = 0; k < 5; k++) compiled(x.mul(1)).dispose();
    expect(modules).toBe(1);
    const made = compiled(w.ones([2 ** 16]));
    expect(made.data().every((value) => value === 1)).toBe(true); // what was donated, as it was
    made.dispose();
    compiled.dispose();
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
    compiled.dispose();
  });

  it("are not needed: where the host compiles nothing, kernels go on", () => {
    const compiled = compile(f);
    watch({ limit: 0 });
    run(compiled);
    expect([asked, modules]).toEqual([1, 0]);
    expect(tidy(() => bits(compiled(x)))).toEqual(tidy(() => bits(f(x))));
    compiled.dispose();
  });

  it("may be had in part", () => {
    const three = (x: Tensor): Tensor => exp(exp(x.mul(2).sub(3)).neg().mul(x)).mul(x).sub(1);
    const compiled = compile(three);
    watch({ limit: 1 });
    run(compiled);
    run(compiled);
    expect([asked, modules]).toEqual([2, 1]);
    expect(tidy(() => bits(compiled(x)))).toEqual(tidy(() => bits(three(x))));
    compiled.dispose();
  });

  it("give their places back", () => {
    const grown = vi.spyOn(WebAssembly.Table.prototype, "grow");
    watch();
    for (let k = 0; k < 30; k++) {
      const compiled = compile((x: Tensor) => f(x).add(k));
      run(compiled);
      compiled.dispose();
    }
    expect(modules).toBe(30);
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
