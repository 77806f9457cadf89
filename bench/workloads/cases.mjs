/** What a workload is: data that every peer understands. */
import { isCompared, isOurs, title } from "../peers/peer.mjs";

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
 * @typedef {"GFLOP/s" | "GB/s" | "ns/element" | "us" | "ms" | "kB"} Unit
 * @typedef {{ op: "microKernel" | "copy" | "call", params: Record<string, number>, title: string }} Limit
 *
 * @typedef {Record<string, number>} Figures best samples in the case's unit, by peer and of `limits`
 * @typedef {{ figures: Figures, unit: Unit, others: Record<string, Figures> }} Context `others` are the rows of the family so
 *   far, by name
 * @typedef {{ text: string, figure: (context: Context) => number | null, reached: (figure: number) => boolean }} Target the
 *   figure is null where something that it needs was not run
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
    case "GB/s":
      return work / ms / 1e6;
    case "ns/element":
      return (ms * 1e6) / work;
    case "us":
      return ms * 1e3;
    case "ms":
    case "kB":
      return ms;
  }
}

const isRate = (/** @type {Unit} */ unit) => unit === "GFLOP/s" || unit === "GB/s";

/** How many times as good as b is a? @param {Unit} unit @param {number} a @param {number} b */
export const speedup = (unit, a, b) => (isRate(unit) ? a / b : b / a);

/**
 * The best of some peers.
 * @param {Unit} unit
 * @param {Figures} figures
 * @param {(peer: string) => boolean} among
 * @returns {{ peer: string, figure: number } | null}
 */
export function best(unit, figures, among) {
  const found = Object.entries(figures).filter(([peer]) => among(peer) && peer !== "limits");
  found.sort(([, a], [, b]) => (isRate(unit) ? b - a : a - b));
  return found.length === 0 ? null : { peer: found[0][0], figure: found[0][1] };
}

/** The limit lines; each is an op of the peer `limits`, sized to do the same work as the case. */
export const limits = {
  /** @param {number} flop @returns {Limit} */
  microKernel: (flop) => ({ op: "microKernel", params: { flop }, title: "bare 4 x 8 micro-kernel" }),
  /** @param {number} elements @returns {Limit} */
  copy: (elements) => ({ op: "copy", params: { bytes: 4 * elements }, title: "copy of memory" }),
  /** @type {Limit} */
  call: { op: "call", params: {}, title: "empty call into WebAssembly" },
};

/** Which of wengert's two a target is about: the better one where nothing is said. @typedef {"wengert" | "wengert-compiled"} Ours */

/** @param {Context} context @param {Ours} [who] */
const ours = ({ unit, figures }, who) => (who === undefined ? best(unit, figures, isCompared)?.figure : figures[who]) ?? null;

const subject = (/** @type {Ours | undefined} */ who) => (who === "wengert-compiled" ? "compiled " : who === "wengert" ? "eager " : "");

/** A bound on a ratio of speeds. @param {string} text @param {number} least @param {Target["figure"]} figure @returns {Target} */
const atLeast = (text, least, figure) => ({ text, figure, reached: (x) => x >= least });

export const targets = {
  /** @param {number} share @param {Ours} [who] */
  ofLimit: (share, who) =>
    atLeast(`${subject(who)}>= ${Math.round(100 * share)} % of the limit`, share, (context) => {
      const mine = ours(context, who);
      return mine === null ? null : speedup(context.unit, mine, context.figures.limits);
    }),

  /**
   * So many times as fast as the best of these peers; of all when none is named.
   * @param {number} times
   * @param {readonly string[]} [peers]
   * @param {Ours} [who]
   */
  times: (times, peers, who) =>
    atLeast(`${subject(who)}>= ${times} x ${peers === undefined ? "the best" : peers.map(title).join(", ")}`, times, (context) => {
      const among = (/** @type {string} */ peer) => (peers === undefined ? !isOurs(peer) : peers.includes(peer));
      const [mine, other] = [ours(context, who), best(context.unit, context.figures, among)];
      return mine === null || other === null ? null : speedup(context.unit, mine, other.figure);
    }),

  /**
   * So many times as fast as wengert is in another case of the family with the same kind of limit. Each is taken as a share
   * of its limit, so that a machine that was slow for one of them does not count.
   * @param {number} times
   * @param {string} name
   */
  timesCase: (times, name) =>
    atLeast(`>= ${times} x ${name}`, times, (context) => {
      const share = (/** @type {Figures} */ figures) => {
        const figure = ours({ ...context, figures });
        return figure === null ? null : speedup(context.unit, figure, figures.limits);
      };
      const [mine, other] = [share(context.figures), share(context.others[name] ?? {})];
      return mine === null || other === null ? null : mine / other;
    }),

  /** So many times as fast on two threads as on one. @param {number} times */
  timesOneThread: (times) =>
    atLeast(`${title("wengert-threads")} >= ${times} x one`, times, ({ unit, figures }) => {
      const [mine, one] = [figures["wengert-threads"], best(unit, figures, isCompared)];
      return mine === undefined || one === null ? null : speedup(unit, mine, one.figure);
    }),

  /**
   * About the machine that targets were set on; a ratio to a peer says it for others.
   * @param {number} most in the case's unit
   * @param {Ours} [who]
   * @returns {Target}
   */
  atMost: (most, who) => ({ text: `${subject(who)}<= ${most}`, figure: (context) => ours(context, who), reached: (x) => x <= most }),
};
