import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../support/client.ts";
import { startService, type TestService } from "../../support/service.ts";
import { TusRequests, uploadMetadata } from "../../support/tus-requests.ts";

const BYTES = { "content-type": "application/offset+octet-stream" };

/** What the protocol's text says of headers and statuses; the database has no part in it. */
describe("the tus protocol", () => {
  let service: TestService;
  let tus: TusRequests;

  beforeAll(async () => {
    service = await startService("sqlite", { MAX_FILE_SIZE: "1GiB", CORS_ORIGINS: "http://page.example" });
    tus = new TusRequests(await Client.register(service.url));
  });
  afterAll(() => service.stop());

  test.for(["/tus", "/tus/0"])("OPTIONS %s tells what is served, without a token or a version", async (path) => {
    const response = await fetch(service.url + path, { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "tus-version": "1.0.0",
      "tus-resumable": "1.0.0",
      "tus-max-size": String(2 ** 30),
      "tus-extension":
        "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation",
      "tus-checksum-algorithm": "sha1,sha256,sha512,md5,crc32",
    });
  });

  test("a preflight allows tus's methods and headers, and answers may be read", async () => {
    const response = await fetch(`${service.url}/tus/0`, {
      method: "OPTIONS",
      headers: {
        origin: "http://page.example",
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "tus-resumable,upload-offset",
      },
    });
    expect(response.headers.get("access-control-allow-origin")).toBe("http://page.example");
    expect(response.headers.get("access-control-allow-methods")).toMatch(/PATCH.*DELETE/);
    expect(response.headers.get("access-control-allow-headers")).toBe("tus-resumable,upload-offset");
    const created = await tus.send("POST", "/tus", { "upload-length": "1", origin: "http://page.example" });
    const exposed = created.headers.get("access-control-expose-headers") ?? "";
    for (const name of ["location", "upload-offset", "upload-expires", "tus-resumable"]) {
      expect(exposed).toContain(name);
    }
  });

  test.for([undefined, "0.2.2", "1.0.0, 1.0.0"])("Tus-Resumable %s is refused with 412", async (version) => {
    const path = await tus.create({ "upload-length": "3" });
    for (const [method, at] of [
      ["POST", "/tus"],
      ["HEAD", path],
      ["PATCH", path],
      ["DELETE", path],
    ] as const) {
      const response = await fetch(service.url + at, {
        method,
        headers: { ...tus.client.authorization, ...(version && { "tus-resumable": version }) },
      });
      expect(response.status).toBe(412);
      expect(response.headers.get("tus-version")).toBe("1.0.0");
      expect(response.headers.get("tus-resumable")).toBe("1.0.0");
    }
    expect(await tus.offset(path)).toBe(0);
  });

  test("without a token, or with a wrong one, everything is refused with 401", async () => {
    const path = await tus.create({ "upload-length": "3" });
    for (const authorization of ["", "Bearer nonsense"]) {
      for (const [method, at] of [
        ["POST", "/tus"],
        ["HEAD", path],
        ["PATCH", path],
        ["DELETE", path],
      ] as const) {
        const { status, headers } = await tus.send(method, at, { authorization });
        expect(status).toBe(401);
        expect(headers.get("tus-resumable")).toBe("1.0.0");
        expect(headers.get("www-authenticate")).toContain("Bearer");
      }
    }
  });

  test.for([
    {},
    { "upload-length": "-1" },
    { "upload-length": "1.5" },
    { "upload-length": "" },
    { "upload-length": "99999999999999999999" },
    { "upload-length": "1", "upload-defer-length": "1" },
    { "upload-defer-length": "2" },
    { "upload-length": "1", "upload-concat": "half" },
    { "upload-length": "1", "upload-concat": "final;/tus/a" },
    { "upload-concat": "final;" },
    { "upload-length": "1", "upload-metadata": "filename" + " %%%" },
    { "upload-length": "1", "upload-metadata": "filename YQ==,filename YQ==" },
    { "upload-length": "1", "upload-metadata": "filename YQ== YQ==" },
    { "upload-length": "1", "upload-metadata": "filename /w==" },
    { "upload-length": "1", "upload-metadata": uploadMetadata({ filename: "../etc/passwd" }) },
  ])("a creation with %o is refused with 400", async (headers) => {
    const answer = await tus.send("POST", "/tus", headers as Record<string, string>);
    expect(answer).toMatchObject({ status: 400, body: { code: "BAD_USER_INPUT", message: expect.any(String) } });
  });

  test("a key without a value, and values that aren't ours, are kept as they are", async () => {
    const metadata = "is_public,name YQ==,bytes AP8=,empty ,filename ";
    const path = await tus.create({ "upload-length": "1", "upload-metadata": metadata });
    const { headers } = await tus.send("HEAD", path);
    expect(headers.get("upload-metadata")).toBe(metadata.trim());
    const query = "{ uploadSessions(first: 1) { nodes { filename } } }";
    expect((await tus.client.data(query)).uploadSessions.nodes).toEqual([{ filename: "a" }]);
  });

  test("PATCH wants its media type, and an offset", async () => {
    const path = await tus.create({ "upload-length": "3" });
    const json = { "content-type": "application/json" };
    expect((await tus.append(path, 0, Buffer.from("{}"), json)).status).toBe(415);
    expect((await tus.send("PATCH", path, { "upload-offset": "0" })).status).toBe(415);
    expect((await tus.send("PATCH", path, BYTES, Buffer.from("a"))).status).toBe(400);
    for (const offset of ["", "x", "-1"]) {
      const headers = { ...BYTES, "upload-offset": offset };
      expect((await tus.send("PATCH", path, headers, Buffer.from("a"))).status).toBe(400);
    }
    const typed = await tus.send("POST", "/tus", { ...json, "upload-length": "3" }, Buffer.from("{}"));
    expect(typed.status).toBe(415);
    expect(await tus.offset(path)).toBe(0);
  });

  test("X-HTTP-Method-Override stands for the method", async () => {
    const override = (method: string) => ({ "x-http-method-override": method });
    const path = await tus.create({ "upload-length": "3" });
    const patch = { ...override("PATCH"), ...BYTES, "upload-offset": "0" };
    expect((await tus.send("POST", path, patch, Buffer.from("ab"))).headers.get("upload-offset")).toBe("2");
    const head = await tus.send("POST", path, override("HEAD"));
    expect([head.status, head.headers.get("upload-offset")]).toEqual([200, "2"]);
    expect((await tus.send("POST", path, override("delete"))).status).toBe(204);
    expect((await tus.send("HEAD", path)).status).toBe(410);
    const options = await tus.send("POST", "/tus", override("OPTIONS"));
    expect([options.status, options.headers.get("tus-version")]).toEqual([204, "1.0.0"]);
    const refused = await tus.send("POST", path, override("constructor"));
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "HEAD, PATCH, DELETE, OPTIONS"]);
  });

  test("other methods are refused with 405", async () => {
    expect((await tus.send("POST", "/tus/0")).status).toBe(405);
    expect((await tus.send("GET", "/tus/0")).status).toBe(405);
    expect((await tus.send("PUT", "/tus")).status).toBe(405);
  });

  test("the OpenAPI document has the routes", async () => {
    const { paths } = (await (await fetch(`${service.url}/docs/json`)).json()) as { paths: Record<string, object> };
    expect(Object.keys(paths["/tus"] ?? {})).toEqual(["post", "options"]);
    expect(Object.keys(paths["/tus/{id}"] ?? {})).toEqual(["head", "patch", "delete"]);
  });
});
