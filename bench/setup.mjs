/** Installs the packages of bench/package.json into bench/node_modules/, unless they are there. */
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { digest, locked, must, once, root, step } from "../scripts/lib.mjs";

const folder = join(root, "bench");

export function setupPeers() {
  const key = digest(["bench/package-lock.json", "bench/.npmrc"], process.platform, process.arch);
  const install = () => step("bench: npm ci in bench/", installed);
  return locked(() => once("bench/node_modules/.set-up", key, ["bench/node_modules/.package-lock.json"], install));
}

async function installed() {
  await must("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  // bench/ is a package of its own, so the name `wengert` must lead somewhere. As a dependency in package.json it would
  // copy the project's own dependencies into the lockfile, which would be stale with each of their versions.
  const link = join(folder, "node_modules/wengert");
  if (!existsSync(link)) symlinkSync(root, link, "junction");
}
