// Lint: for TypeScript the strict rules that know types; for the scripts the recommended ones.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import globals from "globals";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["node_modules/", ".tools/", "target/", "build/", "dist/", "test/packaging/fixtures/"] },
  js.configs.recommended,
  { files: ["**/*.{js,mjs}"], languageOptions: { globals: globals.node } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Messages are made of numbers and shapes.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Callers in plain JavaScript pass what the types forbid, and an element of an array may be missing.
      "@typescript-eslint/no-unnecessary-condition": "off",
    },
  },
);
