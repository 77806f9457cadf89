// The pages of operations in docs/ops/, the pictures of the guide, as SVG in docs/pictures/, and the table of the bench in the README, from the results that were
// saved last under the name `reference` (npm run bench -- --save reference).
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cos, finiteDifference, graph, sin, tensor } from "wengert";
import { toSvg } from "wengert/graph";
import { title } from "../bench/peers/peer.mjs";
import { digits, duel } from "../bench/report.mjs";
import { chart, palette } from "./chart.mjs";
import { main, root } from "./lib.mjs";
import { writePages } from "./pages.mjs";

const pictures = join(root, "docs/pictures");

/** The graph of sin(xy) + cos(xy) at (2, 3) with values and adjoints. */
async function scalarGraph() {
  const leaf = (value, name) => tensor(value, { dtype: "float64", requiresGrad: true }).named(name);
  const r = leaf(2, "x").mul(leaf(3, "y"));
  const z = sin(r).add(cos(r));
  z.backward(undefined, { retainGraph: true });
  return toSvg(graph(z));
}

/** Errors of finite differences of sin at 0.7 over the step, on logarithmic axes. */
async function differences() {
  const steps = Array.from({ length: 53 }, (_, i) => 10 ** (-13 + i / 4));
  const values = ["forward", "backward", "central"].flatMap((scheme) =>
    steps.map((h) => ({ scheme, h, error: Math.abs(finiteDifference(sin, 0.7, { scheme, h }).item() - Math.cos(0.7)) })),
  );
  const log = { type: "log", base: 10 };
  return chart({
    width: 560,
    height: 320,
    title: { text: "Errors of finite differences", subtitle: "derivative of sin at 0.7 in float64, over the step h" },
    // An error of 0 has no logarithm.
    data: { values: values.filter(({ error }) => error > 0) },
    mark: { type: "line", strokeWidth: 2 },
    encoding: {
      x: { field: "h", type: "quantitative", scale: log, axis: { title: "h", format: "~e", tickCount: 7 } },
      y: { field: "error", type: "quantitative", scale: log, axis: { title: "error", format: "~e", tickCount: 7 } },
      color: {
        field: "scheme",
        type: "nominal",
        scale: { domain: ["forward", "backward", "central"], range: [palette.other, palette.mainLight, palette.main] },
        legend: { title: null },
      },
      strokeDash: { field: "scheme", type: "nominal", scale: { domain: ["forward", "backward", "central"], range: [[1, 0], [4, 3], [1, 0]] } },
    },
  });
}

/** Results of the bench as a table in Markdown: a line for each workload with a target. */
function benchTable({ date, machine, families, peers }) {
  const cell = ({ figures }, peer) => (figures[peer] === undefined ? "" : digits(figures[peer].best));
  const lines = families.flatMap(({ rows }) => rows).filter(({ targets }) => targets.length > 0).map((row) => {
    const found = duel(row);
    const against = found === null ? ["", "", ""] : [digits(found.other.figure), title(found.other.peer), `${digits(found.ratio)} x`];
    return [row.name, row.unit, cell(row, "wengert"), cell(row, "wengert-compiled"), ...against, cell(row, "limits")];
  });
  const header = ["", "unit", "wengert", "compiled", "best other", "which", "ratio", "limit"];
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const names = new Set(["unit", "which", ""]);
  const versions = new Map(peers.filter(({ version }) => version).map(({ title, version }) => [title.replace(/ (cpu|wasm|jit)$/, ""), version]));
  const about = [
    `${machine.cores} cores of ${machine.cpu}, Node ${machine.node}, ${date}; one thread, the best of the samples.`,
    `The ratio is that of the better of wengert's two. ${[...versions].filter(([name]) => name !== "compiled" && name !== "2 threads").map((pair) => pair.join(" ")).join(", ")}.`,
  ];
  return [line(header), line(header.map((name) => (names.has(name) ? "---" : "---:"))), ...lines.map(line), "", ...about].join("\n");
}

function writeTable() {
  const results = join(root, "bench/results/reference.json");
  if (!existsSync(results)) {
    console.log("README.md: no bench/results/reference.json, the table stays as it is");
    return;
  }
  const readme = join(root, "README.md");
  const table = benchTable(JSON.parse(readFileSync(results, "utf8")));
  const text = readFileSync(readme, "utf8");
  writeFileSync(readme, text.replace(/(<!-- bench:begin -->\n)[^]*(<!-- bench:end -->)/, (_, begin, end) => `${begin}${table}\n${end}`));
  console.log("README.md: the table of the bench");
}

await main(import.meta.url, async () => {
  mkdirSync(pictures, { recursive: true });
  for (const [name, draw] of [["graph", scalarGraph], ["differences", differences]]) {
    writeFileSync(join(pictures, `${name}.svg`), await draw());
    console.log(`docs/pictures/${name}.svg`);
  }
  writeTable();
  await writePages();
});
