// The core for several threads: wengert.wasm with a memory that is shared and comes from outside. No instruction differs,
// for workers run kernels and nothing else, and wait in JavaScript (thread.worker.js): so the core needs neither atomic
// instructions nor a standard library that was built with them.
import { TensorError } from "./errors.js";

/** Sections of a module, https://webassembly.github.io/spec/core/binary/modules.html. */
const section = { imports: 2, memory: 5 } as const;

/** Pages of 64 KiB in 4 GiB: all that there can be. */
export const maxPages = 65536;

/** The bytes of a module whose memory is imported as `env.memory`, shared, and the pages that it begins with. */
export interface SharedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pages: number;
}

/** The same module with a shared memory from outside in place of its own. */
export function withSharedMemory(source: BufferSource): SharedModule {
  const from = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  const parts: (Uint8Array | readonly number[])[] = [from.subarray(0, 8)];
  let pages = -1;
  let imports: { at: number; body: Uint8Array } | null = null;
  for (let at = 8; at < from.length; ) {
    const [length, start] = readNumber(from, at + 1);
    const body = from.subarray(start, start + length);
    if (from[at] === section.imports) {
      imports = { at: parts.length, body };
      parts.push([]); // written when the memory is known
    } else if (from[at] === section.memory) {
      [pages] = readNumber(body, 2); // after the number of memories and the flags
    } else {
      parts.push(from.subarray(at, start + length));
    }
    at = start + length;
  }
  if (pages < 0 || imports === null)
    throw new TensorError("argument", "init", "module must be wengert.wasm, got one without imports or a memory");
  const [count, rest] = readNumber(imports.body, 0);
  const name = (text: string) => [text.length, ...text].map((c) => (typeof c === "string" ? c.charCodeAt(0) : c));
  const memory = [...name("env"), ...name("memory"), 2, 3, ...number(pages), ...number(maxPages)]; // shared, with a maximum
  const head = number(count + 1);
  const others = imports.body.subarray(rest);
  const length = head.length + others.length + memory.length;
  parts.splice(imports.at, 1, [section.imports, ...number(length), ...head], others, memory);
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
