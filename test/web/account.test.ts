import { expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { servePage } from "./page-suite.ts";
import { PASSWORD } from "./web-page.ts";

const at = servePage();

const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token } }";

test("the account's menu tells and ends sessions, makes keys and changes the password", async () => {
  const { person } = at;
  const { page } = person;
  const username = `account-${Math.random().toString(36).slice(2, 10)}`;
  await person.register(username);
  const login = async (password: string) => {
    const { token } = (await new Client(person.url).data(LOGIN, { input: { login: username, password } })).login;
    return new Client(person.url, token);
  };
  const isIn = async (client: Client) => (await client.data("{ me { id } }")).me !== null;
  const elsewhere = await login(PASSWORD);

  await page.getByRole("button", { name: "Your account" }).click();
  const sessions = page.getByRole("region", { name: "Where you are signed in" });
  await sessions.getByText("here and now").waitFor();
  await person.expectAccessible("account");
  await person.picture("account");
  await sessions
    .getByRole("button", { name: /^End the session of/ })
    .first()
    .click();
  await expect.poll(() => isIn(elsewhere)).toBe(false);
  await expect.poll(() => sessions.getByRole("listitem").count()).toBe(2);

  const keys = page.getByRole("region", { name: "API keys" });
  await keys.getByLabel("Name of a new key").fill("backup");
  await keys.getByLabel("List and download files").uncheck();
  await keys.getByRole("button", { name: "Create a key" }).click();
  const token = await keys.getByLabel("The new key").inputValue();
  const program = new Client(person.url, token);
  await program.upload("by-program.txt", Buffer.from("x"));
  expect(await program.failure("{ files { totalCount } }")).toMatchObject({ needed: "FILES_READ" });
  await keys.getByRole("button", { name: "Revoke backup" }).click();
  await expect.poll(() => isIn(program)).toBe(false);

  const other = await login(PASSWORD);
  const form = page.getByRole("region", { name: "Password" });
  await form.getByLabel("Your password").fill("not this one");
  await form.getByLabel("New password").fill("staple battery");
  await form.getByRole("button", { name: "Change the password" }).click();
  await form.getByText(/is not your password/).waitFor();
  await form.getByLabel("Your password").fill(PASSWORD);
  await form.getByRole("button", { name: "Change the password" }).click();
  await person.status(/Your password is changed/).waitFor();
  expect(await isIn(other)).toBe(false);
  expect(await isIn(await login("staple battery"))).toBe(true);
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("heading", { name: "Your files" }).waitFor();
});
