// The Rust core as the rest of the layer sees it: its functions, guarded, the scratch area, and its last error.
// What each function does is said at crate/src/wasm.rs.
import { type DType, type TensorData, viewOf } from "./dtype.js";
import { fromJson, Stopped, TensorError } from "./errors.js";
import type { Exports } from "./load.js";

let wasm: Exports | null = null;
let unusable = new TensorError("memory", "wengert", "the core must be loaded before it is used; import wengert first");

/** What the core calls on this side; set where it is known how. */
export const host = {
  /** Takes the handles of a node and of its gradient to that of the gradient which goes on; 0 for a failure. */
  hook: (_node: number, gradient: number): number => gradient,
  /** Runs so many parts of a kernel on all threads. */
  divide: (parts: number): void => {
    threads.divide(parts);
  },
  /** Compiles the module of a loop; says where its function is among those of the core, 0 where the host refuses. */
  add: (functions: WebAssembly.Table, address: number, length: number): number => {
    const { memory } = live();
    try {
      const module = new WebAssembly.Module(new Uint8Array(memory.buffer, address, length));
      const { exports } = new WebAssembly.Instance(module, { "": { "": memory } });
      const place = vacant.pop() ?? functions.grow(1);
      functions.set(place, exports[""]);
      return place;
    } catch {
      return 0; // a policy of the page, or no memory: the core goes on with what it has
    }
  },
  /** Forgets that function. */
  remove: (functions: WebAssembly.Table, place: number): void => {
    functions.set(place, null);
    vacant.push(place);
  },
};

/** Places among the functions that are free again. */
let vacant: number[] = [];

/** The threads that a core has beside the calling one. */
export interface Threads {
  /** All of them, the calling one included. */
  readonly count: number;
  /** See `host.divide`. */
  divide(parts: number): void;
  stop(): void;
}

const alone: Threads = { count: 1, divide: () => undefined, stop: () => undefined };
let threads = alone;

/** Connects the layer to the core that an entry of the package has brought to life. */
export function attach(exports: Exports): void {
  if (wasm === null) replace(exports, alone); // handles belong to one core, so the first stays
}

/** Connects the layer to another core; `used` must say that there is nothing to lose. */
export function replace(exports: Exports, own = alone): void {
  threads.stop();
  threads = own;
  slots = new Float64Array(0);
  vacant = [];
  wasm = exports;
  exports.connect(host, own.count);
}

/** Whether the core has been called for a tensor, or is dead. */
export function used(): boolean {
  return wasm === null || wasm.clock() !== 0;
}

function live(): Exports {
  if (wasm === null) throw unusable;
  return wasm;
}

/** Declares the core dead, since its state is anyone's guess: every later call says so. */
export function die(cause: string): TensorError {
  const sentence = `the core stopped (${cause}) and all tensors are lost; load wengert anew`;
  wasm = null;
  unusable = new TensorError("memory", "wengert", sentence);
  threads.stop();
  return new TensorError("memory", "wengert", sentence);
}

function trapped(error: unknown): unknown {
  if (error instanceof Stopped) return die(error.message);
  if (!(error instanceof WebAssembly.RuntimeError)) return error;
  return die(`${error.message}; a call stack that overflows inside it, by endless recursion, does that`);
}

function guard<A extends readonly unknown[], R>(pick: (core: Exports) => (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return pick(live())(...args);
    } catch (error) {
      throw trapped(error);
    }
  };
}

/** The same for functions that tell a text. */
function told<A extends readonly unknown[]>(pick: (core: Exports) => (...args: A) => void): (...args: A) => string {
  const tell = guard(pick);
  return (...args) => {
    tell(...args);
    const [address = 0, length = 0] = scratch(2);
    // A copy, since no shared memory is decoded.
    return new TextDecoder().decode(new Uint8Array(live().memory.buffer, address, length).slice());
  };
}

/** The functions of the boundary. */
export const core = {
  apply: guard((c) => c.apply),
  apply1: guard((c) => c.apply1),
  apply2: guard((c) => c.apply2),
  backward: guard((c) => c.backward),
  batch: guard((c) => c.batch),
  begin: guard((c) => c.begin),
  create: guard((c) => c.create),
  checkpoint: guard((c) => c.checkpoint),
  clock: guard((c) => c.clock),
  compile: guard((c) => c.compile),
  custom: guard((c) => c.custom),
  data: guard((c) => c.data),
  end: guard((c) => c.end),
  error: told((c) => c.error),
  example: guard((c) => c.example),
  forget: guard((c) => c.forget),
  getGrad: guard((c) => c.get_grad),
  gradients: guard((c) => c.gradients),
  graph: told((c) => c.graph),
  info: guard((c) => c.info),
  jvp: guard((c) => c.jvp),
  placeholder: guard((c) => c.placeholder),
  plan: told((c) => c.plan),
  record: guard((c) => c.record),
  release: guard((c) => c.release),
  replay: guard((c) => c.replay),
  resetPeak: guard((c) => c.reset_peak),
  same: guard((c) => c.same),
  scratch: guard((c) => c.scratch),
  set: guard((c) => c.set),
  update: guard((c) => c.update),
  usage: guard((c) => c.usage),
  variable: guard((c) => c.variable),
  vjp: guard((c) => c.vjp),
  watch: guard((c) => c.watch),
};

let slots = new Float64Array(0);
let capacity = 64;

/**
 * The scratch area that both sides share, at least `length` numbers long. What the last call left in it is still there.
 * Take it anew after every call into the core: growth of the memory detaches views, whose length is then 0.
 */
export function scratch(length: number): Float64Array {
  // A detached view has length 0, so even an empty request needs a slot.
  if (slots.length < Math.max(1, length)) {
    while (capacity < length) capacity *= 2;
    const pointer = core.scratch(capacity) >>> 0;
    slots = new Float64Array(live().memory.buffer, pointer, capacity);
  }
  return slots;
}

/** A view of the core's memory; as short-lived as that of the scratch area. */
export function memoryView(dtype: DType, pointer: number, length: number): TensorData {
  return viewOf(dtype, live().memory.buffer, pointer >>> 0, length);
}

/** Throws the last failure of the core; `op` is what the user called, where the core knows it by another name. */
export function raise(op?: string): never {
  const json = core.error();
  throw json === ""
    ? new TensorError("value", op ?? "wengert", "the core refused and gave no reason")
    : fromJson(json, op);
}

/** What `set` of the core sets, by its numbers. */
export const property = {
  requiresGrad: 0,
  zeroGrad: 1,
  retainGrad: 2,
  assign: 3,
  name: 4,
  hooked: 5,
  nameIfNone: 6,
} as const;

/** What a placeholder of the core is for, by its numbers. */
export const purpose = { customVjp: 0, customJvp: 1, compile: 2 } as const;

/** Gives a node of the core a name, for pictures, `unless` it has one; says whether the node was there. */
export function setName(handle: number, name: string, unless = false): boolean {
  scratch(name.length).set(Array.from({ length: name.length }, (_, i) => name.charCodeAt(i)));
  return core.set(handle, unless ? property.nameIfNone : property.name, name.length) !== 0;
}
