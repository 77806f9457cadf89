// Looking for a program that is wrong, by fast-check: it draws drafts, and makes one that fails as small as it can.
import * as fc from "fast-check";
import { check, type Seen } from "./check.js";
import type { Step } from "./draw.js";
import type { Draft } from "./program.js";
import { table } from "./steps.js";

const names = (takesFunction: boolean): string[] =>
  [...table.values()].filter((entry) => (entry.takesFunction === true) === takesFunction).map(({ name }) => name);
const dice = fc.array(fc.nat(1023), { minLength: 8, maxLength: 8 });
const plain: fc.Arbitrary<Step> = fc.record({ name: fc.constantFrom(...names(false)), dice, body: fc.constant([]) });

/** Steps, of which some take functions of at most so many levels. */
function steps(minLength: number, maxLength: number, levels: number): fc.Arbitrary<Step[]> {
  const taking = (): fc.Arbitrary<Step> =>
    fc.record({ name: fc.constantFrom(...names(true)), dice, body: steps(0, 3, levels - 1) });
  const step = levels === 0 ? plain : fc.oneof({ weight: 9, arbitrary: plain }, { weight: 1, arbitrary: taking() });
  // Arrays are made smaller from their beginning: of a program the last steps go first.
  return fc.array(step, { minLength, maxLength, size: "max" }).map((steps) => [...steps].reverse());
}

const shape = fc.constantFrom([], [2], [1], [3], [2, 3], [1, 3], [3, 1], [2, 1, 2], [2, 2, 2], [1, 1], [5], [2, 3, 4]);

const drafts: fc.Arbitrary<Draft> = fc.record({
  shapes: fc.array(shape, { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
  steps: steps(1, 10, 2),
});

export interface Found {
  /** The smallest program that fails, what is wrong with it, and how to see it again; null where none does. */
  readonly failure: string | null;
  readonly seen: Seen;
}

/** Checks `count` programs, up to the first that fails; `path` is that of an earlier failure with the same seed. */
export function search(count: number, seed: number, path = ""): Found {
  let seen: Seen = { steps: 0, omitted: 0, differences: 0, unsettled: 0 };
  const property = fc.property(drafts, (draft) => {
    const { steps, omitted, differences, unsettled } = check(draft);
    seen = {
      steps: seen.steps + steps,
      omitted: seen.omitted + omitted,
      differences: seen.differences + differences,
      unsettled: seen.unsettled + unsettled,
    };
  });
  const result = fc.check(property, { numRuns: count, seed, path });
  if (!result.failed) return { failure: null, seen };
  const { counterexamplePath, numRuns, numShrinks, errorInstance } = result;
  const error = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  const where = `seed ${seed}, path ${counterexamplePath ?? ""}`;
  return { failure: `Program ${numRuns}, made smaller ${numShrinks} times (${where}):\n${error}`, seen };
}
