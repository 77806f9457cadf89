// The packed package in headless Chromium: a plain module page, Vite's development server and build, Web Workers, threads.
import { accessSync, constants } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { delimiter, extname, join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import * as vite from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, type Installation } from "./install.js";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The first Chromium on PATH, or "". */
function findChromium(): string {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const isProgram = (path: string) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram) ?? "";
}

const executablePath = findChromium();
if (executablePath === "") {
  console.log("Browser tests skipped: no Chromium on PATH; install one, on Debian with `apt-get install chromium`.");
}

/** What the pages of the fixtures compute. */
const gradient = [2, 4, 6];

/** What lets a page share memory among threads. */
const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

describe.skipIf(executablePath === "")("Chromium", () => {
  let installed: Installation;
  let browser: Browser;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    installed = install();
    browser = await chromium.launch({ executablePath, headless: true, args: flags });
  });
  afterAll(async () => {
    await browser.close();
    for (const close of closing) await close();
    installed.remove();
  });

  /** Serves a folder on the loopback address; `wasm` is the MIME type of wasm files, or null where they are lost. */
  async function serve(folder: string, wasm: string | null = "application/wasm", headers = {}): Promise<string> {
    const types = new Map([[".html", "text/html"], [".js", "text/javascript"], [".wasm", wasm]]);
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      const type = types.get(extname(path)) ?? null;
      const contents = type === null ? Promise.reject(new Error("lost")) : readFile(join(folder, path));
      contents.then(
        (body) => response.writeHead(200, { "content-type": type ?? "", ...headers }).end(body),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => server.close());
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Opens a page, waits for the values that it leaves in `window` and returns them; throws an error of the page. */
  async function visit(url: string, ...names: string[]): Promise<unknown[]> {
    const page = await browser.newPage();
    try {
      const failure = page.waitForEvent("pageerror", { timeout: 0 }).then((error) => Promise.reject(error));
      failure.catch(() => undefined); // the page may be closed first
      await page.goto(url);
      await Promise.race([page.waitForFunction((keys) => keys.every((key) => key in globalThis), names), failure]);
      return await page.evaluate((keys) => keys.map((key): unknown => Reflect.get(globalThis, key)), names);
    } finally {
      await page.close();
    }
  }

  it("computes a gradient in a plain module page and in a Web Worker", async () => {
    const url = await serve(installed.folder);
    expect(await visit(`${url}/page.html`, "page", "worker")).toEqual([gradient, gradient]);
  });

  it("loads from a server that does not know the MIME type of wasm", async () => {
    const url = await serve(installed.folder, "application/octet-stream");
    expect(await visit(`${url}/page.html`, "page", "worker")).toEqual([gradient, gradient]);
  });

  it("says where the wasm file must be when it is not there", async () => {
    const url = await serve(installed.folder, null);
    const file = `${url}/node_modules/wengert/dist/wengert.wasm`;
    await expect(visit(`${url}/page.html`, "page")).rejects.toThrow(`must be served at ${file}`);
  });

  it("needs no file with wengert/inline", async () => {
    const url = await serve(installed.folder, null);
    expect(await visit(`${url}/inline.html`, "page")).toEqual([gradient]);
  });

  it.each(["index", "inline"])("has threads and relaxed SIMD in a page that may share memory: %s", async (entry) => {
    const url = await serve(installed.folder, "application/wasm", isolation);
    expect(await visit(`${url}/threads.html?entry=${entry}`, "page")).toEqual([[{ threads: 2, relaxed: true }, 512]]);
  });

  it("says which headers a page lacks for threads, and goes on without", async () => {
    const url = await serve(installed.folder);
    const sentence =
      "init: threads need shared memory, which this page may not use; serve it with the headers " +
      "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
    expect(await visit(`${url}/threads.html?entry=index`, "page")).toEqual([[sentence, 512]]);
  });

  // The Vite fixture takes a step of SGD too: a sub-path shares the Tensor class and the core.
  const step = [-1, -2, -3];
  const left = ["threads", "page", "worker", "optim"];

  it("computes a gradient in a Vite build, a Worker, threads and a sub-path included", async () => {
    const root = join(installed.folder, "vite");
    await vite.build({ root, logLevel: "error", worker: { format: "es" } });
    const url = await serve(join(root, "dist"), "application/wasm", isolation);
    expect(await visit(`${url}/index.html`, ...left)).toEqual([[2, 512], gradient, gradient, step]);
  });

  it("computes a gradient under Vite's development server", async () => {
    const root = join(installed.folder, "vite");
    const server = await vite.createServer({ root, logLevel: "error", server: { host: "127.0.0.1", headers: isolation } });
    closing.push(() => server.close());
    await server.listen();
    const url = server.resolvedUrls?.local[0] ?? "";
    expect(await visit(url, ...left)).toEqual([[2, 512], gradient, gradient, step]);
  });
});
