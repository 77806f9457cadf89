// Keys of random numbers as words.
import { createFor } from "./convert.js";
import { describe, TensorError } from "./errors.js";
import { made } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** The two 32-bit words of a seed, the high one first, as JAX orders them. */
export function seedWords(op: string, seed: unknown): readonly [high: number, low: number] {
  if (typeof seed === "number" && Number.isSafeInteger(seed) && seed >= 0)
    return [Math.floor(seed / 2 ** 32), seed | 0];
  throw new TensorError("argument", op, `the seed must be an integer from 0 to 2^53 - 1, got ${describe(seed)}`);
}

/** The key with these words. */
export function keyOf(words: readonly number[]): Tensor {
  const { handle, values } = createFor("random.key", "int32", [2]);
  values.set(words);
  return made(handle);
}
