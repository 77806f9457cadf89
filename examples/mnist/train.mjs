/** The training loop: it knows neither wengert nor plain JavaScript, only a learner, so both do exactly the same work. */
import { Failure } from "../../scripts/lib.mjs";
import { progressBar } from "../../scripts/progress.mjs";
import { CLASSES, PIXELS, batches } from "./data.mjs";

/**
 * @typedef {import("./data.mjs").Digits} Digits
 *
 * @typedef {object} Learner
 * @property {string} name
 * @property {(batch: Digits) => number} step one step of gradient descent; the loss before it
 * @property {(images: Float32Array, n: number) => Float32Array} logits [n, 10]
 *
 * @typedef {object} Evaluation
 * @property {number} loss mean cross-entropy
 * @property {number} accuracy share of right guesses, 0 to 1
 * @property {Int32Array} guesses
 * @property {Float32Array} confidence probability of each guess
 *
 * @typedef {object} Epoch
 * @property {number} epoch from 1
 * @property {number} trainLoss mean over the epoch's batches
 * @property {number | null} trainAccuracy after the epoch, 0 to 1; null when it was not asked for
 * @property {number} testLoss
 * @property {number} testAccuracy 0 to 1
 * @property {number} stepMs median, milliseconds
 *
 * @typedef {object} History
 * @property {Epoch[]} epochs
 * @property {number[]} losses one per step
 * @property {number} stepMs median over all steps, milliseconds
 * @property {number} seconds spent in steps
 */

/**
 * Trains, printing a line per epoch and, on a terminal, a bar within it.
 * @param {Learner} learner
 * @param {{ train: Digits, test: Digits }} digits
 * @param {readonly Int32Array[]} orders one order of the training digits per epoch
 * @param {number} batch
 * @param {{ evaluateTraining?: boolean, afterEpoch?: (epoch: Epoch) => void }} [o]
 * @returns {History}
 */
export function train(learner, { train, test }, orders, batch, { evaluateTraining = false, afterEpoch } = {}) {
  /** @type {Epoch[]} */
  const epochs = [];
  /** @type {number[]} */
  const losses = [];
  /** @type {number[]} */
  const times = [];
  console.log("epoch   train loss   test loss   test accuracy   steps/s");
  orders.forEach((order, index) => {
    const steps = Math.ceil(order.length / batch);
    const bar = epochBar(`epoch ${index + 1} of ${orders.length}`, steps);
    const first = losses.length;
    for (const digits of batches(train, order, batch)) {
      const start = performance.now();
      losses.push(learner.step(digits));
      times.push(performance.now() - start);
      const loss = losses[losses.length - 1];
      if (!Number.isFinite(loss)) {
        bar.stop();
        throw new Failure(`demo: the loss of step ${losses.length} is ${loss}; try a smaller --lr`);
      }
      bar.tick(loss);
    }
    bar.stop();
    const { loss, accuracy } = evaluate(learner, test);
    /** @type {Epoch} */
    const epoch = {
      epoch: index + 1,
      trainLoss: sum(losses.slice(first)) / steps,
      trainAccuracy: evaluateTraining ? evaluate(learner, train).accuracy : null,
      testLoss: loss,
      testAccuracy: accuracy,
      stepMs: median(times.slice(first)),
    };
    epochs.push(epoch);
    console.log(
      [
        String(epoch.epoch).padStart(5),
        epoch.trainLoss.toFixed(4).padStart(12),
        epoch.testLoss.toFixed(4).padStart(11),
        percent(epoch.testAccuracy).padStart(15),
        perSecond(epoch.stepMs).padStart(9),
      ].join(" "),
    );
    afterEpoch?.(epoch);
  });
  return { epochs, losses, stepMs: median(times), seconds: sum(times) / 1000 };
}

/**
 * @param {Learner} learner
 * @param {Digits} digits
 * @returns {Evaluation}
 */
export function evaluate(learner, digits) {
  const guesses = new Int32Array(digits.size);
  const confidence = new Float32Array(digits.size);
  let loss = 0;
  let right = 0;
  const chunk = 500;
  for (let start = 0; start < digits.size; start += chunk) {
    const n = Math.min(chunk, digits.size - start);
    const logits = learner.logits(digits.images.subarray(start * PIXELS, (start + n) * PIXELS), n);
    for (let i = 0; i < n; i++) {
      const row = logits.subarray(i * CLASSES, (i + 1) * CLASSES);
      const guess = row.indexOf(Math.max(...row));
      const logSum = Math.log(row.reduce((total, z) => total + Math.exp(z - row[guess]), 0)) + row[guess];
      const label = digits.labels[start + i];
      guesses[start + i] = guess;
      confidence[start + i] = Math.exp(row[guess] - logSum);
      loss += logSum - row[label];
      if (guess === label) right += 1;
    }
  }
  return { loss: loss / digits.size, accuracy: right / digits.size, guesses, confidence };
}

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(2)} %`;

/** @param {number} ms */
export const perSecond = (ms) => Math.round(1000 / ms).toLocaleString("en");

/** A bar on a terminal; nothing where the output goes to a file or a pipe, which has the line per epoch. */
function epochBar(title, steps) {
  if (!process.stdout.isTTY) return { tick() {}, stop() {} };
  const bar = progressBar(`${title}  {bar}  {value}/{total} steps  loss {loss}`);
  bar.start(steps, 0, { loss: "-" });
  return { tick: (loss) => bar.increment({ loss: loss.toFixed(4) }), stop: () => bar.stop() };
}

const sum = (list) => list.reduce((total, x) => total + x, 0);

/** @param {readonly number[]} list */
function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
