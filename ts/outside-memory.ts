// Modules that work in a memory from outside. The core for several threads is wengert.wasm with a shared one: no instruction
// differs, for workers run kernels and nothing else, and wait in JavaScript (thread.worker.js), so it needs neither atomic
// instructions nor a standard library that was built with them. And the kernels with relaxed SIMD work in that of the core.
import { TensorError } from "./errors.js";

/** Sections of a module, https://webassembly.github.io/spec/core/binary/modules.html. */
const section = { imports: 2, memory: 5 } as const;

/** Pages of 64 KiB in 4 GiB: all that there can be. */
export const maxPages = 65536;

/** The bytes of a module whose memory is imported as `env.memory`, and the pages that it begins with. */
export interface Outside {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pages: number;
}

/** The same module with a memory from outside, which is shared or is not, in place of its own. */
export function withOutsideMemory(source: BufferSource, shared: boolean): Outside {
  const from = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  const parts: (Uint8Array | readonly number[])[] = [from.subarray(0, 8)];
  let pages = -1;
  let place = -1;
  let others = from.subarray(0, 0); // the list of imports
  for (let at = 8; at < from.length; ) {
    const [length, start] = readNumber(from, at + 1);
    const body = from.subarray(start, start + length);
    const id = from[at] ?? 0;
    // Sections come in the order of their numbers, but for those of other tools, whose number is 0.
    if (id > section.imports && place < 0) place = parts.length;
    if (id === section.imports) others = body;
    else if (id === section.memory) [pages] = readNumber(body, 2); // after the number of memories and the flags
    else parts.push(from.subarray(at, start + length));
    at = start + length;
  }
  if (pages < 0) throw new TensorError("argument", "init", "module must be wengert.wasm, got one without a memory");
  const [count, rest] = others.length === 0 ? [0, 0] : readNumber(others, 0);
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const limits = shared ? [3, ...number(pages), ...number(maxPages)] : [0, ...number(pages)];
  const body = [...number(count + 1), ...others.subarray(rest), ...name("env"), ...name("memory"), 2, ...limits];
  parts.splice(place, 0, [section.imports, ...number(body.length), ...body]);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, pages };
}

/** The number (unsigned LEB128) at a position, and the position after it. */
function readNumber(from: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = from[at++] ?? 0;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value >>> 0, at];
  }
}

/** A number as unsigned LEB128. */
function number(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...number(value >>> 7)];
}
