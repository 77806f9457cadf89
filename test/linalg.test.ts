// Linear algebra as users meet it: factors give the matrix back, derivatives are those of the textbook, mistakes are
// sentences.
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import { grad, gradCheck, jvp, linalg, type Tensor, tensor, vmap } from "wengert";
import { expectClose } from "wengert/testing";
import { expectNothingLeft, refusal, values } from "./support.js";

const double = { dtype: "float64" } as const;
const a = tensor([[4, 1, -1], [2, 5, 0.5], [0.3, -1, 3]], double);
const tall = tensor([[1, 2], [-1, 0.5], [3, 1]], double);
const batch = w.stack([a, a.mul(2), a.transpose().add(w.eye(3, double))]);
const b = tensor([1, -2, 0.5], double);
const turn = (x: Tensor): Tensor => w.swapAxes(x, -1, -2);
const eye = w.eye(3, double);

describe("factors give the matrix back", () => {
  it("qr", () => {
    for (const x of [a, tall, tall.transpose(), batch]) {
      const [q, r] = linalg.qr(x);
      expectClose(w.matmul(q, r), x, { rtol: 1e-13, atol: 1e-13 });
    }
    const [q, r] = linalg.qr(tall);
    expect([q.shape, r.shape]).toEqual([[3, 2], [2, 2]]);
    expectClose(w.matmul(q.transpose(), q), w.eye(2, double), { rtol: 1e-13, atol: 1e-13 });
  });

  it("svd", () => {
    for (const x of [a, tall, tall.transpose(), batch]) {
      const [u, s, vh] = linalg.svd(x);
      expect(s.shape).toEqual([...x.shape.slice(0, -2), Math.min(x.shape.at(-1) ?? 0, x.shape.at(-2) ?? 0)]);
      expectClose(w.matmul(u.mul(w.expandDims(s, -2)), vh), x, { rtol: 1e-13, atol: 1e-13 });
    }
  });

  it("eigh and cholesky read the symmetric part", () => {
    for (const x of [a, batch]) {
      const symmetric = x.add(turn(x)).div(2);
      const [e, v] = linalg.eigh(x);
      expectClose(w.matmul(v.mul(w.expandDims(e, -2)), turn(v)), symmetric, { rtol: 1e-13, atol: 1e-13 });
      const l = linalg.cholesky(x);
      expectClose(w.matmul(l, turn(l)), symmetric, { rtol: 1e-13, atol: 1e-13 });
    }
  });

  it("in float32 too, and nothing is left behind", () => {
    expectNothingLeft(() => {
      w.tidy(() => {
        const x = a.to("float32");
        const [u, s, vh] = linalg.svd(x);
        expect(s.dtype).toBe("float32");
        expectClose(w.matmul(u.mul(s), vh), x, { rtol: 1e-5, atol: 1e-5 });
      });
    });
  });
});

describe("systems", () => {
  it("solve, inv, lstsq, pinv and triangularSolve agree", () => {
    const x = linalg.solve(a, b);
    expect(x.shape).toEqual([3]);
    expectClose(w.matmul(a, x), b, { rtol: 1e-13, atol: 1e-13 });
    expectClose(w.matmul(linalg.inv(batch), batch), w.broadcastTo(eye, [3, 3, 3]), { rtol: 1e-13, atol: 1e-13 });
    expectClose(linalg.lstsq(a, b), x, { rtol: 1e-12, atol: 1e-12 });
    expectClose(linalg.pinv(tall), w.matmul(linalg.inv(w.matmul(tall.transpose(), tall)), tall.transpose()), { rtol: 1e-12, atol: 1e-12 });
    const l = linalg.cholesky(a);
    const half = linalg.triangularSolve(l, b);
    const symmetric = a.add(a.transpose()).div(2);
    expectClose(linalg.triangularSolve(l, half, { transpose: true }), linalg.solve(symmetric, b), { rtol: 1e-12, atol: 1e-12 });
  });

  it("broadcasts leading dimensions", () => {
    expect(linalg.solve(batch, b).shape).toEqual([3, 3]);
    expect(linalg.solve(a, w.ones([5, 3, 2], double)).shape).toEqual([5, 3, 2]);
    expect(linalg.triangularSolve(batch, w.ones([2, 1, 3, 1], double)).shape).toEqual([2, 3, 3, 1]);
  });

  it("powers and exponentials", () => {
    expectClose(linalg.matrixPower(a, 3), w.matmul(a, w.matmul(a, a)), { rtol: 1e-13, atol: 1e-13 });
    expectClose(linalg.matrixPower(a, -2), w.matmul(linalg.inv(a), linalg.inv(a)), { rtol: 1e-12, atol: 1e-12 });
    expect(values(linalg.matrixPower(a, 0))).toEqual(values(eye));
    expectClose(linalg.det(linalg.expm(a)).log(), tensor(12, double), { rtol: 1e-12, atol: 1e-12 });
  });
});

