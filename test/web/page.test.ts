import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { Client } from "../support/client.ts";
import { type SpawnedServer, spawnServer } from "../support/spawned-server.ts";
import { PASSWORD, STANDSTILL, UNBOUNDED, WebPage } from "./web-page.ts";

const SCRIPTS_BOUND = 200_000;
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

describe("the web page", { timeout: 120_000 }, () => {
  let folder: string;
  let server: SpawnedServer;
  let browser: Browser;
  let person: WebPage;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "stowage-web-"));
    server = await spawnServer({
      DATABASE_URL: `sqlite:${join(folder, "metadata.sqlite")}`,
      STORAGE_NODES: ["node1", "node2", "node3"].map((name) => `${name}=file:${join(folder, name)}`).join(","),
      REPLICAS: "2",
      DEFAULT_QUOTA: "200MiB",
      // Small, so that slow uploads move visibly.
      CHUNK_SIZE: "1MiB",
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.end("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    person = await WebPage.open(browser, server.url);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") await person.picture(`failed ${task.name}`);
    await person.close();
  });

  const statusText = (text: string | RegExp) => person.page.getByRole("status").filter({ hasText: text }).first();

  test("its scripts stay under 200 kB compressed, and nothing comes from elsewhere", async () => {
    const assets = join(resolve(inject("buildFolder")), "web/assets");
    const scripts = (await readdir(assets)).filter((name) => name.endsWith(".js"));
    const sizes = await Promise.all(scripts.map(async (name) => gzipSync(await readFile(join(assets, name))).length));
    expect(sizes.length).toBeGreaterThan(0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(SCRIPTS_BOUND);

    const origins = new Set<string>();
    person.page.on("request", (request) => origins.add(new URL(request.url()).origin));
    await person.page.reload();
    await person.page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect([...origins]).toEqual([server.url]);
  });

  test("it is served with a strict policy, its assets for ever, itself fresh", async () => {
    const page = await fetch(server.url);
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain("unsafe");
    expect(page.headers.get("cache-control")).toBe("no-cache");
    const [, script] = /src="([^"]+\.js)"/.exec(await page.text()) ?? [];
    const asset = await fetch(`${server.url}${script}`);
    expect(asset.headers.get("cache-control")).toContain("immutable");
    expect(asset.headers.get("content-encoding")).toBe("gzip");
  });

  test("registering, signing out and in, with faults told beside their fields", async () => {
    const { page } = person;
    await person.expectAccessible("sign-in");
    await page.getByLabel("Username or email").fill("nobody");
    await page.getByLabel("Password").fill("wrong password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "There is no user" }).waitFor();
    await person.expectAccessible("sign-in-refused");

    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByLabel("Username").fill("a b");
    await page.getByLabel("Email address").fill("ada@example.org");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    const username = page.getByLabel("Username");
    await expect.poll(() => username.getAttribute("aria-invalid")).toBe("true");
    expect(await username.evaluate((element) => element === document.activeElement)).toBe(true);
    await person.expectAccessible("register-refused");
    await username.fill("ada");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("heading", { name: "Nothing here yet" }).waitFor();
    await person.expectAccessible("empty");

    expect(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length])).toEqual([
      "",
      0,
      0,
    ]);
    const [cookie] = await person.context.cookies();
    expect(cookie).toMatchObject({ name: "stowage", httpOnly: true, sameSite: "Strict" });

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await person.context.cookies()).toEqual([]);
    await page.getByLabel("Username or email").fill("ada@example.org");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Your files" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Your files" }).waitFor();
  });

  test("a session that was ended elsewhere leads back to signing in", async () => {
    await person.register();
    const [cookie] = await person.context.cookies();
    await new Client(server.url, cookie?.value).send("mutation { logout }");
    await person.page.getByLabel("Search by name").fill("x");
    await person.page.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  test("chosen files and a dropped folder are uploaded, byte by byte, under plain names", async () => {
    const { page } = person;
    await person.register();
    const dropped = join(folder, "photos");
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
    await statusText("photos/2026/sea.txt is stored as").waitFor();

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
    const { page } = person;
    await person.register();
    const path = join(folder, "too-large.bin");
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
    const { page } = person;
    await person.register();
    const path = join(folder, "paused.bin");
    const bytes = Buffer.alloc(64 * 1024 * 1024, "some bytes ");
    await writeFile(path, bytes);
    const line = await person.slowLine();
    await person.choose(path);
    const bar = page.getByRole("progressbar", { name: "Upload of paused.bin" });
    await expect.poll(() => bar.getAttribute("aria-valuenow").then(Number)).toBeGreaterThan(0);
    await page.getByText(/\d [kM]B\/s · \d+ s left/).waitFor();
    await line.uploadsAt(STANDSTILL);
    await person.expectAccessible("uploading");
    const otherTab = await person.context.newPage();
    const asked = otherTab.waitForResponse(
      (response) => response.request().postData()?.includes("OpenUploads") ?? false,
    );
    await otherTab.goto(server.url);
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
    await writeFile(path, Buffer.alloc(64 * 1024 * 1024, "others "));
    await person.choose(path);
    await page.getByRole("button", { name: "Cancel the upload of paused.bin" }).click();
    await expect
      .poll(async () => (await person.client.data("{ uploadSessions { totalCount } }")).uploadSessions.totalCount)
      .toBe(0);
  });

  test("a lost connection is told, and what was under way carries on by itself when it is back", async () => {
    const { page } = person;
    await person.register();
    const path = join(folder, "offline.bin");
    await writeFile(path, Buffer.alloc(48 * 1024 * 1024, "bytes over a bad line "));
    const line = await person.slowLine();
    await person.choose(path);
    await page.getByText(/[kM]B\/s/).waitFor();
    await line.cut();
    await statusText("The connection is lost").waitFor();
    await page.getByText("waiting for the server").waitFor();
    await person.expectAccessible("offline");
    await line.uploadsAt(UNBOUNDED);
    await statusText("Connected again").waitFor();
    await person.row("offline.bin").waitFor({ timeout: 60_000 });
  });

  test("after a reload, an upload goes on with the file chosen again, and no other", async () => {
    const { page } = person;
    await person.register();
    const path = join(folder, "reloaded.bin");
    const bytes = Buffer.alloc(3 * 1024 * 1024 + 5, "reloaded ");
    await writeFile(path, bytes);
    const { id } = await person.client.begin({
      filename: "reloaded.bin",
      size: bytes.length,
      resumeKey: await keyOf(path),
    });
    await person.client.sendChunk(id, 1, bytes.subarray(1024 * 1024, 2 * 1024 * 1024));
    await page.reload();
    await page.getByText("choose the file again to continue").waitFor();
    await person.expectAccessible("needs-file");
    const again = page.getByRole("region", { name: "Uploads" }).locator("input[type=file]");
    const other = join(folder, "another.bin");
    await writeFile(other, "another");
    await again.setInputFiles(other);
    await page.getByRole("alert").filter({ hasText: "it is another file" }).waitFor();
    await again.setInputFiles(path);
    await person.row("reloaded.bin").waitFor();
    const stored = Buffer.from(await (await person.client.download(id)).arrayBuffer());
    expect(stored.equals(bytes)).toBe(true);
  });

  test("after a reload, an upload goes on by itself where the browser keeps hold of its file", async () => {
    const { page } = person;
    // What the browser's own dialog would give: a file of the page's private file system, as no dialog can be clicked here.
    await page.addInitScript(() => {
      Object.assign(window, {
        showOpenFilePicker: async () => [await (await navigator.storage.getDirectory()).getFileHandle("kept.bin")],
      });
    });
    await page.reload();
    await person.register();
    await page.evaluate(async () => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle("kept.bin", { create: true });
      const writable = await handle.createWritable();
      await writable.write(new Uint8Array(24 * 1024 * 1024).fill(7));
      await writable.close();
    });
    await person.slowLine();
    await page.getByRole("button", { name: "Upload files" }).click();
    await page.getByText(/[kM]B\/s/).waitFor();
    const before = (await person.client.data("{ uploadSessions { nodes { id } } }")).uploadSessions.nodes;
    await page.reload();
    await page.getByText(/[kM]B\/s/).waitFor();
    await person.row("kept.bin").waitFor({ timeout: 30_000 });
    const { files } = await person.client.data("{ files { nodes { id size } } }");
    expect(files.nodes).toEqual([{ id: before[0].id, size: 24 * 1024 * 1024 }]);
  });

  async function keyOf(path: string): Promise<string> {
    const { size, mtimeMs } = await stat(path);
    return `web:${path.split("/").at(-1)}:${size}:${Math.floor(mtimeMs)}`;
  }

  test("files are searched, ordered, and loaded while one scrolls", async () => {
    const { page } = person;
    await person.register();
    for (let i = 1; i <= 120; i++)
      await person.client.upload(`file ${String(i).padStart(3, "0")}.txt`, Buffer.alloc(i));
    await page.reload();
    await statusText("120 files").waitFor();
    const rows = page.getByRole("region", { name: "Files" }).getByRole("listitem");
    await expect.poll(() => rows.first().textContent()).toContain("file 120.txt");
    expect(await rows.count()).toBeLessThan(120);
    await expect
      .poll(async () => {
        await page.mouse.wheel(0, 2_000);
        return rows.count();
      })
      .toBe(120);
    await page.getByLabel("Order").selectOption("Smallest first");
    await expect.poll(() => rows.first().textContent()).toContain("file 001.txt");
    await page.getByLabel("Search by name").fill("FILE 07");
    await statusText("10 files found").waitFor();
    await expect.poll(() => rows.count()).toBe(10);
    await page.getByLabel("Search by name").fill("nothing of that name");
    await page.getByText("No file’s name has").waitFor();
    await person.expectAccessible("nothing-found");
  });

  test("a file is renamed in place, by the keyboard alone", async () => {
    const { page } = person;
    await person.register();
    const { id } = await person.client.upload("draft.txt", Buffer.from("text"));
    await page.reload();
    const name = page.getByRole("button", { name: "draft.txt", exact: true });
    await name.focus();
    await page.keyboard.press("F2");
    const field = page.getByLabel("New name of draft.txt");
    expect(
      await field.evaluate((input: HTMLInputElement) =>
        input.value.slice(input.selectionStart ?? 0, input.selectionEnd ?? 0),
      ),
    ).toBe("draft");
    await field.fill("a/b.txt");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "without a path" }).waitFor();
    await person.expectAccessible("rename-refused");
    await field.fill("final.txt");
    await page.keyboard.press("Enter");
    const renamed = page.getByRole("button", { name: "final.txt", exact: true });
    await renamed.waitFor();
    await expect.poll(() => renamed.evaluate((element) => element === document.activeElement)).toBe(true);
    expect((await person.client.data("query ($id: ID!) { file(id: $id) { filename } }", { id })).file.filename).toBe(
      "final.txt",
    );
    await page.keyboard.press("F2");
    await page.getByLabel("New name of final.txt").fill("given up.txt");
    await page.keyboard.press("Escape");
    await renamed.waitFor();
  });

  test("a link downloads without an account until it is revoked", async () => {
    const { page } = person;
    await person.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await person.register();
    await person.client.upload("shared.txt", Buffer.from("for everybody"));
    await page.reload();
    await page.getByRole("button", { name: "Copy a link to shared.txt" }).click();
    await page.getByLabel("It works for").selectOption("1 day");
    await person.expectAccessible("link-dialog");
    await page.getByRole("button", { name: "Create and copy link" }).click();
    await page.getByLabel("The link").waitFor();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    await person.expectAccessible("link-made");
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toBe(await page.getByLabel("The link").inputValue());
    expect(await (await fetch(link)).text()).toBe("for everybody");
    await page.getByRole("button", { name: "Revoke" }).click();
    await statusText("The link is revoked").waitFor();
    expect((await fetch(link)).status).toBe(404);
    const opener = page.getByRole("button", { name: "Copy a link to shared.txt" });
    expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  test("a deleted file can be had back for a while, then it is gone", async () => {
    const { page } = person;
    await person.register();
    await person.client.upload("keep.txt", Buffer.from("keep"));
    const { id } = await person.client.upload("drop.txt", Buffer.from("drop"));
    const exists = async () =>
      (await person.client.data("query ($id: ID!) { file(id: $id) { id } }", { id })).file !== null;
    await page.reload();
    await page.getByRole("button", { name: "Delete drop.txt" }).click();
    await statusText("“drop.txt” is deleted.").waitFor();
    await person.row("drop.txt").waitFor({ state: "detached" });
    expect(await exists()).toBe(true);
    await person.expectAccessible("deleted");
    await page.getByRole("button", { name: "Undo" }).click();
    await person.row("drop.txt").waitFor();
    expect(await exists()).toBe(true);

    await page.getByRole("button", { name: "Delete drop.txt" }).click();
    await page.getByRole("button", { name: "Dismiss" }).click();
    await expect.poll(exists).toBe(false);
    await statusText("1 file").waitFor();
    await page.reload();
    await person.row("keep.txt").waitFor();
    expect(await person.row("drop.txt").count()).toBe(0);
  });

  test("a deletion that could still be undone is carried out when the page is left", async () => {
    const { page } = person;
    await person.register();
    const { id } = await person.client.upload("left.txt", Buffer.from("left"));
    await page.reload();
    await page.getByRole("button", { name: "Delete left.txt" }).click();
    await statusText("is deleted").waitFor();
    await page.goto("about:blank");
    await expect
      .poll(async () => (await person.client.data("query ($id: ID!) { file(id: $id) { id } }", { id })).file)
      .toBeNull();
  });

  test("pictures, films, sounds, texts and PDF are shown; what could run is shown as text", async () => {
    const { page } = person;
    await person.register();
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="300" height="200" fill="teal"/><script>parent.hacked = true</script></svg>';
    const html = "<script>window.hacked = true</script>hello";
    await person.client.upload("dot.png", PNG, { contentType: "image/png" });
    await person.client.upload("drawing.svg", Buffer.from(svg), { contentType: "image/svg+xml" });
    await person.client.upload("page.html", Buffer.from(html), { contentType: "text/html" });
    await person.client.upload("archive.zip", Buffer.alloc(20), { contentType: "application/zip" });
    await person.client.upload("sound.wav", wav(200), { contentType: "audio/wav" });
    await person.client.upload("film.mp4", wav(200), { contentType: "video/mp4" });
    await person.client.upload("paper.pdf", pdf("Stowed"), { contentType: "application/pdf" });
    await page.reload();

    const open = async (name: string) => {
      await page.getByRole("button", { name, exact: true }).click();
      return page.getByRole("dialog", { name });
    };
    const close = () => page.keyboard.press("Escape");
    for (const name of ["dot.png", "drawing.svg"]) {
      const picture = (await open(name)).getByRole("img", { name });
      await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBeGreaterThan(0);
      if (name === "drawing.svg") await person.expectAccessible("preview-picture");
      await close();
    }
    const text = await open("page.html");
    await text.getByText(html).waitFor();
    await person.expectAccessible("preview-text");
    await close();
    await (await open("archive.zip")).getByText("There is no preview").waitFor();
    await close();

    // Two hundred seconds: what lies at the end comes by a range of its own. The film has sound only, which is as well.
    const ranges: string[] = [];
    page.on("response", (response) => {
      if (response.status() === 206) ranges.push(response.headers()["content-range"] ?? "");
    });
    for (const [name, element] of [
      ["sound.wav", "audio"],
      ["film.mp4", "video"],
    ] as const) {
      const media = (await open(name)).locator(element);
      await expect.poll(() => media.evaluate((player: HTMLMediaElement) => player.duration)).toBeCloseTo(200);
      await media.evaluate((player: HTMLMediaElement) => {
        player.currentTime = 190;
      });
      const time = () => media.evaluate((player: HTMLMediaElement) => !player.seeking && player.currentTime);
      await expect.poll(time).toBe(190);
      if (element === "video") await person.expectAccessible("preview-video");
      await close();
    }
    expect(ranges.length).toBeGreaterThan(1);

    const paper = await open("paper.pdf");
    await paper.locator("iframe").waitFor();
    await expect.poll(() => page.frames().length).toBeGreaterThan(1);
    await person.expectAccessible("preview-pdf");
    await close();
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  });

  test("a file's chunks are drawn on the nodes that hold them", async () => {
    const { page } = person;
    await person.register();
    await person.client.upload("spread.bin", Buffer.alloc(20 * 65_536, 7), { chunkSize: 65_536 });
    await page.reload();
    await page.getByRole("button", { name: "spread.bin", exact: true }).click();
    const picture = page.getByRole("figure");
    await picture.getByText("20 chunks, from the file's beginning").waitFor();
    const sums = await picture.getByRole("listitem").allTextContents();
    expect(sums.map((text) => text.slice(0, 5))).toEqual(["node1", "node2", "node3"]);
    // Two copies of each.
    const chunks = sums.map((text) => Number(/(\d+) chunk/.exec(text.slice(5))?.[1]));
    expect(chunks.reduce((sum, number) => sum + number, 0)).toBe(40);
    await person.expectAccessible("nodes");
  });

  test("it is usable on a phone", async () => {
    const { page } = person;
    await page.setViewportSize({ width: 390, height: 780 });
    await person.expectAccessible("narrow-sign-in");
    await person.register();
    await person.expectAccessible("narrow-empty");
    await person.client.upload("a picture with a rather long name, as cameras and people make them.png", PNG, {
      contentType: "image/png",
    });
    await person.client.upload("notes.txt", Buffer.from("text"), { contentType: "text/plain" });
    await page.reload();
    await person.row("notes.txt").waitFor();
    await person.expectAccessible("narrow-list");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.getByRole("button", { name: "Actions for notes.txt" }).click();
    await person.expectAccessible("narrow-menu");
    await page.getByRole("button", { name: "Rename", exact: true }).click();
    await page.getByLabel("New name of notes.txt").fill("renamed.txt");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "renamed.txt", exact: true }).click();
    await page.getByRole("figure").waitFor();
    await person.expectAccessible("narrow-file");
    await page.keyboard.press("Escape");
    const path = join(folder, "narrow.bin");
    await writeFile(path, Buffer.alloc(40 * 1024 * 1024, "narrow "));
    const line = await person.slowLine();
    await person.choose(path);
    await page.getByText(/[kM]B\/s/).waitFor();
    await line.uploadsAt(STANDSTILL);
    await person.expectAccessible("narrow-uploading");
  });
});

/** Silence, 8000 bytes a second. */
function wav(seconds: number): Buffer {
  const data = Buffer.alloc(seconds * 8000, 128);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(8000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write("data", 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

function pdf(text: string): Buffer {
  const content = `BT /F1 48 Tf 60 700 Td (${text}) Tj ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  let body = "%PDF-1.4\n";
  const offsets = objects.map((object, i) => {
    const offset = body.length;
    body += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const rows = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const xref = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`;
  return Buffer.from(
    `${body}${xref}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF`,
  );
}
