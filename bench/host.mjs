/** What runs beside a peer, in its process or its worker: prepares what it is told to, and takes samples when it is told to. */
import { makeInputs, sample, warmUp } from "./harness.mjs";
import { load } from "./peers/peer.mjs";

/**
 * @typedef {import("./workloads/cases.mjs").Case} Case
 * @typedef {{ op: string, params: object, inputs: Case["inputs"], check: Case["check"] }} Work
 * @typedef {{ check: Work } | { warmUp: Work, effort: import("./harness.mjs").Effort } | "sample"} Request
 * @typedef {{ result: ArrayLike<number> } | { cannot: string } | { ms: number } | { failure: string }} Reply
 */

/**
 * A function that answers requests for one peer.
 * @param {string} name
 * @returns {(request: Request) => Promise<Reply>}
 */
export function host(name) {
  const loading = load(name);
  loading.catch(() => {}); // told to who asks first
  /** @type {{ call: () => unknown, calls: number, scale: number, slow: boolean } | null} */
  let ready = null;

  const answer = async (/** @type {Request} */ request) => {
    if (request === "sample") return { ms: await takeSample() };
    /** @type {import("./peers/peer.mjs").Peer} */
    let peer;
    try {
      peer = await loading;
    } catch (error) {
      return { cannot: `it does not load here: ${sentence(error)}` };
    }
    if ("check" in request) return check(peer, request.check);
    const { op, params, inputs } = request.warmUp;
    const prepared = await peer.ops[op](params, makeInputs(inputs));
    if (prepared === null) throw new Error("it cannot do now what it could before");
    const { call, scale = 1 } = prepared;
    const calls = await warmUp(call, request.effort);
    const start = performance.now();
    ready = { call, calls, scale, slow: false };
    const ms = await takeSample();
    ready.slow = (performance.now() - start) / (calls + 1) > 100;
    return { ms };
  };

  const takeSample = async () => {
    if (ready === null) throw new Error("nothing is prepared");
    return (await sample(ready.call, ready.calls, ready.slow)) * ready.scale;
  };

  return async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
}

/** Milliseconds. Longer calls are not measured: a hundred times as long as wengert's, they would make a run one of hours. */
const slowest = 2000;

/**
 * Computes the result that is compared with the other peers'.
 * @param {import("./peers/peer.mjs").Peer} peer
 * @param {Work} work
 * @returns {Promise<Reply>}
 */
async function check({ ops }, { op, params, inputs, check }) {
  const prepared = op in ops ? await ops[op]({ ...params, ...check?.params }, makeInputs(inputs)) : null;
  if (prepared === null) return { cannot: "" };
  const time = async () => {
    const start = performance.now();
    await prepared.call();
    return performance.now() - start;
  };
  let ms = await time();
  for (let i = 1; i < (check?.calls ?? 1); i++) ms = await time();
  const result = Float64Array.from(await prepared.result());
  // A first call may be long for what it compiles.
  const slow = ms > 4 * slowest || (ms > slowest && (await time()) > slowest);
  return slow ? { cannot: `a call takes more than ${slowest / 1000} seconds` } : { result };
}

/** The first sentence of what went wrong. @param {unknown} error */
const sentence = (error) => (error instanceof Error ? error.message : String(error)).split(/\n|\. /)[0];
