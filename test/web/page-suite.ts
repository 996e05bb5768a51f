import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { type SpawnedServer, spawnServer } from "../support/spawned-server.ts";
import { storageNodes } from "../support/workspace.ts";
import { WebPage } from "./web-page.ts";

const TIMEOUT_MS = 180_000;

/** What the tests of one file have. */
export interface PageSuite {
  /** For files to upload; it goes at the end. */
  folder: string;
  server: SpawnedServer;
  browser: Browser;
  /** At the page, which has just been opened: another one for each test. */
  person: WebPage;
}

/** A server and a browser for the tests of a file, and for each test somebody at the page. */
export function servePage(browser = () => launchBrowser()): PageSuite {
  const suite = {} as PageSuite;
  vi.setConfig({ testTimeout: TIMEOUT_MS });

  beforeAll(async () => {
    suite.folder = await mkdtemp(join(tmpdir(), "stowage-web-"));
    suite.server = await spawnServer({
      DATABASE_URL: `sqlite:${join(suite.folder, "metadata.sqlite")}`,
      STORAGE_NODES: storageNodes(suite.folder, ["node1", "node2", "node3"]),
      REPLICAS: "2",
      DEFAULT_QUOTA: "200MiB",
      // Small, so that slow uploads move visibly.
      CHUNK_SIZE: "1MiB",
    });
    suite.browser = await browser();
  });
  afterAll(async () => {
    await suite.browser?.close();
    await suite.server?.end("SIGKILL");
    await rm(suite.folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    suite.person = await WebPage.open(suite.browser, suite.server.url);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") await suite.person.picture(`failed ${task.name}`);
    await suite.person.close();
  });
  return suite;
}
