// Batching: functions of one example applied to many at once.
import { describe, expect, it } from "vitest";
import {
  add, exp, grad, hvp, jacfwd, jacrev, jvp, linear, matmul, ones, onesLike, random, randn, relu, softmax, sum, tanh, tensor,
  type Tensor, tidy, vmap, where,
} from "wengert";
import { expectClose } from "wengert/testing";
import { always, anything, expectNothingLeft, refusal, values } from "./support.js";

const x = tensor([[1, 2, 3], [4, 5, 6]], "float64");

describe("vmap", () => {
  it("applies a function of one example to all", () => {
    expect(values(vmap((r: Tensor) => r.mul(r).sum())(x))).toEqual([14, 77]);
    expect(values(vmap((r: Tensor) => r.sum(), { inAxes: 1 })(x))).toEqual([5, 7, 9]);
    expect(vmap((r: Tensor) => r.add(1), { inAxes: -1, outAxes: 1 })(x).shape).toEqual([2, 3]);
  });

  it("shares arguments with a null axis, and what the function closes over", () => {
    const w = tensor([1, 0, 2], "float64");
    expect(values(vmap((r: Tensor, w: Tensor) => r.mul(w).sum(), { inAxes: [0, null] })(x, w))).toEqual([7, 16]);
    expect(values(vmap((r: Tensor) => r.mul(w).sum())(x))).toEqual([7, 16]);
    expect(values(vmap((r: Tensor, k: number) => r.mul(k), { inAxes: [0, null] })(x, 2))).toEqual([[2, 4, 6], [8, 10, 12]]);
  });

  it("takes trees of arguments, axes and results", () => {
    const f = ({ a, b }: { a: Tensor; b: Tensor }, s: Tensor) => ({ sum: a.add(b).sum(), both: [a, s] as const });
    const y = vmap(f, { inAxes: [{ a: 0, b: null }, 0], outAxes: { sum: 0, both: [1, 0] } })({ a: x, b: tensor([1, 1, 1], "float64") }, [10, 20]);
    expect([values(y.sum), values(y.both[0]), values(y.both[1])]).toEqual([[9, 18], [[1, 4], [2, 5], [3, 6]], [10, 20]]);
  });

  it("gives results that do not depend on an example once for each, or once", () => {
    const one = tensor([7]);
    expect(vmap(always(one))(x).shape).toEqual([2, 1]);
    expect(vmap(always(one), { outAxes: null })(x).shape).toEqual([1]);
  });

  it("nests in itself", () => {
    const outer = vmap((r: Tensor) => vmap((s: Tensor) => r.mul(s).sum())(x));
    expectClose(outer(x), matmul(x, x.transpose()), { rtol: 1e-12 });
  });

  it("gives gradients of each example", () => {
    const w = randn([3], { dtype: "float64" });
    const loss = (w: Tensor, r: Tensor): Tensor => tanh(w.mul(r).sum());
    const each = vmap(grad(loss), { inAxes: [null, 0] })(w, x);
    [0, 1].forEach((i) => {
      expectClose(each.slice([[i, i + 1]]).reshape([3]), grad(loss)(w, x.slice([[i, i + 1]]).reshape([3])), { rtol: 1e-12 });
    });
  });

  it("is differentiated in both modes, through and inside", () => {
    const f = (x: Tensor): Tensor => vmap((r: Tensor) => exp(r).sum())(x).sum();
    expectClose(grad(f)(x), exp(x), { rtol: 1e-12 });
    expectClose(jvp(f, [x], [onesLike(x)])[1], exp(x).sum(), { rtol: 1e-12 });
    const second = grad((x: Tensor) => vmap(grad((r: Tensor) => r.mul(r).mul(r).sum()))(x).sum());
    expectClose(second(x), x.mul(6), { rtol: 1e-12 });
    const diagonal = (x: Tensor): Tensor => vmap((v: Tensor) => hvp((x: Tensor) => x.mul(x).mul(x).sum(), [x], [v])[0].mul(v).sum())(
      tensor([[1, 0], [0, 1]], "float64"),
    );
    expect(values(diagonal(tensor([1, 2], "float64")))).toEqual([6, 12]);
  });

  it("draws from one key for each example, or from one for all", () => {
    const keys = random.split(random.key(3), 2);
    const each = vmap((k: Tensor) => random.normal(k, [4]))(keys);
    expect(values(each.slice([[1, 2]]).reshape([4]))).toEqual(values(random.normal(keys.slice([[1, 2]]).reshape([2]), [4])));
    const shared = vmap((r: Tensor, k: Tensor) => r.add(random.uniform(k, [3], { dtype: "float64" })), { inAxes: [0, null] })(
      x, random.key(1),
    );
    expectClose(shared.sub(x).slice([[0, 1]]), shared.sub(x).slice([[1, 2]]), { atol: 1e-12 });
  });

  it("gives tensors of the caller's own", () => {
    const given = tensor([1, 2]);
    const same = vmap((r: Tensor) => r)(given);
    same.assign([5, 5]);
    expect(values(given)).toEqual([1, 2]);
    const [a, b] = vmap((r: Tensor) => {
      const y = r.mul(1);
      return [y, y] as const;
    })(given);
    a.assign([7, 7]);
    expect(values(b)).toEqual([1, 2]);
  });

  it("leaves its results and nothing else", () => {
    expectNothingLeft(() => {
      tidy(() => {
        vmap(grad((r: Tensor) => softmax(r).mul(r).sum()))(x);
      });
    });
    expectNothingLeft(() => {
      vmap((r: Tensor) => relu(r))(x).dispose();
    });
  });
});

