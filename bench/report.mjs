/** What was measured, as a table for people and as JSON for programs. */
import { isCompared, isOurs, title } from "./peers/peer.mjs";
import { best, inUnit, speedup } from "./workloads/cases.mjs";

/**
 * @typedef {{ best: number, median: number, samples: number }} Figure in the unit of the case
 * @typedef {{ text: string, figure: number, reached: boolean }} Judged
 * @typedef {{ name: string, unit: import("./workloads/cases.mjs").Unit, figures: Record<string, Figure>, limit: string,
 *   params: Record<string, unknown>, targets: Judged[], left: Record<string, string> }} Row
 */

/**
 * The figures of one workload in its unit, and which targets they reach. A target that needs a peer that was not run is
 * left out.
 * @param {import("./session.mjs").Measured} measured
 * @param {readonly Row[]} rows of the same family so far
 * @returns {Row}
 */
export function row({ case: { name, unit, work, limit, params, targets }, times, left }, rows) {
  const figures = Object.fromEntries(
    Object.entries(times).map(([peer, { best, median, samples }]) => [
      peer,
      { best: inUnit(unit, work, best), median: inUnit(unit, work, median), samples },
    ]),
  );
  return { name, unit, params, figures, limit: limit.title, targets: judge(targets, unit, figures, rows), left };
}

/**
 * @param {readonly import("./workloads/cases.mjs").Target[]} targets
 * @param {import("./workloads/cases.mjs").Unit} unit
 * @param {Record<string, Figure>} figures
 * @param {readonly Row[]} rows
 * @returns {Judged[]}
 */
export function judge(targets, unit, figures, rows) {
  const others = Object.fromEntries(rows.map(({ name, figures }) => [name, bests(figures)]));
  return targets.flatMap((target) => {
    const figure = target.figure({ unit, figures: bests(figures), others });
    return figure === null ? [] : [{ text: target.text, figure, reached: target.reached(figure) }];
  });
}

/** The best samples by peer. @param {Record<string, Figure>} figures */
export const bests = (figures) => Object.fromEntries(Object.entries(figures).map(([peer, { best }]) => [peer, best]));

/**
 * The better of wengert's two, the best of the others, and their ratio; null where one of them is missing.
 * @param {Pick<Row, "unit" | "figures">} row
 */
export function duel({ unit, figures }) {
  const [ours, other] = [best(unit, bests(figures), isCompared), best(unit, bests(figures), (peer) => !isOurs(peer))];
  return ours === null || other === null ? null : { ours, other, ratio: speedup(unit, ours.figure, other.figure) };
}

/**
 * Prints one family's table line by line, so that a long run can be watched.
 * @param {Pick<import("./workloads/cases.mjs").Family, "title" | "about"> & { cases: readonly { name: string }[] }} family
 * @param {readonly string[]} peers
 */
export function table(family, peers) {
  const [mine, others] = [peers.filter(isOurs), peers.filter((peer) => !isOurs(peer))];
  const width = Math.max(...family.cases.map(({ name }) => name.length));
  const columns = (/** @type {string} */ peer) => Math.max(10, title(peer).length + 1);
  console.log(`\n${family.title}: ${family.about}.`);
  console.log(`Best sample (median); then how many times as fast as each peer the better of wengert's two is.`);
  console.log(
    [
      "".padEnd(width),
      "unit".padEnd(10),
      ...mine.map((peer) => title(peer).padStart(16)),
      ...others.map((peer) => title(peer).padStart(columns(peer))),
      "limit".padStart(8),
      "of limit".padStart(9),
    ].join(" "),
  );
  const told = new Set();
  return {
    /** @param {Row} row */
    print({ name, unit, figures, targets, left }) {
      const ours = best(unit, bests(figures), isCompared);
      const ratio = (/** @type {string} */ peer) =>
        figures[peer] === undefined || ours === null ? null : speedup(unit, ours.figure, figures[peer].best);
      const cell = (/** @type {string} */ peer) => (figures[peer] === undefined ? "" : `${digits(figures[peer].best)} (${digits(figures[peer].median)})`);
      const times = (/** @type {string} */ peer) => ((x) => (x === null ? "" : `${digits(x)} x`))(ratio(peer));
      const limit = ratio("limits");
      console.log(
        [
          name.padEnd(width),
          unit.padEnd(10),
          ...mine.map((peer) => cell(peer).padStart(16)),
          ...others.map((peer) => times(peer).padStart(columns(peer))),
          (figures.limits === undefined ? "" : digits(figures.limits.best)).padStart(8),
          (limit === null ? "" : `${digits(100 * limit)} %`).padStart(9),
        ].join(" "),
      );
      for (const { text, figure, reached } of targets) console.log(`    ${text}: ${digits(figure)}, ${reached ? "reached" : "NOT REACHED"}`);
      for (const line of Object.entries(left).map(([peer, reason]) => `    without ${title(peer)}: ${reason}`)) {
        if (!told.has(line)) console.log(line);
        told.add(line);
      }
    },
  };
}

/**
 * Everything as data: figures in each row's unit, and what they were measured on.
 * @param {{ family: Pick<import("./workloads/cases.mjs").Family, "name" | "title" | "about">, rows: Row[] }[]} families
 * @param {readonly string[]} peers
 * @param {Record<string, string | null>} versions
 * @param {Record<string, unknown>} machine
 * @param {boolean} quick
 */
export function toJson(families, peers, versions, machine, quick) {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine,
    quick,
    peers: peers.map((name) => ({ name, title: title(name), version: versions[name] })),
    families: families.map(({ family: { name, title, about }, rows }) => ({ name, title, about, rows })),
  };
}

/** Three digits that say something. @param {number} x */
export function digits(x) {
  if (x >= 1000) return Math.round(x).toLocaleString("en");
  return x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toPrecision(3).replace(/^(0\.\d{4})\d+$/, "$1");
}
