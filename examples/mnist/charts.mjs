/** The charts of a training run: its curves, and which digit is taken for which. */
import { chart, palette } from "../../scripts/chart.mjs";
import { CLASSES } from "./data.mjs";

/**
 * Loss and accuracy against epochs; of plain JavaScript the test accuracy, where it was trained too.
 * @param {import("./train.mjs").History} wengert
 * @param {import("./train.mjs").History | null} plain
 * @param {string} subtitle
 * @returns {Promise<string>} SVG
 */
export function curves(wengert, plain, subtitle) {
  const { epochs, losses } = wengert;
  const stepsPerEpoch = losses.length / epochs.length;
  const training = { name: "training", color: palette.mainLight, dash: [1, 0] };
  const test = { name: "test", color: palette.main, dash: [1, 0] };
  const plainTest = { name: "test, plain JS", color: palette.other, dash: [5, 3] };
  const loss = epochs.flatMap(({ epoch, trainLoss, testLoss }) => [
    { epoch: epoch - 0.5, value: trainLoss, series: training.name },
    { epoch, value: testLoss, series: test.name },
  ]);
  const accuracy = epochs.flatMap(({ epoch, trainAccuracy, testAccuracy }) => [
    ...(trainAccuracy === null ? [] : [{ epoch, value: 100 * trainAccuracy, series: training.name }]),
    { epoch, value: 100 * testAccuracy, series: test.name },
  ]);
  for (const { epoch, testAccuracy } of plain?.epochs ?? []) {
    accuracy.push({ epoch, value: 100 * testAccuracy, series: plainTest.name });
  }
  const steps = losses.map((value, i) => ({ epoch: (i + 1) / stepsPerEpoch, value }));
  const ceiling = Math.ceil(15 * Math.max(...loss.map(({ value }) => value))) / 10;
  const floor = Math.max(0, Math.min(95, 5 * Math.floor((Math.min(...accuracy.map(({ value }) => value)) - 1) / 5)));
  return chart({
    title: { text: "Training on 8,000 MNIST digits", subtitle },
    bounds: "flush", // else the guessed width of the titles moves the panels apart
    spacing: 84,
    resolve: { scale: { color: "independent", strokeDash: "independent" } },
    hconcat: [
      panel("Loss: each step (thin), mean over an epoch, test digits", "cross-entropy (nats)", [0, ceiling], epochs.length, [
        { data: { values: steps }, mark: { type: "line", strokeWidth: 0.8, color: palette.mainFaint, clip: true } },
        lines(loss, [training, test]),
      ]),
      panel("Accuracy: digits guessed right after each epoch", "accuracy (%)", [floor, 100], epochs.length, [
        lines(accuracy, plain === null ? [training, test] : [training, test, plainTest]),
      ]),
    ],
  });
}

/**
 * @param {string} title
 * @param {string} unit
 * @param {[number, number]} domain
 * @param {number} epochs
 * @param {object[]} layer
 */
function panel(title, unit, domain, epochs, layer) {
  return {
    width: 400,
    height: 280,
    title: { text: title, fontSize: 12, fontWeight: "normal", frame: "group" },
    encoding: {
      x: {
        field: "epoch",
        type: "quantitative",
        title: "epoch",
        scale: { domain: [0, epochs], nice: false },
        axis: { tickCount: Math.min(epochs, 10), tickMinStep: 1, format: "d", grid: false },
      },
      y: { field: "value", type: "quantitative", title: unit, scale: { domain, nice: false, zero: false } },
    },
    layer,
  };
}

/**
 * @param {{ epoch: number, value: number, series: string }[]} values
 * @param {{ name: string, color: string, dash: number[] }[]} series
 */
function lines(values, series) {
  const domain = series.map(({ name }) => name);
  return {
    data: { values },
    mark: { type: "line", strokeWidth: 2.2, point: { size: 34 } },
    encoding: {
      color: {
        field: "series",
        scale: { domain, range: series.map(({ color }) => color) },
        legend: { title: null, orient: "bottom", direction: "horizontal", symbolType: "stroke", symbolSize: 300 },
      },
      strokeDash: { field: "series", scale: { domain, range: series.map(({ dash }) => dash) } },
    },
  };
}

/**
 * How often each digit was taken for each: right guesses on the diagonal in one colour, mistakes in the other.
 * @param {Int32Array} labels
 * @param {Int32Array} guesses
 * @param {string} subtitle
 * @returns {Promise<string>} SVG
 */
export function confusion(labels, guesses, subtitle) {
  const counts = Array.from({ length: CLASSES }, () => new Array(CLASSES).fill(0));
  labels.forEach((label, i) => (counts[label][guesses[i]] += 1));
  const cells = counts.flatMap((row, digit) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.map((n, guess) => ({ digit, guess, n, share: n / Math.max(1, total) }));
  });
  const most = Math.max(0.01, ...cells.filter(({ digit, guess }) => digit !== guess).map(({ share }) => share));
  const axis = { domain: false, ticks: false, labelAngle: 0, labelFontSize: 12, labelColor: palette.ink, labelPadding: 6 };
  /** @param {string} filter @param {object} encoding */
  const tiles = (filter, encoding) => ({
    transform: [{ filter }],
    mark: { type: "rect", stroke: palette.paper, strokeWidth: 2, cornerRadius: 3 },
    encoding,
  });
  return chart({
    title: { text: "What is taken for what", subtitle },
    width: 440,
    height: 440,
    data: { values: cells },
    encoding: {
      x: { field: "guess", type: "ordinal", title: "guess", axis: { ...axis, orient: "bottom" } },
      y: { field: "digit", type: "ordinal", title: "digit", axis },
    },
    resolve: { scale: { color: "independent" } },
    layer: [
      tiles("datum.digit !== datum.guess", {
        color: {
          field: "share",
          type: "quantitative",
          scale: { domain: [0, most], range: [palette.otherFaint, palette.other], interpolate: "rgb" },
          legend: { title: ["mistaken", "(share of row)"], format: ".0%", gradientLength: 120 },
        },
      }),
      tiles("datum.digit === datum.guess", {
        color: {
          field: "share",
          type: "quantitative",
          scale: { domain: [0.8, 1], range: [palette.mainLight, palette.main], interpolate: "rgb", clamp: true },
          legend: { title: ["right", "(share of row)"], format: ".0%", gradientLength: 120 },
        },
      }),
      {
        transform: [{ filter: "datum.n > 0" }],
        mark: { type: "text", fontSize: 12 },
        encoding: {
          text: { field: "n" },
          color: { condition: { test: "datum.digit === datum.guess", value: palette.paper }, value: palette.ink },
        },
      },
    ],
  });
}
