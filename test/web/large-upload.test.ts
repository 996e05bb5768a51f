import { createHash } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { freePort } from "../support/mysql-server.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { Workspace } from "../support/workspace.ts";
import { WebPage } from "./web-page.ts";

const MIB = 1024 * 1024;
const SIZE = 1024 * MIB;
const PIECE = 16 * MIB;

const large = new PatternedFile(SIZE, "large");
let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stowage-web-large-"));
  path = join(folder, "large.bin");
  const file = await open(path, "w");
  for (let at = 0; at < SIZE; at += PIECE) await file.write(large.bytes(at, at + PIECE));
  await file.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("1 GiB from the page, with the server killed and the page reloaded in the middle", { timeout: 600_000 }, async ({
  onTestFinished,
}) => {
  // The page finds the server again where it was.
  const workspace = await Workspace.create("sqlite", { PORT: String(await freePort()) });
  let server = await workspace.start();
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const person = await WebPage.open(browser, server.url);
  const { page } = person;
  await person.register();
  const bar = page.getByRole("progressbar", { name: "Upload of large.bin" });
  const percent = async () => Number(await bar.getAttribute("aria-valuenow"));
  const reaches = (least: number) =>
    expect.poll(percent, { timeout: 240_000, interval: 50 }).toBeGreaterThanOrEqual(least);

  await person.choose(path);
  await reaches(15);
  await server.end("SIGKILL");
  await page.getByRole("status").filter({ hasText: "The connection is lost" }).waitFor();
  server = await workspace.start();
  await page.getByRole("status").filter({ hasText: "Connected again" }).waitFor();
  await reaches(45);

  await page.reload();
  await page.getByText("choose the file again to continue").waitFor();
  expect(await percent()).toBeGreaterThanOrEqual(40);
  await page.getByRole("region", { name: "Uploads" }).locator("input[type=file]").setInputFiles(path);
  await person.row("large.bin").waitFor({ timeout: 240_000 });

  const { files } = await person.client.data("{ files { nodes { id size } } }");
  expect(files.nodes).toEqual([{ id: expect.any(String), size: SIZE }]);
  const hash = createHash("sha256");
  const { body } = await person.client.download(files.nodes[0].id);
  for await (const bytes of body as ReadableStream<Uint8Array>) hash.update(bytes);
  expect(hash.digest("hex")).toBe(large.sha256());
  await person.close();
});