describe("derivatives", () => {
  const functions: Record<string, (x: Tensor) => Tensor> = {
    cholesky: (x) => linalg.cholesky(x),
    solve: (x) => linalg.solve(x, b),
    triangularSolve: (x) => linalg.triangularSolve(x, b, { lower: false }),
    inv: (x) => linalg.inv(x),
    det: (x) => linalg.det(x),
    slogdet: (x) => linalg.slogdet(x)[1],
    qr: (x) => w.concat(linalg.qr(x)),
    svd: (x) => linalg.svd(x)[1],
    eigh: (x) => linalg.eigh(x)[1],
    pinv: (x) => linalg.pinv(x),
    lstsq: (x) => linalg.lstsq(x, b),
    matrixPower: (x) => linalg.matrixPower(x, -3),
    expm: (x) => linalg.expm(x.mul(0.3)),
  };
  it.each(Object.entries(functions))("%s", (_, f) => {
    const result = gradCheck((x: Tensor) => f(x).square().sum(), [a]);
    expect(result.ok, result.report).toBe(true);
  });

  it("that of the logarithm of the determinant is the transposed inverse", () => {
    const g = grad((x: Tensor) => linalg.slogdet(x)[1])(a);
    expectClose(g, linalg.inv(a).transpose(), { rtol: 1e-13, atol: 1e-13 });
    const second = jvp((x: Tensor) => grad((y: Tensor) => linalg.slogdet(y)[1])(x), [a], [eye])[1];
    const inverse = linalg.inv(a).transpose();
    expectClose(second, w.matmul(inverse, inverse).neg(), { rtol: 1e-12, atol: 1e-12 });
  });

  it("that of a determinant is right where the matrix is singular", () => {
    const g = grad((x: Tensor) => linalg.det(x))(tensor([[1, 2], [2, 4]], double));
    expectClose(g, tensor([[4, -2], [-2, 1]], double), { rtol: 1e-13, atol: 1e-13 });
  });

  it("equal eigenvalues give numbers", () => {
    const g = grad((x: Tensor) => linalg.eigh(x)[1].sum())(eye);
    expect([...g.data()].every(Number.isFinite)).toBe(true);
  });
});

it("vmap is a loop", () => {
  const rows = w.stack([b, b.mul(2), b.neg()]);
  expectClose(vmap((x: Tensor, y: Tensor) => linalg.solve(x, y))(batch, rows), w.stack([0, 1, 2].map((i) => linalg.solve(batch.at(i), rows.at(i)))), { rtol: 1e-13, atol: 1e-13 });
  const gradients = vmap(grad((x: Tensor) => linalg.det(x)))(batch);
  expectClose(gradients, w.stack([0, 1, 2].map((i) => grad((x: Tensor) => linalg.det(x))(batch.at(i)))), { rtol: 1e-12, atol: 1e-12 });
});

describe("refusals", () => {
  it.each([
    [() => linalg.cholesky([[1, 2], [2, 1]]), "value", "linalg.cholesky: the matrix must be positive definite, got one that is not"],
    [() => linalg.inv([[[1, 0], [0, 1]], [[1, 2], [2, 4]]]), "value", "linalg.inv: the matrix must be invertible, got one that is not, number 2 of 2 in the batch"],
    [() => linalg.det(w.ones([2, 3])), "shape", "linalg.det: the last two dimensions must be equal, got [2, 3]"],
    [() => linalg.qr([1, 2]), "shape", "linalg.qr: a matrix must have at least 2 dimensions, got [2]"],
    [() => linalg.solve(w.eye(2), w.ones([3])), "shape", "linalg.solve: b must have as many rows as a, got [3] for [2, 2]"],
  ] as const)("%#", (f, code, message) => {
    const error = refusal(f);
    expect([error.code, error.message]).toEqual([code, message]);
  });

  it("what is not a float", () => {
    expect(refusal(() => linalg.inv(w.ones([2, 2], "int32"))).code).toBe("dtype");
  });
});
