/** The command line of the demo. A bad option or value is one sentence and exit code 2. */
import { Command, CommanderError } from "commander";

/**
 * @typedef {{ epochs: number, seed: number, batch: number, lr: number, hidden: number, out: string, baseline: boolean,
 *   pictures: boolean }} Options
 */

/**
 * @param {readonly string[]} argv what follows the script's name
 * @returns {Options}
 */
export function parseOptions(argv) {
  const command = new Command("npm run demo --")
    .description("Trains a 784-128-10 digit classifier on 10,000 real MNIST images.")
    .option("--epochs <n>", "passes over the 8,000 training digits", whole("--epochs", 1, 1000), 8)
    .option("--seed <n>", "seed of the first weights and of the batches", whole("--seed", 0, 2 ** 32 - 1), 1)
    .option("--batch <n>", "digits a step", whole("--batch", 1, 8000), 64)
    .option("--lr <x>", "learning rate of Adam", positive("--lr"), 2e-3)
    .option("--hidden <n>", "units of the hidden layer", whole("--hidden", 1, 4096), 128)
    .option("--out <folder>", "where the pictures go", "demo-out")
    .option("--no-baseline", "leave out the same training in plain JavaScript")
    .option("--no-pictures", "leave out the pictures")
    .allowExcessArguments(false)
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  try {
    return command.parse(argv, { from: "user" }).opts();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) process.exit(0); // --help
    console.error(`demo: ${error.message.replace(/^error: /, "").replace(/\.$/, "").replaceAll("\n", " ")}; see npm run demo -- --help`);
    process.exit(2);
  }
}

/**
 * @param {string} option
 * @param {number} least
 * @param {number} most
 * @returns {(text: string) => number}
 */
const whole = (option, least, most) => (text) => {
  const n = Number(text);
  if (text.trim() !== "" && Number.isInteger(n) && n >= least && n <= most) return n;
  throw refusal(`${option} must be a whole number from ${least} to ${most}, got '${text}'`);
};

/**
 * @param {string} option
 * @returns {(text: string) => number}
 */
const positive = (option) => (text) => {
  const x = Number(text);
  if (text.trim() !== "" && Number.isFinite(x) && x > 0) return x;
  throw refusal(`${option} must be a number above 0, got '${text}'`);
};

/** @param {string} message */
const refusal = (message) => new CommanderError(2, "demo.value", message);
