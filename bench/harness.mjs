/**
 * How one thing is timed, inside the process of one peer.
 *
 * V8 compiles a function well only after it has run for a while, so every workload is warmed up: at least 100 calls and
 * half a second; slow ones stop after two seconds and three calls, by when their loops have long been compiled.
 * A sample is as many calls as fill some milliseconds, so that the clock's grain does not count.
 */

/**
 * @typedef {{ warmUpMs: number, warmUpCalls: number, mostWarmUpMs: number, sampleMs: number, rounds: number, mostMs: number }} Effort
 *   `mostMs` bounds the time that one peer spends on its samples
 * @type {{ full: Effort, quick: Effort }}
 */
export const efforts = {
  full: { warmUpMs: 500, warmUpCalls: 100, mostWarmUpMs: 2000, sampleMs: 4, rounds: 40, mostMs: 2000 },
  quick: { warmUpMs: 150, warmUpCalls: 100, mostWarmUpMs: 500, sampleMs: 3, rounds: 12, mostMs: 400 },
};

/**
 * Calls f so often; waits for each call where f is asynchronous.
 * @param {() => unknown} f
 * @param {number} calls
 */
async function repeat(f, calls) {
  for (let i = 0; i < calls; i++) {
    const pending = f();
    if (pending instanceof Promise) await pending;
  }
}

/**
 * Warms f up and finds how many calls make a sample.
 * @param {() => unknown} f
 * @param {Effort} effort
 * @returns {Promise<number>} calls a sample
 */
export async function warmUp(f, { warmUpMs, warmUpCalls, mostWarmUpMs, sampleMs }) {
  const start = performance.now();
  let calls = 0;
  let spent = 0;
  let batch = 1;
  while (spent < mostWarmUpMs ? calls < warmUpCalls || spent < warmUpMs : calls < 3) {
    await repeat(f, batch);
    calls += batch;
    spent = performance.now() - start;
    // Calls of nanoseconds must not be outnumbered by looks at the clock.
    if (spent / calls < 0.01) batch = Math.min(4096, 2 * batch);
  }
  const tries = Math.floor((sampleMs * calls) / spent);
  if (tries <= 1) return 1;
  const again = performance.now();
  await repeat(f, tries);
  return Math.max(1, Math.round((sampleMs * tries) / (performance.now() - again)));
}

/**
 * One sample. A first call is not counted: it brings back what the other peers' turns have driven out of the caches. Calls
 * longer than a tenth of a second do not notice.
 * @param {() => unknown} f
 * @param {number} calls
 * @param {boolean} slow
 * @returns {Promise<number>} milliseconds a call
 */
export async function sample(f, calls, slow = false) {
  if (!slow) await repeat(f, 1);
  const start = performance.now();
  await repeat(f, calls);
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
