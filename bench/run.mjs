/**
 * The bench: every workload for every peer, checked, timed, compared.
 *
 *     npm run bench                        everything
 *     npm run bench -- --quick matmul mlp  some families or workloads, with fewer samples
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { costs } from "./costs.mjs";
import { efforts } from "./harness.mjs";
import { buildLimits } from "./limits/build.mjs";
import { parseOptions } from "./options.mjs";
import { plot } from "./plot.mjs";
import { row, table, toJson } from "./report.mjs";
import { measure } from "./session.mjs";
import { families } from "./workloads/index.mjs";

const { wanted, quick, save, peers } = parseOptions(process.argv.slice(2));
const effort = quick ? efforts.quick : efforts.full;
const chosen = families
  .map((family) => ({ ...family, cases: family.cases.filter(({ name }) => wanted(family.name) || wanted(name)) }))
  .filter(({ cases }) => cases.length > 0);

await buildLimits();
const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.versions.node}`;
console.log(`${machine}. Each peer alone in its process, samples interleaved, results checked against each other.`);

const done = [];
for (const family of chosen) {
  const { print } = table(family, peers);
  const rows = [];
  for (const workload of family.cases) {
    rows.push(row(await measure(workload, peers, effort)));
    print(rows[rows.length - 1]);
  }
  done.push({ family, rows });
}

const spent = wanted("costs") ? costs(effort) : [];

const folder = fileURLToPath(new URL("results/", import.meta.url));
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, `${save}.json`), `${JSON.stringify({ ...toJson(done, peers, quick), costs: spent }, null, 2)}\n`);
for (const { family, rows } of done) writeFileSync(join(folder, `${save}-${family.name}.svg`), await plot(family, rows, peers, machine));
const written = [`${save}.json`, ...done.map(({ family }) => `${save}-${family.name}.svg`)];
console.log(`\nwritten to bench/results/: ${written.join(", ")}`);
