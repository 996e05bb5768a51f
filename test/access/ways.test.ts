import { readFile } from "node:fs/promises";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SCOPES, type Scope } from "../../src/access/principal.ts";
import { buildGraphQLSchema } from "../../src/graphql/schema.ts";
import { Client } from "../support/client.ts";
import { startService, type TestService } from "../support/service.ts";
import { type ObjectKind, type Outcome, SIZE, type Way, ways } from "./ways.ts";

let service: TestService;
/** An administrator, so that every scope can be given. */
let owner: Client;
let plain: Client;
/** The owner's keys, each with one scope. */
const keys = new Map<Scope, Client>();

beforeAll(async () => {
  service = await startService("sqlite", {
    MAX_TOKENS: "5000",
    SIGN_INS_PER_MINUTE: "100000",
    SIGN_INS_PER_ACCOUNT: "10000",
  });
  owner = await service.administrator();
  plain = await Client.register(service.url);
  for (const scope of SCOPES) keys.set(scope, (await newKey(owner, scope)).client);
});
afterAll(() => service.stop());

const all = Object.entries(ways);

async function newSession(of: Client): Promise<Client> {
  const { me } = await of.data("{ me { username } }");
  const input = { login: me.username, password: "correct horse" };
  const answer = await of.data("mutation ($input: LoginInput!) { login(input: $input) { token } }", { input });
  return new Client(service.url, answer.login.token);
}

async function newKey(of: Client, ...scopes: string[]): Promise<{ id: string; client: Client }> {
  const query = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { token apiKey { id } } }";
  const { createApiKey } = await of.data(query, { input: { name: "key", scopes } });
  return { id: createApiKey.apiKey.id, client: new Client(service.url, createApiKey.token) };
}

/** Makes something of the client's to act on. */
async function newObject(of: Client, kind: ObjectKind): Promise<string> {
  if (kind === "FILE") return (await of.upload("f", Buffer.alloc(SIZE))).id;
  if (kind === "UPLOAD") return (await of.begin({ filename: "f", size: SIZE })).id;
  if (kind === "KEY") return (await newKey(of, "FILES_READ")).id;
  if (kind === "NODE") return "node1";
  if (kind === "USER") return (await (await Client.register(service.url)).data("{ me { id } }")).me.id;
  if (kind === "LINK") {
    const fileId = await newObject(of, "FILE");
    const query = "mutation ($id: ID!) { createDownloadLink(fileId: $id) { id } }";
    return (await of.data(query, { id: fileId })).createDownloadLink.id;
  }
  if (kind === "SESSION") {
    const { sessions } = await (await newSession(of)).data("{ sessions { id isCurrent } }");
    return sessions.find(({ isCurrent }: { isCurrent: boolean }) => isCurrent).id;
  }
  const headers = { ...of.authorization, "tus-resumable": "1.0.0", "upload-length": String(SIZE) };
  const response = await fetch(`${service.url}/tus`, { method: "POST", headers });
  return response.headers.get("location")?.split("/").at(-1) ?? "";
}

/** Readied for the act: an upload that can be completed has its bytes. */
async function objectFor(name: string, { on }: Way, of: Client): Promise<string> {
  if (on === undefined) return "";
  const id = await newObject(of, on);
  if (name === "mutation completeUpload") await of.sendChunk(id, 0, Buffer.alloc(SIZE));
  return id;
}

/** What a key with this scope alone lacks; undefined where it is enough. */
function lackedBy(scope: Scope, { needs, needsAll = false, needsSession = false }: Way): string | undefined {
  if (needs === "NOTHING") return undefined;
  if (needs === "SESSION") return needs;
  if (needsAll) return needs.find((need) => need !== scope);
  if (!needs.includes(scope)) return needs[0];
  return needsSession ? "SESSION" : undefined;
}

test("every operation and route is in the table, and no other", async () => {
  const schema = buildGraphQLSchema();
  const operations = [
    ...Object.keys(schema.getQueryType()?.getFields() ?? {}).map((name) => `query ${name}`),
    ...Object.keys(schema.getMutationType()?.getFields() ?? {}).map((name) => `mutation ${name}`),
  ];
  const { paths } = (await (await fetch(`${service.url}/docs/json`)).json()) as { paths: Record<string, object> };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(Object.keys(ways).sort()).toEqual([...operations, ...routes].sort());
});

test("docs/access.md has the table", async () => {
  const told = ({ needs, needsAll = false, needsSession = false }: Way) => {
    if (needs === "NOTHING") return "nothing";
    return needs === "SESSION"
      ? "a session"
      : needs.join(needsAll ? " and " : " or ") + (needsSession ? ", and a session" : "");
  };
  const rows = all.map(([name, way]) => `| \`${name}\` | ${told(way)} |`);
  const docs = await readFile(new URL("../../docs/access.md", import.meta.url), "utf8");
  expect(docs).toContain(["| operation or route | needs |", "|---|---|", ...rows].join("\n"));
});

describe.each(all)("%s", (name, way) => {
  const { needs } = way;
  const isOpen = needs === "NOTHING";

  test("refuses who isn't anybody, and tokens that are none", async () => {
    for (const token of [undefined, "x", `stw_${"A".repeat(43)}`, `stk_${"A".repeat(43)}`]) {
      const { status, code } = await way.ask(new Client(service.url, token), uuidv7());
      if (isOpen) expect(code).toBeUndefined();
      else if (name === "mutation logout" && token !== undefined) expect(code).toBeUndefined();
      else if (name.startsWith("HEAD ")) expect(status).toBe(401);
      else expect([401, 200]).toContain(status);
      if (!isOpen && !name.startsWith("HEAD ") && name !== "mutation logout") expect(code).toBe("UNAUTHENTICATED");
    }
  });

  test("serves who is signed in, an administrator where it takes one", async () => {
    // This one ends all others, of which `owner` would be one.
    const session = name === "mutation revokeOtherSessions" ? owner : await newSession(owner);
    expect((await way.ask(session, await objectFor(name, way, owner))).code).toBeUndefined();
    const other = name === "mutation revokeOtherSessions" ? plain : await newSession(plain);
    const outcome = await way.ask(other, await objectFor(name, way, plain));
    if (needs.includes("ADMIN")) expect(outcome).toMatchObject({ code: "FORBIDDEN", needed: "ADMIN" });
    else expect(outcome.code).toBeUndefined();
  });

  test.each(SCOPES)("serves a key with %s as the table says", async (scope) => {
    const outcome = await way.ask(keys.get(scope) as Client, await objectFor(name, way, owner));
    const needed = lackedBy(scope, way);
    if (needed === undefined) return expect(outcome.code).toBeUndefined();
    if (name.startsWith("HEAD ")) return expect(outcome.status).toBe(403);
    expect(outcome).toMatchObject({ code: "FORBIDDEN", needed });
  });
});

describe.each(all.filter(([, { on }]) => on !== undefined && on !== "NODE" && on !== "USER"))("%s", (name, way) => {
  test("tells nobody what is another's", async () => {
    const eve = await newSession(plain);
    const theirs = await objectFor(name, way, owner);
    const none = uuidv7();
    const seen = ({ status, code, message, found }: Outcome) => ({ status, code, message, found });
    expect(seen(await way.ask(eve, theirs))).toEqual(seen(await way.ask(eve, none)));
    expect((await way.ask(await newSession(owner), theirs)).code).toBeUndefined();
  });
});
