// Brings a fresh clone to where everything builds: npm's packages, the Rust toolchain of rust-toolchain.toml, and the
// two tools that make wasm for the web, at pinned versions in .tools/. What is there already is left alone, so every
// other script begins with it.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digest, env, Failure, locked, main, must, once, root, seconds, step, tools } from "./lib.mjs";

/** The crates whose programs build the wasm. wasm-bindgen is the same version as in crate/Cargo.toml. */
const crates = [
  {
    name: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: "0.2.128",
    args: ["--no-default-features", "--bin", "wasm-bindgen"],
  },
  { name: "wasm-pack", program: "wasm-pack", version: "0.15.1", args: [] },
];

/** They run for a moment each: built for a short wait, not for speed. */
const quickly = {
  CARGO_TARGET_DIR: join(tools, "cargo"), // kept when interrupted, so that the next run goes on from there
  CARGO_PROFILE_RELEASE_OPT_LEVEL: "0",
  CARGO_PROFILE_RELEASE_LTO: "off",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
  CARGO_PROFILE_RELEASE_DEBUG: "0",
};

/** Everything that a build needs; the caller holds the lock. */
export async function setup() {
  const start = performance.now();
  let steps = 0;
  const todo = (name, work) => (steps++, step(name, work));

  if (Number(process.versions.node.split(".")[0]) < 20) {
    throw new Failure(`set-up: Node 20 or newer is needed, this is ${process.version}; install a newer one`);
  }
  await packages(todo);
  await toolchain(todo);
  for (const crate of crates) await tool(crate, todo);
  rmSync(quickly.CARGO_TARGET_DIR, { recursive: true, force: true });
  console.log(steps === 0 ? `set-up: all there (${seconds(start)} s)` : `set-up: done in ${seconds(start)} s`);
}

async function packages(todo) {
  const key = digest(["package-lock.json"], process.platform, process.arch);
  const wasmOpt = "node_modules/binaryen/bin/wasm-opt";
  await once("node_modules/.set-up", key, ["node_modules/.package-lock.json", wasmOpt], async () => {
    if (ask("npm", ["--version"]) === null) throw new Failure("set-up: npm is needed; install it, it comes with Node");
    const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
    await todo("set-up: npm ci", () => must("npm", args));
    if (!existsSync(join(root, wasmOpt))) {
      throw new Failure(`set-up: ${wasmOpt} is missing; package.json must have binaryen among its devDependencies`);
    }
  });
}

async function toolchain(todo) {
  const file = readFileSync(join(root, "rust-toolchain.toml"), "utf8");
  const channel = /^channel = "(.+)"$/m.exec(file)[1];
  const rust = `Rust ${channel} with clippy, rustfmt and wasm32-unknown-unknown`;
  if (hasToolchain()) return;
  if (ask("rustup", ["--version"]) === null) {
    throw new Failure(`set-up: ${rust} is needed; install rustup, which brings them`);
  }
  await todo(`set-up: ${rust}`, () =>
    must("rustup", [
      "toolchain", "install", channel, "--profile", "minimal", "--no-self-update",
      "--component", "clippy", "--component", "rustfmt", "--target", "wasm32-unknown-unknown",
    ]));
  if (!hasToolchain()) throw new Failure(`set-up: the rustc on PATH is not ${rust}; put rustup's programs first`);
}

function hasToolchain() {
  const sysroot = ask("rustc", ["--print", "sysroot"]);
  const has = (path) => existsSync(join(sysroot, path)) || existsSync(join(sysroot, `${path}.exe`));
  const parts = ["bin/cargo-clippy", "bin/rustfmt", "lib/rustlib/wasm32-unknown-unknown/lib"];
  return sysroot !== null && parts.every(has);
}

async function tool({ name, program, version, args }, todo) {
  if (ask(join(tools, "bin", program), ["--version"]) === `${program} ${version}`) return;
  if (process.platform !== "win32" && ask("cc", ["--version"]) === null) {
    const hint = "install gcc, on Debian the package build-essential";
    throw new Failure(`set-up: a C compiler is needed as Rust's linker (cc); ${hint}`);
  }
  const install = ["install", "--locked", "--force", "--root", tools, `${name}@${version}`, ...args];
  const options = { env: { ...env, ...quickly } };
  await todo(`set-up: cargo install ${name} ${version}`, () => must("cargo", install, options));
}

/** What a program prints, or null where it does not run. */
function ask(program, args) {
  const { status, stdout } = spawnSync(program, args, { cwd: root, env, encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

await main(import.meta.url, () => locked(setup));
