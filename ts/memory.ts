// What the core holds in memory.
import { core, scratch } from "./core.js";

/** Use of memory; see `memory`. */
export interface Memory {
  /** Tensors that have not been freed. */
  readonly tensors: number;
  /** Bytes of values that are alive. */
  readonly bytes: number;
  /** The most bytes that were alive at once since `resetPeak`. */
  readonly peak: number;
  /** Bytes that no tensor has: free ones that are kept for reuse, and what plans of known gradients keep between runs. */
  readonly pooled: number;
}

/** What the core holds: live tensors, and live, peak and pooled bytes. */
export function memory(): Memory {
  core.usage();
  const [tensors = 0, bytes = 0, peak = 0, pooled = 0] = scratch(4);
  return { tensors, bytes, peak, pooled };
}

/** Lets `memory().peak` count from now on. */
export function resetPeak(): void {
  core.resetPeak();
}
