// The packed package in Node, and for TypeScript.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, node, root, run, type Installation } from "./install.js";

let installed: Installation;
beforeAll(() => {
  installed = install();
});
afterAll(() => {
  installed.remove();
});

/** Runs a development tool of the project in the fresh folder. */
function tool(path: string, ...args: string[]): string {
  return run(process.execPath, [join(root, "node_modules", path), ...args], installed.folder);
}

describe.each([20, 24] as const)("Node %i", (major) => {
  let program: string;
  beforeAll(() => {
    program = node(major);
  });

  it.each(["import.mjs", "require.cjs"])("computes a gradient by %s", (file) => {
    expect(JSON.parse(run(program, [file], installed.folder))).toEqual([2, 4, 6]);
  });

  it.each(["threads.mjs", "threads.cjs"])("has threads by %s", (file) => {
    expect(JSON.parse(run(program, [file], installed.folder))).toEqual([2, 512, [2, 4, 6]]);
  });

  it("has one core and one Tensor class for import, require and all sub-paths", () => {
    expect(JSON.parse(run(program, ["both.mjs"], installed.folder))).toEqual({
      generated: 21,
      class: true,
      memory: true,
      step: [-1, -2, -3],
      inline: [-2, -4, -6],
      checked: true,
    });
  });
});

describe("the package", () => {
  it("is clean by publint", () => {
    expect(tool("publint/src/cli.js", "--strict", installed.tarball)).toContain("All good!");
  });

  it("has types that resolve, by attw", () => {
    expect(() => tool("@arethetypeswrong/cli/dist/index.js", installed.tarball)).not.toThrow();
  });

  it("type-checks by import and by require, without the DOM's types", () => {
    expect(() => tool("typescript/bin/tsc", "--project", ".")).not.toThrow();
  });
});
