/**
 * Trains a digit classifier on real data, beside the same training in plain JavaScript, and draws what came of it.
 *
 *     npm run demo -- --epochs 8 --seed 1
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { add, cos, graph, memory, mul, random, sin, tensor, tidy, tree } from "wengert";
import { toSvg } from "wengert/graph";
import { confusion, curves } from "./charts.mjs";
import { CLASSES, PIXELS, loadDigits } from "./data.mjs";
import { fingerprint, initialise, wengertLearner } from "./network.mjs";
import { parseOptions } from "./options.mjs";
import { misreadTiles, weightTiles } from "./pictures.mjs";
import { plainLearner } from "./plain.mjs";
import { evaluate, perSecond, train } from "./train.mjs";

const { epochs, seed, batch, lr, hidden, out, baseline, pictures } = parseOptions(process.argv.slice(2));
if (pictures) prepareFolder(out);

const digits = loadDigits();
const recipe = `${PIXELS}-${hidden}-${CLASSES}, Adam ${lr}, batches of ${batch}, seed ${seed}`;
console.log(`Real MNIST digits: ${digits.train.size} to train, ${digits.test.size} to test. ${recipe}.`);

const [weightKey, orderKey] = random.split(random.key(seed), 2);
const params = initialise(weightKey, hidden);
const firstWeights = tree.map((leaf) => leaf.data(), params);
const orders = tidy(() => random.split(orderKey, epochs).map((key) => random.permutation(key, [digits.train.size]).data()));

console.log("\nwengert");
const learner = wengertLearner(params, lr);
/** @type {{ tensors: number, bytes: number }[]} */
const live = [];
const wengert = train(learner, digits, orders, batch, {
  evaluateTraining: true,
  afterEpoch: () => live.push(memory()),
});
const result = evaluate(learner, digits.test);

let plain = null;
if (baseline) {
  console.log("\nplain JS on typed arrays: the same first weights, batches and Adam");
  plain = train(plainLearner(firstWeights, lr, batch), digits, orders, batch);
}

console.log(`\n${"".padEnd(10)}  steps/s   ms/step   training   test accuracy`);
for (const [name, history] of /** @type {const} */ ([["wengert", wengert], ["plain JS", plain]])) {
  if (history === null) continue;
  console.log(
    [
      name.padEnd(10),
      perSecond(history.stepMs).padStart(8),
      history.stepMs.toFixed(2).padStart(9),
      `${history.seconds.toFixed(2)} s`.padStart(10),
      percent(history.epochs[epochs - 1].testAccuracy).padStart(15),
    ].join(" "),
  );
}
if (plain !== null) console.log(`wengert is ${(plain.stepMs / wengert.stepMs).toFixed(1)} times as fast (medians over all steps).`);

const first = live[0];
const last = live[live.length - 1];
console.log(
  `\nmemory   ${megabytes(first.bytes)} in ${first.tensors} tensors after the first epoch, ` +
    `${megabytes(last.bytes)} in ${last.tensors} after the last; peak ${megabytes(memory().peak)}`,
);
console.log(`weights  ${fingerprint(params)} (the same seed gives the same bits)`);

if (pictures) {
  const wrong = Array.from(result.guesses.keys())
    .filter((i) => result.guesses[i] !== digits.test.labels[i])
    .sort((a, b) => result.confidence[b] - result.confidence[a])
    .slice(0, 12);
  const activity = learner.activity(digits.test);
  const w1 = params.w1.data();
  const active = Array.from(activity.keys()).sort((a, b) => activity[b] - activity[a]).slice(0, 32);
  save("training.svg", await curves(wengert, plain, recipe));
  save("confusion.svg", await confusion(digits.test.labels, result.guesses, `${digits.test.size} test digits, ${percent(result.accuracy)} guessed right`));
  save(
    "weights.svg",
    weightTiles(
      active.map((unit) => ({ unit, activity: activity[unit], weights: w1.subarray(unit * PIXELS, (unit + 1) * PIXELS) })),
      `the ${active.length} most active of ${hidden} hidden units, ${PIXELS} weights each`,
    ),
  );
  save(
    "misread.svg",
    misreadTiles(
      wrong.map((i) => ({
        image: digits.test.images.subarray(i * PIXELS, (i + 1) * PIXELS),
        digit: digits.test.labels[i],
        guess: result.guesses[i],
        confidence: result.confidence[i],
      })),
      "the dozen that the network was surest of, with its probability",
    ),
  );
  save("graph.svg", await scalarGraph());
  console.log(`pictures ${out}/{training,confusion,weights,misread,graph}.svg`);
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

/** @param {string} name @param {string} svg */
function save(name, svg) {
  writeFileSync(join(out, name), svg);
}

/** @param {string} folder */
function prepareFolder(folder) {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    console.error(`demo: --out must be a folder that can be written, got '${folder}' (${/** @type {NodeJS.ErrnoException} */ (error).code})`);
    process.exit(2);
  }
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} share */
function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}
