import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { MySqlServer } from "./mysql-server.ts";
import { offerS3 } from "./s3-on-demand.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A MySQL-compatible server, as `mysql://user:password@host:port`; tests make databases of their own in it. */
    mysqlUrl: string;
    /** Where to ask for an S3 store; `s3Access` does. */
    s3Url: string;
    /** The folder with the compiled service and its web page, for tests that spawn it. */
    buildFolder: string;
  }
}

/** What is long by nature has a form of its own. */
const LEFT_OUT = [
  "Left out, since it takes long:",
  "  npm run test:install        the first commands with npm 10 and 11 on Node 20, 22 and 24",
  "  npm run test:large          uploads of 1 GiB, through kills of the server; they had a tenth of that",
  "  npm run test:long           drains, healing, lost nodes, S3 and tus clients on both databases; each had one of them",
  "  npm run test:faults         a thousand faults of nodes, databases and servers; 60 were among these",
  "  npm run test:client-faults  an upload of 10 GiB through a hundred kills of the server",
];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const buildFolder = `.test-build/${process.pid}`;
  const programs = ["--config", "--dir", join(buildFolder, "programs")];
  execFileSync("rolldown", programs, { stdio: ["ignore", "ignore", "inherit"] });
  const client = ["-p", "tsconfig.client.json", "--outDir", join(buildFolder, "client")];
  execFileSync("tsc", client, { stdio: "inherit" });
  const page = ["build", "--config", "src/web/vite.config.ts", "--outDir", resolve(buildFolder, "web")];
  execFileSync("vite", [...page, "--logLevel", "warn"], { stdio: "inherit" });
  project.provide("buildFolder", buildFolder);
  const given = process.env["TEST_DATABASE_URL"];
  const server = given ? { url: given.replace(/\/$/, ""), stop: async () => {} } : await MySqlServer.start();
  project.provide("mysqlUrl", server.url);
  const s3 = await offerS3();
  project.provide("s3Url", s3.url);
  return async () => {
    await s3.stop();
    await server.stop();
    rmSync(buildFolder, { recursive: true, force: true });
    const isWhole = process.argv.at(-1) === "run";
    if (isWhole) for (const line of LEFT_OUT) console.log(line);
  };
}
