import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { servePage } from "./page-suite.ts";
import { UNBOUNDED } from "./web-page.ts";

const at = servePage();
/** Thousands of rows take a busy machine minutes; looking too often would take some of them. */
const PATIENCE = { timeout: 300_000, interval: 250 };

/** Stores empty files, several at once. */
async function store(names: readonly string[]): Promise<void> {
  const waiting = [...names];
  const storing = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await at.person.client.upload(name, Buffer.alloc(0));
    }
  };
  await Promise.all(Array.from({ length: 8 }, storing));
}

/** Enters files with these names into the database as copies of an empty one: so many uploads would take minutes. */
function multiply(filename: string, names: readonly string[]): void {
  const database = new DatabaseSync(join(at.folder, "metadata.sqlite"), { timeout: 30_000 });
  const columns = database.prepare("select * from files where filename = ?").get(filename) as Record<
    string,
    SQLInputValue
  >;
  const places = Object.keys(columns).map(() => "?");
  const insert = database.prepare(`insert into files (${Object.keys(columns)}) values (${places})`);
  database.exec("begin immediate");
  for (const name of names) {
    insert.run(...Object.values({ ...columns, id: uuidv7(), filename: name, filename_key: name }));
  }
  database
    .prepare("update users set file_count = file_count + ? where id = ?")
    .run(names.length, columns["owner_id"] as string);
  database.exec("commit");
  database.close();
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `file ${String(i).padStart(4, "0")}.txt`);

test("a renamed file stands where the order has it, and leaves a search that it doesn't fit any more", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  await store(["a.txt", "b.txt", "c.txt"]);
  await page.reload();
  await page.getByLabel("Order").selectOption("Name, A to Z");
  const rows = page.getByRole("region", { name: "Files" }).locator(".file-name");
  await expect.poll(() => rows.allTextContents()).toEqual(["a.txt", "b.txt", "c.txt"]);
  const rename = async (from: string, to: string) => {
    await page.getByRole("button", { name: `Rename ${from}` }).click();
    await page.getByLabel(`New name of ${from}`).fill(to);
    await page.keyboard.press("Enter");
  };
  await rename("a.txt", "z.txt");
  await expect.poll(() => rows.allTextContents()).toEqual(["b.txt", "c.txt", "z.txt"]);
  await page.getByLabel("Search by name").fill("b");
  await expect.poll(() => rows.allTextContents()).toEqual(["b.txt"]);
  await rename("b.txt", "y.txt");
  await page.getByText("No file’s name has").waitFor();
});

test("a list of thousands of files is loaded to its end by jumps, also across a rename", {
  timeout: 2 * PATIENCE.timeout,
}, async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  await store(["file 0000.txt"]);
  multiply("file 0000.txt", numbered(5_000).slice(1));
  await page.reload();
  await page.getByLabel("Order").selectOption("Name, A to Z");
  await person.status("5,000 files").waitFor();
  const rows = page.getByRole("region", { name: "Files" }).locator(".file-name");
  const jump = async (least: number) =>
    expect
      .poll(async () => {
        await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
        return rows.count();
      }, PATIENCE)
      .toBeGreaterThanOrEqual(least);
  await jump(560);
  await page.getByRole("button", { name: "Rename file 0500.txt" }).click();
  await page.getByLabel("New name of file 0500.txt").fill("file 0500 again.txt");
  await page.keyboard.press("Enter");
  await person.row("file 0500 again.txt").waitFor();
  expect(await rows.count()).toBeGreaterThan(500);
  await jump(5_000);
  await expect.poll(() => rows.last().textContent()).toBe("file 4999.txt");
});

test("with the server away, a search has no result rather than the one before", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  await store(["kept.txt", "other.txt"]);
  await page.reload();
  await person.row("kept.txt").waitFor();
  const line = await person.slowLine();
  await line.cut();
  await page.getByLabel("Search by name").fill("nothing like it");
  await page.getByText("The server can't be reached at the moment.").waitFor();
  expect(await person.row("kept.txt").count()).toBe(0);
  await line.uploadsAt(UNBOUNDED);
  await page.getByText("No file’s name has").waitFor();
});

test("Back closes a preview, and the next Back leaves the page", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  await person.client.upload("look.txt", Buffer.from("look at it"));
  await page.reload();
  const open = () => page.getByRole("button", { name: "look.txt", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await open();
  await page.getByText("look at it").waitFor();
  await page.goBack();
  await dialog.waitFor({ state: "detached" });
  await person.row("look.txt").waitFor();

  await open();
  await dialog.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Create and copy link" }).waitFor();
  // The page takes its entry out of the history by itself, which takes the browser a moment.
  await page.evaluate("addEventListener('popstate', () => { window.wentBack = true; })");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await person.row("look.txt").waitFor();
  // The page's policy lets no test wait within the page, which takes code from text.
  await expect.poll(() => page.evaluate("window.wentBack")).toBe(true);
  await page.goBack();
  expect(page.url()).toBe("about:blank");
});

test("a link that is no good says so to a person, and to a program as JSON", async () => {
  const { person } = at;
  const url = `${person.url}/files/download/01a219f5-1548-73ae-ac79-b21bf75bb8f2?secret=wrong`;
  const answer = await person.page.goto(url);
  expect(answer?.status()).toBe(404);
  await person.page.getByRole("heading", { name: "This file can't be had" }).waitFor();
  expect(await (await fetch(url)).json()).toMatchObject({ code: "NOT_FOUND" });
});
