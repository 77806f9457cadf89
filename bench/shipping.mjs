/** What a user waits for before anything is computed: the start of a process, and the bytes that are loaded. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { summary } from "./harness.mjs";
import { judge, table } from "./report.mjs";
import { targets } from "./workloads/cases.mjs";

/** @typedef {{ family: import("./plot.mjs").Shown, rows: import("./report.mjs").Row[] }} Done */

const here = fileURLToPath(new URL(".", import.meta.url));

/** One row of a family of its own, printed. */
function one(/** @type {import("./plot.mjs").Shown} */ family, peers, unit, figures, promised) {
  const row = { name: family.cases[0].name, unit, params: {}, figures, limit: "", targets: judge(promised, unit, figures, []), left: {} };
  table(family, peers.filter((/** @type {string} */ peer) => figures[peer] !== undefined)).print(row);
  return { family, rows: [row] };
}

/**
 * From the start of a process to the end of one that has computed the derivative of sin(x²), above one that does nothing.
 * @param {readonly string[]} peers
 * @param {number} rounds
 * @returns {Promise<Done>}
 */
export async function start(peers, rounds) {
  const programs = peers.filter((peer) => existsSync(`${here}start/${peer}.mjs`));
  const time = (/** @type {string[]} */ args) => {
    const begin = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: here, encoding: "utf8" });
    if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
    return performance.now() - begin;
  };
  /** @type {number[]} */
  const bare = [];
  const samples = programs.map(() => /** @type {number[]} */ ([]));
  for (let round = 0; round < rounds; round++) {
    bare.push(time(["--input-type=module", "-e", ""]));
    programs.forEach((peer, i) => samples[i].push(time([`start/${peer}.mjs`])));
  }
  const nothing = summary(bare);
  const figures = Object.fromEntries(
    programs.map((peer, i) => {
      const { best, median, samples: count } = summary(samples[i]);
      return [peer, { best: Math.max(0.01, best - nothing.best), median: Math.max(0.01, median - nothing.median), samples: count }];
    }),
  );
  const family = {
    name: "start",
    title: "From the start of a process to the first gradient",
    about: `milliseconds above a process that does nothing, which takes ${nothing.best.toFixed(0)}`,
    cases: [{ name: "start to first gradient" }],
  };
  return one(family, peers, "ms", figures, [targets.atMost(12), targets.times(4.1, ["jax-js"])]);
}

/** What a page loads: a module, and WebAssembly. @type {Record<string, { entry: string, wasm: string[] }>} */
const shipments = {
  wengert: { entry: `export * from "wengert"; export * from "wengert/optim";`, wasm: ["wengert/dist/wengert.wasm"] },
  "tfjs-wasm": {
    entry: `export * from "@tensorflow/tfjs"; export * from "@tensorflow/tfjs-backend-wasm";`,
    wasm: ["@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"],
  },
  "tfjs-cpu": { entry: `export * from "@tensorflow/tfjs";`, wasm: [] },
  "jax-js": { entry: `export * from "@jax-js/jax";`, wasm: [] },
  "onnxruntime-web": { entry: `export * from "onnxruntime-web/wasm";`, wasm: ["onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"] },
};

/**
 * Bytes that a page loads, bundled, minified and compressed with gzip, to have the whole of a library on one thread of the CPU.
 * @param {readonly string[]} peers
 * @returns {Promise<Done>}
 */
export async function shipped(peers) {
  /** @type {Record<string, import("./report.mjs").Figure>} */
  const figures = {};
  for (const peer of peers.filter((name) => name in shipments)) {
    const { entry, wasm } = shipments[peer];
    const binaries = wasm.map((path) => readFileSync(`${here}node_modules/${path}`));
    const kilobytes = [await bundled(entry), ...binaries].reduce((sum, part) => sum + gzipSync(part, { level: 9 }).length, 0) / 1000;
    figures[peer] = { best: kilobytes, median: kilobytes, samples: 1 };
  }
  const family = {
    name: "size",
    title: "What a page loads",
    about: "kilobytes of JavaScript, bundled and minified, and of WebAssembly, compressed with gzip; the whole library, for one thread of the CPU",
    cases: [{ name: "JavaScript and WebAssembly" }],
  };
  return one(family, peers, "kB", figures, [targets.atMost(150), targets.times(1, ["jax-js"])]);
}

/** A module with all that it imports at once, minified. @param {string} entry */
async function bundled(entry) {
  const name = "virtual:entry";
  const plugin = {
    name: "entry",
    resolveId: (/** @type {string} */ id) => (id === name ? `${here}entry.js` : null),
    load: (/** @type {string} */ id) => (id === `${here}entry.js` ? entry : null),
  };
  const output = /** @type {any} */ (
    await build({
      configFile: false,
      root: here,
      logLevel: "silent",
      plugins: [plugin],
      build: { write: false, minify: true, assetsInlineLimit: 0, rollupOptions: { input: name, preserveEntrySignatures: "strict" } },
    })
  ).output;
  const chunks = new Map(output.filter((/** @type {any} */ { type }) => type === "chunk").map((/** @type {any} */ chunk) => [chunk.fileName, chunk]));
  const found = new Set(output.filter((/** @type {any} */ { isEntry }) => isEntry).map((/** @type {any} */ { fileName }) => fileName));
  // A set goes on to what is added to it.
  for (const file of found) for (const next of chunks.get(file).imports) found.add(next);
  return Buffer.from([...found].map((file) => chunks.get(file).code).join("\n"));
}
