// The threads of a core: workers that share its memory and take parts of kernels (crate/kernels/src/split.rs) from a
// counter, as the thread that called does. That one never blocks, which pages do not allow: it takes parts, then looks
// until the last ones are done.
import type { Threads } from "./core.js";
import { Stopped, TensorError } from "./errors.js";
import { type Exports, instantiate, kernelsIn } from "./load.js";
import { maxPages, withOutsideMemory } from "./outside-memory.js";
import source from "./thread.worker.js";

/** A worker of the host. */
export interface Worker {
  post(message: unknown): void;
  stop(): void;
}

/** Starts a worker from its source: `ready` at its first message, `ended` with the reason if it ends by itself. */
export type Spawn = (source: string, ready: () => void, ended: (reason: string) => void) => Worker;

/** Numbers that all threads see, each in a line of the cache of its own. */
const slots = {
  /** Parts that nobody has taken yet. */
  left: 0,
  /** Parts that have been done. */
  done: 16,
  /** Threads that sleep until `left` changes. */
  asleep: 32,
  /** Not 0 when a part has failed. */
  failed: 48,
} as const;

/** Pages of 64 KiB in the stacks of a worker, for kernels keep some blocks of numbers there; of those for relaxed ones. */
const stackPages = { all: 16, relaxed: 2 } as const;

/** Milliseconds after which a part that somebody took counts as lost. */
const patience = 30_000;

/** Times to look before the clock is read. */
const round = 10_000;

/** A core with its workers; `divide` throws `Stopped` when one does not come back. */
export interface Threaded extends Threads {
  readonly exports: Exports;
}

/** Throws where the host cannot share memory. */
function needSharedMemory(): void {
  const isolated = !("crossOriginIsolated" in globalThis) || globalThis.crossOriginIsolated; // Node has nothing to isolate
  if (typeof SharedArrayBuffer === "function" && isolated) return;
  const headers = "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
  const sentence = `threads need shared memory, which this page may not use; serve it with the headers ${headers}`;
  throw new TensorError("argument", "init", sentence);
}

/**
 * Brings a core with `threads` threads to life, and `relaxed` kernels if there are any; `ended` is called when a worker ends by
 * itself while the core is in use.
 */
export async function startThreads(
  wasm: BufferSource,
  relaxed: BufferSource | null,
  threads: number,
  spawn: Spawn,
  ended: (reason: string) => void,
): Promise<Threaded> {
  const shared = threads > 1;
  if (shared) needSharedMemory();
  const { bytes, pages } = withOutsideMemory(wasm, shared);
  const module = await WebAssembly.compile(bytes);
  const kernels = relaxed === null ? null : await WebAssembly.compile(withOutsideMemory(relaxed, shared).bytes);
  const memory = reserve(pages + (threads - 1) * stackPages.all, shared);
  const cells = shared ? new Int32Array(new SharedArrayBuffer(256)) : new Int32Array(64);
  const workers: Worker[] = [];
  let running = false;
  const stop = () => {
    running = false;
    for (const worker of workers) worker.stop();
  };
  // An instance writes the module's data to the memory when it is made: the one that works with them comes last.
  const started = Array.from({ length: threads - 1 }, (_, k) => {
    // Stacks lie behind what the module was linked for, and grow down.
    const bottom = pages + k * stackPages.all;
    const stacks = { core: (bottom + stackPages.all) * 65536, relaxed: (bottom + stackPages.relaxed) * 65536 };
    return new Promise<void>((ready, failed) => {
      const fail = (reason: string) => {
        failed(new TensorError("argument", "init", `a thread could not be started: ${reason}`));
        if (running) ended(reason);
      };
      try {
        const worker = spawn(source, ready, fail);
        workers.push(worker);
        worker.post({ module, relaxed: kernels, memory, cells, slots, stacks, thread: k + 1 });
      } catch (error) {
        fail(String(error)); // a host that forbids workers
      }
    });
  });
  try {
    await Promise.all(started);
    const exports = instantiate(module, memory, kernels === null ? undefined : kernelsIn(memory, kernels));
    running = true;
    return { exports, count: threads, divide: (parts) => { divide(cells, parts, exports); }, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

function reserve(initial: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial, maximum: maxPages, shared });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TensorError("memory", "init", "4 GiB of addresses for the memory could not be reserved");
  }
}

function divide(cells: Int32Array, parts: number, core: Exports): void {
  Atomics.store(cells, slots.done, 0);
  Atomics.store(cells, slots.left, parts);
  if (Atomics.load(cells, slots.asleep) > 0) Atomics.notify(cells, slots.left);
  for (let left = parts; left > 0; left = Atomics.load(cells, slots.left)) {
    if (Atomics.compareExchange(cells, slots.left, left, left - 1) !== left) continue;
    core.part(left - 1, 0);
    Atomics.add(cells, slots.done, 1);
  }
  let since = 0;
  for (let looks = 1; Atomics.load(cells, slots.done) < parts; looks++) {
    if (looks % round !== 0) continue;
    if (Atomics.load(cells, slots.failed) !== 0) throw new Stopped("a thread failed");
    if (since === 0) since = performance.now();
    else if (performance.now() - since > patience)
      throw new Stopped(`a thread did not come back within ${patience / 1000} s`);
  }
}
