import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const SEARCH = `query ($search: String, $after: String) {
  files(search: $search, after: $after, orderBy: FILENAME_ASC) { totalCount nodes { filename owner { username } } }
}`;

describe.each(dialects)("files: hostile searches on %s", (dialect) => {
  let service: TestService;
  let ada: Client;

  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url, "ada");
    const eve = await Client.register(service.url, "eve");
    for (const name of ["what?.txt", "who's.txt", 'quo"te.txt', "plain.txt"]) await ada.upload(name, Buffer.from("x"));
    await eve.upload("what? is eve's.txt", Buffer.from("x"));
  });
  afterAll(() => service.stop());

  test.each([
    ["?", ["what?.txt"]],
    ["??", []],
    ["\\?", []],
    ["'", ["who's.txt"]],
    ['"', ['quo"te.txt']],
    ["') or 1=1 --", []],
    ["?') or (1=1", []],
  ])("%s is text and nothing else", async (search, found) => {
    const { files } = await ada.data(SEARCH, { search });
    expect(files.nodes.map((node: { filename: string }) => node.filename)).toEqual(found);
    expect(files.totalCount).toBe(found.length);
  });

  test.each(["?", "?x?", "??"])("no cursor of one's own making escapes from the search %s", async (search) => {
    const injected = ") > 0 union select * from files where 1=1 limit 20 --";
    const inner = Buffer.from(JSON.stringify([injected, "z"])).toString("base64url");
    const after = Buffer.from(`FILENAME_ASC:${inner}`).toString("base64url");
    const { files } = await ada.data(SEARCH, { search, after });
    for (const { filename, owner } of files.nodes) {
      expect(filename).toContain(search);
      expect(owner.username).toBe("ada");
    }
  });

  test("each name is found by its own text and by parts of it, in any case", async () => {
    const names = ["ΣΊΣΥΦΟΣ.txt", "Straße.pdf", "İstanbul.jpg", "ﬁne.txt", "Ǆemper.txt", "😀".repeat(130)];
    for (const name of names) await ada.upload(name, Buffer.from("x"));
    for (const name of names) {
      const middle = [...name].slice(1, 4).join("");
      for (const search of [name, name.toLowerCase(), name.toUpperCase(), name.normalize("NFD"), middle]) {
        const { files } = await ada.data(SEARCH, { search });
        expect(
          files.nodes.map((node: { filename: string }) => node.filename),
          search,
        ).toContain(name);
      }
    }
    const { files } = await ada.data(SEARCH, { search: "σίσυφος" });
    expect(files.totalCount).toBe(1);
  });

  test.each(["a\0b", "\0"])("a NUL is refused", async (search) => {
    expect(await ada.failure(SEARCH, { search })).toMatchObject({ code: "BAD_USER_INPUT", field: "search" });
  });
});
