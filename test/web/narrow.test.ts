import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { servePage } from "./page-suite.ts";
import { PNG } from "./sample-files.ts";
import { STANDSTILL } from "./web-page.ts";

const at = servePage();

test("it is usable on a phone", async () => {
  const { person } = at;
  const { page } = person;
  await page.setViewportSize({ width: 360, height: 740 });
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
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await page.getByRole("button", { name: "Actions for notes.txt" }).click();
  await person.expectAccessible("narrow-menu");
  await page.getByRole("button", { name: "Rename", exact: true }).click();
  await page.getByLabel("New name of notes.txt").fill("renamed.txt");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "renamed.txt", exact: true }).click();
  await page.getByRole("figure").waitFor();
  await person.expectAccessible("narrow-file");
  await page.keyboard.press("Escape");
  const path = join(at.folder, "narrow.bin");
  await writeFile(path, Buffer.alloc(40 * 1024 * 1024, "narrow "));
  const line = await person.slowLine();
  await person.choose(path);
  await page.getByText(/[kM]B\/s/).waitFor();
  await line.uploadsAt(STANDSTILL);
  await person.expectAccessible("narrow-uploading");
});
