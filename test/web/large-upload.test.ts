import { createHash } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { freePort } from "../support/mysql-server.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { Workspace } from "../support/workspace.ts";
import { wavHead } from "./sample-files.ts";
import { UNBOUNDED, WebPage } from "./web-page.ts";

const MIB = 1024 * 1024;
const SIZE = Number(process.env["STOWAGE_TEST_LARGE_MIB"] ?? 64) * MIB;
/** So many that progress is seen in steps, also with several under way. */
const CHUNKS = 64;
const PIECE = 16 * MIB;
const SAMPLES_PER_SECOND = 192_000;
/** However busy the machine and slow its disk: nothing here is about how fast it is. */
const DEADLINE_MS = 900_000;
const patiently = { timeout: DEADLINE_MS, interval: 100 };

let folder: string;
let path: string;
let digest: string;

/** Noise, of many minutes. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stowage-web-large-"));
  path = join(folder, "large.wav");
  const noise = new PatternedFile(SIZE, "large");
  const head = wavHead(SIZE - 44, SAMPLES_PER_SECOND);
  const hash = createHash("sha256");
  const file = await open(path, "w");
  for (let at = 0; at < SIZE; at += PIECE) {
    const piece = noise.bytes(at, at + PIECE);
    if (at === 0) head.copy(piece);
    hash.update(piece);
    await file.write(piece);
  }
  await file.close();
  digest = hash.digest("hex");
}, DEADLINE_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

test(`${SIZE / MIB} MiB through a killed server and a reloaded page, then renamed, shared, played and deleted`, {
  timeout: DEADLINE_MS,
}, async ({ onTestFinished }) => {
  // The page finds the server again where it was.
  const workspace = await Workspace.create("sqlite", {
    PORT: String(await freePort()),
    CHUNK_SIZE: String(SIZE / CHUNKS),
  });
  let server = await workspace.start();
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const person = await WebPage.open(browser, server.url);
  const { page } = person;
  page.setDefaultTimeout(120_000);
  await person.register();
  const bar = page.getByRole("progressbar", { name: "Upload of large.wav" });
  const percent = async () => Number(/(\d+)% stored/.exec((await bar.getAttribute("aria-valuetext")) ?? "")?.[1]);
  const reaches = (least: number) => expect.poll(percent, patiently).toBeGreaterThanOrEqual(least);

  // So slow that it can't end between two looks of a busy machine's.
  const line = await person.slowLine();
  await line.uploadsAt(SIZE / 30);
  await person.choose(path);
  await reaches(15);
  await server.end("SIGKILL");
  await person.status("The connection is lost").waitFor();
  const kept = await percent();
  server = await workspace.start();
  await person.status("Connected again").waitFor();
  await reaches(Math.max(45, kept));

  const before = await percent();
  await page.reload();
  await page.getByText("choose the file again to continue").waitFor();
  expect(await percent()).toBeGreaterThanOrEqual(before);
  await line.uploadsAt(UNBOUNDED);
  await page.getByRole("region", { name: "Uploads" }).locator("input[type=file]").setInputFiles(path);
  await person.row("large.wav").waitFor({ timeout: DEADLINE_MS });

  await page.getByRole("button", { name: "Rename large.wav" }).click();
  await page.getByLabel("New name of large.wav").fill("noise.wav");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Copy a link to noise.wav" }).click();
  await page.getByRole("button", { name: "Create and copy link" }).click();
  const link = await page.getByLabel("The link").inputValue();
  await page.keyboard.press("Escape");

  // Somebody without an account.
  const download = await fetch(link);
  expect(download.headers.get("content-disposition")).toContain("noise.wav");
  const hash = createHash("sha256");
  for await (const bytes of download.body as ReadableStream<Uint8Array>) hash.update(bytes);
  expect(hash.digest("hex")).toBe(digest);

  await page.getByRole("button", { name: "noise.wav", exact: true }).click();
  const player = page.getByRole("dialog", { name: "noise.wav" }).locator("audio");
  const duration = (SIZE - 44) / SAMPLES_PER_SECOND;
  await expect
    .poll(() => player.evaluate((audio: HTMLAudioElement) => audio.duration), patiently)
    .toBeCloseTo(duration);
  await player.evaluate((audio: HTMLAudioElement, seconds) => {
    audio.currentTime = seconds;
  }, duration - 10);
  // Data at the end is there, with what lies between not loaded.
  await expect
    .poll(() => player.evaluate((audio: HTMLAudioElement) => !audio.seeking && audio.readyState >= 2), patiently)
    .toBe(true);
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Delete noise.wav" }).click();
  await person.status("“noise.wav” is deleted.").waitFor();
  await page.getByRole("button", { name: "Dismiss" }).last().click();
  await page.getByRole("heading", { name: "Nothing here yet" }).waitFor();
  await expect.poll(async () => (await fetch(link, { method: "HEAD" })).status, patiently).toBe(404);
  await person.close();
});
