// Random numbers from a key: the same key and shape give the same numbers on every host.
import { checkShape } from "./convert.js";
import { keyOf, seedWords } from "./key.js";
import { categorical as drawn, type RandomCategoricalOptions } from "./random.gen.js";
import type { Tensor, TensorLike } from "./tensor.js";

export * from "./random.gen.js";

/** Options of `random.categorical` where its second argument is the shape. */
export interface CategoricalOptions {
  /** Logarithms of the probabilities, up to a constant. */
  readonly logits: TensorLike;
  /** The axis of the choices; the last if left out. */
  readonly axis?: number;
}

/**
 * Indices along an axis of `logits` drawn with probability softmax(logits): int32 of a shape and then that of the logits
 * without the axis. Either `categorical(key, shape, { logits })` or `categorical(key, logits, { shape })`.
 */
export function categorical(key: TensorLike, shape: readonly number[], options: CategoricalOptions): Tensor;
export function categorical(key: TensorLike, logits: TensorLike, options?: number | RandomCategoricalOptions): Tensor;
export function categorical(
  key: TensorLike,
  second: TensorLike,
  options?: number | RandomCategoricalOptions | CategoricalOptions,
): Tensor {
  if (!hasLogits(options)) return drawn(key, second, options);
  const { logits, ...rest } = options;
  return drawn(key, logits, { ...rest, shape: checkShape("random.categorical", second) });
}

function hasLogits(options: unknown): options is CategoricalOptions {
  return typeof options === "object" && options !== null && "logits" in options;
}

/**
 * A key for a seed (an integer from 0 to 2^53 - 1): int32 [2], the high and the low 32 bits.
 * @derivative none, the result is int32
 * @cost O(1)
 */
export function key(seed: number): Tensor {
  return keyOf(seedWords("random.key", seed));
}
