/**
 * Trains a digit classifier on real data, beside the same training in plain JavaScript, and draws what came of it.
 *
 *     npm run demo -- --epochs 8 --seed 1
 */
import { memory, random, tidy, tree, unstack } from "wengert";
import { main } from "../../scripts/lib.mjs";
import { CLASSES, PIXELS, loadDigits } from "./data.mjs";
import { draw, prepareFolder } from "./draw.mjs";
import { fingerprint, initialise, wengertLearner } from "./network.mjs";
import { parseOptions } from "./options.mjs";
import { plainLearner } from "./plain.mjs";
import { evaluate, perSecond, percent, train } from "./train.mjs";

await main(import.meta.url, async () => {
  const { epochs, seed, batch, lr, hidden, out, baseline, pictures } = parseOptions(process.argv.slice(2));
  if (pictures) prepareFolder(out);

  const digits = loadDigits();
  const recipe = `${PIXELS}-${hidden}-${CLASSES}, Adam ${lr}, batches of ${batch}, seed ${seed}`;
  console.log(`Real MNIST digits: ${digits.train.size} to train, ${digits.test.size} to test. ${recipe}.`);

  const [weightKey, orderKey] = tidy(() => unstack(random.split(random.key(seed), 2)));
  const params = initialise(weightKey, hidden);
  const firstWeights = tree.map((leaf) => leaf.data(), params);
  const orders = tidy(() => unstack(random.split(orderKey, epochs)).map((key) => random.permutation(key, [digits.train.size]).data()));

  console.log("\nwengert");
  const learner = wengertLearner(params, lr);
  /** @type {{ tensors: number, bytes: number }[]} */
  const live = [];
  const wengert = train(learner, digits, orders, batch, { evaluateTraining: true, afterEpoch: () => live.push(memory()) });
  const result = evaluate(learner, digits.test);

  let plain = null;
  if (baseline) {
    console.log("\nplain JS on typed arrays: the same first weights, batches and Adam");
    plain = train(plainLearner(firstWeights, lr, batch), digits, orders, batch);
  }

  console.log(`\n${"".padEnd(10)}  steps/s   ms/step   training   test accuracy`);
  for (const [name, history] of /** @type {const} */ ([["wengert", wengert], ["plain JS", plain]])) {
    if (history === null) continue;
    const { stepMs, seconds, epochs } = history;
    console.log(
      [
        name.padEnd(10),
        perSecond(stepMs).padStart(8),
        stepMs.toFixed(2).padStart(9),
        `${seconds.toFixed(2)} s`.padStart(10),
        percent(epochs[epochs.length - 1].testAccuracy).padStart(15),
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
    const names = await draw(out, {
      digits: digits.test,
      wengert,
      plain,
      result,
      recipe,
      firstLayer: params.w1.data(),
      activity: learner.activity(digits.test),
    });
    console.log(`pictures ${out}/{${names.join(",")}}.svg`);
  }
});

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
