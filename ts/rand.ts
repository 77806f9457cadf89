// Random numbers without a key: the generator of random.ts behind one global key, which each call moves on.
import type { Shape } from "./convert.js";
import { type CreateOptions, finish, read } from "./create.js";
import type { DType } from "./dtype.js";
import { keyOf, seedWords } from "./key.js";
import { normal, split, uniform } from "./random.gen.js";
import { refusePlans } from "./scope.js";
import type { Tensor } from "./tensor.js";

let state: readonly number[] = seedWords("rand", Math.floor(Math.random() * Number.MAX_SAFE_INTEGER));

/** Begins the sequence of `rand` and `randn` anew: an integer from 0 to 2^53 - 1. Without it, it begins at random. */
export function manualSeed(seed: number): void {
  state = seedWords("manualSeed", seed);
}

/** Uniform random numbers in [0, 1); float32 unless said otherwise. */
export function rand(shape: Shape, options?: DType | CreateOptions): Tensor {
  return draw("rand", options, (key, dtype) => uniform(key, shape, { dtype }));
}

/** Random numbers of the standard normal distribution; float32 unless said otherwise. */
export function randn(shape: Shape, options?: DType | CreateOptions): Tensor {
  return draw("randn", options, (key, dtype) => normal(key, shape, { dtype }));
}

function draw(op: string, options: unknown, from: (key: Tensor, dtype: DType) => Tensor): Tensor {
  refusePlans(op, "pass a key as an argument and draw from it by random.uniform or random.normal");
  const { dtype = "float32", requiresGrad } = read(op, options);
  const key = nextKey();
  try {
    return finish(from(key, dtype), requiresGrad);
  } finally {
    key.dispose();
  }
}

/** The state is kept as numbers, not as a tensor, so that no scope can free it. */
function nextKey(): Tensor {
  const key = keyOf(state);
  const keys = split(key, 2);
  const words = [...keys.data()];
  key.dispose();
  keys.dispose();
  state = words.slice(0, 2);
  return keyOf(words.slice(2));
}
