// Compiled functions: what a plan is made for, what it computes, what it owns.
import { describe, expect, it, vi } from "vitest";
import {
  compile, crossEntropy, exp, grad, jvp, keep, linear, matmul, memory, mul, noGrad, rand, random, relu, sin, stopGradient, sum, tensor, Tensor, tidy,
  valueAndGrad, vjp, vmap, where,
} from "wengert";
import { adam, Adam } from "wengert/optim";
import { anything, bits, expectNothingLeft, refusal, values } from "./support.js";

describe("compile", () => {
  it("runs the function once for each kind of arguments", () => {
    let runs = 0;
    const f = compile((x: Tensor, { scale }: { scale: number }) => {
      runs += 1;
      return x.mul(scale);
    });
    expect(values(f(tensor([1, 2]), { scale: 2 }))).toEqual([2, 4]);
    expect(values(f(tensor([3, 4]), { scale: 2 }))).toEqual([6, 8]);
    expect(runs).toBe(1);
    expect(values(f(tensor([3, 4]), { scale: 3 }))).toEqual([9, 12]);
    expect(values(f(tensor([3]), { scale: 2 }))).toEqual([6]);
    expect(values(f(tensor([3, 4], "float64"), { scale: 2 }))).toEqual([6, 8]);
    expect(runs).toBe(4);
    expect(values(f(tensor([5, 4]), { scale: 2 }))).toEqual([10, 8]);
    expect(runs).toBe(4);
    expect(f.plans.map(({ signature }) => signature)).toEqual([
      "(float32[2], {scale: 2})", "(float64[2], {scale: 2})", "(float32[1], {scale: 2})", "(float32[2], {scale: 3})",
    ]);
  });

  it("takes arrays of numbers for tensors, and hands everything else through", () => {
    const f = compile((x: Tensor, name: string, flags: { train: boolean | null }) => ({
      y: flags.train === true ? x.neg() : x, list: [x.sum(), 7] as const, name, nothing: undefined,
    }));
    const { y, list, name, nothing } = f(anything(Float64Array.of(1, 2)), "a", { train: true });
    expect([y.dtype, values(y), values(list[0]), list[1], name, nothing]).toEqual(["float64", [-1, -2], 3, 7, "a", undefined]);
    expect(values(f(anything([1, 2]), "a", { train: null }).y)).toEqual([1, 2]);
    expect(values(f(anything([3, 2]), "a", { train: null }).y)).toEqual([3, 2]);
    expect(f.plans.length).toBe(2);
  });

  it("gives results of their own where they are arguments, constants, or there twice", () => {
    const one = tensor([1]);
    const f = compile((x: Tensor) => [x, x, one, tensor([5]), x.add(1)] as const);
    const x = tensor([2]);
    const results = f(x);
    expect(results.map(values)).toEqual([[2], [2], [1], [5], [3]]);
    results.forEach((t) => { t.dispose(); });
    expect([x, one].map(values)).toEqual([[2], [1]]);
    expect(values(f(x)[3])).toEqual([5]);
  });

  it("reads what it closes over at each call", () => {
    const w = tensor([1, 2]);
    const f = compile((x: Tensor) => mul(x, w));
    expect(values(f(tensor([10, 10])))).toEqual([10, 20]);
    w.assign(tensor([3, 4]));
    expect(values(f(tensor([10, 10])))).toEqual([30, 40]);
    const ones = tensor([1, 1]);
    expectNothingLeft(() => { f(ones).dispose(); });
  });

  it("takes random keys as arguments", () => {
    const noise = (key: Tensor, x: Tensor): Tensor => x.add(random.normal(key, x.shape));
    const f = compile(noise);
    for (const seed of [1, 2]) {
      const [key, x] = [random.key(seed), tensor([0, 0, 0])];
      expect(values(f(key, x))).toEqual(values(noise(key, x)));
    }
    expect(f.plans.length).toBe(1);
  });

  it("is transparent inside transformations, and to backward", () => {
    const f = (x: Tensor): Tensor => sin(x.square()).sum();
    const c = compile(f);
    const x = tensor([0.3, 0.7]);
    expect(values(grad(c)(x))).toEqual(values(grad(f)(x)));
    expect(values(jvp(c, [x], [[1, 0]])[1])).toEqual(values(jvp(f, [x], [[1, 0]])[1]));
    expect(values(vmap(c)([[0.3, 0.7]]))).toEqual(values(vmap(f)([[0.3, 0.7]])));
    expect(values(compile(compile(f))(x))).toEqual(values(f(x)));
    const leaf = tensor(x, { requiresGrad: true });
    c(leaf).backward();
    expect(values(leaf.grad)).toEqual(values(grad(f)(x)));
    expect(noGrad(() => c(leaf)).requiresGrad).toBe(false);
  });

  it("has gradients of all kinds inside", () => {
    const f = (w: Tensor, x: Tensor): Tensor => exp(matmul(w, x)).sum();
    const w = tensor([[0.1, 0.2], [0.3, 0.4]], "float64");
    const x = tensor([0.5, 0.6], "float64");
    const both = (w: Tensor, x: Tensor): Tensor[] => {
      const [y, pullback] = vjp((w: Tensor) => f(w, x), w);
      return [y, ...pullback(1), grad((w: Tensor) => sum(grad(f)(w, x).square()))(w)];
    };
    expect(compile(both)(w, x).map(values)).toEqual(both(w, x).map(values));
  });

  it("runs a whole training step, with an optimizer, in constant memory", () => {
    const shapes = { w: [8, 4], v: [3, 8] };
    const start = (): Record<"w" | "v", Tensor> => ({
      w: random.normal(random.key(1), shapes.w), v: random.normal(random.key(2), shapes.v),
    });
    const x = random.normal(random.key(3), [16, 4]);
    const labels = tensor(Int32Array.from({ length: 16 }, (_, i) => i % 3));
    const loss = (p: ReturnType<typeof start>): Tensor => crossEntropy(linear(relu(linear(x, p.w)), p.v), labels);
    const rule = adam({ lr: 0.01 });
    const step = compile((p: ReturnType<typeof start>, s: ReturnType<typeof rule.init>) => {
      const [value, gradient] = valueAndGrad(loss)(p);
      const [next, state] = rule.update(gradient, s, p);
      return [next, state, value] as const;
    }, { donate: [0, 1] });
    const reference = start();
    const optimizer = new Adam(reference, { lr: 0.01 });
    let p = start();
    let s = rule.init(p);
    let usage = memory();
    for (let k = 0; k < 200; k++) {
      const [next, state, value] = step(p, anything(s));
      const [wanted, gradient] = valueAndGrad(loss)(reference);
      expect(value.item()).toBe(wanted.item());
      optimizer.step(gradient);
      [value, wanted, gradient.w, gradient.v].forEach((t) => { t.dispose(); });
      [p, s] = [anything(next), anything(state)];
      if (k === 2) usage = memory();
      if (k > 2) expect(memory().bytes).toBe(usage.bytes);
    }
    expect(values(p.w)).toEqual(values(reference.w));
    expect(step.plans.length).toBe(1);
  });

  it("uses up what is donated, in place", () => {
    const f = compile((x: Tensor, y: Tensor) => x.mul(2).add(y), { donate: [0] });
    const y = tensor(new Float32Array(1000).fill(1));
    let x = tensor(new Float32Array(1000));
    x = f(x, y);
    const { bytes } = memory();
    for (let k = 0; k < 10; k++) x = f(x, y);
    expect([memory().bytes, x.slice([[0, 1]]).item()]).toEqual([bytes, 2047]);
    const given = tensor(new Float32Array(1000));
    const view = given.slice([[0, 2]]);
    f(given, y);
    expect(values(view)).toEqual([0, 0]); // others who see the memory keep it
    expect(refusal(() => given.toArray()).message).toBe("toArray: the tensor was donated to a compiled function");
    expect(values(f(y, y).slice([[0, 2]]))).toEqual([3, 3]); // there twice: it stays
    expect(y.isDisposed).toBe(false);
  });

  describe("makes elementwise operations the epilogue of a product", () => {
    const draw = (shape: number[], seed: number, dtype: "float32" | "float64") => random.normal(random.key(seed), shape, { dtype });
    // Small ones, those that stay in a cache, those that are made in pieces: of rows, of columns, by rows that are no neighbours.
    it.each([
      ["a few numbers", [3, 4], [4, 5]],
      ["one row", [1, 70], [70, 300]],
      ["one column", [300, 70], [70, 1]],
      ["as many as fit a cache", [130, 600], [600, 515]],
      ["more rows", [1100, 20], [20, 300]],
      ["more rows and columns", [600, 20], [20, 1030]],
      ["deep sums of many", [600, 520], [520, 530]],
      ["many products", [5, 40, 17], [17, 24]],
      ["products for each of some", [2, 1, 40, 17], [3, 17, 24]],
      ["nothing", [0, 4], [4, 5]],
      ["sums of nothing", [3, 0], [0, 5]],
    ])("%s", (_, a, b) => {
      for (const dtype of ["float32", "float64"] as const) {
        const [x, w, bias] = [draw(a, 1, dtype), draw(b, 2, dtype), draw([Number(b.at(-1))], 3, dtype)];
        const other = matmul(x, w);
        const layer = (x: Tensor, w: Tensor, bias: Tensor, other: Tensor) => {
          const y = relu(matmul(x, w).add(bias));
          return [y, y.mul(other)] as const;
        };
        const expected = tidy(() => layer(x, w, bias, other).map(bits));
        const last: [number, number] = [a.length - 1, a.length - 2];
        const turn = (x: Tensor) => x.permute([...Array.from({ length: a.length - 2 }, (_, k) => k), ...last]);
        const [lying, standing] = [compile(layer), compile((x: Tensor, ...rest: [Tensor, Tensor, Tensor]) => layer(turn(x), ...rest))];
        const turned = turn(x).add(0);
        // The last times with loops that were generated, where there is much to do.
        for (let k = 0; k < 3; k++) {
          expect(tidy(() => lying(x, w, bias, other).map(bits))).toEqual(expected);
          expect(tidy(() => standing(turned, w, bias, other).map(bits))).toEqual(expected);
        }
      }
    });

    it("where nobody else needs it, with operands of its shape", () => {
      const steps = (f: (x: Tensor, w: Tensor) => unknown) => {
        const compiled = compile(f);
        const x = tensor([[1, 2], [3, 4]]);
        const expected = f(x, x);
        expect(JSON.stringify(compiled(x, x))).toBe(JSON.stringify(expected));
        return compiled.plans.map((plan) => Array.from(String(plan).matchAll(/= (.*?) \(/g), ([, names]) => names)).flat();
      };
      expect(steps((x, w) => relu(matmul(x, w)))).toEqual(["matmul + relu"]);
      expect(steps((x, w) => matmul(x, w).add(matmul(w, x)).mul(x))).toEqual(["matmul", "matmul + add + mul"]);
      expect(steps((x, w) => matmul(relu(matmul(x, w)), w))).toEqual(["matmul + relu", "matmul"]);
      expect(steps((x, w) => { const y = matmul(x, w); return [y, relu(y)]; })).toEqual(["matmul", "relu"]);
      expect(steps((x, w) => { const y = matmul(x, w); return [relu(y), y.sum()]; })).toEqual(["matmul", "relu", "sum"]);
      expect(steps((x, w) => exp(x).add(matmul(exp(x), w)))).toEqual(["exp", "matmul + add"]);
      expect(steps((x, w) => matmul(x, w).sum(0).exp())).toEqual(["matmul", "sum", "exp"]);
    });

    it("and writes over nothing that the product reads, donated or not", () => {
      const step = compile((w: Tensor, x: Tensor, g: Tensor) => w.sub(matmul(x.transpose(), g).mul(0.5)), { donate: [0] });
      const square = compile((w: Tensor, x: Tensor) => w.sub(matmul(w, x)), { donate: [0] });
      const [x, g] = [draw([700, 600], 1, "float32"), draw([700, 520], 2, "float32")];
      const w = draw([600, 520], 3, "float32");
      const expected = bits(w.sub(matmul(x.transpose(), g).mul(0.5)));
      const next = step(w, x, g);
      expect(bits(next)).toBe(expected);
      const { bytes } = memory();
      step(next, x, g);
      expect(memory().bytes).toBe(bytes);
      const [a, b] = [draw([600, 600], 4, "float32"), draw([600, 600], 5, "float32")];
      const both = bits(a.sub(matmul(a, b)));
      expect(bits(square(a, b))).toBe(both);
    });

    it("and names the operation where memory is short", () => {
      const f = compile((x: Tensor, w: Tensor) => relu(matmul(x, w)));
      const [x, w] = [tensor([1]).broadcastTo([32000, 1]), tensor([1]).broadcastTo([1, 32000])];
      expect(() => f(x, w)).toThrow(); // the plan stays
      expect(refusal(() => f(x, w)).message).toMatch(/^matmul: 4096000000 bytes could not be allocated/);
    });
  });

  it("leaves nothing behind", () => {
    const f = (x: Tensor): Tensor[] => [grad((x: Tensor) => sin(x).sum())(x), x.sum()];
    expectNothingLeft(() => {
      const c = compile(f);
      for (const n of [1, 2, 17, 600]) tidy(() => void c(tensor(new Float32Array(n).fill(0.5))));
      c.dispose();
    });
    const c = compile(f);
    tidy(() => void c(tensor([1, 2, 3])));
    expectNothingLeft(() => { tidy(() => void c(tensor([1, 2, 4]))); });
    c.dispose();
    expect(c.plans).toEqual([]);
    expect(tidy(() => values(c(tensor([0]))[1] ?? null))).toBe(0);
    c.dispose();
  });

  it("keeps a bounded number of plans, and says so once", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const f = compile((x: Tensor) => x.add(1));
    for (let n = 1; n <= 20; n++) expect(f(tensor(new Float32Array(n))).size).toBe(n);
    expect(f.plans.length).toBe(16);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain("more than 16 kinds of arguments");
    warn.mockRestore();
  });

  it("says what it does", () => {
    const f = compile((x: Tensor, w: Tensor) => {
      const y = relu(matmul(x, w).add(1));
      return where(y.greater(0), y.tanh(), y);
    });
    f(tensor([[1, 2]]), tensor([[1], [2]]));
    const [plan] = f.plans;
    expect(plan).toMatchObject({ signature: "(float32[1, 2], float32[2, 1])", ops: 6 });
    expect(String(plan)).toBe(
      "(float32[1, 2], float32[2, 1]): 6 operations in 2 steps, 5 of them fused; 4 bytes, 9 flops\n" +
      "  %2 float32[1, 1] = matmul (%0, %1)\n" +
      "  %3 float32[1, 1] = add + relu + greater + tanh + where (%2)\n" +
      "  returns %3",
    );
    expect(plan?.toDot()).toContain('s0 -> s1');
  });
});

