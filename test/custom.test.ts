// Rules of the user's own, and checkpoints: in both modes, to second order, batched, and through backward.
import { describe, expect, it } from "vitest";
import {
  checkpoint, cos, customJvp, customVjp, div, exp, grad, gradCheck, hessian, jacfwd, jacrev, jvp, linalg, linear, log1p, memory, ones,
  random, randn, resetPeak, sign, sin, sum, tanh, tensor, type Tensor, tidy, valueAndGrad, vjp, vmap,
} from "wengert";
import { expectClose } from "wengert/testing";
import { always, anything, expectNothingLeft, refusal, values } from "./support.js";

const x = tensor([0.3, -0.7, 1.2], "float64");
const plain = (x: Tensor): Tensor => sin(x).mul(x);
// The same with rules by hand.
const byVjp = customVjp(
  plain,
  (x: Tensor) => [plain(x), { x }] as const,
  ({ x }, g) => [cos(x).mul(x).add(sin(x)).mul(g)],
);
const byJvp = customJvp(plain, ([x]: [Tensor], [t]: [Tensor]) => [plain(x), cos(x).mul(x).add(sin(x)).mul(t)] as const);
const again = checkpoint(plain);

describe.each([["customVjp", byVjp], ["customJvp", byJvp], ["checkpoint", again]] as const)("%s", (_, f) => {
  const total = (f: (x: Tensor) => Tensor) => (x: Tensor) => f(x).mul(x).sum();

  it("has the value and the derivatives of both modes and of all second orders", () => {
    expectClose(f(x), plain(x), { rtol: 1e-15 });
    expectClose(grad(total(f))(x), grad(total(plain))(x), { rtol: 1e-12 });
    expectClose(jvp(f, [x], [x])[1], jvp(plain, [x], [x])[1], { rtol: 1e-12 });
    const expected = hessian(total(plain))(x);
    for (const outer of [jacrev, jacfwd])
      for (const inner of [jacrev, jacfwd]) expectClose(outer(inner(total(f)))(x), expected, { rtol: 1e-10, atol: 1e-12 });
    expect(gradCheck((x: Tensor) => f(x), [x], { order: 2 }).ok).toBe(true);
  });

  it("is mapped, inside and outside of derivatives", () => {
    const rows = randn([4, 3], { dtype: "float64" });
    expectClose(vmap(f)(rows), plain(rows), { rtol: 1e-12 });
    expectClose(vmap(grad(total(f)))(rows), vmap(grad(total(plain)))(rows), { rtol: 1e-12 });
    expectClose(grad((r: Tensor) => vmap(f)(r).sum())(rows), grad((r: Tensor) => plain(r).sum())(rows), { rtol: 1e-12 });
    expectClose(jvp((r: Tensor) => vmap(f)(r), [rows], [rows])[1], jvp(plain, [rows], [rows])[1], { rtol: 1e-12 });
  });

  it("is gone through by backward, also twice and with a graph", () => {
    const p = tensor([0.3, -0.7, 1.2], { dtype: "float64", requiresGrad: true });
    const y = f(p.mul(1));
    y.backward(ones([3], "float64"), { retainGraph: true });
    expectClose(p.grad ?? x, grad((x: Tensor) => plain(x).sum())(x), { rtol: 1e-12 });
    y.backward(ones([3], "float64"));
    expectClose(p.grad ?? x, grad((x: Tensor) => plain(x).sum())(x).mul(2), { rtol: 1e-12 });
    p.zeroGrad();
    f(p).sum().backward(null, { createGraph: true });
    const first = p.grad;
    p.zeroGrad();
    first?.sum().backward();
    expectClose(p.grad ?? x, hessian((x: Tensor) => plain(x).sum())(x).sum(0), { rtol: 1e-10 });
  });

  it("leaves its result and nothing else", () => {
    expectNothingLeft(() => {
      tidy(() => {
        f(x);
        grad(total(f))(x);
        vjp(f, x)[1](x);
        jvp(f, [x], [x]);
        const p = tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });
        f(p).sum().backward();
        f(p);
      });
    });
  });
});

