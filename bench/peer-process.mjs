/** The process of one peer: prepares what it is told to, and takes samples when it is told to. */
import { makeInputs, sample, warmUp } from "./harness.mjs";
import { load } from "./peers/peer.mjs";

/**
 * @typedef {import("./workloads/cases.mjs").Case} Case
 * @typedef {{ op: string, params: object, inputs: Case["inputs"], check: Case["check"] }} Work
 * @typedef {{ prepare: Work, effort: import("./harness.mjs").Effort } | "sample"} Request
 * @typedef {{ result: Float32Array, ms: number } | { ms: number } | { failure: string }} Reply
 */

const loading = load(process.argv[2]);

/** @type {{ call: () => void, calls: number, scale: number } | null} */
let ready = null;

process.on("message", async (/** @type {Request} */ request) => {
  try {
    reply(request === "sample" ? { ms: takeSample() } : prepare(await loading, request));
  } catch (error) {
    reply({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});

/**
 * Computes the result that is checked, then warms up and takes a first sample.
 * @param {import("./peers/peer.mjs").Peer} peer
 * @param {Exclude<Request, "sample">} request
 */
function prepare({ ops }, { prepare: { op, params, inputs, check }, effort }) {
  const checked = ops[op]({ ...params, ...check?.params }, makeInputs(inputs));
  for (let i = 0; i < (check?.calls ?? 1); i++) checked.call();
  const result = checked.result().slice();
  const { call, scale = 1 } = ops[op](params, makeInputs(inputs));
  ready = { call, calls: warmUp(call, effort), scale };
  return { result, ms: takeSample() };
}

function takeSample() {
  if (ready === null) throw new Error("nothing is prepared");
  return sample(ready.call, ready.calls) * ready.scale;
}

/** @param {Reply} message */
function reply(message) {
  process.send?.(message);
}
