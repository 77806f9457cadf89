/** What was measured, as a table for people and as JSON for programs. */
import { cpus } from "node:os";
import { inUnit, speedup } from "./workloads/cases.mjs";

/** How a peer is called in tables and plots. */
export const titles = /** @type {Record<string, string>} */ ({ wengert: "wengert", "plain-js": "plain JS", limits: "limit" });

/**
 * @typedef {{ best: number, median: number, samples: number }} Figure in the unit of the case
 * @typedef {{ name: string, unit: import("./workloads/cases.mjs").Unit, figures: Record<string, Figure>, limit: string,
 *   params: Record<string, unknown>, targets: { text: string, reached: boolean }[] }} Row
 */

/**
 * The figures of one workload in its unit, and which targets they reach. A target that needs a peer that was not run is
 * left out.
 * @param {import("./session.mjs").Measured} measured
 * @returns {Row}
 */
export function row({ case: { name, unit, work, limit, params, targets }, times }) {
  const figures = Object.fromEntries(
    Object.entries(times).map(([peer, { best, median, samples }]) => [
      peer,
      { best: inUnit(unit, work, best), median: inUnit(unit, work, median), samples },
    ]),
  );
  const { wengert, "plain-js": plain, limits } = figures;
  const judged = wengert === undefined || plain === undefined ? [] : targets;
  return {
    name,
    unit,
    params,
    figures,
    limit: limit.title,
    targets: judged.map(({ text, reached }) => ({ text, reached: reached({ wengert: wengert.best, plain: plain.best, limit: limits.best, unit }) })),
  };
}

/**
 * Prints one family's table line by line, so that a long run can be watched.
 * @param {import("./workloads/cases.mjs").Family} family
 * @param {readonly string[]} peers
 */
export function table(family, peers) {
  const others = peers.slice(1);
  const width = Math.max(...family.cases.map(({ name }) => name.length));
  console.log(`\n${family.title}: ${family.about}. Best sample (median).`);
  console.log(
    [
      "".padEnd(width),
      "unit".padEnd(10),
      ...peers.map((peer) => titles[peer].padStart(17)),
      ...others.map((peer) => `x ${titles[peer]}`.padStart(11)),
      "limit".padStart(8),
      "of limit".padStart(9),
    ].join(" "),
  );
  return {
    /** @param {Row} row */
    print({ name, unit, figures, targets }) {
      const [first] = peers;
      const ratio = (/** @type {string} */ peer) => speedup(unit, figures[first].best, figures[peer].best);
      console.log(
        [
          name.padEnd(width),
          unit.padEnd(10),
          ...peers.map((peer) => `${digits(figures[peer].best)} (${digits(figures[peer].median)})`.padStart(17)),
          ...others.map((peer) => `${digits(ratio(peer))} x`.padStart(11)),
          digits(figures.limits.best).padStart(8),
          `${digits(100 * ratio("limits"))} %`.padStart(9),
          ...targets.map(({ text, reached }) => `  ${text}: ${reached ? "reached" : "NOT REACHED"}`),
        ].join(" "),
      );
    },
  };
}

/**
 * Everything as data: figures in each row's unit, and what they were measured on.
 * @param {{ family: import("./workloads/cases.mjs").Family, rows: Row[] }[]} families
 * @param {readonly string[]} peers
 * @param {boolean} quick
 */
export function toJson(families, peers, quick) {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, node: process.versions.node, v8: process.versions.v8 },
    quick,
    peers,
    families: families.map(({ family: { name, title }, rows }) => ({ name, title, rows })),
  };
}

/** Three digits that say something. @param {number} x */
export function digits(x) {
  if (x >= 1000) return Math.round(x).toLocaleString("en");
  return x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toPrecision(3).replace(/^(0\.\d{4})\d+$/, "$1");
}