describe("checkpoint", () => {
  it("moves with a tensor that it closes over and takes slices of", () => {
    const t = tensor([0.5, -1, 2], "float64");
    const f = (wrap: typeof checkpoint) => (x: Tensor) => vmap((u: Tensor) => wrap((v: Tensor) => v.mul(x.sum()).mul(u))(u))(x);
    const expected = jvp(f((g) => g), [x], [t])[1];
    expectClose(jvp(f(checkpoint), [x], [t])[1], expected, { rtol: 1e-12 });
    expectClose(jacrev(f(checkpoint))(x).matmul(t), expected, { rtol: 1e-12 });
  });

  const [w1, w2] = [randn([8, 8], { dtype: "float64" }), randn([8, 8], { dtype: "float64" })];
  it("sees what the function closes over, trees, and random numbers again", () => {
    const key = random.key(5);
    const layer = ({ w, b }: { w: Tensor; b: Tensor }, x: Tensor) => {
      const noise = random.uniform(key, [8], { dtype: "float64" });
      return { y: tanh(linear(x, w).add(b).mul(w2.sum(0))).mul(noise), z: x.sum().greater(0) };
    };
    const loss = (f: typeof layer) => (p: { w: Tensor; b: Tensor }, w: Tensor) => f(p, w.sum(0)).y.mul(w2.mean()).sum();
    const p = { w: w1, b: randn([8], { dtype: "float64" }) };
    const plainly = valueAndGrad(loss(layer), { argnums: [0, 1] })(p, w2);
    const recomputed = valueAndGrad(loss(checkpoint(layer)), { argnums: [0, 1] })(p, w2);
    expectClose(recomputed[0], plainly[0], { rtol: 1e-14 });
    expectClose(recomputed[1][0].w, plainly[1][0].w, { rtol: 1e-12 });
    expectClose(recomputed[1][1], plainly[1][1], { rtol: 1e-12 });
    expect(checkpoint(layer)(p, x.sum().add(w2.sum(0))).z.dtype).toBe("bool");
  });

  it("needs less memory where it is used every few layers", () => {
    const layers = 64;
    const w = randn([32, 32]).mul(0.1);
    const x = randn([256, 32]);
    const block = (x: Tensor): Tensor => Array.from({ length: 8 }).reduce<Tensor>((x) => tanh(linear(x, w)), x);
    const net = (block: (x: Tensor) => Tensor) => (x: Tensor) =>
      Array.from({ length: layers / 8 }).reduce<Tensor>((x) => block(x), x).sum();
    const peak = (f: (x: Tensor) => Tensor): number =>
      tidy(() => {
        resetPeak();
        const before = memory().bytes;
        grad(f)(x);
        return memory().peak - before;
      });
    expect(peak(net(checkpoint(block))) / peak(net(block))).toBeLessThan(0.35);
    expectClose(grad(net(checkpoint(block)))(x), grad(net(block))(x), { rtol: 1e-6 });
  });

  it("counts a gradient once where one argument was computed from another", () => {
    const f = (wrap: (g: (z: Tensor) => Tensor) => (z: Tensor) => Tensor) => (x: Tensor) => {
      const h = sin(x);
      return wrap((z) => z.mul(h))(x).sum();
    };
    const loose = (g: (z: Tensor) => Tensor): ((z: Tensor) => Tensor) => g;
    expectClose(grad(f(checkpoint))(x), grad(f(loose))(x), { rtol: 1e-12 });
    const unrolled = (wrap: typeof loose) => (w: Tensor) => {
      let h = w.sum(0);
      for (let k = 0; k < 3; k++) h = (wrap)((h) => tanh(linear(h, w)))(h);
      return h.sum();
    };
    expectClose(grad(unrolled(checkpoint))(w1), grad(unrolled(loose))(w1), { rtol: 1e-10, atol: 1e-13 });
  });

  it("runs a hook on its argument once, and lets results be arguments", () => {
    const p = tensor([0.3, -0.7], { dtype: "float64", requiresGrad: true });
    p.registerHook((g) => g.mul(2));
    checkpoint(sin)(p).sum().backward();
    expectClose(p.grad ?? p, cos(p).mul(2), { rtol: 1e-12 });
    const q = tensor([1, 2], { dtype: "float64", requiresGrad: true });
    const [same, moved] = checkpoint((x: Tensor) => [x, tanh(x)] as const)(q);
    same.add(moved).sum().backward();
    expectClose(q.grad ?? q, tanh(q).square().neg().add(2), { rtol: 1e-12 });
  });

  it("saves memory in a kept pullback too", () => {
    const w = randn([32, 32]).mul(0.1);
    const x = randn([256, 32]);
    const block = (x: Tensor): Tensor => Array.from({ length: 8 }).reduce<Tensor>((x) => tanh(linear(x, w)), x);
    const held = (block: (x: Tensor) => Tensor): number =>
      tidy(() => {
        const before = memory().bytes;
        const [, pullback] = vjp((x: Tensor) => block(block(x)), x);
        const bytes = memory().bytes - before;
        pullback.dispose();
        return bytes;
      });
    expect(held(checkpoint(block))).toBeLessThan(0.4 * held(block));
  });

  it("nests", () => {
    const f = checkpoint((x: Tensor) => checkpoint(sin)(checkpoint(exp)(x)));
    expectClose(grad((x: Tensor) => f(x).sum())(x), grad((x: Tensor) => sin(exp(x)).sum())(x), { rtol: 1e-12 });
  });
});

