// Runs the examples of Markdown files. The blocks of JavaScript under one heading are one program; comments are checked:
//
//     expression; // => value          equal, floats to the precision of their dtype; 3.14… as far as it is written
//     expression; // throws sentence   refused with these words
//
// A block of another language with a name behind it (```dot picture) is the expected text of that variable.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { Tensor, TensorError } from "wengert";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The examples under one heading of a file. */
export interface Program {
  readonly heading: string;
  /** Path of the generated module. */
  readonly module: string;
  /** Number of comments that are checked. */
  readonly checks: number;
}

/** Writes the programs of a Markdown file (path from the root) as modules to build/docs/. */
export function programs(file: string): Program[] {
  const found: Program[] = [];
  let heading = file;
  let lines: string[] = [];
  let checks = 0;
  const flush = (): void => {
    if (lines.length > 0) {
      const module = join(root, "build/docs", `${file.replaceAll(/[^a-zA-Z]+/g, "-")}-${found.length + 1}.mjs`);
      mkdirSync(join(root, "build/docs"), { recursive: true });
      writeFileSync(module, `import { check, refused, same } from "../../test/documentation.ts";\n${lines.join("\n")}\n`);
      found.push({ heading, module, checks });
    }
    lines = [];
    checks = 0;
  };
  let fence: { readonly language: string; readonly name: string; readonly text: string[] } | null = null;
  readFileSync(join(root, file), "utf8").split("\n").forEach((line, i) => {
    const place = JSON.stringify(`${file}:${i + 1}`);
    const [, language = "", name = ""] = /^```(\S*) *(\S*)/.exec(line) ?? [];
    if (fence === null && line.startsWith("```")) {
      fence = { language, name, text: [] };
    } else if (fence !== null && line === "```") {
      if (fence.language !== "js" && fence.name !== "") {
        lines.push(`same(${fence.name}, ${JSON.stringify(fence.text.join("\n"))}, ${place});`);
        checks += 1;
      }
      fence = null;
    } else if (fence?.language === "js") {
      const statement = checked(line, place);
      checks += statement === line ? 0 : 1;
      lines.push(statement);
    } else if (fence !== null) {
      fence.text.push(line);
    } else if (/^#{1,3} /.test(line)) {
      flush();
      heading = line.replace(/^#+ /, "");
    }
  });
  flush();
  return found;
}

/** A line of an example with its comment as a check. */
function checked(line: string, place: string): string {
  const [, code = "", word = "", words = ""] = /^(.*?);? *\/\/ (=>|throws) (.*)$/.exec(line) ?? [];
  if (word === "") return line;
  const expression = /^\s*console\.log\((.*)\)$/.exec(code)?.[1] ?? code;
  if (/^\s*(const|let|import|return)\b/.test(expression)) throw new Error(`${place}: a value must stand behind an expression`);
  if (word === "throws") return `refused(() => ${expression}, ${JSON.stringify(words)}, ${place});`;
  const value = words.replaceAll(/-?\d+(\.\d+)?…/g, (number) => `{ about: "${number.slice(0, -1)}" }`);
  return `check(${expression}, ${value}, ${place});`;
}

/** Fails unless a value is what the comment says. */
export function check(actual: unknown, expected: unknown, place: string): void {
  expect(matches(plain(actual), expected, isSingle(actual) ? 1e-6 : 1e-14), `${place}: got ${JSON.stringify(plain(actual))}`).toBe(true);
}

/** Fails unless a text is the one in the block. The numbers of nodes are counted anew. */
export function same(actual: unknown, expected: string, place: string): void {
  expect(renumbered(String(actual)), place).toBe(renumbered(expected));
}

/** Fails unless the call is refused with this sentence. */
export function refused(call: () => unknown, sentence: string, place: string): void {
  let message = "nothing was thrown";
  try {
    call();
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    message = error.message;
  }
  expect(message, place).toBe(sentence);
}

function renumbered(text: string): string {
  const names = new Map<string, string>();
  return text.trim().replaceAll(/\bn\d+\b/g, (name) => {
    if (!names.has(name)) names.set(name, `n${names.size}`);
    return names.get(name) ?? name;
  });
}

function plain(value: unknown): unknown {
  if (value instanceof Tensor) return value.toArray();
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float64Array);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value;
}

/** Whether the value was computed in single precision. */
function isSingle(value: unknown): boolean {
  if (value instanceof Tensor) return value.dtype === "float32";
  if (value instanceof Float32Array) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(isSingle);
}

function matches(actual: unknown, expected: unknown, tolerance: number): boolean {
  if (typeof expected === "number") {
    if (Object.is(actual, expected) || actual === expected) return true;
    return typeof actual === "number" && Math.abs(actual - expected) <= tolerance * Math.abs(expected);
  }
  if (typeof expected !== "object" || expected === null) return actual === expected;
  if ("about" in expected) {
    const digits = String(expected.about);
    const decimals = digits.split(".")[1]?.length ?? 0;
    // Written digits are the first ones of the number, not rounded.
    return typeof actual === "number" && Math.abs(actual - Number(digits)) <= 10 ** -decimals;
  }
  if (typeof actual !== "object" || actual === null) return false;
  const keys = Object.keys(expected);
  if (keys.length !== Object.keys(actual).length) return false;
  return keys.every((key) => matches(Reflect.get(actual, key), Reflect.get(expected, key), tolerance));
}
