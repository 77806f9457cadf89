// `init`: another core than the one that the import has brought to life.
import { die, replace, used } from "./core.js";
import { checkOptions, describe, TensorError } from "./errors.js";
import { instantiate } from "./load.js";
import { type Spawn, startThreads } from "./threads.js";

/** Which core `init` brings to life. */
export interface InitOptions {
  /** The bytes of `wengert.wasm`, an ArrayBuffer or a view of one; without other options also its WebAssembly.Module. */
  readonly module?: object;
  /** Threads that divide the work of large operations, the calling one included: 1 to 64, 1 by default. */
  readonly threads?: number;
  /**
   * Lets the machine round a product and its sum once in matrix products, which is faster on some: then the last bits differ
   * from machine to machine. False by default; where the host knows no relaxed SIMD, a warning says that it stays so.
   */
  readonly relaxed?: boolean;
}

/** The core that runs. */
export interface Running {
  /** Its threads, the calling one included. */
  readonly threads: number;
  /** Whether its matrix products use relaxed SIMD. */
  readonly relaxed: boolean;
}

/** How a kind of host comes by the core and by workers. */
export interface Host {
  /** The bytes of wengert.wasm. */
  bytes(): BufferSource | Promise<BufferSource>;
  /** The bytes of wengert-relaxed.wasm. */
  relaxed(): BufferSource | Promise<BufferSource>;
  /** How it starts workers. */
  workers(): Spawn | Promise<Spawn>;
}

let host: Host | null = null;

/** Says how the host comes by the core; done by the entry of the package. */
export function provide(own: Host): void {
  host ??= own;
}

/** More than there are cores in most machines, and few enough stacks. */
const maxThreads = 64;

interface Settings {
  readonly module: BufferSource | WebAssembly.Module | null;
  readonly threads: number;
  readonly relaxed: boolean;
}

const names = ["module", "threads", "relaxed"] as const satisfies (keyof Settings)[];

/** The last call, unless it has failed. */
let last: { readonly settings: Settings; readonly running: Promise<Running> } | null = null;

/**
 * Brings another core to life than the import has: with several threads, with relaxed SIMD, or from a module of your own.
 * Without it everything works, on one thread.
 *
 * It must be awaited before the first tensor is made, since tensors belong to one core; calls with the same options share
 * a promise. With any number of threads results have the same bits. The promise says what runs.
 *
 * Errors (`TensorError`): options that are not known or cannot be, tensors that were made before, a host that cannot share
 * memory among threads (a page needs the headers `Cross-Origin-Opener-Policy: same-origin` and
 * `Cross-Origin-Embedder-Policy: require-corp`). The core that was there before then stays.
 */
export async function init(options: InitOptions = {}): Promise<Running> {
  const settings = read(options);
  const before = last;
  if (before !== null && names.every((name) => before.settings[name] === settings[name])) return before.running;
  // One after the other: each takes the place of the core that the one before has brought.
  const turn = before === null ? Promise.resolve() : before.running.then(() => undefined, () => undefined);
  const mine = { settings, running: turn.then(() => start(settings)) };
  last = mine;
  try {
    return await mine.running;
  } catch (error) {
    if (last === mine) last = null;
    throw error;
  }
}

function read(options: InitOptions): Settings {
  checkOptions("init", options, names);
  const { module = null, threads = 1, relaxed = false } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
    throw mustBe("threads", `a whole number from 1 to ${maxThreads}`, threads);
  if (typeof relaxed !== "boolean") throw mustBe("relaxed", "true or false", relaxed);
  if (module === null || isBytes(module)) return { module, threads, relaxed };
  if (!(module instanceof WebAssembly.Module))
    throw mustBe("module", "the bytes of wengert.wasm or its WebAssembly.Module", module);
  if (threads > 1 || relaxed)
    throw mustBe("module", "the bytes of wengert.wasm for several threads or relaxed SIMD", module);
  return { module, threads, relaxed };
}

function mustBe(name: string, what: string, got: unknown): TensorError {
  return new TensorError("argument", "init", `${name} must be ${what}, got ${describe(got)}`);
}

function isBytes(value: unknown): value is BufferSource {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

async function start({ module, threads, relaxed }: Settings): Promise<Running> {
  refuseUsed();
  if (host === null) throw new TensorError("argument", "init", "wengert must be imported before");
  const wasm = module ?? (await host.bytes());
  const kernels = relaxed ? known(await host.relaxed()) : null;
  try {
    if (wasm instanceof WebAssembly.Module || (threads === 1 && kernels === null)) {
      const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
      refuseUsed();
      replace(instantiate(module));
    } else {
      const core = await startThreads(wasm, kernels, threads, await host.workers(), (reason) => die(`a thread ended: ${reason}`));
      try {
        refuseUsed();
      } catch (error) {
        core.stop();
        throw error;
      }
      replace(core.exports, core);
    }
  } catch (error) {
    // A TypeError tells of imports that wengert.wasm does not have.
    const foreign = [WebAssembly.CompileError, WebAssembly.LinkError, TypeError].some((kind) => error instanceof kind);
    if (!foreign || !(error instanceof Error)) throw error;
    throw new TensorError("argument", "init", `module must be wengert.wasm of this version, got one with ${error.message}`);
  }
  return { threads, relaxed: kernels !== null };
}

/** A module that the host knows all instructions of, or null with a note. */
function known(wasm: BufferSource): BufferSource | null {
  if (WebAssembly.validate(wasm)) return wasm;
  console.warn("wengert: this host does not know relaxed SIMD; products are computed without it");
  return null;
}

function refuseUsed(): void {
  if (!used()) return;
  const sentence = "it must be awaited before the first tensor is made, for tensors belong to one core; call it first";
  throw new TensorError("trace", "init", sentence);
}
