// Bringing the core to life: from wengert.wasm to the functions of the boundary. The hosts differ only in how they come
// by the file and by threads, which is said in entry/.
import * as glue from "../build/wasm/wengert_bg.js";

/** What the Rust core exports: crate/src/wasm.rs says what each function does. */
export type Exports = typeof import("../build/wasm/wengert_bg.wasm");

/** The bytes of a wasm file, or its compiled module. */
export type Wasm = BufferSource | WebAssembly.Module;

/** Matrix products with relaxed SIMD (crate/relaxed), for the core to call; the address of a task goes in. */
export type Kernels = Record<"float32" | "float64", (task: number) => void>;

const refuse = (): never => {
  throw new Error("there are no kernels with relaxed SIMD");
};

/** Instantiates a module of such kernels, which work in the memory of the core. */
export function kernelsIn(memory: WebAssembly.Memory, module: WebAssembly.Module): Kernels {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return exports as Kernels;
}

/**
 * Instantiates the core, at once. `memory` is for one that does not bring its own (see outside-memory.ts), `kernels` take the
 * place of the core's.
 */
export function instantiate(wasm: Wasm, memory?: WebAssembly.Memory, kernels?: Kernels): Exports {
  const module = wasm instanceof WebAssembly.Module ? wasm : new WebAssembly.Module(wasm);
  const own = memory === undefined ? {} : { env: { memory } };
  const relaxed = { ...(kernels ?? { float32: refuse, float64: refuse }) };
  const { exports } = new WebAssembly.Instance(module, { "./wengert_bg.js": { ...glue }, relaxed, ...own });
  // What the module imports has been looked at above, so one of its functions tells enough.
  if (!("part" in exports)) throw new WebAssembly.LinkError("none of the functions of the core");
  glue.__wbg_set_wasm(exports);
  const core = exports as Exports;
  core.__wbindgen_start();
  if (kernels !== undefined) core.relax();
  return core;
}

/** The answer of a server to the request of a wasm file. */
async function request(url: URL): Promise<Response> {
  const response = await fetch(url);
  const type = response.headers.get("content-type") ?? "";
  if (response.ok && !type.startsWith("text/html")) return response;
  throw new Error(
    `wengert: its wasm file must be served at ${url.href}, got ${response.ok ? type : response.status}; ` +
      `copy it there from wengert/dist, or import "wengert/inline", which needs no file`,
  );
}

/** Compiles a wasm file while it arrives; from its bytes where the server does not call it application/wasm. */
export async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await request(url);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** The bytes of a wasm file. */
export async function bytes(url: URL): Promise<ArrayBuffer> {
  return (await request(url)).arrayBuffer();
}
