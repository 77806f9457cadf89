// Random numbers from a key: the same key and shape give the same numbers on every host.
import { keyOf, seedWords } from "./key.js";
import type { Tensor } from "./tensor.js";

export * from "./random.gen.js";

/** A key for a seed (an integer from 0 to 2^53 - 1): int32 [2], the high and the low 32 bits. */
export function key(seed: number): Tensor {
  return keyOf(seedWords("random.key", seed));
}
