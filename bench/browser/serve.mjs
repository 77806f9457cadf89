/**
 * The bench in a browser: a server for the page, and Chromium without a window to open it; or whoever opens its address.
 * The page is not isolated from other origins, so nothing has threads there.
 */
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { createServer } from "vite";
import { Failure, root } from "../../scripts/lib.mjs";
import { table, toJson } from "../report.mjs";

/**
 * @typedef {{ names: string[], peers: string[], effort: import("../harness.mjs").Effort }} Task
 * @typedef {{ families: import("../workloads/cases.mjs").Family[], peers: string[], effort: import("../harness.mjs").Effort,
 *   versions: Record<string, string | null>, quick: boolean, own: boolean }} Wanted
 */

const bench = fileURLToPath(new URL("..", import.meta.url));

/** @param {Wanted} wanted */
export async function inBrowser({ families, peers, effort, versions, quick, own }) {
  // A page's clock has a grain of a tenth of a millisecond.
  const coarse = { ...effort, sampleMs: 5 * effort.sampleMs };
  /** @type {Task} */
  const task = { names: families.flatMap(({ cases }) => cases.map(({ name }) => name)), peers, effort: coarse };
  const done = families.map((family) => ({ family, rows: /** @type {import("../report.mjs").Row[]} */ ([]) }));
  /** @type {ReturnType<typeof table> | null} */
  let lines = null;
  let shown = "";
  /** @type {(machine: Record<string, unknown>) => void} */
  let finish = () => {};
  /** @type {(error: Error) => void} */
  let fail = () => {};
  const finished = new Promise((resolve, reject) => {
    [finish, fail] = [resolve, reject];
  });
  /** @type {Record<string, (body: any) => unknown>} */
  const routes = {
    "/task": () => task,
    "/row": ({ family: name, row }) => {
      const found = done.find(({ family }) => family.name === name);
      if (found === undefined) return;
      if (shown !== name) lines = table(found.family, peers);
      shown = name;
      found.rows.push(row);
      lines?.print(row);
    },
    "/done": (machine) => finish(machine),
    "/failed": ({ message }) => fail(new Failure(`the page failed: ${message}`)),
  };
  const server = await serve(routes);
  const address = `${server.resolvedUrls?.local[0]}browser/index.html`;
  const executablePath = own ? "" : findChromium();
  console.log(executablePath === "" ? `Open ${address} in a browser; the results come here too.` : `${address} in ${executablePath}`);
  const browser = executablePath === "" ? null : await chromium.launch({ executablePath, headless: true, args: flags });
  try {
    const page = await browser?.newPage();
    page?.on("pageerror", (error) => fail(error));
    await page?.goto(address);
    const machine = /** @type {Record<string, unknown>} */ (await finished);
    return toJson(done, peers, versions, machine, quick);
  } finally {
    await browser?.close();
    await server.close();
  }
}

/** @param {Record<string, (body: any) => unknown>} routes answered as JSON @returns {Promise<import("vite").ViteDevServer>} */
async function serve(routes) {
  const plugin = {
    name: "bench",
    configureServer: (/** @type {import("vite").ViteDevServer} */ { middlewares }) => {
      middlewares.use(async (request, response, next) => {
        const path = request.url ?? "";
        if (path === "/build/limits/limits.wasm") {
          response.setHeader("content-type", "application/wasm").end(readFileSync(join(root, path)));
          return;
        }
        if (!(path in routes)) return next();
        let body = "";
        for await (const part of request) body += part;
        response.setHeader("content-type", "application/json").end(JSON.stringify(routes[path](body === "" ? null : JSON.parse(body)) ?? null));
      });
    },
  };
  const server = await createServer({
    configFile: false,
    root: bench,
    cacheDir: join(root, "build/vite"),
    logLevel: "error",
    plugins: [plugin],
    // The part of it that computes on the CPU; its default would bring a GPU's along.
    resolve: { alias: [{ find: /^onnxruntime-web$/, replacement: "onnxruntime-web/wasm" }] },
    // What is found to be needed only later would make the page load again, in the middle of the run.
    optimizeDeps: {
      entries: [],
      noDiscovery: true,
      include: [
        "@tensorflow/tfjs", "@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu", "@tensorflow/tfjs-backend-wasm", "@jax-js/jax",
        "onnxruntime-web/wasm", "vega", "vega-lite",
      ],
    },
    server: { host: "127.0.0.1", port: 0, hmr: false, fs: { allow: [root] } },
  });
  await server.listen();
  return server;
}

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

/** The first Chromium on PATH, or "". */
function findChromium() {
  const isProgram = (/** @type {string} */ path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram) ?? "";
}
