/**
 * How one thing is timed, inside the process of one peer.
 *
 * V8 compiles a function well only after it has run for a while, so every workload is warmed up: at least 100 calls and
 * half a second; slow ones stop after two seconds and three calls, by when their loops have long been compiled.
 * A sample is as many calls as fill some milliseconds, so that the clock's grain does not count.
 */

/**
 * @typedef {{ warmUpMs: number, warmUpCalls: number, mostWarmUpMs: number, sampleMs: number, rounds: number, mostMs: number }} Effort
 * @type {{ full: Effort, quick: Effort }}
 */
export const efforts = {
  full: { warmUpMs: 500, warmUpCalls: 100, mostWarmUpMs: 2000, sampleMs: 4, rounds: 40, mostMs: 4000 },
  quick: { warmUpMs: 250, warmUpCalls: 100, mostWarmUpMs: 1000, sampleMs: 3, rounds: 12, mostMs: 1200 },
};

/**
 * Warms f up and finds how many calls make a sample.
 * @param {() => void} f
 * @param {Effort} effort
 * @returns {number} calls a sample
 */
export function warmUp(f, { warmUpMs, warmUpCalls, mostWarmUpMs, sampleMs }) {
  const start = performance.now();
  let calls = 0;
  let spent = 0;
  let batch = 1;
  while (spent < mostWarmUpMs ? calls < warmUpCalls || spent < warmUpMs : calls < 3) {
    for (let i = 0; i < batch; i++) f();
    calls += batch;
    spent = performance.now() - start;
    // Calls of nanoseconds must not be outnumbered by looks at the clock.
    if (spent / calls < 0.01) batch = Math.min(4096, 2 * batch);
  }
  const again = performance.now();
  const tries = Math.max(1, Math.floor((sampleMs * calls) / spent));
  for (let i = 0; i < tries; i++) f();
  return Math.max(1, Math.round((sampleMs * tries) / (performance.now() - again)));
}

/**
 * One sample. A first call is not counted: it brings back what the other peers' turns have driven out of the caches.
 * @param {() => void} f
 * @param {number} calls
 * @returns {number} milliseconds a call
 */
export function sample(f, calls) {
  f();
  const start = performance.now();
  for (let i = 0; i < calls; i++) f();
  return (performance.now() - start) / calls;
}

/**
 * @param {readonly number[]} samples milliseconds
 * @returns {{ best: number, median: number, samples: number }}
 */
export function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return {
    best: sorted[0],
    median: sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2,
    samples: sorted.length,
  };
}

/**
 * Numbers for the inputs of a workload: the same in every process.
 * @param {readonly { shape: readonly number[], from: number, to: number }[]} inputs
 * @returns {Float32Array[]}
 */
export function makeInputs(inputs) {
  let state = 1;
  return inputs.map(({ shape, from, to }) =>
    new Float32Array(shape.reduce((n, d) => n * d, 1)).map(() => {
      state = (state * 48271) % 2147483647; // Lehmer's generator
      return from + ((to - from) * state) / 2147483647;
    }),
  );
}
