// tsup gives a wasm file that is imported as its bytes, and a worker as its text.
declare module "*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module "*.worker.js" {
  const source: string;
  export default source;
}
// What wasm-bindgen writes beside the wasm: the functions that the wasm imports, and who they are for.
declare module "*/wengert_bg.js" {
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
}
