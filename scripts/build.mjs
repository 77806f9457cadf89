// Makes the package: crate/, crate/kernels and crate/relaxed to build/wasm, the description of the ops to ts/ops.gen.ts, ts/ to dist/. Each step is left
// out when nothing that it reads has changed.
import { copyFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { digest, locked, main, must, once, root, step, wasmEnv } from "./lib.mjs";
import { setup } from "./setup.mjs";

const wasmFlags = [
  // What the compiler, which sees one crate at a time, has left: arguments that nobody reads, functions that are twins, code that
  // is never reached. More (-O3, -Oz) makes it no faster, and larger once it is compressed.
  "--dae-optimizing", "--duplicate-function-elimination", "--remove-unused-brs", "--remove-unused-names", "--merge-blocks",
  "--vacuum", "--duplicate-function-elimination", "--reorder-functions", "--strip-debug", "--strip-producers",
  // A sum of a pointer and a small number goes into the instruction that loads, one instruction less for each. That is right
  // unless the sum passes the end of the memory and comes to its first KiB, where the far end of the stack is.
  "--low-memory-unused", "--optimize-added-constants",
  "--enable-simd", "--enable-bulk-memory", "--enable-mutable-globals", "--enable-sign-ext",
  "--enable-nontrapping-float-to-int", "--enable-reference-types", "--enable-multivalue",
];

/** What of the build is out of date, after set-up; the caller holds the lock. */
export async function build() {
  const rust = ["crate/src", "crate/kernels", "crate/relaxed", "crate/Cargo.toml", "Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml"];
  const scripts = ["scripts/build.mjs", "scripts/setup.mjs", "package-lock.json"];
  const sources = ["ts", "build/wasm", "package.json", "tsup.config.ts", "tsconfig.json"];
  const generated = readdirSync(join(root, "ts")).filter((name) => name.endsWith(".gen.ts"));
  const part = (name, inputs, products, work) =>
    once(`build/${name}.done`, digest([...inputs, ...scripts]), products, () => step(`build: ${name}`, work));
  await part("wasm", rust, ["build/wasm"], wasm);
  await part("ops", [...rust, "crate/examples", "scripts/ops.mjs", "ts/formula.ts"], generated.map((name) => `ts/${name}`), ops);
  await part("dist", sources, ["dist"], dist);
}

async function wasm() {
  const folder = join(root, "build/wasm");
  rmSync(folder, { recursive: true, force: true });
  await must("wasm-pack", ["build", "crate", "--mode", "no-install", "--target", "bundler", "--release", "--no-pack",
    "--out-dir", folder, "--out-name", "wengert", "--", "--locked"], { env: wasmEnv });
  await optimised(join(folder, "wengert_bg.wasm"), join(folder, "wengert.wasm"));
  await relaxed(folder);
}

async function optimised(from, to, ...more) {
  await must(process.execPath, [join(root, "node_modules/binaryen/bin/wasm-opt"), ...wasmFlags, ...more, from, "-o", to]);
}

/** The kernels that are built once more: a small module, which brings nothing of the core but them. */
async function relaxed(folder) {
  // What it keeps in the memory of the core is above its own stack and below 128 KiB, see crate/relaxed/src/lib.rs.
  const link = ["--export=__stack_pointer", "-zstack-size=65536"].map((flag) => `-Clink-arg=${flag}`);
  const env = { ...wasmEnv, RUSTFLAGS: ["-Ctarget-feature=+simd128,+relaxed-simd", ...link].join(" ") };
  const target = "wasm32-unknown-unknown";
  const args = ["build", "--locked", "--release", "-p", "wengert-relaxed", "--target", target, "--target-dir", "target/relaxed"];
  await must("cargo", args, { env });
  const built = join(root, "target/relaxed", target, "release/wengert_relaxed.wasm");
  await optimised(built, join(folder, "wengert-relaxed.wasm"), "--enable-relaxed-simd");
}

async function ops() {
  await must(process.execPath, ["scripts/ops.mjs"]);
}

async function dist() {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  await must(process.execPath, ["node_modules/tsup/dist/cli-default.js"]);
  for (const name of ["wengert.wasm", "wengert-relaxed.wasm"]) copyFileSync(join(root, "build/wasm", name), join(root, "dist", name));
  // Node has one file, of which the paths of the package are parts; its ES modules are the CommonJS ones under another name. So
  // there is one core and one Tensor class, however they are loaded.
  const require = createRequire(import.meta.url);
  const parts = require(join(root, "dist/node/wengert.cjs"));
  const starts = {
    index: "wengert.start();",
    inline: 'const { wasm, relaxed } = require("./modules.cjs");\nwengert.startWith(wasm, relaxed);',
  };
  for (const name of ["index", "inline", "optim", "graph", "testing"]) {
    const part = name === "inline" ? "index" : name;
    const names = Object.keys(parts[part]);
    writeFileSync(join(root, `dist/node/${name}.cjs`), `"use strict";
const wengert = require("./wengert.cjs");
${starts[name] ?? ""}
module.exports = Object.defineProperty({ ...wengert.${part} }, "__esModule", { value: true });
`);
    writeFileSync(join(root, `dist/node/${name}.js`),
      `import exports from "./${name}.cjs";\n\nexport const {\n  ${names.join(",\n  ")},\n} = exports;\n`);
  }
}

await main(import.meta.url, () => locked(async () => {
  await setup();
  await build();
}));
