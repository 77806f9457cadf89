// Every check of the project, in the order in which failures are quickest to see; ends with one line of sums. A check
// other than a test (formatting, lint, types) counts as one.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { env, Failure, locked, main, root, run, seconds, wasmEnv } from "./lib.mjs";
import { setup } from "./setup.mjs";

const bin = (name) => join(root, "node_modules", name);
const node = process.execPath;
const report = join(root, "build/vitest.json");

const sums = { passed: 0, failed: 0, skipped: 0 };
const add = ({ passed = 0, failed = 0, skipped = 0 }) => {
  sums.passed += passed;
  sums.failed += failed;
  sums.skipped += skipped;
};

/** Runs a check and counts it as one test; a failure shows its output. */
async function check(name, program, args, environment = env) {
  const start = performance.now();
  const { code, output } = await run(program, args, { env: environment });
  if (code !== 0) console.log(output);
  console.log(`${code === 0 ? "passed" : "FAILED"}  ${name} (${seconds(start)} s)`);
  add(code === 0 ? { passed: 1 } : { failed: 1 });
}

/** Runs the native tests and counts them from the closing lines of each test program. */
async function cargoTests() {
  const { code, output } = await run("cargo", ["test", "--workspace", "--locked"], { show: true, collect: true });
  let failures = 0;
  for (const [, ...counts] of output.matchAll(/^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored/gm)) {
    const [passed, failed, skipped] = counts.map(Number);
    add({ passed, failed, skipped });
    failures += failed;
  }
  if (code !== 0 && failures === 0) add({ failed: 1 }); // it did not compile, or a test program died
}

/** Runs the tests of the built package and counts them from vitest's own report. */
async function vitest() {
  mkdirSync(join(root, "build"), { recursive: true });
  rmSync(report, { force: true });
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code } = await run(node, [bin("vitest/vitest.mjs"), ...args], { show: true, collect: false });
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {};
  const { numPassedTests: passed = 0, numFailedTests: failed = 0, numPendingTests = 0, numTodoTests = 0 } = counts;
  // A file that cannot be loaded has no test that could fail.
  add({ passed, failed: code !== 0 && failed === 0 ? 1 : failed, skipped: numPendingTests + numTodoTests });
}

await main(import.meta.url, async () => {
  const start = performance.now();
  try {
    await locked(async () => {
      await setup();
      await check("rustfmt", "cargo", ["fmt", "--all", "--check"]);
      // The optimiser of the wasm keeps one core busy; the native tests are compiled on the other.
      const compiling = run("cargo", ["test", "--workspace", "--locked", "--no-run", "--quiet"], { env });
      await build();
      await compiling;
    });
    await check("clippy", "cargo", ["clippy", "--workspace", "--all-targets", "--locked", "--", "-Dwarnings"]);
    const forWasm = ["clippy", "--locked", "--target", "wasm32-unknown-unknown", "--", "-Dwarnings"];
    await check("clippy for wasm", "cargo", forWasm, wasmEnv);
    await check("types", node, [bin("typescript/bin/tsc"), "--noEmit"]);
    await check("eslint", node, [bin("eslint/bin/eslint.js"), "--max-warnings=0", "."]);
    await cargoTests();
    await check("generated files are fresh", node, ["scripts/ops.mjs", "--check"]);
    await check("pages of operations are fresh", node, ["scripts/pages.mjs", "--check"]);
    await vitest();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.log(error.message);
    add({ failed: 1 });
  }
  console.log(`\n${seconds(start)} s`);
  console.log(`${sums.passed} passed, ${sums.failed} failed${sums.skipped > 0 ? `, ${sums.skipped} skipped` : ""}`);
  return sums.failed === 0 ? 0 : 1;
});
