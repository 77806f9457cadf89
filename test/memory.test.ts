// Who owns what: scopes, dispose, the finalizer as the net, and what is left after everything.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import { grad, keep, memory, ones, resetPeak, tensor, Tensor, TensorError, tidy, valueAndGrad, vjp } from "wengert";
import { Adam, adam } from "wengert/optim";
import { expectNothingLeft, left } from "./support.js";

const x = tensor([1, 2, 3]);

describe("tidy", () => {
  it("frees all but what is returned, in any nesting", () => {
    expect(
      left(() => {
        const out = tidy(() => {
          const a = x.add(1);
          const b = a.mul(2);
          b.sin();
          return { list: [a, { b }], again: a, map: new Map([["b", b]]), n: 3 };
        });
        expect(out.list[0]).toBe(out.again);
        expect(out.again.toArray()).toEqual([2, 3, 4]);
        expect(out.n).toBe(3);
      }).tensors,
    ).toBe(2);
  });

  it("frees everything when it returns nothing, or throws", () => {
    expectNothingLeft(() => {
      tidy(() => void x.add(1).sum());
    });
    expectNothingLeft(() => {
      expect(() =>
        tidy(() => {
          x.add(1);
          throw new Error("no");
        }),
      ).toThrow("no");
    });
  });

  it("gives results to the enclosing tidy", () => {
    expectNothingLeft(() => {
      tidy(() => {
        const inner = tidy(() => x.add(1).mul(2));
        expect(inner.toArray()).toEqual([4, 6, 8]);
      });
    });
  });

  it("does not touch tensors from outside", () => {
    expectNothingLeft(() => {
      tidy(() => x);
    });
    expect(tidy(() => x)).toBe(x);
    expect(x.isDisposed).toBe(false);
  });

  it("survives values that contain themselves", () => {
    const knot: { self?: unknown; t: Tensor } = { t: ones([1]) };
    knot.self = knot;
    expect(tidy(() => knot)).toBe(knot);
    knot.t.dispose();
  });

  it("may be async", async () => {
    const before = memory().tensors;
    const out = await tidy(async () => {
      const a = x.add(1);
      await Promise.resolve();
      a.mul(3);
      return [a.mul(2)];
    });
    expect(memory().tensors - before).toBe(1);
    expect(out[0]?.toArray()).toEqual([4, 6, 8]);
    out[0]?.dispose();
    await expect(
      tidy(async () => {
        x.add(1);
        await Promise.resolve();
        throw new Error("late");
      }),
    ).rejects.toThrow("late");
    expect(memory().tensors).toBe(before);
  });

  it("nests async in async, and sync in async", async () => {
    const before = memory().tensors;
    await tidy(async () => {
      for (let i = 0; i < 3; i++) {
        const inner = await tidy(async () => {
          const t = tidy(() => x.add(i).mul(2));
          await Promise.resolve();
          return t.add(1);
        });
        expect(inner.at(0).item()).toBe(2 * (1 + i) + 1);
      }
    });
    expect(memory().tensors).toBe(before);
  });

  it("keeps the results of an async tidy that ends while a later one is open", async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const first = tidy(async () => {
      await gate;
      return x.add(10);
    });
    const second = tidy(async () => {
      release();
      const result = await first;
      expect(result.toArray()).toEqual([11, 12, 13]);
      return x.add(1);
    });
    const sum = await second;
    expect((await first).isDisposed).toBe(false);
    expect(sum.toArray()).toEqual([2, 3, 4]);
    [await first, sum].forEach((t) => {
      t.dispose();
    });
  });

  it("keeps pullbacks that are returned", () => {
    const [y, pullback] = tidy(() => vjp((x: Tensor) => x.square(), x));
    expect(pullback([1, 1, 1])[0].toArray()).toEqual([2, 4, 6]);
    pullback.dispose();
    y.dispose();
  });
});

describe("functions that need tensors of their own on the way", () => {
  it("free them, also when they refuse", () => {
    const x = tensor([1, 2, 3]);
    const refused = (f: () => unknown) => () => {
      expect(f).toThrow(TensorError);
    };
    expectNothingLeft(() => {
      tensor(x, { dtype: "float64", shape: [3, 1] }).dispose();
    });
    expectNothingLeft(refused(() => tensor(x, { dtype: "float64", shape: [2] })));
    expectNothingLeft(refused(() => w.split([1, 2, 3], 2)));
    expectNothingLeft(refused(() => w.unstack([1, 2, 3], 5)));
    expectNothingLeft(() => {
      w.unstack([1, 2, 3]).forEach((t) => {
        t.dispose();
      });
    });
    x.dispose();
  });
});

describe("an optimizer's step", () => {
  it("allocates nothing from the second on", () => {
    const p = tensor(new Float32Array(5000));
    const g = w.onesLike(p);
    const adam = new Adam([p]);
    adam.step([g]);
    w.resetPeak();
    const before = memory();
    adam.step([g]);
    const after = memory();
    expect(after.bytes).toBe(before.bytes);
    expect(after.peak - before.peak).toBeLessThan(1000);
    adam.dispose();
    p.dispose();
    g.dispose();
  });
});

