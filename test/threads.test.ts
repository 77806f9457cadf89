// `init`: cores with several threads, with relaxed SIMD, from modules. Each test is a process of its own, for a process has one
// core.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { node } from "./packaging/install.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a program in JavaScript prints, as JSON; `w` is the package. It must end by itself. */
async function run(program: string, by = process.execPath): Promise<unknown> {
  const text = `import * as w from "wengert";
    const refusal = async (f) => { try { await f(); return "none"; } catch (e) { return \`\${e.name} \${e.code} \${e.message}\`; } };
    const print = (value) => console.log(JSON.stringify(value));
    ${program}`;
  const { stdout, stderr } = await execute(by, "--input-type=module", "--eval", text);
  const answer = JSON.parse(stdout) as unknown;
  return stderr === "" ? answer : { answer, stderr };
}

const execute = (program: string, ...args: string[]) => promisify(execFile)(program, args, { cwd: root, timeout: 50_000 });

interface Results {
  readonly running: unknown;
  readonly results: Record<string, string>;
  readonly memory: unknown;
}

async function results(threads: number): Promise<Results> {
  const { stdout } = await execute(process.execPath, "test/threads/results.mjs", String(threads));
  return JSON.parse(stdout) as Results;
}

describe("any number of threads", () => {
  let plain: Results;
  beforeAll(async () => {
    plain = await results(0);
    expect(Object.keys(plain.results).length).toBeGreaterThan(40);
  });

  it.each([1, 2, 3, 4])("gives the same bits and holds as many bytes: %i", async (threads) => {
    const { running, ...rest } = await results(threads);
    expect(running).toEqual({ threads, relaxed: false });
    expect(rest).toEqual({ results: plain.results, memory: plain.memory });
  });

  it("divides the work", async () => {
    // Parts that workers take are counted by what they run in.
    const parts = await run(`
      import { Worker } from "node:worker_threads";
      import { createRequire } from "node:module";
      const threads = createRequire(import.meta.url)("node:worker_threads");
      const counts = new Int32Array(new SharedArrayBuffer(8));
      threads.Worker = class extends Worker {
        constructor(source, options) {
          super(\`
            const { workerData } = require("node:worker_threads");
            const add = Atomics.add;
            Atomics.add = (cells, slot, n) => (slot === 16 && add(workerData, 0, 1), add(cells, slot, n));
            \${source}\`, { ...options, workerData: counts });
        }
      };
      const { init, ones, matmul } = w;
      await init({ threads: 2 });
      const a = ones([512, 512]);
      for (let i = 0; i < 200; i++) matmul(a, a).dispose();
      print(Atomics.load(counts, 0));`);
    expect(parts).toBeGreaterThan(100);
  });
});

