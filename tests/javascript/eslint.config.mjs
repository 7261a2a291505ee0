// What ESLint holds the explorers' modules and their tests to; `make javascript` runs it at the root.
import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    rules: {
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "prefer-const": "error",
      "max-len": ["error", { code: 120 }],
      "no-shadow": "error",
    },
  },
  { files: ["adviz/explore/js/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/javascript/*.mjs"], languageOptions: { globals: globals.node } },
];
