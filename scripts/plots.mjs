/** Small plots of functions of one number and their derivatives, which are computed by wengert itself. */
import { grad, linspace, vmap } from "wengert";
import { chart, palette } from "./chart.mjs";

const [width, height] = [220, 132];
/** Points to a plot, more than one to a pixel: both ends, and in a symmetric range 0. */
const count = 481;
/**
 * Draws a function and its derivative.
 * @param {string} name
 * @param {(x: any) => any} f a function of wengert
 * @param {[number, number]} range
 * @returns {Promise<string>} the SVG
 */
export async function plot(name, f, range) {
  const xs = linspace(...range, count, "float64");
  const ys = f(xs).data();
  const slopes = vmap(grad(f))(xs).data();
  const lines = new Map([
    [name, ys],
    ["derivative", slopes.map((slope, i) => (Number.isNaN(ys[i]) ? NaN : slope))],
  ]);
  const drawn = [...lines.values()].flatMap((ys) => [...ys].filter(Number.isFinite));
  const limit = Math.max(4, (range[1] - range[0]) / 2); // what lies beyond is cut off
  const low = Math.max(-limit, Math.min(0, ...drawn));
  const high = Math.min(limit, Math.max(0, ...drawn));
  const margin = (high - low) / 20;
  const window = { x: range, y: [low - margin, high + margin] };
  const values = [...lines].flatMap(([line, ys]) =>
    parts(xs.data(), ys, window).flatMap((points, part) => points.map(([x, y]) => ({ line, part, x, y }))),
  );
  const gridColor = { condition: { test: "datum.value === 0", value: palette.faint }, value: palette.line };
  const axis = { title: null, tickCount: 4, format: "~g", labelFontSize: 9, labelPadding: 4, ticks: false, domain: false, gridColor };
  const names = [...lines.keys()];
  const svg = await chart({
    width,
    height,
    padding: 6,
    data: { values },
    mark: { type: "line", strokeWidth: 1.6 },
    encoding: {
      x: { field: "x", type: "quantitative", scale: { domain: window.x, nice: false }, axis },
      y: { field: "y", type: "quantitative", scale: { domain: window.y, nice: false }, axis },
      detail: { field: "part" },
      color: {
        field: "line",
        type: "nominal",
        scale: { domain: names, range: [palette.main, palette.other] },
        legend: { title: null, orient: "top", labelFontSize: 10, symbolSize: 160, offset: 4 },
      },
      strokeDash: { field: "line", type: "nominal", scale: { domain: names, range: [[1, 0], [4, 3]] } },
    },
  });
  return compact(svg);
}

/** The parts of a line that can be seen: it ends at the window, where it is NaN, and where it jumps. */
function parts(xs, ys, { x: [left, right], y: [low, high] }) {
  const step = (i) => Math.abs(ys[i + 1] - ys[i]) || 0;
  const inside = (y) => y >= low && y <= high;
  // A point may lie in the middle of a jump, as that of sign at 0 does.
  const around = (i) => Math.max(Math.min(step(i - 1), step(i - 2)), Math.min(step(i + 1), step(i + 2)));
  const jumps = (i) => step(i) > (high - low) / 50 && step(i) > 10 * around(i);
  const found = [[]];
  const end = () => found.at(-1).length > 0 && found.push([]);
  for (let i = 0; i < xs.length; i++) {
    if (inside(ys[i])) found.at(-1).push([xs[i], ys[i]]);
    const [a, b] = [ys[i], ys[i + 1]];
    if (inside(a) && inside(b) && !jumps(i)) continue;
    // From the last point to the border, or from the border to the next.
    const border = (b > a) === inside(a) ? high : low;
    const crosses = inside(a) !== inside(b) && Math.abs(b - a) < high - low;
    const point = [xs[i] + ((xs[i + 1] - xs[i]) * (border - a)) / (b - a), border];
    if (crosses && inside(a)) found.at(-1).push(point);
    end();
    if (crosses && inside(b)) found.at(-1).push(point);
  }
  const pixels = ([x, y]) => [((x - left) / (right - left)) * width, ((y - low) / (high - low)) * height];
  return found.filter((points) => points.length > 1).map((points) => simplified(points, pixels));
}

/** The points without those that lie on the line through others, to a tenth of a pixel (Douglas and Peucker, 1973). */
function simplified(points, pixels) {
  if (points.length < 3) return points;
  const [[ax, ay], [bx, by]] = [pixels(points[0]), pixels(points.at(-1))];
  const length = Math.hypot(bx - ax, by - ay);
  const beside = points.map((point) => {
    const [x, y] = pixels(point);
    return Math.abs((by - ay) * (x - ax) - (bx - ax) * (y - ay)) / length;
  });
  const most = Math.max(...beside);
  if (most < 0.1) return [points[0], points.at(-1)];
  const k = beside.indexOf(most);
  return [...simplified(points.slice(0, k + 1), pixels), ...simplified(points.slice(k), pixels).slice(1)];
}

/** An SVG without what screens do not show, with coordinates to a tenth of a pixel. */
function compact(svg) {
  const [font] = / font-family="[^"]*"/.exec(svg) ?? [""];
  const text = svg
    .replaceAll(/ (class|role|aria-[a-z]+|pointer-events|style|stroke-[mo][a-z]+|opacity|xmlns:xlink|version)="[^"]*"/g, "")
    .replaceAll(/-?\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))))
    .replaceAll(/<path d="(M0,0h[^"]*)?"[^>]*\/>/g, "")
    .replaceAll(/ (transform="translate\(0,0\)"|stroke-dasharray="1,0"|stroke-width="1"|[xy]2="0"|text-anchor="start")/g, "")
    .replaceAll(font, "")
    .replace("<svg", `<svg${font}`);
  return `${ungrouped(text)}\n`;
}

/** Without groups that say nothing. */
function ungrouped(svg) {
  const kept = [];
  return svg.replaceAll(/<g[^>]*>|<\/g>/g, (tag) => {
    if (tag === "</g>") return kept.pop() ? tag : "";
    kept.push(tag !== "<g>");
    return tag === "<g>" ? "" : tag;
  });
}
