import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dialects } from "../support/databases.ts";
import { freePort } from "../support/mysql-server.ts";
import { failToStart } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

/** One line for a person, with all of these in it, and nothing else. */
function expectOneLine(end: { code: number | null; stdout: string; stderr: string }, parts: string[]): void {
  expect(end.stdout).toBe("");
  expect(end.stderr.trimEnd().split("\n")).toHaveLength(1);
  for (const part of parts) expect(end.stderr).toContain(part);
  expect(end.code).toBe(1);
}

/** Without the log of what succeeded before. */
const QUIET = { LOG_LEVEL: "fatal" };

describe("a setting that can't be used stops the start with one line", () => {
  const cases: [name: string, value: string, takes: string][] = [
    ["PORT", "65536", "a whole number from 0 to 65535"],
    ["IDLE_TIMEOUT", "soon", "90s"],
    ["REPLICAS", "3", "at most the number of STORAGE_NODES, 2"],
  ];
  test.each(cases)("%s=%s", async (name, value, takes) => {
    const { settings } = await Workspace.create("sqlite");
    expectOneLine(await failToStart({ ...settings, [name]: value }), [`${name}=${value} `, takes]);
  });

  test("a value that may hold a secret is not shown", async () => {
    const end = await failToStart({ DATABASE_URL: "stowage:s3cretpw@tcp(host)/database" });
    expectOneLine(end, ["DATABASE_URL can't be used", "mysql://user:password@host:port/database"]);
    expect(end.stderr).not.toContain("s3cretpw");
  });
});

describe.each(dialects)("%s: what is missing stops the start with one line", (dialect) => {
  test("a port that is taken", async () => {
    const { settings } = await Workspace.create(dialect);
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    try {
      const { port } = other.address() as { port: number };
      const end = await failToStart({ ...settings, ...QUIET, PORT: String(port) });
      expectOneLine(end, [`127.0.0.1:${port}`, "in use"]);
    } finally {
      other.close();
    }
  });

  test("an address that is not this machine's", async () => {
    const { settings } = await Workspace.create(dialect);
    const end = await failToStart({ ...settings, ...QUIET, HOST: "192.0.2.1" });
    expectOneLine(end, ["192.0.2.1"]);
  });
});

describe("a database that is away stops the start with one line", () => {
  test("MySQL, without its password", async () => {
    const port = await freePort();
    const { settings } = await Workspace.create("sqlite");
    const url = `mysql://somebody:secret@127.0.0.1:${port}/stowage`;
    const end = await failToStart({ ...settings, ...QUIET, DATABASE_URL: url });
    expectOneLine(end, ["database", `127.0.0.1:${port}`, "ECONNREFUSED"]);
  });

  test("a MySQL that refuses the user", async () => {
    const { settings } = await Workspace.create("mysql");
    const url = (settings["DATABASE_URL"] as string).replace("root@", "nobody:secret@");
    const end = await failToStart({ ...settings, ...QUIET, DATABASE_URL: url });
    expectOneLine(end, ["database", "Access denied"]);
  });

  test("a file that is no SQLite database", async () => {
    const { folder, settings } = await Workspace.create("sqlite");
    await writeFile(join(folder, "notes.txt"), "These are notes, and no database. ".repeat(100));
    const end = await failToStart({ ...settings, ...QUIET, DATABASE_URL: `sqlite:${join(folder, "notes.txt")}` });
    expectOneLine(end, ["file is not a database"]);
  });

  test("an SQLite file that can't be opened", async () => {
    const { folder, settings } = await Workspace.create("sqlite");
    await mkdir(join(folder, "a-folder"));
    const end = await failToStart({ ...settings, ...QUIET, DATABASE_URL: `sqlite:${join(folder, "a-folder")}` });
    expectOneLine(end, ["unable to open database file"]);
  });
});
