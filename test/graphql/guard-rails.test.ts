import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { Client, failureOf, type GraphQLAnswer } from "../support/client.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const ME = "{ me { id } }";
const JSON_TYPE = { "content-type": "application/json" };

describe.each(dialects)("guard rails on %s", (dialect) => {
  let folder: string;
  let databaseUrl: string;
  let service: TestService;
  let ada: Client;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "stowage-guard-rails-"));
    databaseUrl = newDatabaseUrl(dialect, folder);
    service = await startService(dialect, { DATABASE_URL: databaseUrl, INTROSPECTION: "off" });
    ada = await Client.register(service.url);
  });
  afterAll(async () => {
    await service.stop();
    await rm(folder, { recursive: true });
  });

  const internalErrors = () => service.log.filter((line) => (line["level"] as number) >= 50);

  async function post(body: string | FormData, headers: Record<string, string>, query = "") {
    const response = await fetch(`${service.url}/graphql${query}`, { method: "POST", headers, body });
    return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer, "status">) };
  }
  async function get(query: string, headers: Record<string, string> = {}) {
    const response = await fetch(`${service.url}/graphql?query=${encodeURIComponent(query)}`, { headers });
    return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer, "status">) };
  }

  /** Refused before anything is run, as the client's mistake. */
  function expectRefused(answer: GraphQLAnswer, code: string, message: RegExp): void {
    expect(answer.status).toBe(400);
    expect(answer.data).toBeUndefined();
    expect(answer.errors?.[0]).toMatchObject({ message: expect.stringMatching(message), extensions: { code } });
    expect(internalErrors()).toEqual([]);
  }

  test("a request that any web page could send is refused", async () => {
    const body = JSON.stringify({ query: ME });
    expectRefused(await post(body, {}), "BAD_REQUEST", /CSRF|Cross-Site/);
    expectRefused(await post(body, { "content-type": "text/plain" }), "BAD_REQUEST", /CSRF|Cross-Site/);
    expectRefused(await get(ME), "BAD_REQUEST", /CSRF|Cross-Site/);
    const form = new FormData();
    form.set("operations", body);
    form.set("map", "{}");
    expectRefused(await post(form, {}), "BAD_REQUEST", /Apollo-Require-Preflight/i);
    for (const name of ["apollo-require-preflight", "x-apollo-operation-name"]) {
      expect(await post(form, { [name]: "yes" })).toEqual({ status: 200, data: { me: null } });
      expect(await get(ME, { [name]: "yes" })).toEqual({ status: 200, data: { me: null } });
    }
  });

  test("a mutation by GET is refused", async () => {
    const answer = await get("mutation { logout }", { "apollo-require-preflight": "yes", ...ada.authorization });
    expect(answer.status).toBe(405);
    expect(await ada.data(ME)).not.toEqual({ me: null });
  });

  test("a batch is refused", async () => {
    const answer = await post(JSON.stringify([{ query: ME }, { query: ME }]), JSON_TYPE);
    expectRefused(answer, "BAD_REQUEST", /batching/i);
  });

  test("too deep a query is refused", async () => {
    const query = `{ ${"me { ".repeat(13)} id ${"}".repeat(13)} }`;
    expectRefused(await ada.send(query), "GRAPHQL_VALIDATION_FAILED", /depth/i);
    const fragments = Array.from({ length: 50 }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`);
    const nested = `{ ...F0 } ${fragments.join(" ")} fragment F50 on Query { me { id } }`;
    expectRefused(await ada.send(nested), "QUERY_TOO_COMPLEX", /shorter lists/);
    const circular = "{ ...A } fragment A on Query { me { id } ...A }";
    expectRefused(await ada.send(circular), "GRAPHQL_VALIDATION_FAILED", /within itself/);
  });

  test("too many aliases are refused", async () => {
    const aliased = (count: number) => `{ ${Array.from({ length: count }, (_, i) => `a${i}: me { id }`).join(" ")} }`;
    expect((await ada.send(aliased(20))).errors).toBeUndefined();
    expectRefused(await ada.send(aliased(21)), "GRAPHQL_VALIDATION_FAILED", /alias/i);
  });

  test("too many tokens are refused", async () => {
    expectRefused(await ada.send(`{ me { ${"id ".repeat(2000)} } }`), "GRAPHQL_PARSE_FAILED", /tokens/);
  });

  test("lists in lists are refused where they multiply beyond bounds", async () => {
    const query = "query ($n: Int!) { files(first: 500) { nodes { chunks(first: $n) { index } } } }";
    expectRefused(await ada.send(query, { n: 1000 }), "QUERY_TOO_COMPLEX", /shorter lists/);
    expect((await ada.send(query, { n: 100 })).errors).toBeUndefined();
    const levels = Array.from({ length: 4 }, (_, i) => `fragment F${i} on Query { ${`...F${i + 1} `.repeat(20)} }`);
    const spread = await ada.send(`{ ...F0 } ${levels.join(" ")} fragment F4 on Query { me { id } }`);
    expectRefused(spread, "QUERY_TOO_COMPLEX", /shorter lists/);
  });

  test("fields that ask the database by themselves count as many", async () => {
    const sessions = "uploadSessions(first: 500) { nodes { missing { first } } }";
    expect((await ada.send(`{ ${sessions} }`)).errors).toBeUndefined();
    expectRefused(await ada.send(`{ ${sessions} more: ${sessions} }`), "QUERY_TOO_COMPLEX", /shorter lists/);
  });

  test("variables and arguments that don't fit are told by their name", async () => {
    const query = "query ($n: Int!) { files(first: $n) { totalCount } }";
    for (const n of ["x", 1.5, null, undefined, 2 ** 31, [1, 2]]) {
      const answer = await ada.send(query, { n });
      expectRefused(answer, "BAD_USER_INPUT", /\$n/);
      expect(failureOf(answer)).toMatchObject({ field: "n" });
    }
    const nullable = await ada.send("query ($n: Int) { files(first: $n) { totalCount } }", { n: null });
    expectRefused(nullable, "BAD_USER_INPUT", /first/);
    const begin = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";
    for (const [input, field] of [
      [{ filename: "a", size: "x" }, "size"],
      [{ filename: 5, size: 1 }, "filename"],
      [{ filename: "a", size: 1, chunkSize: 0.5 }, "chunkSize"],
    ] as const) {
      expect(await ada.failure(begin, { input })).toMatchObject({ code: "BAD_USER_INPUT", field });
    }
  });

  test("variables with thousands of unknown fields are refused in a short text, however many they are", async () => {
    const begin = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";
    const unknown = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`field${i}`, "x"]));
    for (const input of [unknown(50), unknown(900)]) {
      const answer = await new Client(service.url).send(begin, { input });
      expectRefused(answer, "BAD_USER_INPUT", /is not defined by type|was not provided/);
      expect(JSON.stringify(answer).length).toBeLessThan(3000);
    }
    for (const input of [unknown(40_000), [[unknown(40_000)]], { filename: "x".repeat(300_000), size: 1 }]) {
      const answer = await new Client(service.url).send(begin, { input });
      expectRefused(answer, "BAD_USER_INPUT", /at most 1000 values and 262144 characters/);
    }
  });

  test("a query that repeats fields or fragments, which are compared in pairs, is refused before that", async () => {
    const repeated = (times: number) => `{ ${"me { id } ".repeat(times)} }`;
    expect((await ada.send(repeated(20))).errors).toBeUndefined();
    const nested = `{ ${`files(first: 1) { ${"nodes { id } ".repeat(20)} } `.repeat(20)} }`;
    const inline = `{ ${"... { me { id } } ".repeat(200)} }`;
    const names = Array.from({ length: 100 }, (_, i) => `F${i}`);
    const spread = `{ ${names.map((name) => `...${name}`).join(" ")} }`;
    const fragments = `${spread} ${names.map((name) => `fragment ${name} on Query { me { id } }`).join(" ")}`;
    for (const query of [repeated(400), nested, inline, fragments]) {
      expectRefused(await ada.send(query), "QUERY_TOO_COMPLEX", /same fields too often/);
    }
    expectRefused(await ada.send(`{ me { ${"x".repeat(70_000)} } }`), "GRAPHQL_PARSE_FAILED", /characters/);
  });

  test("fragments count as what is in them, not as depth", async () => {
    const inside = `${"... on File { ".repeat(9)} id ${"}".repeat(9)}`;
    const answer = await ada.send(`query Q { files(first: 1) { nodes { ...A } } } fragment A on File { ...B }
      fragment B on File { ...C } fragment C on File { ${inside} }`);
    expect(answer.errors).toBeUndefined();
  });

  test("what is no GraphQL request is a 400", async () => {
    for (const body of [
      "{",
      "",
      "null",
      "5",
      "[]",
      "{}",
      '{"query":5}',
      '{"query":"{ me { "}',
      '{"query":"{ nothing }"}',
    ]) {
      const response = await fetch(`${service.url}/graphql`, { method: "POST", headers: JSON_TYPE, body });
      expect([body, response.status]).toEqual([body, 400]);
      expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(internalErrors()).toEqual([]);
  });

  test("a JSON body over 1 MiB is a 413", async () => {
    const body = JSON.stringify({ query: ME, variables: { x: "x".repeat(1024 * 1024) } });
    const response = await fetch(`${service.url}/graphql`, { method: "POST", headers: JSON_TYPE, body });
    expect(response.status).toBe(413);
    await response.arrayBuffer();
  });

  test("INTROSPECTION=off hides the schema; otherwise it is there, within bounds", async () => {
    const query = "{ __schema { queryType { name } } }";
    expectRefused(await ada.send(query), "GRAPHQL_VALIDATION_FAILED", /introspection/i);
    expect(await ada.data("{ __typename }")).toEqual({ __typename: "Query" });
    const near: [string, object?][] = [
      ["{ fil { id } }"],
      ["{ file(ids: 1) { id } }"],
      ["{ file(id: 1) { idd } }"],
      ["{ files(orderBy: FILENAME_AS) { totalCount } }"],
      ["mutation { beginUpload(input: { filename: 1, siz: 1 }) { id } }"],
      ["mutation ($input: BeginUploadInpu!) { beginUpload(input: $input) { id } }", { input: {} }],
      ["mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }", { input: { filenam: "a" } }],
      ["query ($order: FileOrder!) { files(orderBy: $order) { totalCount } }", { order: "FILENAME_AS" }],
    ];
    for (const [text, variables] of near) {
      const [error] = (await ada.send(text, variables as never)).errors ?? [];
      expect(error?.message, text).toEqual(expect.any(String));
      expect(error?.message, text).not.toMatch(/did you mean/i);
    }
    const open = await startService(dialect);
    try {
      const nobody = new Client(open.url);
      expect(await nobody.data(query)).toEqual({ __schema: { queryType: { name: "Query" } } });
      const deep = `{ __schema { types ${"{ fields { type ".repeat(4)} { name } ${"} }".repeat(4)} } }`;
      expectRefused(await nobody.send(deep), "GRAPHQL_VALIDATION_FAILED", /introspection depth/i);
    } finally {
      await open.stop();
    }
  });

  test("another user's objects can't be told from none", async () => {
    const file = await ada.upload("a.bin", Buffer.from("bytes"));
    const upload = await ada.begin({ filename: "b.bin", size: 5 });
    const eve = await Client.register(service.url);
    for (const id of [
      file.id,
      upload.id,
      "01234567-89ab-7def-8123-456789abcdef",
      file.id.toUpperCase(),
      "' or 1=1",
      "",
    ]) {
      expect(await eve.data("query ($id: ID!) { file(id: $id) { id } uploadSession(id: $id) { id } }", { id })).toEqual(
        {
          file: null,
          uploadSession: null,
        },
      );
      for (const mutation of [
        "completeUpload(uploadId: $id) { id }",
        "abortUpload(uploadId: $id)",
        'renameFile(id: $id, filename: "c") { id }',
        "deleteFile(id: $id)",
        "createDownloadLink(fileId: $id) { id }",
        "revokeDownloadLink(id: $id)",
      ]) {
        expect((await eve.failure(`mutation ($id: ID!) { ${mutation} }`, { id })).code, mutation).toBe("NOT_FOUND");
      }
      expect(failureOf(await eve.sendChunk(id, 0, Buffer.from("bytes"))).code).toBe("NOT_FOUND");
      if (id !== "") expect((await eve.download(encodeURIComponent(id))).status).toBe(404);
    }
    expect(await eve.data("{ files { totalCount } uploadSessions { totalCount } }")).toEqual({
      files: { totalCount: 0 },
      uploadSessions: { totalCount: 0 },
    });
    expect((await ada.session(upload.id)).status).toBe("OPEN");
  });

  test.each(["subscription { x }", "subscription { __typename }", "subscription S { a } query Q { __typename }"])(
    "%s is the client's error, and nothing is logged",
    async (query) => {
      const logged = internalErrors().length;
      const response = await post(JSON.stringify({ query, operationName: query.includes("S {") ? "S" : undefined }), {
        "content-type": "application/json",
      });
      expect(response.status).toBe(400);
      expect(response.errors?.[0]?.extensions.code).toBe("OPERATION_RESOLUTION_FAILURE");
      expect(internalErrors()).toHaveLength(logged);
    },
  );

  test("what is reckoned of a search is what it looks at, not the fields that it gives", async () => {
    const searches = (count: number) =>
      `{ ${Array.from({ length: count }, (_, i) => `s${i}: files(search: "x${i}", first: 1) { totalCount }`)} }`;
    expect(await ada.data(searches(2))).toMatchObject({ s0: { totalCount: 0 }, s1: { totalCount: 0 } });
    expectRefused(await ada.send(searches(20)), "QUERY_TOO_COMPLEX", /shorter/);
  });

  // The last one: it breaks the database.
  test("an error of ours tells the client its requestId and nothing else; the log has the cause under it", async () => {
    const database = await Database.open(databaseOptions(databaseUrl));
    await database.transaction((em) => em.execute("alter table download_links rename to elsewhere"));
    await database.close();
    const { id } = await ada.upload("a.bin", Buffer.from("bytes"));
    const answer = await ada.send("mutation ($id: ID!) { createDownloadLink(fileId: $id) { id } }", { id });
    const { requestId } = failureOf(answer);
    expect(answer.errors).toEqual([
      {
        message: "Something went wrong on the server. Its log has the cause under this requestId.",
        locations: [expect.anything()],
        path: ["createDownloadLink"],
        extensions: { code: "INTERNAL_SERVER_ERROR", requestId },
      },
    ]);
    const line = internalErrors().find((entry) => entry["reqId"] === requestId);
    expect(JSON.stringify(line)).toContain("download_links");

    const response = await fetch(`${service.url}/files/download/${id}?secret=x`);
    const body = (await response.json()) as Record<string, string>;
    expect([response.status, body]).toEqual([
      500,
      {
        code: "INTERNAL_SERVER_ERROR",
        message: answer.errors?.[0]?.message,
        requestId: response.headers.get("x-request-id"),
      },
    ]);
    expect(internalErrors().some((entry) => entry["reqId"] === body["requestId"])).toBe(true);
  });
});
