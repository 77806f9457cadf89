// What the types promise: `npm test` compiles this file.
import { expectTypeOf, it } from "vitest";
import {
  grad,
  hessian,
  hvp,
  jacobian,
  jvp,
  linearize,
  stopGradient,
  type Tensor,
  tensor,
  tree,
  type Tree,
  valueAndGrad,
  vjp,
} from "wengert";
import { Adam, adam } from "wengert/optim";

interface Params {
  w: Tensor;
  more: { b: Tensor }[];
  scale?: Tensor;
}

const t = tensor([1, 2]);
const params: Params = { w: t, more: [{ b: t }] };
const loss = (p: Params, x: Tensor): Tensor =>
  p.w
    .mul(x)
    .add(p.more[0]?.b ?? 0)
    .sum();

it("gradients have the types of the arguments", () => {
  expectTypeOf(grad((x) => x.sum())(3)).toEqualTypeOf<Tensor>();
  expectTypeOf(grad(loss)(params, t)).toEqualTypeOf<Params>();
  expectTypeOf(grad(loss, { argnums: 1 })(params, [1, 2])).toEqualTypeOf<Tensor>();
  expectTypeOf(grad(loss, { argnums: [0, 1] })(params, t)).toEqualTypeOf<[Params, Tensor]>();
  expectTypeOf(valueAndGrad(loss)(params, t)).toEqualTypeOf<[value: Tensor, gradient: Params]>();
  const withAux = (x: Tensor, training: boolean): readonly [Tensor, { training: boolean }] => [x.sum(), { training }];
  expectTypeOf(grad(withAux, { hasAux: true })(t, true)).toEqualTypeOf<
    [gradient: Tensor, aux: { training: boolean }]
  >();
  // @ts-expect-error -- the second argument is not differentiated by, so it must be a tensor
  expectTypeOf(grad(loss)).parameter(1).toExtend<number[]>();
});

it("products and Jacobians too", () => {
  const [y, pullback] = vjp((p: Params, x: Tensor) => ({ y: loss(p, x) }), params, t);
  expectTypeOf(y).toEqualTypeOf<{ y: Tensor }>();
  expectTypeOf(pullback({ y: 1 })).toEqualTypeOf<[Params, Tensor]>();
  pullback.dispose();
  expectTypeOf(jvp((x, z) => x.mul(z), [t, 3], [t, 1])).toEqualTypeOf<[y: Tensor, tangent: Tensor]>();
  expectTypeOf(linearize((x) => [x], t)[1]).returns.toEqualTypeOf<Tensor[]>();
  expectTypeOf(hvp(loss, [params, t], [params, t])).toEqualTypeOf<[Params, Tensor]>();
  expectTypeOf(jacobian(loss, { argnums: [0, 1] })(params, t)).toEqualTypeOf<[Params, Tensor]>();
  expectTypeOf(hessian((x) => x.square().sum())(t)).toEqualTypeOf<Tensor>();
});

it("trees may be typed by interfaces", () => {
  expectTypeOf(tree.map((x) => x.size, params).more).toEqualTypeOf<{ b: number }[]>();
  expectTypeOf(tree.unflatten(tree.flatten(params)[1], tree.leaves(params))).toEqualTypeOf<Params>();
  expectTypeOf(stopGradient(params)).toEqualTypeOf<Params>();
  expectTypeOf<{ a: Tensor[] }>().toExtend<Tree>();
  // @ts-expect-error -- a string is no leaf
  expectTypeOf(tree.leaves).toBeCallableWith({ a: "x" });
  const optimizer = adam();
  const state = optimizer.init(params);
  expectTypeOf(state.mean).toEqualTypeOf<Params>();
  expectTypeOf(optimizer.update(params, state, params)[0]).toEqualTypeOf<Params>();
  const own = tree.map((x) => tensor(x), params);
  new Adam(own).step(own);
});
