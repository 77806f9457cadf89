// The examples of the README, of the guide and of the pages of operations run, and give what they say.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { programs } from "./documentation.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder)).filter((name) => name.endsWith(".md")).map((name) => `${folder}/${name}`);
const files = ["README.md", "docs/guide.md", ...markdown("docs/guide"), ...markdown("docs/ops")];

for (const file of files) {
  const found = programs(file);
  if (found.length === 0) continue; // tables only
  describe(file, () => {
    for (const { heading, module, checks } of found) {
      it(heading, async () => {
        expect.hasAssertions();
        expect(checks, "an example must say what it gives").toBeGreaterThan(0);
        await import(/* @vite-ignore */ module);
      });
    }
  });
}

it("links lead to files of the project", () => {
  for (const file of [...files, "CONTRIBUTING.md", "docs/design.md"]) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [, link = ""] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      expect(() => readFileSync(join(root, dirname(file), link)), `${file}: ${link}`).not.toThrow(/ENOENT/);
    }
  }
});
