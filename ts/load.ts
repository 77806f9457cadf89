// Bringing the core to life: from wengert.wasm to the functions of the boundary. The hosts differ only in how they come
// by the file, which is said in entry/.
import {
  apply, apply1, apply2, backward, batch, begin, checkpoint, clock, compile as make_plan, connect, create, custom, data, end,
  error, example, forget, get_grad, graph, info, initSync, jvp, placeholder, plan, record, release, replay, reset_peak, same,
  scratch, set, update, usage, variable, vjp, watch,
} from "../build/wasm/wengert.js";

const functions = {
  apply, apply1, apply2, backward, batch, begin, checkpoint, clock, compile: make_plan, connect, create, custom, data, end,
  error, example, forget, get_grad, graph, info, jvp, placeholder, plan, record, release, replay, reset_peak, same,
  scratch, set, update, usage, variable, vjp, watch,
};

/** What the Rust core exports (crate/src/wasm.rs says what each function does) and its linear memory. */
export type Exports = typeof functions & { readonly memory: WebAssembly.Memory };

/** Instantiates the core from the bytes of wengert.wasm or from the compiled module, at once. */
export function instantiate(module: BufferSource | WebAssembly.Module): Exports {
  const { memory } = initSync({ module });
  return { ...functions, memory };
}

/** Compiles wengert.wasm while it arrives; from its bytes where the server does not call it application/wasm. */
export async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok || type.startsWith("text/html")) {
    throw new Error(
      `wengert: its wasm file must be served at ${url.href}, got ${response.ok ? type : response.status}; ` +
        `copy it there from wengert/dist, or import "wengert/inline", which needs no file`,
    );
  }
  if (type.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
