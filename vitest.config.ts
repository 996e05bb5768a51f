import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Each file starts servers and databases of its own: more at once than cores only makes them slow together.
    maxWorkers: 2,
  },
});