describe("init", () => {
  it("without options, or with one thread, leaves a core on one thread", async () => {
    const one = { threads: 1, relaxed: false };
    const program = `print([await w.init(), await w.init({ threads: 1, relaxed: false }), w.ones([2]).toArray()])`;
    expect(await run(program)).toEqual([one, one, [1, 1]]);
  });

  it("shares a promise among calls with the same options, and replaces a core that was not used", async () => {
    const program = `
      const all = await Promise.all([w.init({ threads: 2 }), w.init({ threads: 2 }), w.init({ threads: 3 }), w.init()]);
      print([all, w.ones([2]).toArray()])`;
    const counts = [2, 2, 3, 1];
    expect(await run(program)).toEqual([counts.map((threads) => ({ threads, relaxed: false })), [1, 1]]);
  });

  it("takes the bytes of a module, and its compiled module for one thread", async () => {
    const program = `
      import { readFileSync } from "node:fs";
      const bytes = readFileSync("dist/wengert.wasm");
      const [a, b] = [await w.init({ module: bytes, threads: 2 }), await w.init({ module: new WebAssembly.Module(bytes) })];
      print([a.threads, b.threads, w.ones([2]).toArray()])`;
    expect(await run(program)).toEqual([2, 1, [1, 1]]);
  });

  it("generates loops for plans on one thread, where the core stays that another was refused for as well", async () => {
    const program = `
      const modules = WebAssembly.Module;
      let made = 0;
      WebAssembly.Module = function (bytes) { made += 1; return new modules(bytes); };
      WebAssembly.Module.prototype = modules.prototype;
      const use = () => {
        const f = w.compile((x) => x.mul(2).add(1).mul(x));
        const x = w.ones([2 ** 18]);
        made = 0;
        for (let k = 0; k < 6; k++) f(x).dispose();
        return [made, f(x).mul(1).slice([[0, 2]]).toArray()];
      };
      if (threads > 1) {
        await w.init({ threads });
        print(use());
      } else {
        const pending = refusal(() => w.init({ threads: 2 }));
        for (let k = 0; k < 5; k++) await new Promise((go) => setTimeout(go, 0));
        w.ones([1]);
        print([(await pending).slice(0, 30), ...use()]);
      }`;
    expect(await run(`const threads = 2; ${program}`)).toEqual([0, [3, 3]]);
    const [refused, ...used] = (await run(`const threads = 1; ${program}`)) as unknown[];
    // Where the other core was quicker than the first tensor, it stays.
    if (refused !== "none") expect(used).toEqual([1, [3, 3]]);
  });

  it("refuses what cannot be, and the core that was there goes on", async () => {
    const program = `
      const empty = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
      const given = [
        { threads: 0 }, { threads: 1.5 }, { threads: 1e9 }, { threads: "4" }, { threads: NaN }, { workers: 2 }, 4, null,
        { relaxed: 1 }, { module: "wengert.wasm" }, { module: {} }, { module: empty }, { module: empty, threads: 2 },
        { module: new Uint8Array(9) }, { module: new Uint8Array(9), threads: 2 },
        { module: new WebAssembly.Module(empty), threads: 2 },
        // One that imports a.b.
        { module: new Uint8Array([...empty, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 97, 1, 98, 0, 0]) },
      ];
      const all = [];
      for (const options of given) all.push(await refusal(() => w.init(options)));
      print([...all, w.ones([2]).toArray()])`;
    const all = (await run(program)) as unknown[];
    const number = (got: string) => `TensorError argument init: threads must be a whole number from 1 to 64, got ${got}`;
    const module = (got: string) =>
      `TensorError argument init: module must be the bytes of wengert.wasm or its WebAssembly.Module, got ${got}`;
    expect(all.slice(0, 11)).toEqual([
      number("0"),
      number("1.5"),
      number("1000000000"),
      number('"4"'),
      number("NaN"),
      'TensorError argument init: the options are module, threads and relaxed, got "workers"',
      "TensorError argument init: the options must be an object, got 4",
      "TensorError argument init: the options must be an object, got null",
      "TensorError argument init: relaxed must be true or false, got 1",
      module('"wengert.wasm"'),
      module("an object (Object)"),
    ]);
    for (const sentence of all.slice(11, 15)) expect(sentence).toMatch(/^TensorError argument init: module must be wengert\.wasm/);
    expect(all[15]).toMatch(/^TensorError argument init: module must be the bytes of wengert\.wasm for several threads or relaxed SIMD/);
    expect(all[16]).toMatch(/^TensorError argument init: module must be wengert\.wasm of this version, got one with /);
    expect(all[17]).toEqual([1, 1]);
  });

  it("refuses when a tensor was made before, even while it was at work", async () => {
    const sentence = /^TensorError trace init: it must be awaited before the first tensor is made/;
    const [before, meanwhile, value] = (await run(`
      const going = refusal(() => w.init({ threads: 2 }));
      const x = w.tensor([1, 2]);
      print([await refusal(() => w.init({ threads: 3 })), await going, x.mul(2).toArray()])`)) as unknown[];
    expect(before).toMatch(sentence);
    expect(meanwhile).toMatch(sentence);
    expect(value).toEqual([2, 4]);
  });
});

