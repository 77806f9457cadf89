/** Writes the pictures of a training run, and of a graph, as SVG files. */
import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { add, cos, graph, mul, sin, tensor } from "wengert";
import { toSvg } from "wengert/graph";
import { Failure } from "../../scripts/lib.mjs";
import { confusion, curves } from "./charts.mjs";
import { PIXELS } from "./data.mjs";
import { misreadTiles, weightTiles } from "./pictures.mjs";
import { percent } from "./train.mjs";

/** Refuses a folder that cannot be written before any work is done. @param {string} folder */
export function prepareFolder(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    throw new Failure(`demo: --out must be a folder that can be written, got '${folder}' (${code})`);
  }
}

/**
 * @param {string} folder
 * @param {object} run
 * @param {import("./data.mjs").Digits} run.digits the test digits
 * @param {import("./train.mjs").Evaluation} run.result of the test digits
 * @param {import("./train.mjs").History} run.wengert
 * @param {import("./train.mjs").History | null} run.plain
 * @param {string} run.recipe
 * @param {Float32Array} run.firstLayer weights [units, 784]
 * @param {Float32Array} run.activity mean activation of each hidden unit
 * @returns {Promise<string[]>} the names of the pictures, without their ending
 */
export async function draw(folder, { digits, result, wengert, plain, recipe, firstLayer, activity }) {
  const active = Array.from(activity.keys()).sort((a, b) => activity[b] - activity[a]).slice(0, 32);
  const misread = Array.from(result.guesses.keys())
    .filter((i) => result.guesses[i] !== digits.labels[i])
    .sort((a, b) => result.confidence[b] - result.confidence[a])
    .slice(0, 12);
  const pictures = {
    training: await curves(wengert, plain, recipe),
    confusion: await confusion(
      digits.labels,
      result.guesses,
      `${digits.size.toLocaleString("en")} test digits, ${percent(result.accuracy)} guessed right`,
    ),
    weights: weightTiles(
      active.map((unit) => ({
        unit,
        activity: activity[unit],
        weights: firstLayer.subarray(unit * PIXELS, (unit + 1) * PIXELS),
      })),
      `the ${active.length} most active of ${activity.length} hidden units, ${PIXELS} weights each`,
    ),
    misread: misreadTiles(
      misread.map((i) => ({
        image: digits.images.subarray(i * PIXELS, (i + 1) * PIXELS),
        digit: digits.labels[i],
        guess: result.guesses[i],
        confidence: result.confidence[i],
      })),
      `the ${misread.length} that the network was surest of, with its probability`,
    ),
    graph: await scalarGraph(),
  };
  for (const [name, svg] of Object.entries(pictures)) writeFileSync(join(folder, `${name}.svg`), svg);
  return Object.keys(pictures);
}

/** The graph of f = sin(xy) + cos(xy) at x = 2, y = 3 with every value and adjoint. */
async function scalarGraph() {
  const x = tensor(2, { dtype: "float64", requiresGrad: true }).named("x");
  const y = tensor(3, { dtype: "float64", requiresGrad: true }).named("y");
  const xy = mul(x, y).named("xy");
  const f = add(sin(xy), cos(xy)).named("f");
  f.backward(1, { retainGraph: true });
  return toSvg(graph(f));
}
