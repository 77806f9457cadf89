// Checks as many random programs as one likes, up to the first that fails: test/programs/ says what is checked.
//
//     npm run programs -- --count 1000000 --seed 7
import { setTimeout } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { runnerImport } from "vite";
import { main, root, seconds } from "./lib.mjs";
import { progressBar } from "./progress.mjs";

/** Programs between two looks at the clock; each such batch has a seed of its own. */
const batch = 500;

const whole = (text) => {
  const n = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(n) || n < 0) throw new InvalidArgumentError("It must be a whole number.");
  return n;
};

await main(import.meta.url, async () => {
  const command = new Command("npm run programs --")
    .description("Checks random programs up to the first that fails, which is shown as small as it can be made.")
    .option("--count <n>", "programs to check", whole, 100_000)
    .option("--seed <n>", "the first seed; each 500 programs have the next", whole, 1)
    .option("--path <path>", "go to the failure that was reported with this path and this seed", "");
  const { count, seed, path } = command.parse().opts();
  const { module } = await runnerImport(`${root}test/programs/search.ts`);

  const start = performance.now();
  const bar = progressBar("{bar}  {value}/{total} programs  seed {seed}  {eta_formatted} left");
  const sums = { programs: 0, steps: 0, omitted: 0, differences: 0, unsettled: 0 };
  let stopped = false;
  process.once("SIGINT", () => (stopped = true));
  if (process.stdout.isTTY) bar.start(count, 0, { seed });
  let failure = null;
  for (let k = 0; sums.programs < count && failure === null && !stopped; k++) {
    const programs = Math.min(batch, count - sums.programs);
    const found = module.search(programs, seed + k, path);
    failure = found.failure;
    for (const [name, n] of Object.entries({ programs, ...found.seen })) sums[name] += n;
    bar.update(sums.programs, { seed: seed + k });
    await setTimeout(); // for Ctrl-C
    if (path !== "") break;
  }
  bar.stop();
  if (failure !== null) console.log(`${failure}\n`);
  console.log(
    `${failure === null ? `${sums.programs} programs agree` : "one program fails"} after ${seconds(start)} s; left out ` +
      `${percent(sums.omitted, sums.steps)} of the steps, unsettled ${percent(sums.unsettled, sums.differences)} of the differences`,
  );
  return failure === null ? 0 : 1;
});

function percent(part, whole) {
  return `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`;
}
