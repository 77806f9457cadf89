// Writes docs/ops: the pages of all operations, from the documentation in ts/ that editors show and from scripts/examples.md,
// which says in what order they stand and has an example of each. The examples and plots are computed by the built package.
// With --check nothing is written: a file that differs is an error.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import * as wengert from "wengert";
import { Failure, main, root } from "./lib.mjs";
import { plot } from "./plots.mjs";

const folder = "docs/ops";
const made = "<!-- Made by scripts/pages.mjs from the documentation in ts/ and from scripts/examples.md; do not edit. -->";

/** Where the functions of each namespace are written; later files wrap the operations of the first. */
const sources = new Map([
  ["", ["ops.gen.ts", "lists.ts", "grad.ts"]],
  ["linalg.", ["linalg.gen.ts", "linalg.ts"]],
  ["random.", ["random.gen.ts", "random.ts"]],
]);

/** Everything that docs/ops has, by path. */
async function pages() {
  const families = contents();
  const functions = documentation();
  complete(families, functions);
  const files = new Map([[`${folder}/README.md`, index(families)]]);
  for (const family of families) {
    files.set(`${folder}/${family.file}`, page(family, functions));
    for (const { name, range } of family.ops)
      if (range !== null) files.set(`${folder}/plots/${name}.svg`, await plot(name, wengert[name], range));
  }
  return files;
}

