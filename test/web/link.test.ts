import { expect, test } from "vitest";
import { servePage } from "./page-suite.ts";

const at = servePage();

test("a link downloads without an account until it is revoked", async () => {
  const { person } = at;
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
  await person.status("The link is revoked").waitFor();
  expect((await fetch(link)).status).toBe(404);
  const opener = page.getByRole("button", { name: "Copy a link to shared.txt" });
  expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
});
