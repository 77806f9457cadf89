/** The plots of a run: a line over sizes for square matrix products, a dot for each peer elsewhere; the limits in black. */
import { chart, palette } from "../scripts/chart.mjs";
import { isOurs, title } from "./peers/peer.mjs";
import { digits } from "./report.mjs";

/** @typedef {Pick<import("./workloads/cases.mjs").Family, "name" | "title" | "about"> & { cases: readonly { name: string }[] }} Shown */

/** What each peer looks like. @type {Record<string, { color: string, shape: string }>} */
const looks = {
  wengert: { color: palette.mainLight, shape: "circle" },
  "wengert-compiled": { color: palette.main, shape: "circle" },
  "wengert-threads": { color: "#1a3a5c", shape: "triangle-right" },
  "plain-js": { color: palette.other, shape: "square" },
  "tfjs-wasm": { color: "#2f855a", shape: "diamond" },
  "tfjs-cpu": { color: "#9ad0b0", shape: "diamond" },
  "jax-js-jit": { color: "#805ad5", shape: "triangle-up" },
  "jax-js": { color: "#c9b6ee", shape: "triangle-up" },
  "onnxruntime-web": { color: "#b83280", shape: "cross" },
  "js-pytorch": { color: "#9aa5b1", shape: "triangle-down" },
};

/**
 * @param {Shown} family
 * @param {readonly import("./report.mjs").Row[]} rows
 * @param {readonly string[]} peers
 * @param {string} machine
 * @returns {Promise<string>} SVG
 */
export function plot(family, rows, peers, machine) {
  const isSquare = (/** @type {import("./report.mjs").Row} */ { name }) => /^matmul \d+$/.test(name);
  const squares = rows.filter(isSquare);
  const rest = rows.filter((row) => !isSquare(row));
  const shown = peers.filter((peer) => rows.some(({ figures }) => figures[peer] !== undefined));
  const panels = squares.length > 1 ? [lines(squares, shown), ...(rest.length > 0 ? [dots(rest, shown)] : [])] : [dots(rows, shown)];
  return chart({
    title: { text: family.title, subtitle: [...wrapped(family.about), machine] },
    spacing: 40,
    vconcat: panels,
    resolve: { scale: { color: "shared", shape: "shared" } },
  });
}

/** A long text in lines of the picture's width. @param {string} text */
const wrapped = (text) => text.split("; ");

/** @param {readonly string[]} peers */
function marks(peers) {
  const scale = (/** @type {"color" | "shape"} */ key) => ({ domain: peers.map(title), range: peers.map((peer) => looks[peer][key]) });
  const legend = { orient: "top", direction: "horizontal", columns: 5 };
  return {
    color: { field: "peer", title: null, scale: scale("color"), legend },
    shape: { field: "peer", title: null, scale: scale("shape"), legend },
  };
}

/**
 * @param {readonly import("./report.mjs").Row[]} rows
 * @param {readonly string[]} peers
 */
function values(rows, peers) {
  return rows.flatMap(({ name, params, figures }) =>
    peers.flatMap((peer) =>
      figures[peer] === undefined
        ? []
        : [{ name, n: params.n, peer: title(peer), ours: isOurs(peer), value: figures[peer].best, label: digits(figures[peer].best) }],
    ),
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
    width: 620,
    height: 340,
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
          { mark: { type: "line", strokeWidth: 1.8 }, encoding: { color: marks(peers).color } },
          { mark: { type: "point", filled: true, opacity: 1, size: 45 }, encoding: marks(peers) },
        ],
      },
    ],
  };
}

/**
 * A dot for each peer on a logarithmic scale, the figure of the best of wengert's two beside the name; a black mark where the
 * machine's limit lies.
 * @param {readonly import("./report.mjs").Row[]} rows
 * @param {readonly string[]} peers
 */
function dots(rows, peers) {
  const all = values(rows, [...peers, "limits"]).map(({ value }) => value);
  const y = {
    field: "name",
    type: "nominal",
    title: null,
    sort: rows.map(({ name }) => name),
    axis: { domain: false, ticks: false, grid: true, labelLimit: 260, labelPadding: 8, labelColor: palette.ink },
  };
  const x = logarithmic(axisTitle(rows[0].unit), 0.75 * Math.min(...all), 1.35 * Math.max(...all));
  const points = values(rows, peers);
  return {
    width: 620,
    height: rows.length * 24 + 8,
    encoding: { y, x },
    layer: [
      {
        data: { values: values(rows, ["limits"]) },
        mark: { type: "tick", color: palette.ink, thickness: 2, bandSize: 18 },
      },
      {
        data: { values: points.filter(({ ours }) => !ours) },
        mark: { type: "point", filled: true, opacity: 1, size: 60 },
        encoding: marks(peers),
      },
      {
        // What this is about lies on top.
        data: { values: points.filter(({ ours }) => ours) },
        mark: { type: "point", filled: true, opacity: 1, size: 90, stroke: palette.paper, strokeWidth: 1 },
        encoding: marks(peers),
      },
    ],
  };
}

/**
 * An axis of the values with grid lines at powers of ten, or at 1, 2 and 5 times them where they are few.
 * @param {string} title
 * @param {number} from
 * @param {number} to
 */
export function logarithmic(title, from, to) {
  const steps = to / from > 3000 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power++) {
    ticks.push(...steps.map((digit) => Number(`${digit}e${power}`)).filter((x) => x >= from && x <= to));
  }
  const axis = { values: ticks, format: "~g" };
  return { field: "value", type: "quantitative", title, axis, scale: { type: "log", domain: [from, to], nice: false } };
}

/** @param {import("./workloads/cases.mjs").Unit} unit */
function axisTitle(unit) {
  switch (unit) {
    case "GFLOP/s":
    case "GB/s":
      return `${unit}, more to the right is better`;
    case "us":
      return "µs a call, more to the left is better";
    default:
      return `${unit}, more to the left is better`;
  }
}
