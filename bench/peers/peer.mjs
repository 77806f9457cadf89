/**
 * What a peer is. A peer is a module under bench/peers/ that exports `ops`; it runs alone in a process (in a browser, in a
 * worker) of its own, so that no peer's code, heap or feedback disturbs another's.
 *
 * @typedef {object} Prepared
 * @property {() => unknown} call does the work once, and frees whatever the call before it returned; where the peer's work is
 *   asynchronous, a promise of its end
 * @property {() => ArrayLike<number> | Promise<ArrayLike<number>>} result what the last call computed
 * @property {number} [scale] milliseconds of a call are multiplied by this (1 if left out): for a limit whose grain is
 *   coarser than the work it stands for
 *
 * @typedef {(params: any, inputs: Float32Array[]) => Prepared | null | Promise<Prepared | null>} Op null: it cannot do these
 *   parameters
 * @typedef {Record<string, Op>} Ops a peer that cannot do a kind of work lacks its op
 * @typedef {{ ops: Ops }} Peer
 * @typedef {{ title: string, package: string | null, load: () => Promise<Peer> }} Entry `package` is where its version stands
 */

/** All peers in the order of tables; the first three are wengert. */
export const registry = /** @type {Record<string, Entry>} */ ({
  wengert: { title: "wengert", package: "wengert", load: () => import("./wengert/eager.mjs") },
  "wengert-compiled": { title: "compiled", package: "wengert", load: () => import("./wengert/compiled.mjs") },
  "wengert-threads": { title: "2 threads", package: "wengert", load: () => import("./wengert/threads.mjs") },
  "plain-js": { title: "plain JS", package: null, load: () => import("./plain-js/index.mjs") },
  "tfjs-wasm": { title: "TF.js wasm", package: "@tensorflow/tfjs-core", load: () => import("./tfjs/wasm.mjs") },
  "tfjs-cpu": { title: "TF.js cpu", package: "@tensorflow/tfjs-core", load: () => import("./tfjs/cpu.mjs") },
  "jax-js-jit": { title: "jax-js jit", package: "@jax-js/jax", load: () => import("./jax-js/jitted.mjs") },
  "jax-js": { title: "jax-js", package: "@jax-js/jax", load: () => import("./jax-js/eager.mjs") },
  "onnxruntime-web": { title: "ONNX web", package: "onnxruntime-web", load: () => import("./onnxruntime-web/index.mjs") },
  "js-pytorch": { title: "js-pytorch", package: "js-pytorch", load: () => import("./js-pytorch.mjs") },
});

/** The peers that can be asked for. */
export const peers = Object.keys(registry);

/** Measures the limit lines; not a library, and nothing checks its results. */
export const limits = "limits";

/** Is this peer wengert, in whatever way? @param {string} peer */
export const isOurs = (peer) => peer.startsWith("wengert");

/** Is it wengert on one thread, as the others are, one operation at a time or compiled? @param {string} peer */
export const isCompared = (peer) => isOurs(peer) && peer !== "wengert-threads";

/** How a peer is called in tables and plots. @param {string} peer */
export const title = (peer) => (peer === limits ? "limit" : registry[peer].title);

/** @param {string} name @returns {Promise<Peer>} */
export const load = (name) => (name === limits ? import("./limits.mjs") : registry[name].load());