describe("keep", () => {
  it("lets tensors outlive every tidy", () => {
    let kept: Tensor[] = [];
    expect(
      left(() => {
        tidy(() => {
          tidy(() => {
            kept = keep([x.add(1), x.add(2)]);
            x.add(3);
          });
        });
      }).tensors,
    ).toBe(2);
    expect(kept.map((t) => t.at(0).item())).toEqual([2, 3]);
    kept.forEach((t) => {
      t.dispose();
    });
  });

  it("keeps a tensor of an outer tidy, and one twice", () => {
    let kept: Tensor | undefined;
    tidy(() => {
      const outer = x.add(1);
      tidy(() => {
        kept = keep(keep(outer));
      });
    });
    expect(kept?.toArray()).toEqual([2, 3, 4]);
    kept?.dispose();
  });

  it("takes tensors out of transformations, computed", () => {
    let kept: Tensor | undefined;
    const g = grad((v: Tensor) =>
      grad((u: Tensor) => {
        kept = keep(u.mul(2));
        return kept.mul(u).sum();
      })(v).sum(),
    )(x);
    expect(kept?.toArray()).toEqual([2, 4, 6]);
    expect(g.toArray()).toEqual([4, 4, 4]);
    expect(() => {
      grad((v: Tensor) => {
        kept = keep(v.add(1));
        throw new Error("no");
      })(x);
    }).toThrow("no");
    expect(kept?.isDisposed).toBe(true);
  });

  it("refuses what is gone", () => {
    const t = ones([1]);
    t.dispose();
    expect(() => keep(t)).toThrow("keep: the tensor was disposed");
  });
});

describe("dispose", () => {
  it("frees at the end of a block", () => {
    expectNothingLeft(() => {
      using a = x.add(1);
      using b = a.mul(2);
      expect(b.toArray()).toEqual([4, 6, 8]);
    });
    expectNothingLeft(() => {
      const [y, made] = vjp((x: Tensor) => x.sum(), x);
      using pullback = made;
      tidy(() => void pullback(1));
      y.dispose();
    });
  });

  it("leaves views and what shares memory intact", () => {
    const base = tensor([
      [1, 2],
      [3, 4],
    ]);
    const view = base.transpose();
    const same = base.reshape([4]);
    base.dispose();
    expect(view.toArray()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(same.toArray()).toEqual([1, 2, 3, 4]);
    view.dispose();
    same.dispose();
  });

  it("counts handles and bytes", () => {
    const before = memory();
    const t = ones([1000]);
    expect(memory().tensors).toBe(before.tensors + 1);
    expect(memory().bytes).toBeGreaterThanOrEqual(before.bytes + 4000);
    const view = t.reshape([10, 100]);
    expect(memory().bytes).toBeLessThan(before.bytes + 8000);
    t.dispose();
    view.dispose();
    expect(memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes });
  });

  it("knows the peak", () => {
    resetPeak();
    const before = memory();
    expect(before.peak).toBe(before.bytes);
    tidy(() => void ones([1000]));
    expect(memory().peak).toBeGreaterThanOrEqual(before.bytes + 4000);
    expect(memory().bytes).toBe(before.bytes);
  });
});

