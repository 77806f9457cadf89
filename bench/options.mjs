/** The command line of the bench. A bad option or name is one sentence and exit code 2. */
import { Command, CommanderError } from "commander";
import { peers as known } from "./peers/peer.mjs";
import { families } from "./workloads/index.mjs";

/** Is this family or workload meant by that word? A workload's first word will do. @param {string} name @param {string} word */
const matches = (name, word) => name === word || name.startsWith(`${word} `) || name.startsWith(`${word},`);

/**
 * @param {readonly string[]} argv what follows the script's name
 * @returns {{ wanted: (name: string) => boolean, asked: (name: string) => boolean, quick: boolean, save: string, peers: string[],
 *   browser: boolean, page: boolean }} `wanted` holds for everything when nothing is named, `asked` for nothing
 */
export function parseOptions(argv) {
  const others = ["start", "size", "costs", "growth"];
  const list = [...families.map(({ name }) => name), ...others].join(", ");
  const command = new Command("npm run bench --")
    .description("Measures wengert beside other ways to do the same.")
    .argument("[names...]", `families (${list}) or workloads, such as exp or "matmul 512"; all but growth when left out`)
    .option("--quick", "fewer samples, shorter warm-up", false)
    .option("--peers <list>", `which to compare, of ${known.join(", ")}`, known.join(","))
    .option("--save <name>", "name of the files in bench/results/", "latest")
    .option("--browser", "in Chromium, without a window", false)
    .option("--page", "in the browser that opens the address that is printed", false)
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  try {
    command.parse(argv, { from: "user" });
    const { quick, save, peers, browser, page } = command.opts();
    const names = command.args;
    const all = [...others, ...families.flatMap((family) => [family.name, ...family.cases.map(({ name }) => name)])];
    const unknown = names.find((word) => !all.some((name) => matches(name, word)));
    if (unknown !== undefined) throw refusal(`there is no family or workload '${unknown}'; families are ${list}`);
    const chosen = peers.split(",");
    const stranger = chosen.find((/** @type {string} */ peer) => !known.includes(peer));
    if (stranger !== undefined) throw refusal(`there is no peer '${stranger}'; peers are ${known.join(", ")}`);
    if (!/^[\w.-]+$/.test(save)) throw refusal(`--save must be letters, digits, dots, dashes and underscores, got '${save}'`);
    const asked = (/** @type {string} */ name) => names.some((word) => matches(name, word));
    return { wanted: (name) => names.length === 0 || asked(name), asked, quick, save, peers: chosen, browser, page };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) process.exit(0); // --help
    console.error(`bench: ${error.message.replace(/^error: /, "").replace(/\.$/, "").replaceAll("\n", " ")}`);
    process.exit(2);
  }
}

/** @param {string} message */
function refusal(message) {
  return new CommanderError(2, "bench.value", message);
}