describe("vmap refuses", () => {
  it.each<[() => unknown, string]>([
    [() => vmap((r: Tensor) => r.add(Number(r.sum().item())))(x), "has no value to read"],
    [() => vmap((r: Tensor) => tensor(r.toArray() as number[]))(x), "has no value to read"],
    [() => vmap(add)(x, [1, 2, 3]), "the mapped axes must have one size, got 2 at first and 3 for axis 0 of argument 2"],
    [() => vmap(sum, { inAxes: 2 })(x), "axis must be an integer in [-2, 1]"],
    [() => vmap(sum, { inAxes: null })(x), "inAxes must name an axis of at least one argument"],
    [() => vmap(add, { inAxes: [0] })(x, x), "an array with one entry per argument, got 1 for 2 arguments"],
    [() => vmap(sum, { inAxes: [{ a: 0 }] })(x), "inAxes must be an axis or null for argument 1"],
    [() => vmap(sum, { inAxes: anything([undefined]) })(x), "inAxes must be one axis, or an array with one entry per argument"],
    [() => vmap(sum, { inAxes: 0.5 })(x), "inAxes must be an axis or null for argument 1, got 0.5"],
    [() => vmap((r: Tensor) => r, { outAxes: NaN })(x), "outAxes must be an axis or null for what the function returns, got NaN"],
    [() => vmap((r: Tensor) => r, { outAxes: null })(x), "needs an axis in outAxes"],
    [() => vmap((r: Tensor) => r, { outAxes: 5 })(x), "axis must be an integer in [-2, 1]"],
    [() => vmap((r: Tensor) => [r, r], { outAxes: [0] })(x), "outAxes must be an axis, null or an array of 2"],
    [() => vmap((r: Tensor) => r, anything({ axes: 1 }))(x), "the options are inAxes and outAxes"],
    [() => vmap(always(anything(3)))(x), "what the function returns must be a tensor"],
    [() => vmap((r: Tensor) => r.reshape([1, 1, 1, 1, 1, 1, 1, 3]))(x), "at most 7 dimensions"],
    [() => vmap(always(ones([1, 1, 1, 1, 1, 1, 1, 1])), { outAxes: -1 })(x), "at most 7 dimensions"],
    [() => vmap(anything(3)), "the first argument must be a function"],
  ])("%s", (f, sentence) => {
    expect(refusal(f).message).toContain(sentence);
  });

  it("nothing that where can say instead", () => {
    expect(values(vmap((r: Tensor) => where(r.sum().greater(10), r, 0))(x))).toEqual([[0, 0, 0], [4, 5, 6]]);
  });
});

describe("Jacobians in batches", () => {
  const [w1, w2] = [randn([5, 4], { dtype: "float64" }), randn([3, 5], { dtype: "float64" })];
  const net = (x: Tensor): Tensor => tanh(linear(tanh(linear(x, w1)), w2));
  const x = randn([4], { dtype: "float64" });
  it("are the same in both modes and in any chunks", () => {
    const whole = jacrev(net)(x);
    expectClose(jacfwd(net)(x), whole, { rtol: 1e-10, atol: 1e-12 });
    for (const chunk of [1, 2, 3, 7]) {
      expectClose(jacrev(net, { chunk })(x), whole, { rtol: 1e-12 });
      expectClose(jacfwd(net, { chunk })(x), whole, { rtol: 1e-10, atol: 1e-12 });
    }
  });
  it("refuse a chunk that is none", () => {
    expect(refusal(() => jacrev(net, { chunk: 0 })(ones([4], "float64"))).message).toContain("chunk must be a whole number from 1");
  });
});
