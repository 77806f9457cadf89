/** What the machine can do at best, from the small WebAssembly module of bench/limits/. */
import { bytes } from "./bytes.mjs";

/** Where `npm run bench` puts the module before any peer starts. */
const wasm = await bytes(new URL("../../build/limits/limits.wasm", import.meta.url));

/** @type {any} */
const { call, copy, micro_kernel, prepare_copy, tile_flop } = (await WebAssembly.instantiate(wasm)).instance.exports;

const nothing = () => new Float32Array(0);

/** @type {import("./peer.mjs").Ops} */
export const ops = {
  microKernel({ flop }) {
    const tiles = Math.max(1, Math.round(flop / tile_flop()));
    return { call: () => micro_kernel(tiles), result: nothing, scale: flop / (tiles * tile_flop()) };
  },

  copy({ bytes }) {
    prepare_copy(bytes);
    return { call: copy, result: nothing };
  },

  call() {
    return { call: () => call(1), result: nothing };
  },
};
