import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take half a minute and more: begun last, they would be waited for alone. */
const LONGEST = /\/test\/(faults|admin|acceptance|nodes)\/|\/connections\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  // Node loads graphql's CommonJS build for everybody; Vite would give the sources here the other one.
  resolve: {
    alias: [
      { find: /^graphql$/, replacement: "graphql/index.js" },
      {
        find: /^graphql-query-complexity$/,
        replacement: resolve("node_modules/graphql-query-complexity/dist/cjs/index.js"),
      },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/global-setup.ts",
    testTimeout: 240_000,
    hookTimeout: 400_000,
    // A busy machine may take long; who waits for something looks again and again.
    expect: { poll: { timeout: 90_000 } },
    // Each file starts servers and databases of its own: more at once than cores fill the time in which others wait.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
  },
});
