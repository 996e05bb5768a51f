import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../support/client.ts";
import { startService, type TestService } from "../../support/service.ts";

const USER = "ada";
let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService("sqlite");
  client = await Client.register(service.url, USER);
});
afterAll(() => service.stop());

const bearer = () => ({ authorization: `Bearer ${client.token}` });
const TUS = { "tus-resumable": "1.0.0", "upload-length": "1", "content-type": "application/offset+octet-stream" };

/** A file's upload of one byte, by each of the doors. */
const doors: [string, (labels: { type?: string; name?: string; coding?: string }) => Promise<Response>][] = [
  [
    "the draft's POST",
    ({ type, name, coding }) =>
      fetch(`${service.url}/uploads/resumable`, {
        method: "POST",
        headers: {
          ...bearer(),
          "upload-complete": "?1",
          ...(type !== undefined && { "content-type": type }),
          ...(name !== undefined && { "content-disposition": name }),
          ...(coding !== undefined && { "content-encoding": coding }),
        },
        body: Buffer.from("x"),
      }),
  ],
  [
    "tus",
    ({ type, coding }) =>
      fetch(`${service.url}/tus`, {
        method: "POST",
        headers: {
          ...bearer(),
          ...TUS,
          "upload-metadata": `filename ${btoa("f")}${type ? `,filetype ${btoa(type)}` : ""}`,
          ...(coding !== undefined && { "content-encoding": coding }),
        },
        body: Buffer.from("x"),
      }),
  ],
  [
    "PUT",
    async ({ type, coding }) => {
      const { id } = await client.begin({ filename: "f", size: 1, ...(type && { contentType: type }) } as never);
      return fetch(`${service.url}/uploads/${id}/chunks/0`, {
        method: "PUT",
        headers: {
          ...bearer(),
          ...(type !== undefined && { "content-type": type }),
          ...(coding !== undefined && { "content-encoding": coding }),
        },
        body: Buffer.from("x"),
      });
    },
  ],
];

describe.each(doors)("%s", (_name, send) => {
  test.each(["json", "jpg", "undefined", "video/mp4;", "text/"])(
    "a type of %j is no reason to refuse a file",
    async (type) => {
      const response = await send({ type });
      expect([200, 201]).toContain(response.status);
      const { files } = await client.data(
        "{ files(first: 1) { nodes { contentType } } uploadSessions(first: 1) { nodes { contentType } } }",
      );
      const [newest] = [...files.nodes];
      if (_name !== "PUT") expect(newest.contentType).toBe("application/octet-stream");
    },
  );

  test("a content coding is refused with 415, and no coding is taken", async () => {
    for (const coding of ["gzip", "br", "gzip, identity"]) expect((await send({ coding })).status).toBe(415);
    expect([200, 201]).toContain((await send({ coding: "identity" })).status);
  });
});

test("GraphQL with a content coding is refused with 415 in its own form", async () => {
  const headers = { "content-type": "application/json", "content-encoding": "gzip" };
  const response = await fetch(`${service.url}/graphql`, { method: "POST", headers, body: "{}" });
  expect(response.status).toBe(415);
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "BAD_USER_INPUT" } }] });
});

describe("the draft's Content-Disposition", () => {
  const [, send] = doors[0] as (typeof doors)[0];
  const utf8 = (text: string) => Buffer.from(text).toString("latin1");
  test.each([
    [utf8('attachment; filename="käse.txt"'), "käse.txt"],
    [utf8('attachment; filename="奶酪.txt"'), "奶酪.txt"],
    ['attachment; filename="k\u00e4se.txt"', "käse.txt"],
    ["attachment; filename*=UTF-8''k%C3%A4se.txt", "käse.txt"],
    ["attachment", "unnamed"],
  ])("%s", async (name, filename) => {
    expect((await send({ name })).status).toBe(201);
    const { files } = await client.data("{ files(first: 1) { nodes { filename } } }");
    expect(files.nodes).toEqual([{ filename }]);
  });

  test.each([
    'attachment; filename="never ends',
    "filename",
    "attachment; filename=",
    "attachment; filename*=no-charset",
  ])("%s is refused with what it takes", async (name) => {
    const response = await send({ name });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "BAD_USER_INPUT", field: "content-disposition" });
  });
});

describe("the cookie behind a proxy", () => {
  const page = { "stowage-page": "1", "content-type": "application/json" };
  const sign = (headers: Record<string, string>) =>
    fetch(`${service.url}/session`, {
      method: "POST",
      headers: { ...page, ...headers },
      body: JSON.stringify({ login: USER, password: "correct horse" }),
    });

  test("is valid beside an Authorization of another scheme", async () => {
    const signedIn = await sign({ origin: service.url });
    expect(signedIn.status).toBe(200);
    const [cookie = ""] = (signedIn.headers.get("set-cookie") ?? "").split(";");
    for (const authorization of ["Basic dTpw", "Digest username=x", "Negotiate abc"]) {
      const response = await fetch(`${service.url}/graphql`, {
        method: "POST",
        headers: { ...page, origin: service.url, authorization, cookie },
        body: '{"query":"{ me { username } }"}',
      });
      expect(await response.json()).toMatchObject({ data: { me: { username: USER } } });
    }
    const other = await fetch(`${service.url}/graphql`, {
      method: "POST",
      headers: { ...page, origin: service.url, authorization: "Bearer wrong", cookie },
      body: '{"query":"{ me { username } }"}',
    });
    expect(await other.json()).toMatchObject({ data: { me: null } });
  });

  test("isn't given where the proxy hides the host, and the error says what to pass on", async () => {
    const response = await sign({ origin: "http://files.example" });
    expect(response.status).toBe(403);
    const { message } = (await response.json()) as { message: string };
    expect(message).toContain("http://files.example");
    expect(message).toContain("proxy_set_header Host $http_host");
  });
});

describe("inline", () => {
  const inline = async (bytes: Buffer, contentType: string, headers: Record<string, string> = {}) => {
    const { id } = await client.upload("f", bytes, { contentType });
    const url = `${service.url}/files/download/${id}?disposition=inline`;
    return fetch(url, { headers: { ...bearer(), ...headers } });
  };

  test.each([
    [Buffer.from("käse"), "text/plain", "text/plain; charset=utf-8"],
    [Buffer.from("k\u00e4se", "latin1"), "text/plain", "text/plain"],
    [Buffer.from("a".repeat(64 * 1024 - 1) + "ä".repeat(10)), "text/csv", "text/csv; charset=utf-8"],
    [Buffer.from("käse"), "text/plain; charset=latin1", "text/plain; charset=latin1"],
    [Buffer.from("käse"), "application/octet-stream", "application/octet-stream"],
  ])("a text in UTF-8 is said to be that (%#)", async (bytes, type, told) => {
    const whole = await inline(bytes, type);
    expect(whole.headers.get("content-type")).toBe(told);
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(bytes);
    const part = await inline(bytes, type, { range: "bytes=1-" });
    expect([part.status, part.headers.get("content-type")]).toEqual([206, told]);
  });

  test("a range of an empty file is the empty file", async () => {
    for (const range of ["bytes=0-", "bytes=0-99", "bytes=-5", "bytes=10-"]) {
      const response = await inline(Buffer.alloc(0), "text/plain", { range });
      expect([response.status, await response.text()]).toEqual([200, ""]);
    }
  });
});
