/** What a workload is: data that every peer understands. */

/**
 * @typedef {object} Case one thing to time
 * @property {string} name unique
 * @property {string} op which function of a peer's `ops` does it
 * @property {Record<string, unknown>} params
 * @property {{ shape: number[], from: number, to: number }[]} inputs uniform random numbers, the same for every peer
 * @property {Unit} unit
 * @property {number} work what one call does, in the unit's own count: floating-point operations, elements, or 1 call
 * @property {{ relative: number, absolute: number }} tolerance between the results of two peers
 * @property {{ calls: number, params: Record<string, unknown> }} [check] how the result that is compared comes about, where
 *   one call with the timed parameters would show little
 * @property {Limit} limit what the machine could do, measured in the same run
 * @property {Target[]} targets what wengert promises
 *
 * @typedef {object} Family workloads that make one table and one plot
 * @property {string} name
 * @property {string} title
 * @property {string} about
 * @property {Case[]} cases
 *
 * @typedef {"GFLOP/s" | "ns/element" | "us" | "ms"} Unit
 * @typedef {{ op: "microKernel" | "copy" | "call", params: Record<string, number>, title: string }} Limit
 *
 * @typedef {{ text: string, reached: (figures: Figures) => boolean }} Target
 * @typedef {{ wengert: number, plain: number, limit: number, unit: Unit }} Figures in the case's unit, best samples
 */

/**
 * Milliseconds a call, in the unit of the case.
 * @param {Unit} unit
 * @param {number} work
 * @param {number} ms
 */
export function inUnit(unit, work, ms) {
  switch (unit) {
    case "GFLOP/s":
      return work / ms / 1e6;
    case "ns/element":
      return (ms * 1e6) / work;
    case "us":
      return ms * 1e3;
    case "ms":
      return ms;
  }
}

/** How many times as fast as b is a? @param {Unit} unit @param {number} a @param {number} b */
export const speedup = (unit, a, b) => (unit === "GFLOP/s" ? a / b : b / a);

/** The limit lines; each is an op of the peer `limits`, sized to do the same work as the case. */
export const limits = {
  /** @param {number} flop @returns {Limit} */
  microKernel: (flop) => ({ op: "microKernel", params: { flop }, title: "bare 4 x 8 micro-kernel" }),
  /** @param {number} elements @returns {Limit} */
  copy: (elements) => ({ op: "copy", params: { bytes: 4 * elements }, title: "copy of memory" }),
  /** @type {Limit} */
  call: { op: "call", params: {}, title: "empty call into WebAssembly" },
};

export const targets = {
  /** @param {number} share @returns {Target} */
  ofLimit: (share) => ({
    text: `>= ${Math.round(100 * share)} % of limit`,
    reached: ({ wengert, limit, unit }) => speedup(unit, wengert, limit) >= share,
  }),
  /** @param {number} times @returns {Target} */
  timesPlain: (times) => ({
    text: `>= ${times} x plain JS`,
    reached: ({ wengert, plain, unit }) => speedup(unit, wengert, plain) >= times,
  }),
  /** @param {number} most in the case's unit @returns {Target} */
  atMost: (most) => ({ text: `<= ${most.toFixed(1)}`, reached: ({ wengert }) => wengert <= most }),
};
