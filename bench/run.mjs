/**
 * The bench: every workload for every peer, checked, timed, compared.
 *
 *     npm run bench                        everything
 *     npm run bench -- --quick matmul mlp  some families or workloads, with fewer samples
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { efforts } from "./harness.mjs";
import { buildLimits } from "./limits/build.mjs";
import { parseOptions } from "./options.mjs";
import { registry } from "./peers/peer.mjs";
import { row, table, toJson } from "./report.mjs";
import { measure } from "./session.mjs";
import { setupPeers } from "./setup.mjs";
import { families } from "./workloads/index.mjs";

const { wanted, asked, quick, save, peers, browser, page } = parseOptions(process.argv.slice(2));
const effort = quick ? efforts.quick : efforts.full;

await setupPeers();
await buildLimits();

const folder = fileURLToPath(new URL("results/", import.meta.url));
mkdirSync(folder, { recursive: true });
/** @type {string[]} */
const written = [];
const write = (/** @type {string} */ name, /** @type {string} */ text) => {
  writeFileSync(join(folder, name), text);
  written.push(name);
};

const versions = Object.fromEntries(peers.map((name) => [name, versionOf(registry[name].package)]));
const machine = { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, node: process.versions.node, v8: process.versions.v8 };
const chosen = families
  .map((family) => ({ ...family, cases: family.cases.filter(({ name }) => wanted(family.name) || wanted(name)) }))
  .filter(({ cases }) => cases.length > 0);

if (browser || page) {
  const { inBrowser } = await import("./browser/serve.mjs");
  const results = await inBrowser({ families: chosen, peers, effort, versions, quick, own: page });
  write(`${save}-browser.json`, `${JSON.stringify(results, null, 2)}\n`);
} else {
  const about = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`;
  console.log(`${about}. Each peer alone in its process, samples interleaved, results checked against each other.`);
  const { connect } = await import("./processes.mjs");
  /** @type {{ family: import("./plot.mjs").Shown, rows: import("./report.mjs").Row[] }[]} */
  const done = [];
  for (const family of chosen) {
    const { print } = table(family, peers);
    /** @type {import("./report.mjs").Row[]} */
    const rows = [];
    for (const workload of family.cases) {
      rows.push(row(await measure(workload, peers, effort, connect), rows));
      print(rows[rows.length - 1]);
    }
    done.push({ family, rows });
  }
  if (wanted("start") || wanted("size")) {
    const { shipped, start } = await import("./shipping.mjs");
    if (wanted("start")) done.push(await start(peers, quick ? 7 : 25));
    if (wanted("size")) done.push(await shipped(peers));
  }
  const spent = wanted("costs") ? await (await import("./costs.mjs")).costs(effort) : [];

  const { plot } = await import("./plot.mjs");
  write(`${save}.json`, `${JSON.stringify({ ...toJson(done, peers, versions, machine, quick), costs: spent }, null, 2)}\n`);
  for (const { family, rows } of done) write(`${save}-${family.name}.svg`, await plot(family, rows, peers, about));
  // Hundreds of sizes are no part of a run of everything.
  if (asked("growth")) {
    const { growth } = await import("./growth.mjs");
    for (const [name, text] of await growth(effort, about)) write(`${save}-growth-${name}`, text);
  }
}
console.log(`\nwritten to bench/results/: ${written.join(", ")}`);

/** The version of an installed package. @param {string | null} name */
function versionOf(name) {
  const file = name === "wengert" ? "../package.json" : `node_modules/${name}/package.json`;
  return name === null ? null : JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")).version;
}
