import { performance } from "node:perf_hooks";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { startService, type TestService } from "../support/service.ts";

const FILES = 300_000;

let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService("sqlite");
  client = await Client.register(service.url, "ada");
  const { id } = await client.upload("one.txt", Buffer.alloc(0));
  await service.database(async (em) => {
    const columns = (await em.execute<{ name: string }[]>("select name from pragma_table_info('files')"))
      .map(({ name }) => name)
      .filter((name) => !["id", "filename", "filename_key"].includes(name))
      .join(", ");
    const next = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)";
    await em.execute(
      `${next} insert into files (id, filename, filename_key, ${columns})
        select substr(?, 1, 24) || printf('%012x', i), 'f' || i, 'f' || i, ${columns} from n join files on files.id = ?`,
      [FILES, uuidv7(), id],
      "run",
    );
  });
});
afterAll(() => service.stop());

test("a search over many names stops nothing else", async () => {
  const search = async (text: string) => {
    const query = "query ($search: String) { files(search: $search, first: 1) { totalCount } }";
    expect((await client.data(query, { search: text })).files.totalCount).toBe(0);
  };
  // The first one starts the thread.
  await search("q");
  const before = performance.eventLoopUtilization();
  for (let i = 0; i < 6; i++) await search(`q${i}`);
  // On the loop itself they would keep it busy all the time.
  expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.6);
});

test("a page deep in equal sizes is as quick as the first", async () => {
  const page = async (after: string | null) => {
    const begun = performance.now();
    const query =
      "query ($after: String) { files(orderBy: SIZE_ASC, first: 10, after: $after) { pageInfo { endCursor } } }";
    const { files } = await client.data(query, { after });
    return { cursor: files.pageInfo.endCursor as string, took: performance.now() - begun };
  };
  const { cursor } = await page(null);
  const [, encoded = ""] = Buffer.from(cursor, "base64url").toString().split(":");
  const [size] = JSON.parse(Buffer.from(encoded, "base64url").toString());
  const deep = Buffer.from(JSON.stringify([size, "ffffffff-0000-7000-8000-000000000000"])).toString("base64url");
  const median = async (after: string | null) => {
    const times = [];
    for (let i = 0; i < 9; i++) times.push((await page(after)).took);
    return times.sort((a, b) => a - b)[4] as number;
  };
  const first = await median(cursor);
  expect((await median(Buffer.from(`SIZE_ASC:${deep}`).toString("base64url"))) / first).toBeLessThan(5);
});
