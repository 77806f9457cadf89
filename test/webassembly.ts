// For tests of what the host compiles. It loads nothing of the package, which may be what is to be compiled.
import { vi } from "vitest";

/** From now on `new WebAssembly.Module(bytes)` gives what this makes of the bytes and the host's own class. */
export function stubModule(make: (bytes: BufferSource, Module: typeof WebAssembly.Module) => WebAssembly.Module): void {
  const { Module } = WebAssembly;
  vi.stubGlobal("WebAssembly", {
    ...Object.fromEntries(Object.getOwnPropertyNames(WebAssembly).map((name) => [name, Reflect.get(WebAssembly, name) as unknown])),
    Module: function (bytes: BufferSource) {
      return make(bytes, Module);
    },
  });
}
