// The packed package in a browser: a plain module page, a Vite build, a Web Worker, in headless Chromium.
import { accessSync, constants } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { delimiter, extname, join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, type Installation } from "./install.js";

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** The first Chromium on PATH, or "". */
function findChromium(): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = ["chromium", "chromium-browser", "google-chrome"].flatMap((name) => folders.map((folder) => join(folder, name)));
  const isProgram = (path: string) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return candidates.find(isProgram) ?? "";
}

const executablePath = findChromium();
if (executablePath === "") {
  console.log("The browser tests are skipped: no Chromium on PATH; install one, on Debian by `apt-get install chromium`.");
}

const mimeTypes: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };

/** Serves a folder on the loopback address; `wasm` is the MIME type of wasm files, or null where they are lost. */
async function serve(folder: string, wasm: string | null): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const type = extname(path) === ".wasm" ? wasm : (mimeTypes[extname(path)] ?? "text/plain");
    const contents = type === null ? Promise.reject(new Error("lost")) : readFile(join(folder, path));
    contents.then(
      (body) => response.writeHead(200, { "content-type": type ?? "" }).end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return { url: `http://127.0.0.1:${address.port}`, server };
}

describe.skipIf(executablePath === "")("Chromium", () => {
  let installed: Installation;
  let browser: Browser;
  const servers: Server[] = [];

  beforeAll(async () => {
    installed = install();
    browser = await chromium.launch({ executablePath, headless: true, args: flags });
  });
  afterAll(async () => {
    await browser.close();
    for (const server of servers) server.close();
    installed.remove();
  });

  /** Opens a page of a folder and waits for the values that it leaves in `window`. */
  async function visit(folder: string, file: string, names: readonly string[], wasm: string | null = "application/wasm"): Promise<Record<string, unknown>> {
    const { url, server } = await serve(folder, wasm);
    servers.push(server);
    const page = await browser.newPage();
    await page.goto(`${url}/${file}`);
    const read = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, Reflect.get(globalThis, key) as unknown]));
    try {
      await Promise.race([
        page.waitForFunction((keys) => keys.every((key) => key in globalThis), names, { timeout: 30_000 }),
        page.waitForEvent("pageerror").then((error) => Promise.reject(error)),
      ]);
      return await page.evaluate(read, names);
    } finally {
      await page.close();
    }
  }

  it("computes a gradient in a plain module page and in a Web Worker", async () => {
    expect(await visit(installed.folder, "page.html", ["page", "worker"])).toEqual({ page: [2, 4, 6], worker: [2, 4, 6] });
  });

  it("loads from a server that does not know the MIME type of wasm", async () => {
    expect(await visit(installed.folder, "page.html", ["page", "worker"], "application/octet-stream")).toEqual({ page: [2, 4, 6], worker: [2, 4, 6] });
  });

  it("says where the wasm file is missing", async () => {
    await expect(visit(installed.folder, "page.html", ["page"], null)).rejects.toThrow("must be served at");
  });

  it("needs no file with wengert/inline", async () => {
    expect(await visit(installed.folder, "inline.html", ["page"])).toEqual({ page: [2, 4, 6] });
  });

  it("computes a gradient in a Vite build, a Worker and a sub-path included", async () => {
    const root = join(installed.folder, "vite");
    await build({ root, base: "./", logLevel: "error", worker: { format: "es" } });
    expect(await visit(join(root, "dist"), "index.html", ["page", "worker", "optim"])).toEqual({
      page: [2, 4, 6],
      worker: [2, 4, 6],
      optim: [-1, -2, -3],
    });
  });
});