describe("custom rules", () => {
  it("replace the derivative, as in log(1 + e^x) written plainly", () => {
    const softplus = customVjp(
      (x: Tensor) => log1p(exp(x)),
      (x: Tensor) => [log1p(exp(x)), x] as const,
      (x, g) => [g.mul(div(1, exp(x.neg()).add(1)))],
    );
    expect(grad(softplus)(tensor(100)).item()).toBe(1);
    expect(grad((x: Tensor) => log1p(exp(x)))(tensor(100)).item()).toBeNaN();
  });

  it("take trees, several results and arguments without derivative", () => {
    const f = customVjp(
      ({ a, b }: { a: Tensor; b: Tensor }, k: number) => [a.mul(b).mul(k), a.add(b)] as [Tensor, Tensor],
      ({ a, b }, k) => [[a.mul(b).mul(k), a.add(b)] as [Tensor, Tensor], { a, b, k }] as const,
      ({ a, b, k }, [g, h]) => [{ a: g.mul(b).mul(k).add(h), b: g.mul(a).mul(k).add(h) }, null],
    );
    const loss = (t: { a: Tensor; b: Tensor }): Tensor => {
      const [p, s] = f(t, 3);
      return p.mul(s).sum();
    };
    const g = grad(loss)({ a: tensor([1, 2], "float64"), b: tensor([3, 4], "float64") });
    expect([values(g.a), values(g.b)]).toEqual([[45, 96], [21, 60]]);
  });

  it("hold what they close over until backward has gone through", () => {
    const c = tensor(3, "float64");
    const f = customVjp(
      (x: Tensor) => x.mul(c),
      (x: Tensor) => [x.mul(c), c] as const,
      (c, g) => [g.mul(c)],
    );
    const p = tensor(2, { dtype: "float64", requiresGrad: true });
    const y = f(p);
    expect(refusal(() => c.assign(5)).message).toContain("held by an open tape");
    y.backward();
    expect(p.grad?.item()).toBe(3);
    c.assign(5);
  });

  it("are mapped twice, with arguments of either map, and differentiated from outside", () => {
    const rule = customVjp(
      (x: Tensor, w: Tensor) => x.mul(w).sum(),
      (x: Tensor, w: Tensor) => [x.mul(w).sum(), [x, w]] as const,
      ([x, w], g) => [g.mul(w), g.mul(x)],
    );
    const [xs, ws] = [randn([3, 4], { dtype: "float64" }), randn([3, 4], { dtype: "float64" })];
    const total = (f: (x: Tensor, w: Tensor) => Tensor) => (ws: Tensor) =>
      vmap((w: Tensor) => vmap((x: Tensor) => f(x, w).sin())(xs))(ws).sum();
    expectClose(grad(total(rule))(ws), grad(total((x, w) => x.mul(w).sum()))(ws), { rtol: 1e-11 });
  });

  it("are transposed under what is not linear", () => {
    const f = customJvp((x: Tensor) => x.square(), ([x]: [Tensor], [t]: [Tensor]) => [x.square(), x.mul(t).mul(2)] as const);
    expect(grad((x: Tensor) => f(x).exp())(tensor(1, "float64")).item()).toBeCloseTo(2 * Math.E, 12);
    expect(grad(grad((x: Tensor) => f(x).exp()))(tensor(1, "float64")).item()).toBeCloseTo(6 * Math.E, 11);
    const p = tensor(1, { dtype: "float64", requiresGrad: true });
    f(p).exp().backward();
    expect(p.grad?.item()).toBeCloseTo(2 * Math.E, 12);
  });

  it("are transposed with the derivatives of whole functions in them", () => {
    const A = tensor([[0.1, 0.4], [-0.3, 0.2]], "float64");
    const t = tensor([[1, -1], [0.5, 2]], "float64");
    const { expm } = linalg;
    const pulled = customVjp(expm, (x: Tensor) => [expm(x), x] as const, (x, g) => vjp(expm, x)[1](g));
    const pushed = customJvp(expm, (xs: [Tensor], ts: [Tensor]) => jvp(expm, xs, ts));
    expectClose(jvp(pulled, [A], [t])[1], jvp(expm, [A], [t])[1], { rtol: 1e-10 });
    expectClose(grad((A: Tensor) => sin(pushed(A)).sum())(A), grad((A: Tensor) => sin(expm(A)).sum())(A), { rtol: 1e-10 });
  });

  it("are transposed where an argument is in them for nothing, twice", () => {
    const ruled = (f: (...xs: Tensor[]) => Tensor) =>
      customVjp(f, (...xs: Tensor[]) => [f(...xs), xs] as const, (xs, g) => vjp(f, ...xs)[1](g));
    const inner = ruled((_a, _b, c) => sin(c));
    const outer = ruled((a, b) => inner(b, b, a));
    expectClose(jvp(outer, [x, x], [x, x])[1], cos(x).mul(x));
    const pushed = (f: (x: Tensor) => Tensor) => customJvp(f, (xs: [Tensor], ts: [Tensor]) => jvp(f, xs, ts));
    expect(values(grad((x: Tensor) => pushed(pushed(sign))(x).sum())(x))).toEqual([0, 0, 0]);
    // A rule that reads one of its tangents only, which is zero.
    const reads = customJvp((...xs: [Tensor, Tensor]) => xs[0].neg(), (xs: [Tensor, Tensor], ts: [Tensor, Tensor]) =>
      [xs[0].neg(), ts[0].neg()] as const);
    expect(values(grad((x: Tensor) => pushed((x) => reads(sign(x), x))(x).sum())(x))).toEqual([0, 0, 0]);
    // A zero that was made of zeros.
    const twice = customJvp((x: Tensor) => sign(x).mul(2), ([x]: [Tensor], [t]: [Tensor]) =>
      [sign(x).mul(2), jvp(sign, [x], [t])[1].mul(2).add(jvp(sign, [x], [t])[1])] as const);
    expect(values(grad((x: Tensor) => twice(x).sum())(x))).toEqual([0, 0, 0]);
    expect(values(hessian((x: Tensor) => twice(x).mul(x).sum())(x))).toEqual([[0, 0, 0], [0, 0, 0], [0, 0, 0]]);
  });

  it("are differentiated by tangents and cotangents that are zero at the moment", () => {
    const zeros = tensor([0, 0, 0], "float64");
    for (const f of [byVjp, byJvp, again]) {
      expectClose(grad((v: Tensor) => jvp(f, [x], [v])[1].sum())(zeros), grad((x: Tensor) => plain(x).sum())(x));
      expectClose(grad((g: Tensor) => vjp(f, x)[1](g)[0].sum())(zeros), grad((x: Tensor) => plain(x).sum())(x));
    }
    const same = customVjp((x: Tensor) => x.mul(2), (x: Tensor) => [x.mul(2), null] as const, (_, g) => [g]);
    expect(values(grad((g: Tensor) => vjp(same, x)[1](g)[0].sum())(zeros))).toEqual([1, 1, 1]);
    const alike = customJvp((x: Tensor) => x.mul(2), ([x]: [Tensor], [t]: [Tensor]) => [x.mul(2), t] as const);
    expect(values(grad((v: Tensor) => jvp(alike, [x], [v])[1].sum())(zeros))).toEqual([1, 1, 1]);
    expectClose(jacrev((v: Tensor) => jvp(again, [x], [v])[1])(zeros), jacrev((v: Tensor) => jvp(plain, [x], [v])[1])(zeros));
  });

  it("run the function itself where nothing is differentiated", () => {
    const f = customVjp((x: Tensor) => x.mul(2), () => { throw new Error("not called"); }, () => anything(null));
    expect(values(f(tensor([1, 2])))).toEqual([2, 4]);
  });

  it.each<[() => unknown, string]>([
    [() => grad((x: Tensor) => sum(customVjp(sin, (x: Tensor) => [sin(x), x] as const, anything(always([ones([2])])))(x)))(x),
      "customVjp: the cotangent of argument 1 must have the shape and dtype [3] float64, got [2] float32"],
    [() => grad((x: Tensor) => sum(customVjp(sin, (x: Tensor) => [sin(x), x] as const, anything(always(3)))(x)))(x),
      "backward must return an array of 1 cotangents"],
    [() => grad((x: Tensor) => sum(customVjp(sin, anything(sin), anything(always(3)))(x)))(x), "forward must return an array of 2"],
    [() => grad((x: Tensor) => sum(customVjp(sin, (x: Tensor) => [sin(x), x] as const, (_, g) => [g.mul(Number(g.sum().item()))])(x)))(x),
      "the rule of customVjp is recorded before its tangents or cotangents are known"],
    [() => grad((x: Tensor) => sum(customJvp(sin, ([x]: [Tensor], [t]: [Tensor]) => [sin(x), t.mul(t)] as const)(x)))(x),
      "the rule of customJvp must be linear"],
    [() => grad((x: Tensor) => sum(customJvp(sin, ([x]: [Tensor]) => [sin(x), cos(x)] as const)(x)))(x),
      "the rule of customJvp must be linear"],
    [() => jvp(customJvp(sin, ([x]: [Tensor]) => [sin(x), cos(x)] as const), [x], [x]), "the rule of customJvp must be linear"],
    [() => jvp(customVjp(sin, (x: Tensor) => [sin(x), x] as const, (x) => [cos(x)]), [x], [x]),
      "the rule of customVjp must be linear"],
    [() => checkpoint(anything(3)), "checkpoint: the first argument must be a function"],
    [() => checkpoint(anything(() => 3))(), "what the function returns must be a tensor"],
  ])("are refused when they do not fit: %s", (f, sentence) => {
    expect(refusal(f).message).toContain(sentence);
  });
});
