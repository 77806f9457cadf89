// `init`: cores with several threads, and from modules. Each test is a process of its own, for a process has one core.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a program in JavaScript prints, as JSON; `w` is the package. It must end by itself. */
async function run(program: string): Promise<unknown> {
  const text = `import * as w from "wengert";
    const refusal = async (f) => { try { await f(); return "none"; } catch (e) { return \`\${e.name} \${e.code} \${e.message}\`; } };
    const print = (value) => console.log(JSON.stringify(value));
    ${program}`;
  const { stdout } = await execute("--input-type=module", "--eval", text);
  return JSON.parse(stdout);
}

const execute = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: root, timeout: 50_000 });

interface Results {
  readonly running: unknown;
  readonly results: Record<string, string>;
  readonly memory: unknown;
}

async function results(threads: number): Promise<Results> {
  const { stdout } = await execute("test/threads/results.mjs", String(threads));
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
    expect(running).toEqual({ threads });
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
    expect(await run(`print([await w.init(), await w.init({ threads: 1 }), w.ones([2]).toArray()])`)).toEqual([
      { threads: 1 },
      { threads: 1 },
      [1, 1],
    ]);
  });

  it("shares a promise among calls with the same options, and replaces a core that was not used", async () => {
    const program = `
      const all = await Promise.all([w.init({ threads: 2 }), w.init({ threads: 2 }), w.init({ threads: 3 }), w.init()]);
      print([all, w.ones([2]).toArray()])`;
    const counts = [2, 2, 3, 1];
    expect(await run(program)).toEqual([counts.map((threads) => ({ threads })), [1, 1]]);
  });

  it("takes the bytes of a module, and its compiled module for one thread", async () => {
    const program = `
      import { readFileSync } from "node:fs";
      const bytes = readFileSync("dist/wengert.wasm");
      const [a, b] = [await w.init({ module: bytes, threads: 2 }), await w.init({ module: new WebAssembly.Module(bytes) })];
      print([a, b, w.ones([2]).toArray()])`;
    expect(await run(program)).toEqual([{ threads: 2 }, { threads: 1 }, [1, 1]]);
  });

  it("refuses what cannot be, and the core that was there goes on", async () => {
    const program = `
      const empty = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
      const given = [
        { threads: 0 }, { threads: 1.5 }, { threads: 1e9 }, { threads: "4" }, { threads: NaN }, { workers: 2 }, 4, null,
        { module: "wengert.wasm" }, { module: {} }, { module: empty }, { module: empty, threads: 2 },
        { module: new Uint8Array(9) }, { module: new Uint8Array(9), threads: 2 },
        { module: new WebAssembly.Module(empty), threads: 2 },
      ];
      const all = [];
      for (const options of given) all.push(await refusal(() => w.init(options)));
      print([...all, w.ones([2]).toArray()])`;
    const all = (await run(program)) as unknown[];
    const number = (got: string) => `TensorError argument init: threads must be a whole number from 1 to 64, got ${got}`;
    const module = (got: string) =>
      `TensorError argument init: module must be the bytes of wengert.wasm or its WebAssembly.Module, got ${got}`;
    expect(all.slice(0, 10)).toEqual([
      number("0"),
      number("1.5"),
      number("1000000000"),
      number('"4"'),
      number("NaN"),
      'TensorError argument init: the options are module and threads, got "workers"',
      "TensorError argument init: the options must be an object, got 4",
      "TensorError argument init: the options must be an object, got null",
      module('"wengert.wasm"'),
      module("an object (Object)"),
    ]);
    for (const sentence of all.slice(10, 14)) expect(sentence).toMatch(/^TensorError argument init: module must be wengert\.wasm/);
    expect(all[14]).toMatch(/^TensorError argument init: module must be the bytes of wengert\.wasm where there are several/);
    expect(all[15]).toEqual([1, 1]);
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

  const lost = (why: string) =>
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
});
