// The size of the project: lines by module, bytes of what is shipped.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "./build.mjs";
import { locked, main, root } from "./lib.mjs";
import { setup } from "./setup.mjs";

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const print = (name, ...columns) => console.log(name.padEnd(44), ...columns.map((cell) => String(cell).padStart(12)));

/** The files under a folder whose names end in `ending`, as paths from the root. */
function files(folder, ending) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? files(path, ending) : path.endsWith(ending) ? [path] : [];
  });
}

function printLines(folder, ending) {
  const lines = (path) => readFileSync(join(root, path), "utf8").split("\n").length - 1;
  const rows = files(folder, ending).map((path) => [path, lines(path)]).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const row of rows) print(...row);
  print(`${folder}, ${rows.length} files`, rows.reduce((sum, [, count]) => sum + count, 0));
  console.log();
}

/** A file of dist/web/ with the chunks that it imports. */
function withChunks(path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  const text = readFileSync(join(root, path), "utf8");
  for (const [, chunk] of text.matchAll(/"\.\/(chunk-\w+\.js)"/g)) withChunks(`dist/web/${chunk}`, seen);
  return seen;
}

function printBytes(name, paths) {
  const raw = paths.reduce((sum, path) => sum + statSync(join(root, path)).size, 0);
  const zipped = paths.reduce((sum, path) => sum + gzipSync(readFileSync(join(root, path)), { level: 9 }).length, 0);
  print(name, kilobytes(raw), kilobytes(zipped));
}

await main(import.meta.url, async () => {
  await locked(async () => {
    await setup();
    await build();
  });
  print("\nmodule", "lines");
  printLines("crate/src", ".rs");
  printLines("crate/kernels", ".rs");
  printLines("ts", ".ts");
  print("shipped to browsers", "raw", "gzip");
  for (const name of ["wengert.wasm", "wengert-relaxed.wasm"]) printBytes(name, [`dist/${name}`]);
  for (const name of ["index", "optim", "graph", "testing", "inline"]) {
    printBytes(`${name}.js and its chunks`, [...withChunks(`dist/web/${name}.js`)]);
  }
});
