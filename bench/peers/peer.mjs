/**
 * What a peer is. A peer is a module under bench/peers/ that exports `about` and `ops`; it runs alone in a process of
 * its own, so that no peer's code, heap or feedback disturbs another's.
 *
 * @typedef {{ name: string, version: string }} About
 *
 * @typedef {object} Prepared
 * @property {() => void} call does the work once, and frees whatever the call before it returned
 * @property {() => Float32Array} result what the last call computed
 * @property {number} [scale] milliseconds of a call are multiplied by this (1 if left out): for a limit whose grain is
 *   coarser than the work it stands for
 *
 * @typedef {Record<string, (params: any, inputs: Float32Array[]) => Prepared>} Ops
 * @typedef {{ about: About, ops: Ops }} Peer
 */

/** The peers that can be asked for; the first is the one that the others are compared with. */
export const peers = ["wengert", "plain-js"];

/** Measures the limit lines; not a library, and nothing checks its results. */
export const limits = "limits";

/**
 * @param {string} name
 * @returns {Promise<Peer>}
 */
export function load(name) {
  return import(name === "plain-js" ? "./plain-js/index.mjs" : `./${name}.mjs`);
}
