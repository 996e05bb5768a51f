import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { MySqlServer } from "../support/mysql-server.ts";
import { startService, type TestService } from "../support/service.ts";

/** Each changes what a statement means, where it isn't set for the session. */
const OPTIONS = [
  "--sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE",
  "--character-set-server=latin1",
  "--collation-server=latin1_swedish_ci",
  "--default-time-zone=+05:30",
  "--transaction-isolation=READ-UNCOMMITTED",
  "--default-storage-engine=MyISAM",
  "--completion-type=1",
  "--innodb-flush-log-at-trx-commit=2",
  "--init-connect=set autocommit = 0, sql_select_limit = 1, sql_safe_updates = 1, foreign_key_checks = 0",
];
const NAMES = [`it's`, `"quoted"`, "' or 1=1 -- ", "käse 日本 🎞", "per%cent_under", "`tick`", "?", "a;b"];

let mysql: MySqlServer;
let service: TestService;

beforeAll(async () => {
  mysql = await MySqlServer.start();
  await mysql.end("SIGTERM");
  await mysql.startAgain(OPTIONS);
  // Not root, whom init-connect spares.
  mysql.execute("create user stowage@'%' identified by ''; grant all on `stowage%`.* to stowage@'%'");
  const url = `${mysql.url.replace("root", "stowage")}/stowage_${randomBytes(4).toString("hex")}`;
  service = await startService("mysql", { DATABASE_URL: url });
});
afterAll(async () => {
  await service?.stop();
  await mysql.stop();
});

async function names(client: Client, search: string): Promise<string[]> {
  const query = "query ($search: String!) { files(search: $search, first: 50) { nodes { filename } } }";
  return (await client.data(query, { search })).files.nodes.map(({ filename }: { filename: string }) => filename);
}

test("whatever the server's settings are, text stays text and the files of others stay theirs", async () => {
  const ada = await Client.register(service.url);
  const bob = await Client.register(service.url);
  for (const filename of NAMES) {
    const { id } = await ada.begin({ filename, size: 0 });
    await ada.data("mutation ($id: ID!) { completeUpload(uploadId: $id) { id } }", { id });
  }
  expect((await names(ada, "")).sort()).toEqual([...NAMES].sort());
  for (const filename of NAMES) expect(await names(ada, filename)).toEqual([filename]);
  for (const search of ["') > 0 or 1=1 -- ", `\\') > 0 or 1=1 -- `, `" or 1=1 -- `, ...NAMES]) {
    expect(await names(bob, search)).toEqual([]);
  }
});

test("tables are made where transactions and foreign keys hold", () => {
  const engines = mysql.execute(
    "select distinct engine from information_schema.tables where table_schema like 'stowage_%'",
  );
  expect(engines.trim()).toBe("InnoDB");
});

test("a server that loses what was acknowledged is warned of at the start", () => {
  const said = service.log.map(({ msg }) => String(msg));
  expect(said.filter((message) => message.includes("innodb_flush_log_at_trx_commit is 2"))).toHaveLength(1);
});
