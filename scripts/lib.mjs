// What the scripts share: paths, timed steps, running programs, one lock, input hashes. Plain Node, because setup runs
// before node_modules exists.
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import {
  appendFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync,
} from "node:fs";
import { uptime } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const tools = join(root, ".tools");
const lockFile = join(tools, "lock");

/** A failure that the user can mend: printed as one sentence, without a stack. */
export class Failure extends Error {}

/** The environment for programs of the project: its own tools come first on PATH. */
export const env = { ...process.env, PATH: [join(tools, "bin"), process.env.PATH].join(delimiter) };

/** The same for wasm: a user's RUSTFLAGS would replace the target features of .cargo/config.toml. */
export const wasmEnv = { ...env, RUSTFLAGS: undefined, CARGO_ENCODED_RUSTFLAGS: undefined };

/**
 * Runs a program in the project's root and resolves to { code, output }; rejects when it cannot be started.
 * With `show` its output goes to the terminal as it comes, and is collected only with `collect` too.
 */
export function run(program, args, { show = false, collect = !show, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const out = collect ? "pipe" : "inherit";
    const shell = process.platform === "win32" && !/\.exe$|[\\/]/.test(program); // npm is npm.cmd there
    const child = spawn(program, args, { cwd: root, env, shell, stdio: ["inherit", out, out], ...options });
    // Should this process be killed, the child lives on: whoever takes over the lock waits for it.
    if (holdsLock) appendFileSync(lockFile, `${child.pid}\n`);
    let output = "";
    for (const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
      from?.setEncoding("utf8").on("data", (text) => {
        output += text;
        if (show) to.write(text);
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code: code ?? 1, signal, output }));
  });
}

/** Runs a program quietly; a failure shows all that it printed. */
export async function must(program, args, options) {
  const { code, signal, output } = await run(program, args, options);
  if (code !== 0) {
    throw new Failure(`${output}\n${[program, ...args].join(" ")} failed (${signal ?? `exit status ${code}`})`);
  }
  return output;
}

/** Prints the name of a piece of work before it and its time after it. */
export async function step(name, work) {
  const start = performance.now();
  process.stdout.write(`${name} ... `);
  try {
    const result = await work();
    console.log(`${seconds(start)} s`);
    return result;
  } catch (error) {
    console.log(`failed after ${seconds(start)} s`);
    throw error;
  }
}

export const seconds = (start) => ((performance.now() - start) / 1000).toFixed(1);

let holdsLock = false;

/** Runs `work` while no other process of this checkout is setting up or building. */
export async function locked(work) {
  mkdirSync(tools, { recursive: true });
  let waiting = false;
  while (!takeLock()) {
    const holder = lockHolder();
    if (holder === null) rmSync(lockFile, { force: true });
    else if (!waiting) console.log(`waiting for another set-up or build here (process ${holder}, .tools/lock)`);
    waiting = holder !== null;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  holdsLock = true;
  try {
    return await work();
  } finally {
    holdsLock = false;
    rmSync(lockFile, { force: true });
  }
}

/** Makes the lock with this process's id in it, unless it is there. */
function takeLock() {
  const mine = join(tools, `lock-${randomUUID()}`);
  writeFileSync(mine, `${process.pid}\n`);
  try {
    linkSync(mine, lockFile); // atomic: the lock appears with its contents or not at all
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(mine);
  }
}

/** The id of a live process that holds the lock, or null. */
function lockHolder() {
  try {
    if (statSync(lockFile).mtimeMs < Date.now() - uptime() * 1000) return null; // from before the machine started
    return readFileSync(lockFile, "utf8").split("\n").filter(Boolean).map(Number).find(isAlive) ?? null;
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** A digest of files and folders (given relative to the root) and of plain values: the inputs of a build step. */
export function digest(paths, ...values) {
  const hash = createHash("sha256");
  for (const path of paths) addToHash(hash, path);
  hash.update(JSON.stringify(values));
  return hash.digest("hex");
}

function addToHash(hash, path) {
  const full = join(root, path);
  if (!existsSync(full)) return hash.update(`${path} is missing\n`);
  if (statSync(full).isDirectory()) {
    for (const name of readdirSync(full).sort()) addToHash(hash, `${path}/${name}`);
  } else {
    hash.update(`${path}\n`).update(readFileSync(full));
  }
}

/**
 * Does `work` unless it has been done with the same inputs (`key`) and its products (paths) are as it left them. The
 * stamp is removed first and written last, so interrupted work is done again.
 */
export async function once(stamp, key, products, work) {
  const file = join(root, stamp);
  const state = () => `${key} ${digest(products)}\n`;
  if (existsSync(file) && readFileSync(file, "utf8") === state()) return;
  rmSync(file, { force: true });
  await work();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, state());
}

/**
 * Runs `work` when the module at `url` is the program that was started. What it resolves to is the exit status; a
 * Failure is printed as its sentence, anything else with its stack.
 */
export async function main(url, work) {
  if (process.argv[1] !== fileURLToPath(url)) return;
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    console.error(error instanceof Failure ? error.message : error);
    process.exitCode = 1;
  }
}
