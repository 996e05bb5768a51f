import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Client, dataOf, failureOf } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;
const FILES = `query ($first: Int! = 50, $after: String, $search: String, $orderBy: FileOrder! = CREATED_AT_DESC) {
  files(first: $first, after: $after, search: $search, orderBy: $orderBy) {
    edges { cursor node { filename } } nodes { id filename size } pageInfo { hasNextPage endCursor } totalCount
  }
}`;
const RENAME = "mutation ($id: ID!, $filename: String!) { renameFile(id: $id, filename: $filename) { id filename } }";

interface Page {
  edges: { cursor: string; node: { filename: string } }[];
  nodes: { id: string; filename: string; size: number }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  totalCount: number;
}

describe.each(dialects)("files on %s", (dialect) => {
  let service: TestService;
  let ada: Client;

  beforeAll(async () => {
    service = await startService(dialect);
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    ada = await Client.register(service.url);
  });

  const page = async (variables: object = {}): Promise<Page> => (await ada.data(FILES, { ...variables })).files;
  const names = async (variables: object = {}) => (await page(variables)).nodes.map((node) => node.filename);
  const refusal = (variables: object) => ada.failure(FILES, { ...variables });
  const add = (filename: string, size = 0) => ada.upload(filename, randomBytes(size));

  async function walk(variables: object, between: (seen: string[]) => Promise<unknown> = async () => {}) {
    const seen: string[] = [];
    for (let after: string | null = null; ; ) {
      const { nodes, pageInfo }: Page = await page({ ...variables, after });
      seen.push(...nodes.map((node) => node.filename));
      if (!pageInfo.hasNextPage) return seen;
      after = pageInfo.endCursor;
      await between(seen);
    }
  }

  test("are ordered by creation, name or size, both ways; names by code point, ignoring case", async () => {
    // Made in this order; in order by name. The fullwidth letter comes before the emoji, although not in UTF-16.
    const byName = ["1.txt", "a", "Ab", "aC", "zoë", "Ångström", "Ωmega", "日本", "ａ", "😀"];
    const made = [...byName].sort(() => Math.random() - 0.5);
    for (const filename of made) await add(filename, byName.indexOf(filename) % 4);
    expect(await names({ orderBy: "CREATED_AT_ASC" })).toEqual(made);
    expect(await names()).toEqual(made.toReversed());
    expect(await names({ orderBy: "FILENAME_ASC" })).toEqual(byName);
    expect(await names({ orderBy: "FILENAME_DESC" })).toEqual(byName.toReversed());
    const sizes = async (orderBy: string) => (await page({ orderBy })).nodes.map((node) => node.size);
    expect(await sizes("SIZE_ASC")).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 3, 3]);
    expect(await sizes("SIZE_DESC")).toEqual([3, 3, 2, 2, 1, 1, 1, 0, 0, 0]);
    for (const orderBy of ["CREATED_AT_ASC", "FILENAME_ASC", "FILENAME_DESC", "SIZE_ASC", "SIZE_DESC"]) {
      expect(await walk({ orderBy, first: 3 }), orderBy).toEqual(await names({ orderBy }));
    }
  });

  test("search: finds a part of the name in any script, ignoring case, with nothing special in it", async () => {
    const all = [
      "Report 100%.pdf",
      "report_final.PDF",
      "C# \"q\" 'x'.txt",
      "caf\u00e9.txt",
      "ΑΘΗΝΑ.md",
      "日本語の本.txt",
      "МОСКВА",
    ];
    for (const filename of all) await add(filename);
    const found = (search: string) => names({ search, orderBy: "CREATED_AT_ASC" });
    expect(await found("REPORT")).toEqual(all.slice(0, 2));
    expect(await found(".pdf")).toEqual(all.slice(0, 2));
    expect(await found("%")).toEqual([all[0]]);
    expect(await found("_")).toEqual([all[1]]);
    for (const search of ["\\", "?", ":search", "%%", "100_"]) expect(await found(search), search).toEqual([]);
    expect(await found("' or 1=1")).toEqual([]);
    expect(await found(`"Q" 'X'`)).toEqual([all[2]]);
    expect(await found("cafe\u0301")).toEqual([all[3]]);
    expect(await found("CAF\u00c9")).toEqual([all[3]]);
    expect(await found("cafe")).toEqual([]);
    expect(await found("θην")).toEqual([all[4]]);
    expect(await found("本語")).toEqual([all[5]]);
    expect(await found("москва")).toEqual([all[6]]);
    expect(await found("")).toEqual(all);
    expect(await page({ search: "report", first: 1 })).toMatchObject({
      totalCount: 2,
      pageInfo: { hasNextPage: true },
    });
    expect(await refusal({ search: "x".repeat(256) })).toMatchObject({ code: "BAD_USER_INPUT", field: "search" });
    expect(await refusal({ search: "a\0" })).toMatchObject({ code: "BAD_USER_INPUT", field: "search" });
  });

  test.each(["CREATED_AT_ASC", "CREATED_AT_DESC", "FILENAME_ASC", "FILENAME_DESC", "SIZE_ASC", "SIZE_DESC"])(
    "pages in order %s show each file once while others come and go",
    async (orderBy) => {
      const ids = new Map<string, string>();
      for (const i of [4, 0, 3, 7, 1, 6, 2, 5]) ids.set(`${i}`, (await add(`${i}`, i % 3)).id);
      const remaining = await names({ orderBy });
      let turn = 0;
      const seen = await walk({ orderBy, first: 2 }, async (sofar) => {
        turn++;
        await add(`new ${turn}`, turn % 3);
        // The last one seen, from which the next page counts on; and later, one that was not seen yet.
        const gone = turn === 1 ? (sofar.at(-1) as string) : turn === 2 ? (remaining.at(-1) as string) : undefined;
        if (gone !== undefined) dataOf(await ada.deleteFile(ids.get(gone) as string));
      });
      expect(seen.filter((name) => !name.startsWith("new"))).toEqual(remaining.slice(0, -1));
      expect(new Set(seen).size).toBe(seen.length);
    },
  );

  test("pages tell whether more follow, and how many there are in all", async () => {
    expect(await page()).toEqual({
      edges: [],
      nodes: [],
      pageInfo: { hasNextPage: false, endCursor: null },
      totalCount: 0,
    });
    for (const filename of ["a", "b", "c"]) await add(filename);
    await ada.begin({ filename: "not complete", size: 1 });
    const first = await page({ first: 2 });
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true, endCursor: first.edges[1]?.cursor } });
    expect(first.edges.map((edge) => edge.node.filename)).toEqual(["c", "b"]);
    const second = await page({ first: 2, after: first.pageInfo.endCursor });
    expect(second).toMatchObject({ totalCount: 3, nodes: [{ filename: "a" }], pageInfo: { hasNextPage: false } });
    expect(await page({ first: 2, after: second.pageInfo.endCursor })).toMatchObject({ nodes: [], totalCount: 3 });
    expect(await page({ first: 3 })).toMatchObject({ pageInfo: { hasNextPage: false } });
    expect(await page({ first: 0 })).toMatchObject({ nodes: [], totalCount: 3, pageInfo: { hasNextPage: true } });
    for (const first of [-1, 501]) {
      expect(await refusal({ first })).toMatchObject({ code: "BAD_USER_INPUT", field: "first" });
    }
  });

  test("a cursor of another order, or no cursor at all, is refused", async () => {
    for (const filename of ["a", "b"]) await add(filename, 1);
    const cursor = async (orderBy: string) => (await page({ first: 1, orderBy })).pageInfo.endCursor;
    const made = (order: string, values: string) =>
      Buffer.from(`${order}:${Buffer.from(values).toString("base64url")}`).toString("base64url");
    for (const [orderBy, after] of [
      ["FILENAME_ASC", await cursor("FILENAME_DESC")],
      ["CREATED_AT_DESC", await cursor("CREATED_AT_ASC")],
      ["SIZE_ASC", await cursor("FILENAME_ASC")],
      ["CREATED_AT_DESC", ""],
      ["CREATED_AT_DESC", "nonsense"],
      ["CREATED_AT_DESC", "💥"],
      ["CREATED_AT_DESC", made("CREATED_AT_DESC", "{")],
      ["CREATED_AT_DESC", made("CREATED_AT_DESC", "[]")],
      ["CREATED_AT_DESC", made("CREATED_AT_DESC", "[null]")],
      ["CREATED_AT_DESC", made("CREATED_AT_DESC", '[{"$ne":1}]')],
      ["CREATED_AT_DESC", made("CREATED_AT_DESC", "[1e999]")],
      ["SIZE_ASC", made("SIZE_ASC", '["0"]')],
    ]) {
      expect(await refusal({ orderBy, after }), `${orderBy} ${after}`).toMatchObject({
        code: "BAD_USER_INPUT",
        field: "after",
      });
    }
  });

  test("renameFile: changes the name and where it is found", async () => {
    const { id } = await add("old name.txt");
    expect(dataOf(await ada.send(RENAME, { id, filename: "Neuer Näme.txt" })).renameFile).toEqual({
      id,
      filename: "Neuer Näme.txt",
    });
    expect(await names({ search: "NEUER NÄ" })).toEqual(["Neuer Näme.txt"]);
    expect(await names({ search: "old" })).toEqual([]);
    expect((await ada.download(id)).headers.get("content-disposition")).toContain("Neuer");
    for (const filename of ["", "a/b", "a\0", "x".repeat(256)]) {
      expect(await ada.failure(RENAME, { id, filename })).toMatchObject({ code: "BAD_USER_INPUT", field: "filename" });
    }
    const { id: open } = await ada.begin({ filename: "a", size: 1 });
    expect(await ada.failure(RENAME, { id: open, filename: "b" })).toMatchObject({ code: "NOT_FOUND" });
  });

  test("deleteFile: the file is gone at once, its bytes soon; again changes nothing", async () => {
    const file = await ada.upload("a", randomBytes(2 * CHUNK), { chunkSize: CHUNK });
    const kept = await ada.upload("b", randomBytes(1));
    for (let time = 0; time < 2; time++) expect(dataOf(await ada.deleteFile(file.id))).toEqual({ deleteFile: true });
    expect(await ada.data("query ($id: ID!) { file(id: $id) { id } }", { id: file.id })).toEqual({ file: null });
    expect((await ada.download(file.id)).status).toBe(404);
    expect(await names()).toEqual(["b"]);
    expect((await ada.failure(RENAME, { id: file.id, filename: "c" })).code).toBe("NOT_FOUND");
    const { id: open } = await ada.begin({ filename: "c", size: 1 });
    expect(failureOf(await ada.deleteFile(open)).code).toBe("NOT_FOUND");
    expect((await (await ada.download(kept.id)).arrayBuffer()).byteLength).toBe(1);
    await ada.deleteFile(kept.id);
  });
});
