import { readFile, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { keyOfFile } from "../../src/client/browser.ts";
import { servePage } from "./page-suite.ts";
import { UNBOUNDED } from "./web-page.ts";

const at = servePage();

async function keyOf(path: string): Promise<string> {
  const { mtimeMs } = await stat(path);
  return keyOfFile(new File([await readFile(path)], basename(path), { lastModified: Math.floor(mtimeMs) }));
}

test("a lost connection is told, and what was under way carries on by itself when it is back", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const path = join(at.folder, "offline.bin");
  await writeFile(path, Buffer.alloc(48 * 1024 * 1024, "bytes over a bad line "));
  const line = await person.slowLine();
  await person.choose(path);
  await page.getByText(/[kM]B\/s/).waitFor();
  await line.cut();
  await person.status("The connection is lost").waitFor();
  await page.getByText("waiting for the server").waitFor();
  await person.expectAccessible("offline");
  await line.uploadsAt(UNBOUNDED);
  await person.status("Connected again").waitFor();
  await person.row("offline.bin").waitFor({ timeout: 60_000 });
});

test("after a reload, an upload goes on with the file chosen again, and no other", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const path = join(at.folder, "reloaded.bin");
  const bytes = Buffer.alloc(3 * 1024 * 1024 + 5, "reloaded ");
  await writeFile(path, bytes);
  const { id } = await person.client.begin({
    filename: "reloaded.bin",
    size: bytes.length,
    resumeKey: await keyOf(path),
    client: "web",
  });
  await person.client.sendChunk(id, 1, bytes.subarray(1024 * 1024, 2 * 1024 * 1024));
  await page.reload();
  await page.getByText("choose the file again to continue").waitFor();
  await person.expectAccessible("needs-file");
  const again = page.getByRole("region", { name: "Uploads" }).locator("input[type=file]");
  const other = join(at.folder, "another.bin");
  await writeFile(other, "another");
  await again.setInputFiles(other);
  await page.getByRole("alert").filter({ hasText: "it is another file" }).waitFor();
  await again.setInputFiles(path);
  await person.row("reloaded.bin").waitFor();
  const stored = Buffer.from(await (await person.client.download(id)).arrayBuffer());
  expect(stored.equals(bytes)).toBe(true);
});

test("after a reload, an upload goes on by itself where the browser keeps hold of its file", async () => {
  const { person } = at;
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
