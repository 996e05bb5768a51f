import { expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { servePage } from "./page-suite.ts";
import { PASSWORD, UNBOUNDED } from "./web-page.ts";

const at = servePage();

test("registering, signing out and in, with faults told beside their fields", async () => {
  const { person } = at;
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

  expect(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length])).toEqual(["", 0, 0]);
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
  const { person } = at;
  await person.register();
  const [cookie] = await person.context.cookies();
  await new Client(at.server.url, cookie?.value).send("mutation { logout }");
  await person.page.getByLabel("Search by name").fill("x");
  await person.page.getByRole("heading", { name: "Sign in" }).waitFor();
});

test("a taken name and an absent server are told, and what was typed stays", async () => {
  const { person } = at;
  const { page } = person;
  await Client.register(at.server.url, "grace");
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Username").fill("grace");
  await page.getByLabel("Email address").fill("grace.h@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("This username is taken.").waitFor();
  await person.expectAccessible("name-taken");

  await page.getByLabel("Username").fill("grace.h");
  const line = await person.slowLine();
  await line.cut();
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("alert").filter({ hasText: "can't be reached" }).waitFor();
  await person.expectAccessible("register-offline");
  await line.uploadsAt(UNBOUNDED);
  await person.status("Connected again").waitFor();
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "Your files" }).waitFor();
});

test("a server that can't tell at the moment who is signed in is asked again", async () => {
  const { person } = at;
  const { page } = person;
  const data = null;
  const errors = [{ message: "The service can't answer at the moment.", extensions: { code: "SERVICE_UNAVAILABLE" } }];
  await page.route("**/graphql", (route) => route.fulfill({ status: 503, json: { data, errors } }));
  await page.reload();
  await person.status("Trying again").waitFor();
  await person.expectAccessible("unavailable");
  await page.unroute("**/graphql");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});
