/** Pictures made of small images: what the first layer looks for, and the digits that were misread. */
import { encode } from "fast-png";
import { font, palette } from "../../scripts/chart.mjs";
import { PIXELS, SIDE } from "./data.mjs";

/** Screen pixels per image pixel inside the PNG, so that no viewer blurs it. */
const ZOOM = 4;

/**
 * Weights of hidden units as images: blue where ink excites the unit, orange where ink quiets it.
 * @param {{ unit: number, activity: number, weights: Float32Array }[]} units 784 weights each, in the order to show them
 * @param {string} subtitle
 * @returns {string} SVG
 */
export function weightTiles(units, subtitle) {
  // One scale for all tiles; the few largest weights may saturate, or the rest would be pale.
  const sizes = units.flatMap(({ weights }) => Array.from(weights, Math.abs)).sort((a, b) => a - b);
  const limit = sizes[Math.floor(0.995 * (sizes.length - 1))] || 1;
  return tiles({
    title: "What the first layer looks for",
    subtitle,
    columns: 8,
    side: 84,
    tiles: units.map(({ unit, activity, weights }) => ({
      image: png(weights, (w) => mix(w < 0 ? palette.other : palette.main, Math.min(1, Math.abs(w) / limit))),
      caption: [{ text: `unit ${unit}`, color: palette.ink }, { text: activity.toFixed(2), color: palette.faint }],
    })),
    legend: [
      { text: `weight +${limit.toFixed(2)} or more: ink excites the unit`, color: palette.main },
      { text: `weight −${limit.toFixed(2)} or less: ink quiets it`, color: palette.other },
      { text: "grey number: mean activation over the test digits", color: palette.faint },
    ],
  });
}

/**
 * Misread digits, each with what it is and what it was taken for.
 * @param {{ image: Float32Array, digit: number, guess: number, confidence: number }[]} misread confidence 0 to 1
 * @param {string} subtitle
 * @returns {string} SVG
 */
export function misreadTiles(misread, subtitle) {
  return tiles({
    title: "Misread digits",
    subtitle,
    columns: 6,
    side: 120,
    tiles: misread.map(({ image, digit, guess, confidence }) => ({
      image: png(image, (grey) => mix(palette.ink, grey)),
      caption: [
        { text: `a ${digit},`, color: palette.ink },
        { text: `read as ${guess} (${Math.round(100 * confidence)} %)`, color: palette.other },
      ],
    })),
    legend: [],
  });
}

/**
 * @typedef {{ text: string, color: string }} Words
 * @param {{ title: string, subtitle: string, columns: number, side: number,
 *   tiles: { image: string, caption: Words[] }[], legend: Words[] }} picture
 */
function tiles({ title, subtitle, columns, side, tiles, legend }) {
  const margin = 20;
  const gap = 14;
  const caption = 24;
  const top = 72;
  const rows = Math.ceil(tiles.length / columns);
  const width = 2 * margin + columns * side + (columns - 1) * gap;
  const foot = top + rows * (side + caption + gap);
  const height = foot + (legend.length > 0 ? 22 * legend.length : 0) + margin - gap;
  const body = tiles.map(({ image, caption: words }, i) => {
    const x = margin + (i % columns) * (side + gap);
    const y = top + Math.floor(i / columns) * (side + caption + gap);
    const text = words.map(({ text, color }) => `<tspan fill="${color}">${text}</tspan>`).join(" ");
    return [
      `<image x="${x}" y="${y}" width="${side}" height="${side}" href="${image}" image-rendering="optimizeSpeed"/>`,
      `<rect x="${x}" y="${y}" width="${side}" height="${side}" fill="none" stroke="${palette.line}"/>`,
      `<text x="${x}" y="${y + side + 15}" font-size="11">${text}</text>`,
    ].join("");
  });
  const notes = legend.map(
    ({ text, color }, i) => `<text x="${margin}" y="${foot + 14 + 20 * i}" font-size="12" fill="${color}">${text}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${font}">`,
    `<rect width="${width}" height="${height}" fill="${palette.paper}"/>`,
    `<text x="${margin}" y="32" font-size="15" font-weight="600" fill="${palette.ink}">${title}</text>`,
    `<text x="${margin}" y="52" font-size="12" fill="${palette.faint}">${subtitle}</text>`,
    ...body,
    ...notes,
    "</svg>",
    "",
  ].join("\n");
}

/**
 * A 28 x 28 image as a data URL.
 * @param {Float32Array} values
 * @param {(value: number) => [number, number, number]} color
 */
function png(values, color) {
  const width = SIDE * ZOOM;
  const data = new Uint8Array(width * width * 3);
  for (let i = 0; i < PIXELS; i++) {
    const rgb = color(values[i]);
    const corner = Math.floor(i / SIDE) * ZOOM * width + (i % SIDE) * ZOOM;
    for (let dy = 0; dy < ZOOM; dy++) for (let dx = 0; dx < ZOOM; dx++) data.set(rgb, 3 * (corner + dy * width + dx));
  }
  const bytes = encode({ width, height: width, data, channels: 3, depth: 8 }, { zlib: { level: 9 } });
  return `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
}

/**
 * From paper (0) to the colour (1).
 * @param {string} color #rrggbb
 * @param {number} share
 * @returns {[number, number, number]}
 */
function mix(color, share) {
  const channel = (/** @type {number} */ at) => Math.round(255 + share * (parseInt(color.slice(at, at + 2), 16) - 255));
  return [channel(1), channel(3), channel(5)];
}
