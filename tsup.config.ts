// One package for three kinds of reader: Node (CommonJS, which the ES modules beside it wrap), browsers and bundlers
// (ES modules), and TypeScript. Entries share chunks, so that every sub-path has the same Tensor and the same core.
import { defineConfig, type Options } from "tsup";

const paths = { optim: "ts/optim.ts", graph: "ts/graph.ts", testing: "ts/testing.ts" };
const shared: Options = { splitting: true, target: "es2022", loader: { ".wasm": "binary", ".worker.js": "text" }, silent: true };

export default defineConfig([
  {
    ...shared,
    entry: { index: "ts/entry/node.ts", inline: "ts/entry/inline.ts", ...paths },
    outDir: "dist/node",
    format: "cjs",
    platform: "node",
  },
  {
    ...shared,
    entry: { index: "ts/entry/browser.ts", inline: "ts/entry/inline.ts", ...paths },
    outDir: "dist/web",
    format: "esm",
    platform: "browser",
    // What is sent over a network is short, but keeps its names: stacks in errors and profiles stay readable.
    esbuildOptions: (options) => {
      options.minifyWhitespace = true;
      options.minifySyntax = true;
    },
  },
  {
    entry: { index: "ts/index.ts", ...paths },
    outDir: "dist/types",
    format: ["esm", "cjs"],
    // Tensors and compiled functions can be declared with `using`.
    dts: { only: true, banner: '/// <reference lib="esnext.disposable" />' },
    silent: true,
  },
]);