/** The families of scripts/examples.md in their order: title, introduction, operations with examples and ranges of plots. */
function contents() {
  const families = readFileSync(join(root, "scripts/examples.md"), "utf8").split(/^# /m).slice(1);
  return families.map((text) => {
    const [head, ...sections] = text.split(/^## /m);
    const [title, ...introduction] = head.trim().split("\n");
    const ops = sections.map((section) => {
      const [heading, ...code] = section.trim().split("\n");
      const [, name, low, high] = /^([\w.]+)(?:: (\S+)\.\.(\S+))?$/.exec(heading) ?? [];
      if (name === undefined) throw new Failure(`scripts/examples.md: "## ${heading}" must be a name, or "name: low..high"`);
      return { name, range: low === undefined ? null : [Number(low), Number(high)], code: code.filter((line) => line !== "") };
    });
    return { title, introduction: introduction.join("\n").trim(), file: `${title.toLowerCase().replaceAll(" ", "-")}.md`, ops };
  });
}

/** What the editor shows of each function: signatures, words, tags, options; and its signature as a method. */
function documentation() {
  const found = new Map();
  for (const [namespace, files] of sources) {
    for (const file of files) {
      for (const [name, entry] of functionsOf(file)) {
        const tags = new Map([...(found.get(namespace + name)?.tags ?? []), ...entry.tags]);
        found.set(namespace + name, { ...entry, tags, generated: file.endsWith(".gen.ts") || found.has(namespace + name) });
      }
    }
  }
  for (const file of ["methods.gen.ts", "tensor.ts"]) {
    for (const { name, doc, tags } of methodsOf(file).filter(({ name }) => found.has(name))) {
      const entry = found.get(name);
      if (doc !== entry.doc || String([...tags]) !== String([...entry.tags]))
        throw new Failure(`ts/${file}: the method ${name} must have the words of the function`);
      entry.method = true;
    }
  }
  return found;
}

/** The methods of the classes of a file. */
function methodsOf(file) {
  const members = statements(file).filter(ts.isClassDeclaration).flatMap((node) => [...node.members]);
  const methods = members.filter((node) => ts.isMethodDeclaration(node) && ts.isIdentifier(node.name));
  return methods.map((node) => ({ name: node.name.text, ...documented(node) }));
}

function statements(file) {
  const text = readFileSync(join(root, "ts", file), "utf8");
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true).statements;
}

/** The words and the tags over a declaration. */
function documented({ jsDoc = [] }) {
  const tags = new Map((jsDoc[0]?.tags ?? []).map((tag) => [tag.tagName.text, words(tag.comment)]));
  return { doc: words(jsDoc[0]?.comment), tags };
}

/** The exported functions of a file. */
function functionsOf(file) {
  const exported = statements(file).filter((node) => ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export);
  const interfaces = new Map(exported.filter(ts.isInterfaceDeclaration).map((node) => [node.name.text, node]));
  const found = new Map();
  for (const node of exported.filter(ts.isFunctionDeclaration)) {
    const name = node.name.text;
    const generic = node.typeParameters === undefined ? "" : `<${node.typeParameters.map((type) => type.getText()).join(", ")}>`;
    const params = node.parameters.map(parameter);
    const before = found.get(name);
    if (before !== undefined && node.body !== undefined) continue; // its overloads have been read
    found.set(name, {
      ...(before ?? documented(node)),
      signatures: [...(before?.signatures ?? []), { generic, params, result: node.type.getText() }],
      options: [...(before?.options ?? []), ...node.parameters.flatMap((param) => optionsOf(param, interfaces))],
      method: false,
    });
  }
  return found;
}

/** A parameter as declarations have it: what has a default may be left out. */
const parameter = ({ name, type, initializer, questionToken, dotDotDotToken }) =>
  `${dotDotDotToken?.getText() ?? ""}${name.getText()}${initializer ?? questionToken ? "?" : ""}: ${type.getText().replaceAll(/\s+/g, " ")}`;

const words = (comment) => (ts.getTextOfJSDocComment(comment) ?? "").replaceAll(/\s+/g, " ").trim();

/** The options that an interface of the same file names, with their defaults. */
function optionsOf(param, interfaces) {
  const [, name] = /\b(\w+Options)\b/.exec(param.type?.getText() ?? "") ?? [];
  const members = interfaces.get(name)?.members ?? [];
  return members.map((member) => {
    const [, value] = /^Default (.*)\.$/.exec(words(member.jsDoc?.[0]?.comment)) ?? [];
    return `\`${member.name.getText()}\`${value === undefined ? "" : ` (${value})`}`;
  });
}

/** Fails unless each function of the core has its place, an example and, if it has one argument, a plot. */
function complete(families, functions) {
  const ops = families.flatMap((family) => family.ops);
  for (const [name, { tags, generated }] of functions) {
    const op = ops.find((op) => op.name === name);
    if (generated && op === undefined) throw new Failure(`scripts/examples.md: ${name} has no example`);
    if (tags.get("derivative")?.startsWith("`dy/d") && op.range === null)
      throw new Failure(`scripts/examples.md: ${name} must have a range to be plotted in, as in "## ${name}: -3..3"`);
  }
  const twice = ops.find(({ name }, i) => ops.findIndex((op) => op.name === name) !== i);
  if (twice !== undefined) throw new Failure(`scripts/examples.md: ${twice.name} stands there twice`);
  const unknown = ops.find(({ name }) => !functions.has(name));
  if (unknown !== undefined) throw new Failure(`scripts/examples.md: there is no function ${unknown.name}`);
}

/** The table of all operations, and the pages beside that other scripts write. */
function index(families) {
  const link = (file, { name }) => `[${name}](${file}#${name.toLowerCase().replaceAll(".", "")})`;
  const rows = families.map(({ title, file, ops }) => `| [${title}](${file}) | ${ops.map((op) => link(file, op)).join(", ")} |`);
  const others = readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md") && name !== "README.md" && !families.some(({ file }) => file === name))
    .map((name) => `- [${/^# (.*)$/m.exec(readFileSync(join(root, folder, name), "utf8"))?.[1] ?? name}](${name})`);
  const count = families.reduce((sum, { ops }) => sum + ops.length, 0);
  return `${made}

# Operations

${count} functions with their equations, shapes, dtypes, derivatives and costs. Most are methods too: \`add(a, b)\` is \`a.add(b)\`. The
[guide](../guide.md) says how they are used, and editors show the same words.

- \`[..]\` in shapes are dimensions in any number; \`[..] -> [..]\` leads from the shape of an argument to that of the result.
- *Derivative* of a function of elements is its formula, with \`y\` the result and \`[x > 0]\` 1 where that holds, else 0. Of other functions
  it is what reverse mode hands to each argument, "x gets .."; \`g\` is the cotangent of the result. Forward mode follows from the same,
  and so do derivatives of every order.
- *Cost* is time, with \`n\` the elements of arguments or result, whichever are more. A derivative costs a small multiple of it in either
  mode; that of a view, which costs O(1), costs O(n).
- Plots show the function and, dashed, its derivative, computed by the library.
- Indices, keys and truth values have their own dtype, int32 or bool; of the other arguments *dtypes* speaks.

| | |
| --- | --- |
${rows.join("\n")}
${others.length === 0 ? "" : `\nBeside them:\n\n${others.join("\n")}\n`}`;
}

function page({ title, introduction, ops }, functions) {
  return `${made}\n\n# ${title}\n\n${introduction}\n\n${ops.map((op) => section(op, functions.get(op.name))).join("\n")}`;
}

function section({ name, range, code }, { signatures, doc, tags, options, method }) {
  const short = name.replace(/^.*\./, "");
  const calls = signatures.map(({ generic, params, result }) => `${name}${generic}(${params.join(", ")}): ${result}`);
  const [{ params: [first = "", ...rest], result }] = signatures;
  const facts = [
    ["Method", method ? `\`${first.split(":")[0]}.${short}(${rest.join(", ")}): ${result}\`` : ""],
    ["Options", options.join(", ")],
    ["Shapes", tags.get("shapes")],
    ["Dtypes", tags.get("dtypes")],
    ["Derivative", tags.get("derivative")],
    ["Cost", tags.get("cost") ?? "O(n)"],
  ].filter(([, text]) => text !== undefined && text !== "");
  return `### ${name}

\`\`\`ts
${calls.join("\n")}
\`\`\`

${doc}

${facts.map(([fact, text]) => `- *${fact}*: ${text}`).join("\n")}
${range === null ? "" : `\n![${name} and its derivative](plots/${name}.svg)\n`}
\`\`\`js
${example(name, code).join("\n")}
\`\`\`
`;
}

/** An example with what it imports before it and what it gives behind each of its expressions. */
function example(name, code) {
  if (code.length === 0) throw new Failure(`scripts/examples.md: ${name} has no example`);
  const text = code.join("\n").replaceAll(/"[^"]*"/g, "");
  const known = [...text.matchAll(/(?<![.\w])([a-zA-Z]\w*)\b(?!:)/g)].map(([, word]) => word);
  const names = [...new Set(known)].filter((word) => word in wengert).sort();
  const given = [];
  const body = code.map((line) => (/^const /.test(line) ? line : `$(() => (${line}));`));
  const record = (f) => given.push(outcome(f));
  new Function(...names, "$", body.join("\n"))(...names.map((word) => wengert[word]), record);
  const lines = code.map((line) => (/^const /.test(line) ? line : `${line}; // ${given.shift()}`));
  return [`import { ${names.join(", ")} } from "wengert";`, "", ...lines];
}

function outcome(f) {
  try {
    return `=> ${written(f())}`;
  } catch (error) {
    if (!(error instanceof wengert.TensorError)) throw error;
    return `throws ${error.message}`;
  }
}

/** A value as the examples of the guide write it: numbers that are not short end with an ellipsis. */
function written(value, single = false) {
  if (value instanceof wengert.Tensor) return written(value.toArray(), value.dtype === "float32");
  if (Array.isArray(value)) return `[${value.map((item) => written(item, single)).join(", ")}]`;
  if (typeof value !== "number" || !Number.isFinite(value)) return String(value);
  const size = Math.floor(Math.log10(Math.abs(value)));
  const short = Number.isInteger(value) && size < 15 ? value : Number(value.toPrecision(6));
  if (value === 0 || Math.abs(short / value - 1) < (single ? 2e-7 : 1e-15)) return String(short).replace("e+", "e");
  const decimals = size < -2 ? 6 - size : 4;
  return `${value.toFixed(decimals + 2).slice(0, -2)}…`; // the first digits, not rounded
}

/** Writes what differs; with `check` that is an error. */
export async function writePages({ check = false } = {}) {
  const files = await pages();
  const full = (file) => join(root, file);
  const there = ["", "/plots"].flatMap((sub) =>
    existsSync(full(folder + sub)) ? readdirSync(full(folder + sub)).map((name) => `${folder}${sub}/${name}`) : [],
  );
  const ours = (file) => file.endsWith(".svg") || (file.endsWith(".md") && readFileSync(full(file), "utf8").startsWith(made));
  const stale = there.filter((file) => !files.has(file) && ours(file));
  const differing = [...files].filter(([file, text]) => !existsSync(full(file)) || readFileSync(full(file), "utf8") !== text);
  if (check && (stale.length > 0 || differing.length > 0)) {
    throw new Failure(`${stale[0] ?? differing[0][0]} is not what the library says; run node scripts/pages.mjs`);
  }
  for (const file of stale) rmSync(full(file));
  for (const [file, text] of differing) {
    mkdirSync(dirname(full(file)), { recursive: true });
    writeFileSync(full(file), text);
    console.log(file);
  }
}

await main(import.meta.url, () => writePages({ check: process.argv.includes("--check") }));
