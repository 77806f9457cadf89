// Mistakes that must be noticed, and state that must survive them.
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import { grad, gradCheck, hessian, linearize, ones, tensor, type Tensor, tidy, tree, vjp } from "wengert";
import { Adam, SGD, adam, sgd } from "wengert/optim";
import { expectClose } from "wengert/testing";
import { anything, expectNothingLeft, left, refusal, values } from "./support.js";

const cube = (z: Tensor): Tensor => z.pow(3).sum();

it.each<[() => unknown, string]>([
  [() => grad((x: Tensor) => [cube(x), vjp(cube, x)[1]] as const, { hasAux: true })(tensor([1, 2])), "a pullback or pushforward ends"],
  [() => grad((x: Tensor) => [cube(x), linearize(cube, x)[1]] as const, { hasAux: true })([1, 2]), "a pullback or pushforward ends"],
  [() => grad((x: Tensor) => { w.keep(vjp(cube, x)[1]); return cube(x); })([1, 2]), "a pullback or pushforward ends"],
  [() => grad((x: Tensor) => { const c = w.zeros([2]); c.assign(x); return c.square().sum(); })([1, 2]), "tensors cannot change"],
  [() => grad((a: Tensor, b: Tensor) => a.mul(b), { argnums: [0, 0] })(2, tensor(3)), "argnums must name each argument once"],
  [() => hessian((a: Tensor, b: Tensor) => a.mul(b), { argnums: [0, 0] })(2, tensor(3)), "argnums must name each argument once"],
  [() => grad((a: Tensor) => a, anything({ argnums: null }))(2), "argnums must be the number of an argument"],
  [() => sgd({ lr: 1 }).update([ones([2, 3])], sgd().init([ones([3])]), [ones([3])]), "a gradient must have its parameter's shape"],
  [() => adam().update([ones([])], adam().init([ones([3])]), [ones([3])]), "a gradient must have its parameter's shape"],
  [() => sgd().update([ones([])], anything(undefined), [ones([])]), "the options must be an object"],
  [() => { const p = ones([2]); return new SGD([p, p]); }, "each parameter must be given once"],
  [() => new SGD([ones([1])], anything({ momentum: 0.9, dampening: "x" })), "dampening must be a number"],
  [() => new Adam([ones([1])], anything({ betas: 0.9 })), "betas must be two numbers"],
  [() => gradCheck(cube, [[1, 2]], { rtol: -1 }), "rtol must be a number of at least 0"],
  [() => gradCheck(cube, [[1]], { order: NaN }), "order must be 1 or 2"],
  [() => gradCheck(cube, anything(0.5)), "the arguments must be an array"],
  [() => { expectClose([1], [2], { rtol: -1 }); }, "rtol must be a number of at least 0"],
  [() => { expectClose([1], [1], anything({ rtoll: 1 })); }, "the options are rtol and atol"],
  [() => w.slice([1, 2, 3], [[Infinity]]), "of integers"],
  [() => { let k = 0; return w.finiteDifference((x) => (k++ % 2 ? x.mul(2) : w.concat([x, x])), [1, 2]); }, "the same shape everywhere"],
  [() => w.finiteDifference(cube, [1], { h: 0 }), "h must be a number of at least"],
  [() => w.finiteDifference(cube, [1], { h: 1e-30 }), "h must be large enough to move x"],
  [() => w.finiteDifference(cube, [1], anything({ sheme: "forward" })), "the options are scheme and h"],
  [() => w.finiteDifference(cube, [1], anything({ scheme: "toString" })), "scheme must be"],
  [() => w.variance([1, 2], { correction: NaN }), "correction must be a finite number"],
  [() => w.pad(tensor([1], "int32"), [[1, 1]], { value: 0.5 }), "value must be one that int32 holds"],
  [() => { ones([1]).backward(null, anything({ retaingraph: true })); }, "the options are retainGraph and createGraph"],
  [() => w.split([1, 2], anything("abc")), "the second argument must be a number of parts"],
  [() => tensor(anything(new Array(2 ** 32 - 1))), "at most 2^31 elements"],
  [() => tree.map(anything(undefined), [ones([1])]), "must be a function"],
  [() => tree.unflatten(anything(undefined), []), "a structure made by flatten"],
  [() => w.toDot(anything({ nodes: [{}], edges: [] })), "the argument must be what graph(y) returns"],
  [() => grad((x: Tensor) => w.crossEntropy(x, [7]))([[1, 2]]), "labels must be in [0, 1]"],
  [() => w.zeros([1e10]), "10000000000"],
])("%s is refused", (f, sentence) => {
  expect(refusal(f).message).toContain(sentence);
});

describe("what survives", () => {
  it("an optimizer whose step was refused inside a transformation, or at first", () => {
    const p = tensor([1, 2]);
    const o = new Adam([p], { lr: 1 });
    refusal(() => grad((x: Tensor) => { o.step([ones([2])]); return x.sum(); })([1, 1]));
    o.step([ones([2])]);
    expectClose(p, [0, 1], { atol: 1e-5 });
    const whole = tensor([1], "int32");
    const { tensors } = left(() => {
      expect(() => { new Adam([whole]).step([tensor([1], "int32")]); }).toThrow();
    });
    expect(tensors).toBe(1); // the gradient of this test
  });

  it("scopes, when what tidy returns cannot be looked through", () => {
    expect(() => tidy(() => Object.defineProperty({}, "a", { enumerable: true, get: () => { throw new Error("mine"); } }))).toThrow("mine");
    expectNothingLeft(() => {
      ones([2]).dispose();
    });
    const outside = ones([2]);
    tidy(() => undefined);
    expect(values(outside)).toEqual([1, 1]);
    outside.dispose();
  });

  it("memory, when data cannot be read", () => {
    const data = new Float32Array(4);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    expectNothingLeft(() => {
      tidy(() => {
        try {
          tensor(data);
        } catch (error) {
          expect(error).toBeInstanceOf(w.TensorError);
        }
      });
    });
  });

  it("NaN in bounds, and the smallest integer", () => {
    expect(values(w.clip([1, 3], NaN, 2))).toEqual([NaN, NaN]);
    expect(values(tensor([-(2 ** 31)], "int32").abs())).toEqual([-(2 ** 31)]);
    expect(Object.is(w.abs(-0).item(), 0)).toBe(true);
  });
});