describe("compile refuses", () => {
  const f = compile((x: Tensor) => x.add(1));
  const x = tensor([1, 2]);

  it.each([
    ["a value read", () => compile((x: Tensor) => (Number(x.item()) > 0 ? x : x.neg()))(tensor(1)),
      "item: inside compile a tensor stands for the argument of every call and has no value to read; choose between values with where(), or give what decides as a plain number or boolean"],
    ["an async function", () => compile(() => Promise.resolve(x))(), "compile: the function must be synchronous, got a promise"],
    ["no function", () => compile(anything(3)), "compile: the first argument must be a function, got 3"],
    ["another option", () => compile(() => x, anything({ donated: [0] })), 'compile: the options are donate, got "donated"'],
    ["no list", () => compile(() => x, anything({ donate: 0 })), "compile: donate must be an array of numbers of arguments, from 0, got 0"],
    ["an argument that is not there", () => compile((x: Tensor) => x, { donate: [1] })(x), "compile: donate must name arguments from 0 to 0, got 1"],
    ["a function as an argument", () => f(anything(() => x)), "compile: argument 1 must be a tensor, data, a plain value, or arrays and objects of such, got a function"],
    ["a disposed tensor", () => { const gone = tensor(1); gone.dispose(); f(gone); }, "compile: argument 1 was disposed"],
    ["a pullback", () => compile((x: Tensor) => vjp(sin, x))(x), "compile: a pullback or pushforward ends with the transformation that it was made in; call it inside"],
    ["to keep what it has not computed", () => compile((x: Tensor) => keep(x.sin()))(x),
      "compile: inside compile a tensor stands for the argument of every call and has no value to read; choose between values with where(), or give what decides as a plain number or boolean"],
    ["numbers that would be the same in every call", () => compile((x: Tensor) => x.add(rand([2])))(x),
      "rand: it would give the same in every call of a compiled function; pass a key as an argument and draw from it by random.uniform or random.normal"],
    ["a shape error at its line", () => compile((x: Tensor) => x.add([1, 2, 3]))(x), "add: shapes must be equal or 1 in each dimension, aligned at the end, got [2] and [3]"],
  ])("%s", (_, run, message) => {
    expect(refusal(run).message).toBe(message);
  });

  it("a tensor from outside that requires a gradient", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const g = compile((x: Tensor) => mul(x, w));
    expect(refusal(() => g(x)).message).toContain("a tensor that the function closes over requires a gradient");
    expect(values(noGrad(() => g(x)))).toEqual([1, 4]);
    // The plan that it has now is for those who want no gradient.
    expect(refusal(() => g(x)).code).toBe("gradient");
    w.requiresGrad = false;
    expect(values(g(x))).toEqual([1, 4]);
    w.requiresGrad = true;
    expect(refusal(() => g(x)).code).toBe("gradient");
    expect(values(compile((x: Tensor) => mul(x, w.detach()))(x))).toEqual([1, 4]);
    expect(values(compile((x: Tensor) => mul(x, stopGradient(w)))(x))).toEqual([1, 4]);
  });

  it("a graph where recording changed what an argument requires", () => {
    const given = tensor([1, 2]);
    const g = compile((t: Tensor) => {
      given.requiresGrad = true;
      return t.exp();
    });
    expect(g(given).requiresGrad).toBe(true);
  });

  it("an index out of range when it runs, and goes on working", () => {
    const pick = compile((x: Tensor, i: Tensor) => x.exp().take(i, { axis: 0 }).log());
    const index = (k: number): Tensor => tensor(Int32Array.of(k));
    expect(pick(x, index(1)).item()).toBeCloseTo(2, 6);
    expect(refusal(() => pick(x, index(2)))).toMatchObject({ code: "value", op: refusal(() => x.take([2], 0)).op });
    expect(pick(x, index(0)).item()).toBeCloseTo(1, 6);
  });
});
