import { resolve } from "node:path";
import { defineConfig } from "rolldown";

/** CommonJS builds: graphql exists twice, and all are to share one. */
const commonJs = {
  graphql: resolve("node_modules/graphql/index.js"),
  "graphql-query-complexity": resolve("node_modules/graphql-query-complexity/dist/cjs/index.js"),
};

/** Native code, packages that read files beside their own, and one that type-graphql would load if we asked for it. */
const unbundled = /^(argon2|@node-rs\/|altair-static|@fastify\/static|@fastify\/swagger-ui|yargs|class-validator)/;

/** The programs, each with the packages that it needs in a few files rather than thousands: they start in half the time. */
export default defineConfig({
  platform: "node",
  input: {
    server: "src/main.ts",
    "embedded-reader-thread": "src/database/embedded-reader-thread.ts",
    admin: "src/admin/main.ts",
    command: "src/cli/main.ts",
    "hash-thread": "src/client/node/hash-thread.ts",
    "print-schema": "src/graphql/print-schema.ts",
  },
  tsconfig: "tsconfig.json",
  resolve: { alias: commonJs },
  external: unbundled,
  plugins: [
    {
      name: "maps of our own sources only",
      transform: {
        filter: { id: /node_modules/ },
        handler: (code) => ({ code, map: { version: 3, names: [], sources: [], mappings: "" } }),
      },
    },
  ],
  output: { dir: "dist/programs", keepNames: true, sourcemap: true, cleanDir: true },
});
