import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keyOfFile } from "../../src/client/browser.ts";
import { filenameOf } from "../../src/web/uploads/picked-files.ts";
import { servePage } from "./page-suite.ts";

const at = servePage();

test("two files whose folders make the same name are two uploads", async () => {
  const file = new File(["x"], "c.txt", { lastModified: 1 });
  const [one, other] = ["a/b - c.txt", "a - b/c.txt"];
  expect(filenameOf(one as string)).toBe(filenameOf(other as string));
  expect(await keyOfFile(file, one)).not.toBe(await keyOfFile(file, other));
});

test("files that were uploaded aren't uploaded again by the same choice", async () => {
  const { person } = at;
  await person.register();
  const folder = await mkdtemp(join(tmpdir(), "stowage-chosen-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const paths = Array.from({ length: 12 }, (_, i) => join(folder, `chosen-${i}.txt`));
  for (const path of paths) await writeFile(path, path);
  const count = async () => (await person.client.data("{ files { totalCount } }")).files.totalCount;
  await person.choose(paths);
  await expect.poll(count).toBe(12);
  await person.page.reload();
  await person.page.getByRole("heading", { name: "Your files" }).waitFor();
  const began: string[] = [];
  person.page.on("request", (request) => {
    if (request.postData()?.includes("skipCompleted")) began.push(request.url());
  });
  await person.choose(paths);
  await expect.poll(() => began.length).toBe(12);
  await person.status("All 12 files were uploaded before.").waitFor();
  expect(await count()).toBe(12);
  expect((await person.client.data("{ uploadSessions { totalCount } }")).uploadSessions.totalCount).toBe(0);
});

test("two files of one name, size and time are two, with or without a reload between", async () => {
  const { person } = at;
  await person.register();
  const folder = await mkdtemp(join(tmpdir(), "stowage-alike-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const paths = ["one", "two", "six"].map((name) => join(folder, name, "same.txt"));
  for (const path of paths) {
    await mkdir(join(path, ".."));
    await writeFile(path, path.slice(-12));
    await utimes(path, 1_000_000, 1_000_000);
  }
  const [first = "", second = "", third = ""] = paths;
  const count = async () => (await person.client.data("{ files { totalCount } }")).files.totalCount;
  await person.choose([first]);
  await person.choose([second]);
  await expect.poll(count).toBe(2);
  await person.page.reload();
  await person.page.getByRole("heading", { name: "Your files" }).waitFor();
  await person.choose([third]);
  await expect.poll(count).toBe(3);
  const { files } = await person.client.data("{ files { nodes { digest } } }");
  expect(new Set(files.nodes.map(({ digest }: { digest: string }) => digest)).size).toBe(3);
});

test("an empty folder among others is told", async () => {
  const { person } = at;
  await person.register();
  await person.page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const full = await root.getDirectoryHandle("full", { create: true });
    await full.getDirectoryHandle("nothing", { create: true });
    const handle = await full.getFileHandle("kept.txt", { create: true });
    const writable = await handle.createWritable();
    await writable.write("kept");
    await writable.close();
    const item = {
      kind: "file",
      getAsFile: () => null,
      webkitGetAsEntry: () => null,
      getAsFileSystemHandle: async () => full,
    };
    const dropped = new Event("drop", { bubbles: true, cancelable: true });
    Object.assign(dropped, { dataTransfer: { types: ["Files"], items: [item] } });
    window.dispatchEvent(dropped);
  });
  await person.status(/There is no file in full\/nothing/).waitFor();
  await person.row("full - kept.txt").waitFor();
});

test("a file that can't be read is told, and keeps no other of the choice from being uploaded", async () => {
  const { person } = at;
  await person.register();
  await person.page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle("good.txt", { create: true });
    const writable = await handle.createWritable();
    await writable.write("good");
    await writable.close();
    const broken = { name: "bad.txt", kind: "file", getFile: () => Promise.reject(new Error("gone")) };
    Object.assign(window, { showOpenFilePicker: async () => [broken, handle] });
  });
  await person.page.getByRole("button", { name: "Upload files" }).click();
  await person.status(/could not read bad\.txt/).waitFor();
  await person.row("good.txt").waitFor();
});

test("signing out in one tab signs out the other", async () => {
  const { person } = at;
  await person.register();
  const other = await person.context.newPage();
  await other.goto(person.url);
  await other.getByRole("heading", { name: "Your files" }).waitFor();
  await person.page.getByRole("button", { name: "Sign out" }).click();
  await other.getByRole("button", { name: "Create an account" }).waitFor();
  await other.close();
});
