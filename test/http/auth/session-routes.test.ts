import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../support/client.ts";
import { startService, type TestService } from "../../support/service.ts";

const PASSWORD = "correct horse";
const FROM_PAGE = { "stowage-page": "1" };

describe("the page's session", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService("sqlite", { TRUST_PROXY: "on" });
  });
  afterAll(() => service.stop());

  const send = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    fetch(`${service.url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
    });

  function setCookie(response: Response): { pair: string; name: string; attributes: string[] } {
    const [pair = "", ...attributes] = (response.headers.get("set-cookie") ?? "").split("; ");
    return { pair, name: pair.split("=", 1)[0] ?? "", attributes };
  }

  async function signIn(headers: Record<string, string> = {}) {
    const username = `user-${Math.random().toString(36).slice(2, 12)}`;
    const input = { username, email: `${username}@example.org`, password: PASSWORD };
    const response = await send("POST", "/registration", { ...FROM_PAGE, ...headers }, input);
    expect(response.status).toBe(200);
    return { username, response, body: (await response.json()) as object, ...setCookie(response) };
  }

  const graphql = (headers: Record<string, string>, query = "{ me { username } }") =>
    send("POST", "/graphql", headers, { query });
  const nameOf = async (response: Response) =>
    ((await response.json()) as { data: { me: { username: string } | null } }).data.me?.username;

  test("registration and sign-in set a cookie that scripts can't read, and tell them no token", async () => {
    const { username, body, pair, name, attributes, response } = await signIn();
    expect(name).toBe("stowage");
    expect(attributes.sort()).toEqual([
      "HttpOnly",
      expect.stringMatching(/^Max-Age=\d+$/),
      "Path=/",
      "SameSite=Strict",
    ]);
    expect(JSON.stringify(body)).not.toContain(pair.split("=")[1]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const again = await send("POST", "/session", FROM_PAGE, { login: username, password: PASSWORD });
    expect(await again.json()).toEqual({
      user: { id: expect.any(String), username },
      expiresAt: expect.any(String),
    });
    expect(await nameOf(await graphql({ ...FROM_PAGE, cookie: setCookie(again).pair }))).toBe(username);
  });

  test("behind TLS the cookie is Secure and bound to the host, and a plain one counts for nothing", async () => {
    const tls = { "x-forwarded-proto": "https" };
    const { username, name, pair, attributes } = await signIn(tls);
    expect(name).toBe("__Host-stowage");
    expect(attributes).toContain("Secure");
    expect(await nameOf(await graphql({ ...FROM_PAGE, ...tls, cookie: `a=b; ${pair}` }))).toBe(username);
    const plain = pair.replace("__Host-", "");
    expect(await nameOf(await graphql({ ...FROM_PAGE, ...tls, cookie: plain }))).toBeUndefined();
  });

  test("a Bearer token wins over the cookie, a bad one too", async () => {
    const { pair } = await signIn();
    const other = await Client.register(service.url, "bearer-wins");
    expect(await nameOf(await graphql({ ...FROM_PAGE, cookie: pair, ...other.authorization }))).toBe("bearer-wins");
    const bad = await graphql({ ...FROM_PAGE, cookie: pair, authorization: "Bearer nonsense" });
    expect(await nameOf(bad)).toBeUndefined();
  });

  const foreign: [string, Record<string, string>][] = [
    ["another site's", { ...FROM_PAGE, "sec-fetch-site": "cross-site" }],
    ["another port's or subdomain's", { ...FROM_PAGE, "sec-fetch-site": "same-site" }],
    ["one typed into the address bar", { ...FROM_PAGE, "sec-fetch-site": "none" }],
    ["of another origin, in a browser that says no more", { ...FROM_PAGE, origin: "http://evil.example" }],
    ["of an opaque origin", { ...FROM_PAGE, origin: "null" }],
    ["one without the page's header", { "sec-fetch-site": "same-origin" }],
    ["a bare one", {}],
  ];
  test.each(foreign)("a request that changes something: %s changes nothing by cookie", async (_name, headers) => {
    const { pair } = await signIn();
    const cookie = { cookie: pair };
    const mutation = 'mutation { beginUpload(input: { filename: "a", size: 1 }) { id } }';
    const answer = (await (await graphql({ ...headers, ...cookie }, mutation)).json()) as {
      errors: { extensions: { code: string } }[];
    };
    expect(answer.errors[0]?.extensions.code).toBe("UNAUTHENTICATED");

    const form = new FormData();
    form.set("operations", JSON.stringify({ query: mutation }));
    form.set("map", "{}");
    const multipart = await fetch(`${service.url}/graphql`, {
      method: "POST",
      headers: { ...headers, ...cookie, "apollo-require-preflight": "1" },
      body: form,
    });
    expect(await multipart.text()).toContain("UNAUTHENTICATED");

    const chunk = await send("PUT", "/uploads/x/chunks/0", { ...headers, ...cookie }, "bytes");
    expect(chunk.status).toBe(401);
    expect((await send("DELETE", "/session", { ...headers, ...cookie })).status).toBe(403);
    expect(await nameOf(await graphql({ ...FROM_PAGE, ...cookie }))).toBeDefined();
    const input = { login: "somebody", password: PASSWORD };
    const forced = await send("POST", "/session", headers, input);
    expect([forced.status, forced.headers.get("set-cookie")]).toEqual([403, null]);
  });

  test("a request of the page's own origin changes something", async () => {
    const { pair, username } = await signIn();
    const own: Record<string, string>[] = [{ "sec-fetch-site": "same-origin" }, { origin: service.url }];
    for (const origin of own) {
      expect(await nameOf(await graphql({ ...FROM_PAGE, ...origin, cookie: pair }))).toBe(username);
    }
  });

  test("downloads by cookie are the page's and the address bar's, not another site's", async () => {
    const { pair } = await signIn();
    const ada = new Client(service.url, pair.split("=")[1]);
    const file = await ada.upload("a.txt", Buffer.from("hello"));
    const status = async (site: string) =>
      (await send("GET", `/files/download/${file.id}`, { cookie: pair, "sec-fetch-site": site })).status;
    expect(await status("same-origin")).toBe(200);
    expect(await status("none")).toBe(200);
    expect(await status("same-site")).toBe(401);
    expect(await status("cross-site")).toBe(401);
    expect((await send("GET", `/files/download/${file.id}`, { cookie: "stowage=nonsense" })).status).toBe(401);
  });

  test("where the page was not built, / leads to the playground", async () => {
    const response = await fetch(service.url, { redirect: "manual" });
    expect([response.status, response.headers.get("location")]).toEqual([302, "/graphql"]);
  });

  test("signing out revokes the token and removes the cookie; again, it is no error", async () => {
    const { pair } = await signIn();
    const headers = { ...FROM_PAGE, cookie: pair };
    const out = await send("DELETE", "/session", headers);
    expect([out.status, setCookie(out).pair]).toEqual([204, "stowage="]);
    expect(setCookie(out).attributes).toContain("Max-Age=0");
    expect(await nameOf(await graphql(headers))).toBeUndefined();
    expect((await send("DELETE", "/session", headers)).status).toBe(204);
    expect((await send("DELETE", "/session", FROM_PAGE)).status).toBe(204);
  });

  test("a wrong password and a missing field are refused with their codes, and no cookie", async () => {
    const { username } = await signIn();
    const wrong = await send("POST", "/session", FROM_PAGE, { login: username, password: "wrong" });
    expect([wrong.status, wrong.headers.get("set-cookie")]).toEqual([401, null]);
    expect(await wrong.json()).toMatchObject({ code: "UNAUTHENTICATED" });
    const missing = await send("POST", "/session", FROM_PAGE, { login: username });
    expect(await missing.json()).toMatchObject({ code: "BAD_USER_INPUT", field: "password" });
    const nothing = await send("POST", "/registration", FROM_PAGE, "null");
    expect(await nothing.json()).toMatchObject({ code: "BAD_USER_INPUT", field: "username" });
    const empty = await send("POST", "/session", FROM_PAGE);
    expect(empty.status).toBe(400);
  });
});
