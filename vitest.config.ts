// The tests import "wengert" by name: the built package in dist/, through the exports of package.json.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000, // CI's two cores may be busy
    hookTimeout: 300_000, // installing packages, starting a browser
  },
});