describe("transformations", () => {
  const w1 = tensor([
    [0.1, 0.2],
    [0.3, -0.4],
    [0.5, 0.6],
  ]);
  const loss = (w: Tensor, x: Tensor): Tensor => w.mul(2).transpose().matmul(x).tanh().square().sum();

  it("leave their results and nothing else", () => {
    const cases: readonly (readonly [run: () => unknown, results: number])[] = [
      [() => grad(loss)(w1, x), 1],
      [() => grad(loss, { argnums: [0, 1] })(w1, x), 2],
      [() => valueAndGrad(loss)(w1, x), 2],
      [
        () =>
          valueAndGrad((w: Tensor, v: Tensor) => [loss(w, v), { v, twice: w.mul(2) }] as const, { hasAux: true })(
            w1,
            x,
          ),
        3,
      ],
      [() => w.jvp(loss, [w1, x], [w1, x]), 2],
      [() => w.jacrev((v: Tensor) => v.square())(x), 1],
      [() => w.hvp(loss, [w1, x], [w1, x]), 2],
      [
        () => {
          vjp(loss, w1, x)[1].dispose();
        },
        1,
      ],
      [
        () => {
          const [, pull] = vjp(loss, w1, x);
          pull(1);
          pull(2);
          pull.dispose();
        },
        5,
      ],
      [() => w.finiteDifference((v: Tensor) => v.sum(), x), 1],
      [() => w.gradCheck(loss, [w1, x]), 0],
    ];
    for (const [run, results] of cases) expect(left(run).tensors).toBe(results);
    for (const [run] of cases)
      expectNothingLeft(() => {
        tidy(() => void run());
      });
  });

  it("hand out tensors of the caller's own", () => {
    const [y] = valueAndGrad((): Tensor => x.at(0), { argnums: [] })();
    const [same] = w.jvp((v: Tensor) => v, [x], [x]);
    const [outer] = vjp(() => ({ x, again: x }), w1);
    for (const t of [y, same, outer.x, outer.again]) t.dispose();
    expect(x.toArray()).toEqual([1, 2, 3]);
    const twice = tidy(() =>
      w.linearize((v: Tensor) => {
        const t = v.sin();
        return [t, t];
      }, x),
    );
    expect(twice[0][0]?.toArray()).toEqual(twice[0][1]?.toArray());
    twice[1].dispose();
  });

  it("compute what is read inside on the spot", () => {
    const seen: unknown[] = [];
    const g = grad((v: Tensor) => {
      const y = v.square();
      seen.push(y.toArray(), y.sum().item(), String(y));
      return Number(y.sum().item()) > 10 ? y.sum() : y.prod();
    })(x);
    expect(seen).toEqual([[1, 4, 9], 14, "tensor([1, 4, 9], shape [3], float32)"]);
    expect(g.toArray()).toEqual([2, 4, 6]);
  });

  it("need no memory for what only temporaries need", () => {
    const big = ones([100_000]);
    resetPeak();
    const before = memory().bytes;
    const [y, t] = w.jvp(
      (v: Tensor) => {
        let h = v;
        for (let i = 0; i < 500; i++) h = h.tanh();
        return h.sum();
      },
      [big],
      [big],
    );
    expect(memory().peak - before).toBeLessThanOrEqual(8 * 400_000);
    [big, y, t].forEach((t) => {
      t.dispose();
    });
  });
});

describe("10,000 training steps in a synchronous loop", () => {
  const data = tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const target = tensor([[0], [1], [1], [0]]);
  const model = (p: { w: Tensor; b: Tensor }): Tensor =>
    data.matmul(p.w).add(p.b).sigmoid().sub(target).square().mean();
  const start = (requiresGrad: boolean): { w: Tensor; b: Tensor } => ({
    w: tensor([[0.5], [-0.3]], { requiresGrad }),
    b: tensor([0.1], { requiresGrad }),
  });

  it("functional: disposing only the results", () => {
    const params = start(false);
    const optimizer = new Adam(params, { lr: 1e-2 });
    const step = (): void => {
      const [loss, grads] = valueAndGrad(model)(params);
      optimizer.step(grads);
      [loss, grads.w, grads.b].forEach((t) => {
        t.dispose();
      });
    };
    for (let i = 0; i < 10; i++) step();
    expectNothingLeft(() => {
      for (let i = 0; i < 10_000; i++) step();
    });
    optimizer.dispose();
  });

  it("imperative: in tidy", () => {
    const params = start(true);
    const optimizer = new Adam(params, { lr: 1e-2 });
    const step = (): void => {
      tidy(() => {
        optimizer.zeroGrad();
        model(params).backward();
        optimizer.step();
      });
    };
    for (let i = 0; i < 10; i++) step();
    expectNothingLeft(() => {
      for (let i = 0; i < 10_000; i++) step();
    });
  });

  it("functional optimizer: states handed on", () => {
    const optimizer = adam({ lr: 1e-2 });
    let params = start(false);
    let state = optimizer.init(params);
    expectNothingLeft(() => {
      for (let i = 0; i < 1000; i++) {
        const [next, after] = tidy(() => optimizer.update(grad(model)(params), state, params));
        w.tree.leaves<unknown>([params, state] as never).forEach((t) => {
          t.dispose();
        });
        [params, state] = [next, after];
      }
    });
  });
});

describe("the finalizer", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;

  it("frees what was forgotten", async () => {
    const before = memory().tensors;
    for (let i = 0; i < 3000; i++) x.add(i);
    expect(memory().tensors).toBeGreaterThanOrEqual(before + 3000);
    for (let i = 0; i < 20 && memory().tensors > before + 10; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(memory().tensors).toBeLessThanOrEqual(before + 10);
  });

  it("frees what a report of leaks was about, while the report is there", async () => {
    const before = memory().tensors;
    const report = w.leakReport(() => {
      x.add(1);
    });
    expect(report.tensors).toBe(1);
    for (let i = 0; i < 20 && memory().tensors > before; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(memory().tensors).toBeLessThanOrEqual(before);
    expect(report.toString()).toContain("1 tensor");
  });

  it("leaves alone what is held, and what was disposed before", async () => {
    const before = memory().tensors;
    const held = x.add(1);
    for (let i = 0; i < 3000; i++) x.add(i).dispose();
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(memory().tensors).toBeLessThanOrEqual(before + 1);
    expect(held.sub(x).toArray()).toEqual(x.mul(0).add(1).toArray());
    held.dispose();
  });
});
