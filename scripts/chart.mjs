/** The project's charts: a Vega-Lite specification becomes an SVG text, in one style and without a browser. */
import { View, parse } from "vega";
import { compile } from "vega-lite";

/** One colour for one meaning in every picture. */
export const palette = {
  ink: "#1f2933",
  faint: "#6b7280",
  line: "#e4e7eb",
  paper: "#ffffff",
  /** wengert, and whatever is measured of it */
  main: "#1f6fb2",
  mainLight: "#8bbbe3",
  mainFaint: "#d3e4f3",
  /** what it is compared with, and mistakes */
  other: "#d9822b",
  otherFaint: "#faf6f0",
};

export const font = "Helvetica Neue, Helvetica, Arial, sans-serif";

const style = {
  background: palette.paper,
  padding: 16,
  font,
  view: { stroke: null },
  title: { anchor: "start", fontSize: 15, fontWeight: 600, color: palette.ink, subtitleColor: palette.faint, subtitleFontSize: 12, subtitlePadding: 5, offset: 12 },
  axis: {
    labelColor: palette.faint,
    titleColor: palette.ink,
    titleFontWeight: "normal",
    titleFontSize: 12,
    labelFontSize: 11,
    gridColor: palette.line,
    domainColor: palette.faint,
    tickColor: palette.faint,
    titlePadding: 8,
  },
  legend: { labelColor: palette.ink, titleColor: palette.ink, titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12, symbolStrokeWidth: 2.5 },
  text: { color: palette.ink, fontSize: 11 },
};

/**
 * Renders a chart.
 * @param {Record<string, unknown>} spec Vega-Lite, without `config` and `$schema`
 * @returns {Promise<string>} the SVG
 */
export async function chart(spec) {
  const { spec: vega } = compile(/** @type {any} */ ({ ...spec, config: style }));
  const view = new View(parse(vega), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
