// Matrix products with relaxed SIMD (crate/relaxed): a small module that works in the memory of the core, whose functions are
// put into the core's table of functions.
import type { Exports } from "./load.js";

/** Puts the module's functions where the core calls them. */
export function relax(core: Exports, module: WebAssembly.Module): void {
  const { exports } = new WebAssembly.Instance(module, { env: { memory: core.memory } });
  const table = core.__indirect_function_table;
  const first = table.grow(2);
  table.set(first, exports["float32"]);
  table.set(first + 1, exports["float64"]);
  core.relax(first);
}
