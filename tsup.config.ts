// One package for three kinds of reader: Node (CommonJS, which the ES modules beside it wrap), browsers and bundlers
// (ES modules), and TypeScript. Every sub-path has the same Tensor and the same core: in Node all of them are parts of one file,
// elsewhere they share chunks.
import { defineConfig, type Options } from "tsup";

const paths = { optim: "ts/optim.ts", graph: "ts/graph.ts", testing: "ts/testing.ts" };
const shared: Options = {
  target: "es2022",
  loader: { ".wasm": "binary", ".worker.js": "text" },
  silent: true,
  esbuildOptions: (options, { format }) => {
    // What is loaded is short, but keeps its names: stacks in errors and profiles stay readable.
    options.minifyWhitespace = true;
    options.minifySyntax = true;
    options.lineLimit = 160; // Node shows the line that throws
    // Hosts that run CommonJS in a context of their own, as test runners do, need not have import().
    if (format === "cjs") options.supported = { "dynamic-import": false };
  },
};

export default defineConfig([
  {
    ...shared,
    entry: { wengert: "ts/entry/node.ts", modules: "ts/entry/modules.ts" },
    outDir: "dist/node",
    format: "cjs",
    platform: "node",
    splitting: false,
  },
  {
    ...shared,
    entry: { index: "ts/entry/browser.ts", inline: "ts/entry/inline.ts", ...paths },
    outDir: "dist/web",
    format: "esm",
    platform: "browser",
    splitting: true,
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
