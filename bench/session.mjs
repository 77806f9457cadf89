/**
 * One workload measured: each peer alone in a fresh process (in a browser, a fresh worker), their samples interleaved, so
 * that a machine that slows down for a while slows them all, and their results compared before any time counts.
 */
import { summary } from "./harness.mjs";
import { isOurs, limits, title } from "./peers/peer.mjs";

/**
 * @typedef {{ best: number, median: number, samples: number }} Times milliseconds a call
 * @typedef {{ ask: (request: import("./host.mjs").Request) => Promise<any>, stop: () => void }} Connection to a peer
 * @typedef {object} Measured
 * @property {import("./workloads/cases.mjs").Case} case
 * @property {Record<string, Times>} times by peer; `limits` is one of them
 * @property {Record<string, string>} left why a peer that might have been there is not
 */

/**
 * @param {import("./workloads/cases.mjs").Case} workload
 * @param {readonly string[]} peers
 * @param {import("./harness.mjs").Effort} effort
 * @param {(peer: string) => Connection} connect
 * @returns {Promise<Measured>}
 */
export async function measure(workload, peers, effort, connect) {
  /** @type {Record<string, string>} */
  const left = {};
  const { op, params, inputs, check } = workload;
  const connections = new Map([...peers, limits].map((name) => [name, connect(name)]));
  const leave = (/** @type {string} */ name, /** @type {string} */ reason) => {
    if (reason !== "") left[name] = reason;
    connections.get(name)?.stop();
    connections.delete(name);
  };
  try {
    /** @type {{ name: string, result: Float64Array }[]} */
    const results = [];
    for (const [name, { ask }] of connections) {
      if (name === limits) continue;
      try {
        const reply = await ask({ check: { op, params, inputs, check } });
        if ("cannot" in reply) leave(name, reply.cannot);
        else results.push({ name, result: reply.result });
      } catch (error) {
        if (isOurs(name)) throw error;
        leave(name, `it fails: ${/** @type {Error} */ (error).message.split("\n")[0]}`);
      }
    }
    // Plain JavaScript computes in float64 and rounds at the end, so it is what the others are compared with.
    const reference = results.find(({ name }) => name === "plain-js") ?? results[0];
    for (const other of results) {
      const difference = compare(workload, reference, other);
      if (difference === null) continue;
      if (isOurs(other.name)) throw new Error(`${workload.name}: ${difference}`);
      leave(other.name, `its result is another: ${difference}`);
    }
    /** @type {Map<string, number[]>} */
    const samples = new Map();
    for (const [name, { ask }] of connections) {
      const work = name === limits ? { ...workload.limit, inputs: [], check: undefined } : { op, params, inputs, check };
      samples.set(name, [(await ask({ warmUp: work, effort })).ms]);
    }
    const spent = new Map([...samples.keys()].map((name) => [name, 0]));
    for (let round = 1; round < effort.rounds; round++) {
      for (const [name, { ask }] of connections) {
        const list = samples.get(name) ?? [];
        const so = spent.get(name) ?? 0;
        if (so > effort.mostMs && round >= 5) continue;
        // Of calls that take seconds three samples tell enough.
        if (so > 5 * effort.mostMs && round >= 3) continue;
        const start = performance.now();
        list.push((await ask("sample")).ms);
        spent.set(name, so + performance.now() - start);
      }
    }
    return { case: workload, times: Object.fromEntries([...samples].map(([name, list]) => [name, summary(list)])), left };
  } finally {
    for (const { stop } of connections.values()) stop();
  }
}

/**
 * Two peers must have computed the same, to the workload's tolerance. Says where they did not.
 * @param {import("./workloads/cases.mjs").Case} workload
 * @param {{ name: string, result: Float64Array }} a
 * @param {{ name: string, result: Float64Array }} b
 * @returns {string | null}
 */
function compare({ tolerance: { relative, absolute } }, a, b) {
  if (a.result.length !== b.result.length) {
    return `${title(a.name)} gives ${a.result.length} numbers, ${title(b.name)} ${b.result.length}`;
  }
  for (let i = 0; i < a.result.length; i++) {
    const difference = Math.abs(a.result[i] - b.result[i]);
    if (!(difference <= absolute + relative * Math.abs(a.result[i]))) {
      return `number ${i} is ${a.result[i]} for ${title(a.name)} and ${b.result[i]} for ${title(b.name)}`;
    }
  }
  return null;
}
