/**
 * One workload measured: each peer in a fresh process, their samples interleaved, so that a machine that slows down for a
 * while slows them all, and their results compared before any time counts.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { summary } from "./harness.mjs";
import { limits } from "./peers/peer.mjs";

/**
 * @typedef {{ best: number, median: number, samples: number }} Times milliseconds a call
 * @typedef {{ case: import("./workloads/cases.mjs").Case, times: Record<string, Times> }} Measured by peer; `limits` is one of them
 */

/**
 * @param {import("./workloads/cases.mjs").Case} workload
 * @param {readonly string[]} peers
 * @param {import("./harness.mjs").Effort} effort
 * @returns {Promise<Measured>}
 */
export async function measure(workload, peers, effort) {
  const processes = [...peers, limits].map((name) => new PeerProcess(name));
  try {
    /** @type {Map<PeerProcess, number[]>} */
    const samples = new Map();
    /** @type {{ name: string, result: Float32Array }[]} */
    const results = [];
    for (const peer of processes) {
      const isLimit = peer.name === limits;
      const { op, params } = isLimit ? workload.limit : workload;
      const { inputs, check } = isLimit ? { inputs: [], check: undefined } : workload;
      const { result, ms } = await peer.ask({ prepare: { op, params, inputs, check }, effort });
      samples.set(peer, [ms]);
      if (!isLimit) results.push({ name: peer.name, result });
    }
    for (const other of results.slice(1)) compare(workload, results[0], other);
    const start = performance.now();
    for (let round = 1; round < effort.rounds && (round < 5 || performance.now() - start < effort.mostMs); round++) {
      for (const [peer, list] of samples) list.push((await peer.ask("sample")).ms);
    }
    return { case: workload, times: Object.fromEntries([...samples].map(([{ name }, list]) => [name, summary(list)])) };
  } finally {
    for (const peer of processes) peer.stop();
  }
}

/**
 * Two peers must have computed the same, to the workload's tolerance.
 * @param {import("./workloads/cases.mjs").Case} workload
 * @param {{ name: string, result: Float32Array }} a
 * @param {{ name: string, result: Float32Array }} b
 */
function compare({ name, tolerance: { relative, absolute } }, a, b) {
  if (a.result.length !== b.result.length) {
    throw new Error(`${name}: ${a.name} gives ${a.result.length} numbers, ${b.name} ${b.result.length}`);
  }
  for (let i = 0; i < a.result.length; i++) {
    const difference = Math.abs(a.result[i] - b.result[i]);
    if (!(difference <= absolute + relative * Math.abs(b.result[i]))) {
      throw new Error(`${name}: number ${i} is ${a.result[i]} for ${a.name} and ${b.result[i]} for ${b.name}`);
    }
  }
}

class PeerProcess {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.child = fork(fileURLToPath(new URL("peer-process.mjs", import.meta.url)), [name], { serialization: "advanced" });
  }

  /** @param {import("./peer-process.mjs").Request} request */
  ask(request) {
    const reply = this.next();
    this.child.send(request);
    return reply;
  }

  /** The next reply; rejects when the peer failed or its process ended. @returns {Promise<any>} */
  next() {
    return new Promise((resolve, reject) => {
      const ended = (/** @type {number | null} */ code) => reject(new Error(`${this.name}: its process ended with ${code}`));
      this.child.once("exit", ended);
      this.child.once("message", (/** @type {any} */ reply) => {
        this.child.off("exit", ended);
        if ("failure" in reply) reject(new Error(`${this.name}: ${reply.failure}`));
        else resolve(reply);
      });
    });
  }

  stop() {
    this.child.kill();
  }
}
