// Programs of random steps, checked against finite differences and against themselves; test/programs/ says how.
import { expect, it } from "vitest";
import { search } from "./programs/search.js";
import { leftOut, operations, table } from "./programs/steps.js";

const seed = Number(process.env["WENGERT_SEED"] ?? 1);
const count = Number(process.env["WENGERT_PROGRAMS"] ?? 2000);

it(`${count} random programs of seed ${seed} have right derivatives`, () => {
  const { failure, seen } = search(count, seed);
  expect(failure, failure ?? "").toBeNull();
  // What could not be checked is little.
  expect(seen.omitted / seen.steps).toBeLessThan(0.02);
  expect(seen.unsettled / seen.differences).toBeLessThan(0.01);
}, 600_000);

it("every operation is a step, or it is said why not", () => {
  const used = new Set([...table.keys()].flatMap((name) => name.split(/[ .]/)));
  expect(operations.filter((name) => !used.has(name) && leftOut[name] === undefined)).toEqual([]);
  expect(Object.keys(leftOut).filter((name) => used.has(name) || !operations.includes(name))).toEqual([]);
});
