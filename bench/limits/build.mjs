/** Builds the limits crate to build/limits/limits.wasm, unless it is there and up to date. */
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { digest, locked, must, once, root, step, wasmEnv } from "../../scripts/lib.mjs";

const product = "build/limits/limits.wasm";
const target = "wasm32-unknown-unknown";

export function buildLimits() {
  const inputs = digest(["bench/limits", "Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml"]);
  const build = () => step("bench: bench/limits/ to build/limits/", compile);
  return locked(() => once("build/limits.done", inputs, [product], build));
}

async function compile() {
  await must("cargo", ["build", "--locked", "--release", "-p", "wengert-limits", "--target", target, "--target-dir", "target"], { env: wasmEnv });
  mkdirSync(join(root, dirname(product)), { recursive: true });
  copyFileSync(join(root, "target", target, "release/wengert_limits.wasm"), join(root, product));
}
