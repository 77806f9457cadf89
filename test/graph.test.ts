// Graphs as data and as pictures.
import { describe, expect, it } from "vitest";
import { cos, graph, ones, sin, type Tensor, tensor, toDot } from "wengert";
import { toSvg } from "wengert/graph";
import { expectNothingLeft } from "./support.js";

function example(): Tensor {
  const x = tensor(2, { dtype: "float64", requiresGrad: true }).named("x");
  const y = tensor(3, { dtype: "float64", requiresGrad: true }).named("y");
  const r = x.mul(y).named("r");
  return sin(r).add(cos(r));
}

describe("graph", () => {
  it("is plain data: nodes with values, edges with the place of the input", () => {
    const g = graph(example());
    expect(JSON.parse(JSON.stringify(g))).toEqual(g);
    expect(g.nodes.map((node) => node.op)).toEqual(["leaf", "leaf", "mul", "sin", "cos", "add"]);
    expect(g.nodes[2]).toMatchObject({ shape: [], dtype: "float64", value: 6, gradient: null });
    expect(g.edges).toHaveLength(6);
    const mul = g.nodes.find((node) => node.op === "mul");
    expect(g.edges.filter((edge) => edge.to === mul?.id).map((edge) => edge.input)).toEqual([0, 1]);
    expect(mul?.vjp).toEqual(["b", "a"]);
    expect(g.nodes.slice(3).map((node) => node.vjp)).toEqual([["cos(x)"], ["-sin(x)"], ["1", "1"]]);
  });

  it("knows the names", () => {
    expect(graph(example()).nodes.map((node) => node.name)).toEqual(["x", "y", "r", null, null, null]);
  });

  it("has every adjoint after backward with retainGraph", () => {
    const z = example();
    z.backward(null, { retainGraph: true });
    const adjoints = graph(z).nodes.map((node) => node.gradient);
    expect(adjoints).toEqual(
      [3.718757354547875, 2.4791715696985834, 1.2395857848492917, 1, 1, 1].map((g) => expect.closeTo(g, 14) as unknown),
    );
  });

  it("writes derivatives as mathematics", () => {
    const formula = (f: (x: Tensor) => Tensor): string | undefined =>
      graph(f(tensor([0.5], { requiresGrad: true }))).nodes.at(-1)?.vjp[0];
    expect(formula((x) => x.tanh())).toBe("1 - y * y");
    expect(formula((x) => x.sigmoid())).toBe("y * (1 - y)");
    expect(formula((x) => x.log())).toBe("1 / x");
    expect(formula((x) => x.log1p())).toBe("1 / (1 + x)");
    expect(formula((x) => x.sqrt())).toBe("0.5 / y");
    expect(formula((x) => x.relu())).toBe("[y > 0]");
    expect(formula((x) => x.asin())).toBe("1 / sqrt(1 - x * x)");
    expect(formula((x) => x.acos())).toBe("-1 / sqrt(1 - x * x)");
    expect(formula((x) => x.pow(3))).toBe("b * pow(a, where(b = 0, 1, b) - 1)");
  });

  it("leaves out large values, and writes NaN", () => {
    const big = ones([1000], { requiresGrad: true });
    expect(graph(big.mul(2)).nodes.map((node) => node.value)).toContain(null);
    const x = tensor([[NaN, Infinity]], { requiresGrad: true });
    expect(graph(x).nodes[0]?.value).toEqual([[NaN, Infinity]]);
    expect(graph(3).nodes).toHaveLength(1);
  });

  it("leaves nothing behind", () => {
    const z = example();
    z.backward(null, { retainGraph: true });
    expectNothingLeft(() => graph(z));
  });
});

describe("pictures", () => {
  it("show names, operations, values and adjoints", async () => {
    const z = example();
    z.backward(null, { retainGraph: true });
    const dot = toDot(graph(z));
    expect(dot).toMatch(/^digraph \{/);
    for (const text of ["<b>x</b>", "r = mul", "adjoint 1.2396", "adjoint 3.7188", "n0", "->"])
      expect(dot).toContain(text.replace("n0", "n"));
    const svg = await toSvg(graph(z));
    expect(svg).toContain("<svg");
    expect(svg).toContain("adjoint 2.4792");
  });

  it("escape what HTML and DOT would read", async () => {
    const x = tensor([1], { requiresGrad: true }).named('<a & "b">');
    expect(await toSvg(graph(x.mul(2)))).toContain("&lt;a &amp; &quot;b&quot;&gt;");
  });

  it("want a graph", () => {
    expect(() => toDot(3 as never)).toThrow("toDot: the argument must be what graph(y) returns, got 3");
  });
});
