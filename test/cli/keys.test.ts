import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { runCommand } from "../support/command.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let folder: string;
let ada: Client;
let env: Record<string, string>;

beforeEach(async () => {
  workspace = await Workspace.create("sqlite");
  const { url } = await workspace.start();
  ada = await Client.register(url, "ada");
  folder = await mkdtemp(join(tmpdir(), "stowage-keys-"));
  env = { STOWAGE_URL: url, STOWAGE_TOKEN: ada.token ?? "", XDG_CONFIG_HOME: join(folder, "config") };
  return () => rm(folder, { recursive: true, force: true });
});

test("a key that the command makes uploads, is listed, and opens nothing once it is revoked", async () => {
  const made = await runCommand(["keys", "--create", "backup", "--scopes", "FILES_WRITE", "--expires", "90d"], env);
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^stk_[\w-]{43}\n$/) });
  const byKey = { ...env, STOWAGE_TOKEN: made.stdout.trim() };
  const path = join(folder, "photo.jpg");
  await writeFile(path, "photo");
  expect((await runCommand(["upload", path], byKey)).code).toBe(0);
  const refused = await runCommand(["ls"], byKey);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("FILES_READ");
  const listed = await runCommand(["keys"], env);
  expect(listed.stdout).toMatch(/FILES_WRITE +expires 20\d\d-.* +used 20\d\d-.* from 127\.0\.0\.1 +backup/);
  const [id = ""] = listed.stdout.split(" ");
  expect(await runCommand(["keys", "--revoke", id], env)).toMatchObject({ code: 0, stdout: `Revoked ${id}.\n` });
  expect((await runCommand(["upload", path], byKey)).code).toBe(3);
});

test("a new password is taken from standard input, and signs everything else out", async () => {
  const change = (lines: string) => runCommand(["passwd", "--password-stdin"], env, lines);
  expect(await change("correct horse\n")).toMatchObject({ code: 2, stderr: expect.stringContaining("two lines") });
  expect(await change("wrong horse\nstaple battery\n")).toMatchObject({ code: 1 });
  expect(await change("correct horse\nstaple battery\n")).toMatchObject({ code: 0 });
  const login = (password: string) => runCommand(["login", "-u", "ada", "--password-stdin"], env, password);
  expect(await login("correct horse")).toMatchObject({ code: 3, stderr: expect.stringContaining("There is no user") });
  expect((await login("staple battery")).code).toBe(0);
});

test("an operator makes a key for anybody", async () => {
  const made = await workspace.admin(["key", "ada", "--name", "from the operator", "--scopes", "FILES_READ"]).ended;
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const client = new Client(ada.url, made.stdout.trim());
  expect((await client.data("{ files { totalCount } me { username } }")).me).toEqual({ username: "ada" });
  const { apiKeys } = await ada.data("{ apiKeys { name scopes expiresAt } }");
  expect(apiKeys).toEqual([{ name: "from the operator", scopes: ["FILES_READ"], expiresAt: null }]);
  for (const [args, message] of [
    [["key", "nobody"], "There is no user nobody"],
    [["key", "ada", "--expires", "soon"], "such as 12h or 90d"],
    [["key", "ada", "--scopes", "ADMIN"], "ada doesn't have ADMIN"],
  ] as const) {
    const refused = await workspace.admin(args).ended;
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(message);
  }
});
