import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { servePage } from "./page-suite.ts";
import { PASSWORD, STANDSTILL, UNBOUNDED } from "./web-page.ts";

const MIB = 1024 * 1024;
const at = servePage();

test("progress moves while a chunk is on its way, and says what is stored", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const path = join(at.folder, "slow.bin");
  await writeFile(path, Buffer.alloc(8 * MIB, 1));
  const line = await person.slowLine();
  await line.uploadsAt(100 * 1024);
  await person.choose(path);
  const bar = page.getByRole("progressbar", { name: "Upload of slow.bin" });
  await expect.poll(async () => Number(await bar.getAttribute("aria-valuenow"))).toBeGreaterThan(1);
  expect(await bar.getAttribute("aria-valuetext")).toContain("0% stored");
  await page.getByText("0 bytes stored").waitFor();
  await line.uploadsAt(UNBOUNDED);
  await person.row("slow.bin").waitFor();
});

test("the sum of many uploads counts those that are done", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const line = await person.slowLine();
  await line.uploadsAt(STANDSTILL);
  const paths = Array.from({ length: 12 }, (_, i) => join(at.folder, `part-${i}.bin`));
  for (const path of paths) await writeFile(path, Buffer.alloc(MIB, path));
  await person.choose(paths);
  const sum = page.locator(".uploads-sum");
  await expect.poll(() => sum.textContent()).toContain("of 12.6 MB");
  await line.uploadsAt(MIB);
  await expect.poll(() => page.getByRole("region", { name: "Files" }).getByRole("listitem").count()).toBeGreaterThan(1);
  expect(await sum.textContent()).toContain("of 12.6 MB");
  await line.uploadsAt(UNBOUNDED);
  await person.status("12 files are uploaded").waitFor();
});

test("what was done before an upload was cancelled doesn't count in the next sum", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const [small, large] = ["small.bin", "large.bin"].map((name) => join(at.folder, name)) as [string, string];
  await writeFile(small, Buffer.alloc(MIB, 1));
  await writeFile(large, Buffer.alloc(16 * MIB, 2));
  const line = await person.slowLine();
  await line.uploadsAt(2 * MIB);
  await person.choose([small, large]);
  await person.row("small.bin").waitFor();
  await page.getByRole("button", { name: "Cancel the upload of large.bin" }).click();
  await page.getByRole("region", { name: "Uploads" }).waitFor({ state: "detached" });
  await line.uploadsAt(STANDSTILL);
  const others = ["third.bin", "fourth.bin"].map((name) => join(at.folder, name));
  for (const path of others) await writeFile(path, Buffer.alloc(MIB, path));
  await person.choose(others);
  await expect.poll(() => page.locator(".uploads-sum").textContent()).toContain("of 2.1 MB");
  await line.uploadsAt(UNBOUNDED);
  await person.row("fourth.bin").waitFor();
});

test("a session that ends in mid-upload says so, and the uploads go on after signing in", async () => {
  const { person } = at;
  const { page } = person;
  await person.register("ends");
  const paths = Array.from({ length: 8 }, (_, i) => join(at.folder, `session-${i}.bin`));
  for (const path of paths) await writeFile(path, Buffer.alloc(4 * MIB, path));
  const line = await person.slowLine();
  await line.uploadsAt(2 * MIB);
  await person.choose(paths);
  await page.getByText("waiting for its turn").first().waitFor();
  const [cookie] = await person.context.cookies();
  await new Client(at.server.url, cookie?.value).send("mutation { logout }");
  await page.getByText("8 uploads go on when you sign in again").waitFor();
  await line.uploadsAt(UNBOUNDED);
  await person.expectAccessible("session-ended");
  await page.getByLabel("Username or email").fill("ends");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await person.status("8 files are uploaded").waitFor();
});

test("the browser asks before a page is left that has uploads to do", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const path = join(at.folder, "asked.bin");
  await writeFile(path, Buffer.alloc(2 * MIB, 1));
  const line = await person.slowLine();
  await line.uploadsAt(STANDSTILL);
  await person.choose(path);
  await page.getByRole("progressbar").waitFor();
  const asked = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.dismiss();
  await line.uploadsAt(UNBOUNDED);
  await person.row("asked.bin").waitFor();
});

test.each([
  { fate: "changed", befall: (path: string) => writeFile(path, "it is shorter now") },
  { fate: "was removed", befall: (path: string) => rm(path) },
])("a file that $fate while it waited is chosen again, and uploaded as it is then", async ({ befall }) => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const [first, second] = ["first.bin", "second.bin"].map((name) => join(at.folder, name)) as [string, string];
  // Large enough to take what connections there are.
  await writeFile(first, Buffer.alloc(33 * MIB, 1));
  await writeFile(second, Buffer.alloc(2 * MIB, 2));
  const line = await person.slowLine();
  await line.uploadsAt(STANDSTILL);
  await person.choose([first, first, second]);
  await page.getByRole("progressbar").first().waitFor();
  await befall(second);
  await line.uploadsAt(UNBOUNDED);
  await page.getByText("was changed or removed since it was chosen").waitFor();
  await writeFile(second, "it is shorter now");
  await page.getByRole("region", { name: "Uploads" }).locator("input[type=file]").setInputFiles(second);
  await person.row("second.bin").waitFor();
  await page.getByText("17 bytes").first().waitFor();
});

test("all open uploads are listed, those that other programs began without a way to continue them here", async () => {
  const { person } = at;
  const { page } = person;
  await person.register();
  const began = Array.from({ length: 150 }, (_, i) =>
    person.client.begin({ filename: `open-${i}.bin`, size: 10, client: "web" }),
  );
  await Promise.all(began);
  const tus = { ...person.client.authorization, "tus-resumable": "1.0.0", "upload-length": "10" };
  await fetch(`${person.url}/tus`, { method: "POST", headers: tus });
  await person.client.begin({ filename: "command.bin", size: 10, client: "stowage" });
  await person.client.begin({ filename: "script.bin", size: 10 });
  await page.reload();
  const uploads = page.getByRole("region", { name: "Uploads" });
  await expect.poll(() => uploads.getByRole("listitem").count()).toBe(153);
  const other = uploads.getByRole("listitem").filter({ hasText: "begun by another program" });
  expect(await other.count()).toBe(3);
  expect(await other.getByRole("button", { name: "Choose the file" }).count()).toBe(0);
  await other.getByRole("button", { name: "Cancel the upload of command.bin" }).click();
  await expect.poll(() => uploads.getByRole("listitem").count()).toBe(152);
});