it("the example of the guide runs", async () => {
  const guide = readFileSync(join(root, "docs/guide/8-threads.md"), "utf8");
  const example = /```ts\n([^]*?)```/.exec(guide)?.[1] ?? "";
  const { stdout } = await execute(process.execPath, "--input-type=module", "--eval", example);
  expect(stdout.split("\n")).toEqual([...example.matchAll(/console\.log\(.*\/\/ (.*)/g)].map(([, value]) => value).concat(""));
  expect(stdout.split("\n")).toHaveLength(3);
});

describe("relaxed SIMD", () => {
  /** Products as numbers, with these options; integers whose products and sums are exact come last. */
  const products = (options: string) => `
    const running = await w.init(${options});
    const key = w.random.key(1);
    const a = w.random.normal(key, [150, 700]), b = w.random.normal(key, [700, 130]);
    const both = [a, a.to("float64")].map((x) => x.matmul(b.to(x.dtype)).data());
    const exact = w.arange(600).reshape([20, 30]).matmul(w.arange(600).reshape([30, 20])).sum().item();
    print([running, ...both.map((x) => Array.from(x)), exact]);`;

  type Products = [running: unknown, float32: number[], float64: number[], exact: number];

  function expectClose(actual: number[], expected: number[], tolerance: number): void {
    expect(actual.length).toBe(expected.length);
    expect(Math.max(...actual.map((x, i) => Math.abs(x - (expected[i] ?? NaN))))).toBeLessThan(tolerance);
  }

  it("gives the same products up to rounding where the host knows it, with threads too", async () => {
    const program = node(24);
    const [, single, double, exact] = (await run(products("{}"), program)) as Products;
    const [running, ...relaxed] = (await run(products("{ relaxed: true }"), program)) as Products;
    expect(running).toEqual({ threads: 1, relaxed: true });
    // Sums of 700 products of size 1.
    expectClose(relaxed[0], single, 700 * 2 ** -23);
    expectClose(relaxed[1], double, 700 * 2 ** -52);
    expect(relaxed[2]).toBe(exact);
    const [both, ...threaded] = (await run(products("{ relaxed: true, threads: 3 }"), program)) as Products;
    expect(both).toEqual({ threads: 3, relaxed: true });
    expect(threaded).toEqual(relaxed);
  });

  it("is ignored with a note where the host does not know it", async () => {
    const { answer, stderr } = (await run(products("{ relaxed: true, threads: 2 }"), node(20))) as {
      answer: Products;
      stderr: string;
    };
    expect(stderr).toBe("wengert: this host does not know relaxed SIMD; products are computed without it\n");
    expect(answer[0]).toEqual({ threads: 2, relaxed: false });
    expect(answer.slice(1)).toEqual(((await run(products("{}"))) as Products).slice(1));
  });
});

describe("a thread that is lost", () => {
  /** Runs a program whose workers begin with `prelude`, and keeps them in `workers`. */
  const withWorkers = (prelude: string, program: string) =>
    run(`
      import { Worker } from "node:worker_threads";
      import { createRequire } from "node:module";
      const workers = [];
      createRequire(import.meta.url)("node:worker_threads").Worker = class extends Worker {
        constructor(source, options) { super(${JSON.stringify(prelude)} + source, options); workers.push(this); }
      };
      const { ones, matmul } = w;
      const multiply = () => { const a = ones([512, 512]); return matmul(a, a).at(0).at(0).item(); };
      const until = async (f) => {
        for (let i = 0; i < 1000; i++) { const end = await refusal(f); if (end !== "none") return end; }
      };
      ${program}`);

  const lost = (why: string): unknown =>
    expect.stringMatching(new RegExp(`^TensorError memory wengert: the core stopped \\(${why}\\) and all tensors are lost`));

  it("between two calls is an error of the next one", async () => {
    const program = `
      await w.init({ threads: 2 });
      const value = multiply();
      await workers[0].terminate();
      await new Promise((resolve) => setTimeout(resolve, 50));
      print([value, await refusal(multiply), await refusal(() => w.init({ threads: 2, module: undefined }))])`;
    const [value, error] = (await withWorkers("", program)) as unknown[];
    expect(value).toBe(512);
    expect(error).toEqual(lost("a thread ended: exit code 1"));
  });

  it("by a failure inside a part is an error at once", async () => {
    const prelude = `
      const { Instance } = WebAssembly;
      WebAssembly.Instance = function (...args) {
        const { exports } = new Instance(...args);
        return { exports: { ...exports, part: () => { throw new Error("broken"); } } };
      };`;
    expect(await withWorkers(prelude, `await w.init({ threads: 2 }); print(await until(multiply))`)).toEqual(
      lost("a thread failed"),
    );
  });

  it("by an end inside a part is an error after some time", async () => {
    const prelude = `
      const add = Atomics.add;
      Atomics.add = (cells, slot, n) => (slot === 16 ? process.exit(3) : add(cells, slot, n));`;
    const program = `
      await w.init({ threads: 2 });
      // The clock of this process goes ten thousand times as fast.
      const now = performance.now.bind(performance);
      performance.now = () => 1e4 * now();
      print(await until(multiply))`;
    expect(await withWorkers(prelude, program)).toEqual(lost("a thread did not come back within 30 s"));
  });

  it("at the start is an error of init, and the core that was there goes on", async () => {
    const program = `print([await refusal(() => w.init({ threads: 2 })), multiply()])`;
    expect(await withWorkers("process.exit(5);", program)).toEqual([
      "TensorError argument init: a thread could not be started: exit code 5",
      512,
    ]);
  });

  it("that the host forbids is an error of init too", async () => {
    const program = `
      import { createRequire, syncBuiltinESMExports } from "node:module";
      createRequire(import.meta.url)("node:worker_threads").Worker = class {
        constructor() { throw new Error("no workers here"); }
      };
      syncBuiltinESMExports();
      print([await refusal(() => w.init({ threads: 3 })), w.ones([2]).toArray()])`;
    expect(await run(program)).toEqual([
      "TensorError argument init: a thread could not be started: Error: no workers here",
      [1, 1],
    ]);
  });
});
