import { expect, test } from "vitest";
import { servePage } from "./page-suite.ts";
import { UNBOUNDED } from "./web-page.ts";

const at = servePage();

test("files are searched, ordered, and loaded while one scrolls", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  for (let i = 1; i <= 120; i++) await person.client.upload(`file ${String(i).padStart(3, "0")}.txt`, Buffer.alloc(i));
  await page.reload();
  await person.status("120 files").waitFor();
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
  await person.status("10 files found").waitFor();
  await expect.poll(() => rows.count()).toBe(10);
  await page.getByLabel("Search by name").fill("nothing of that name");
  await page.getByText("No file’s name has").waitFor();
  await person.expectAccessible("nothing-found");
});

test("a file is renamed in place, by the keyboard alone", async () => {
  const { person } = at;
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

test("a name that the server can't take keeps the focus from nobody", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  await person.client.upload("stays.txt", Buffer.from("text"));
  await page.reload();
  await page.getByRole("button", { name: "Rename stays.txt" }).click();
  const line = await person.slowLine();
  await line.cut();
  await page.keyboard.type("other");
  const search = page.getByLabel("Search by name");
  await search.click();
  await page.getByRole("alert").filter({ hasText: "can't be reached" }).waitFor();
  await page.keyboard.type("sta");
  expect(await search.inputValue()).toBe("sta");
  await line.uploadsAt(UNBOUNDED);
  await person.status("Connected again").waitFor();
});

test("a deleted file can be had back for a while, then it is gone", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  await person.client.upload("keep.txt", Buffer.from("keep"));
  const { id } = await person.client.upload("drop.txt", Buffer.from("drop"));
  const exists = async () =>
    (await person.client.data("query ($id: ID!) { file(id: $id) { id } }", { id })).file !== null;
  await page.reload();
  await page.getByRole("button", { name: "Delete drop.txt" }).click();
  await person.status("“drop.txt” is deleted.").waitFor();
  // It stays while one points at it.
  await page.getByRole("button", { name: "Undo" }).hover();
  await person.row("drop.txt").waitFor({ state: "detached" });
  expect(await exists()).toBe(true);
  await person.expectAccessible("deleted");
  await page.getByRole("button", { name: "Undo" }).click();
  await person.row("drop.txt").waitFor();
  expect(await exists()).toBe(true);

  await page.keyboard.press("Delete");
  await person.row("drop.txt").waitFor({ state: "detached" });
  await page.keyboard.press("Control+z");
  await person.row("drop.txt").waitFor();
  expect(await exists()).toBe(true);

  await page.getByRole("button", { name: "Delete drop.txt" }).click();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect.poll(exists).toBe(false);
  await person.status("1 file").waitFor();
  await page.reload();
  await person.row("keep.txt").waitFor();
  expect(await person.row("drop.txt").count()).toBe(0);
});

test("a deletion that could still be undone is carried out when the page is left", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const { id } = await person.client.upload("left.txt", Buffer.from("left"));
  await page.reload();
  await page.getByRole("button", { name: "Delete left.txt" }).click();
  await person.status("is deleted").waitFor();
  await page.goto("about:blank");
  await expect
    .poll(async () => (await person.client.data("query ($id: ID!) { file(id: $id) { id } }", { id })).file)
    .toBeNull();
});
