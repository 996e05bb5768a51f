import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { servePage } from "./page-suite.ts";
import { STANDSTILL, UNBOUNDED, WebPage } from "./web-page.ts";

const at = servePage();

test("chosen files and a dropped folder are uploaded, byte by byte, under plain names", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const dropped = join(at.folder, "photos");
  await mkdir(join(dropped, "2026"), { recursive: true });
  await writeFile(join(dropped, "2026", "sea.txt"), "the sea");
  await person.choose([
    { name: "one.txt", mimeType: "text/plain", buffer: Buffer.from("one") },
    { name: "empty.bin", mimeType: "", buffer: Buffer.alloc(0) },
  ]);
  await person.row("one.txt").waitFor();
  await person.row("empty.bin").waitFor();

  const devtools = await person.context.newCDPSession(page);
  const data = { items: [], files: [dropped], dragOperationsMask: 1 };
  await devtools.send("Input.dispatchDragEvent", { type: "dragEnter", x: 300, y: 300, data });
  await page.getByText("Drop files and folders").waitFor();
  await person.expectAccessible("dropping");
  await devtools.send("Input.dispatchDragEvent", { type: "drop", x: 300, y: 300, data });
  await person.row("photos - 2026 - sea.txt").waitFor();
  await person.status("photos/2026/sea.txt is stored as").waitFor();

  const { files } = await person.client.data("{ files { nodes { id filename } } }");
  const contents = await Promise.all(
    files.nodes.map(async ({ id, filename }: { id: string; filename: string }) => [
      filename,
      await (await person.client.download(id)).text(),
    ]),
  );
  expect(Object.fromEntries(contents)).toEqual({
    "one.txt": "one",
    "empty.bin": "",
    "photos - 2026 - sea.txt": "the sea",
  });
  await person.expectAccessible("list");
});

test("an upload that the quota refuses says why, and can be taken away", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const path = join(at.folder, "too-large.bin");
  await writeFile(path, Buffer.alloc(201 * 1024 * 1024));
  await person.choose(path);
  await page
    .getByRole("alert")
    .filter({ hasText: "There is not enough room: 210 MB of your 210 MB are left." })
    .waitFor();
  await person.expectAccessible("upload-refused");
  await page.getByRole("button", { name: "Cancel the upload of too-large.bin" }).click();
  await page.getByRole("region", { name: "Uploads" }).waitFor({ state: "detached" });
});

test("an upload is paused, resumed and cancelled", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const path = join(at.folder, "paused.bin");
  const bytes = Buffer.alloc(24 * 1024 * 1024, "some bytes ");
  await writeFile(path, bytes);
  const line = await person.slowLine();
  await person.choose(path);
  const bar = page.getByRole("progressbar", { name: "Upload of paused.bin" });
  await expect.poll(() => bar.getAttribute("aria-valuenow").then(Number)).toBeGreaterThan(0);
  await page.getByText(/\d [kM]B\/s · \d+ s left/).waitFor();
  await line.uploadsAt(STANDSTILL);
  await person.expectAccessible("uploading");
  const otherTab = await person.context.newPage();
  const asked = otherTab.waitForResponse((response) => response.request().postData()?.includes("OpenUploads") ?? false);
  await otherTab.goto(at.server.url);
  expect(await (await asked).text()).toContain("paused.bin");
  await otherTab.getByText("Nothing here yet").waitFor();
  expect(await otherTab.getByRole("region", { name: "Uploads" }).count()).toBe(0);
  await otherTab.close();
  await page.getByRole("button", { name: "Pause paused.bin" }).click();
  await page.getByText("· paused").waitFor();
  const resume = page.getByRole("button", { name: "Resume paused.bin" });
  expect(await resume.evaluate((element) => element === document.activeElement)).toBe(true);
  await person.expectAccessible("paused");
  await line.uploadsAt(UNBOUNDED);
  await resume.click();
  await person.row("paused.bin").waitFor({ timeout: 60_000 });
  const { files } = await person.client.data("{ files { nodes { id } } }");
  const stored = Buffer.from(await (await person.client.download(files.nodes[0].id)).arrayBuffer());
  expect(stored.equals(bytes)).toBe(true);

  await line.uploadsAt(STANDSTILL);
  await writeFile(path, Buffer.alloc(24 * 1024 * 1024, "others "));
  await person.choose(path);
  await page.getByRole("button", { name: "Cancel the upload of paused.bin" }).click();
  await expect
    .poll(async () => (await person.client.data("{ uploadSessions { totalCount } }")).uploadSessions.totalCount)
    .toBe(0);
});

test("a page without TLS from another host uploads and shares as well", async ({ onTestFinished }) => {
  const browser = await launchBrowser(["--host-resolver-rules=MAP files.example 127.0.0.1"]);
  onTestFinished(() => browser.close());
  const person = await WebPage.open(browser, at.server.url, at.server.url.replace("127.0.0.1", "files.example"));
  const { page } = person;
  expect(await page.evaluate(() => window.isSecureContext)).toBe(false);
  await person.register();
  await person.choose([{ name: "plain.txt", mimeType: "text/plain", buffer: Buffer.from("without WebCrypto") }]);
  await person.row("plain.txt").waitFor();
  await page.getByRole("button", { name: "Copy a link to plain.txt" }).click();
  await page.getByRole("button", { name: "Create and copy link" }).click();
  await page.getByLabel("The link").waitFor();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  // Such a page can't be isolated, which the browser mentions.
  expect(person.complaints.filter((text) => !text.includes("Cross-Origin-Opener-Policy"))).toEqual([]);
});
