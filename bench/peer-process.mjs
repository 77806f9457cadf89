/** The process of one peer. */
import { host } from "./host.mjs";

const answer = host(process.argv[2]);
process.on("message", async (/** @type {import("./host.mjs").Request} */ request) => process.send?.(await answer(request)));
