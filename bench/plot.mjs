/** The plots of a run: a line over sizes for square matrix products, bars for everything else, the limits as black marks. */
import { chart, palette } from "../scripts/chart.mjs";
import { digits, titles } from "./report.mjs";

const colors = /** @type {Record<string, string>} */ ({ wengert: palette.main, "plain-js": palette.other });

/**
 * @param {import("./workloads/cases.mjs").Family} family
 * @param {readonly import("./report.mjs").Row[]} rows
 * @param {readonly string[]} peers
 * @param {string} machine
 * @returns {Promise<string>} SVG
 */
export function plot(family, rows, peers, machine) {
  const isSquare = (/** @type {import("./report.mjs").Row} */ { name }) => /^matmul \d+$/.test(name);
  const squares = rows.filter(isSquare);
  const rest = rows.filter((row) => !isSquare(row));
  const panels = [...(squares.length > 1 ? [lines(squares, peers)] : []), ...(rest.length > 0 ? [bars(rest, peers)] : [])];
  return chart({
    title: { text: family.title, subtitle: [`${family.about} (black)`, machine] },
    spacing: 40,
    vconcat: panels.length > 0 ? panels : [bars(rows, peers)],
    resolve: { scale: { color: "shared" } },
  });
}

/** @param {readonly string[]} peers */
const color = (peers) => ({
  field: "peer",
  title: null,
  scale: { domain: peers.map((peer) => titles[peer]), range: peers.map((peer) => colors[peer]) },
  legend: { orient: "top", direction: "horizontal", symbolType: "square" },
});

/**
 * @param {readonly import("./report.mjs").Row[]} rows
 * @param {readonly string[]} peers
 */
function values(rows, peers) {
  return rows.flatMap(({ name, params, figures }) =>
    peers.map((peer) => ({ name, n: params.n, peer: titles[peer], value: figures[peer].best, label: digits(figures[peer].best) })),
  );
}

/**
 * Speed against size, both logarithmic.
 * @param {readonly import("./report.mjs").Row[]} rows
 * @param {readonly string[]} peers
 */
function lines(rows, peers) {
  const all = values(rows, [...peers, "limits"]).map(({ value }) => value);
  return {
    width: 560,
    height: 300,
    encoding: {
      x: {
        field: "n",
        type: "quantitative",
        title: "rows and columns (n)",
        scale: { type: "log", base: 2, nice: false, domain: [0.8 * Number(rows[0].params.n), 1.25 * Number(rows[rows.length - 1].params.n)] },
        axis: { values: rows.map(({ params }) => params.n), grid: false, format: "d" },
      },
      y: logarithmic("GFLOP/s", 0.5 * Math.min(...all), 1.6 * Math.max(...all)),
    },
    layer: [
      {
        data: { values: values(rows, ["limits"]) },
        layer: [
          { mark: { type: "line", color: palette.ink, strokeDash: [5, 4], strokeWidth: 1.4 } },
          {
            transform: [{ filter: `datum.n === ${rows[0].params.n}` }],
            mark: { type: "text", align: "left", dy: -9, color: palette.ink },
            encoding: { text: { value: `limit: ${rows[0].limit}` } },
          },
        ],
      },
      {
        data: { values: values(rows, peers) },
        layer: [
          { mark: { type: "line", strokeWidth: 2.4, point: { size: 40 } }, encoding: { color: color(peers) } },
          { mark: { type: "text", dy: 15, fontSize: 10, color: palette.faint }, encoding: { text: { field: "label" } } },
        ],
      },
    ],
  };
}

/**
 * Grouped bars on a logarithmic scale, each with its figure; a black mark where the machine's limit lies.
 * @param {readonly import("./report.mjs").Row[]} rows
 * @param {readonly string[]} peers
 */
function bars(rows, peers) {
  const all = values(rows, [...peers, "limits"]).map(({ value }) => value);
  // Bars on a logarithmic scale have no natural foot: far enough below the least for its figure.
  const foot = 0.3 * Math.min(...all);
  const order = rows.map(({ name }) => name);
  const y = { field: "name", type: "nominal", title: null, sort: order, axis: { domain: false, ticks: false, labelLimit: 260, labelPadding: 6, labelColor: palette.ink } };
  const x = logarithmic(axisTitle(rows[0].unit), foot, 1.2 * Math.max(...all));
  return {
    width: 560,
    height: rows.length * (15 * peers.length + 9),
    encoding: { y },
    layer: [
      {
        data: { values: values(rows, peers).map((bar) => ({ ...bar, foot })) },
        encoding: { x, yOffset: { field: "peer", sort: peers.map((peer) => titles[peer]) } },
        layer: [
          { mark: { type: "bar", cornerRadiusEnd: 2 }, encoding: { x2: { field: "foot" }, color: color(peers) } },
          { mark: { type: "text", align: "right", dx: -5, fontSize: 10, color: palette.paper }, encoding: { text: { field: "label" } } },
        ],
      },
      {
        data: { values: values(rows, ["limits"]) },
        mark: { type: "tick", color: palette.ink, thickness: 2, bandSize: 2 },
        encoding: { x },
      },
    ],
  };
}

/**
 * An axis of the values with grid lines at 1, 2 and 5 times the powers of ten.
 * @param {string} title
 * @param {number} from
 * @param {number} to
 */
function logarithmic(title, from, to) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power++) {
    ticks.push(...[1, 2, 5].map((digit) => Number(`${digit}e${power}`)).filter((x) => x >= from && x <= to));
  }
  const axis = { values: ticks, format: "~g" };
  return { field: "value", type: "quantitative", title, axis, scale: { type: "log", domain: [from, to], nice: false } };
}

/** @param {string} unit */
function axisTitle(unit) {
  const meaning = { "GFLOP/s": "longer is better", "ns/element": "shorter is better", us: "µs a call, shorter is better", ms: "shorter is better" }[unit];
  return unit === "us" ? meaning : `${unit}, ${meaning}`;
}
