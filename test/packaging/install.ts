// The package as a user gets it: packed, and installed from the tarball into a fresh folder beside the fixtures.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];

export interface Installation {
  /** The fresh folder: the fixtures, and node_modules/wengert. */
  readonly folder: string;
  readonly tarball: string;
  remove(): void;
}

/** Runs a program and returns what it prints; its failure is an Error with all of that. */
export function run(program: string, args: readonly string[], folder: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}

export function install(): Installation {
  const folder = mkdtempSync(join(tmpdir(), "wengert-packaging-"));
  const packed = run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], root);
  const tarball = join(folder, packed.trim());
  cpSync(join(root, "test/packaging/fixtures"), folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "fixture", private: true }));
  run("npm", ["install", ...quiet, tarball], folder);
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, tarball, remove };
}

const versions = { 20: "20.20.2", 24: "24.21.0" } as const;

/** The Node of a major version: the one that runs the tests, or one from npm, which stays in .tools/. */
export function node(major: keyof typeof versions): string {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const prefix = join(root, ".tools", `node-${versions[major]}`);
  const program = join(prefix, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(program)) run("npm", ["install", ...quiet, "--prefix", prefix, `${name}@${versions[major]}`], root);
  return program;
}
