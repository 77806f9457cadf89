// node scripts/run.mjs FILE ARGS...: set-up and build, then the program FILE, as in `npm run demo` and `npm run bench`.
import { build } from "./build.mjs";
import { locked, main, run } from "./lib.mjs";
import { setup } from "./setup.mjs";

await main(import.meta.url, async () => {
  await locked(async () => {
    await setup();
    await build();
  });
  process.on("SIGINT", () => {}); // what Ctrl-C means is the program's business now
  const { code } = await run(process.execPath, process.argv.slice(2), { show: true, collect: false });
  return code;
});
