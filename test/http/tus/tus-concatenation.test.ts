import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, failureOf } from "../../support/client.ts";
import { dialects } from "../../support/databases.ts";
import { filesOnNodes, untilNodesAreEmpty } from "../../support/node-folders.ts";
import { startService, type TestService } from "../../support/service.ts";
import { idOf, TusRequests, uploadMetadata } from "../../support/tus-requests.ts";

const CHUNK = 65_536;

describe.each(dialects)("tus concatenation on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  let tus: TusRequests;

  beforeAll(async () => {
    service = await startService(dialect, { CHUNK_SIZE: "64KiB", MAX_FILE_SIZE: "1MiB" });
  });
  afterAll(() => service.stop());

  async function signUp() {
    ada = await Client.register(service.url);
    tus = new TusRequests(ada);
  }
  const storage = async () =>
    (await ada.data("{ me { storage { usedBytes reservedBytes } } }")).me.storage as Record<string, number>;
  const part = (bytes: Buffer) =>
    tus.create({ "upload-concat": "partial", "upload-length": String(bytes.length) }, bytes);
  const concatenate = (paths: readonly string[], headers: Record<string, string> = {}) =>
    tus.send("POST", "/tus", { "upload-concat": `final;${paths.join(" ")}`, ...headers });

  test("parts of any size become a file, and no byte is copied", async () => {
    await signUp();
    const pieces = [randomBytes(CHUNK + 1), Buffer.alloc(0), randomBytes(5), randomBytes(2 * CHUNK)];
    const bytes = Buffer.concat(pieces);
    const paths = await Promise.all(pieces.map(part));
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: bytes.length });
    const blobs = await filesOnNodes(service.folder);
    const metadata = uploadMetadata({ filename: "whole.bin" });
    // Absolute and relative URLs name parts alike.
    const urls = paths.map((path, index) => (index % 2 ? path : new URL(path, service.url).href));
    const answer = await concatenate(urls, { "upload-metadata": metadata });
    expect(answer.status).toBe(201);
    const final = answer.headers.get("location") as string;

    const query = `query ($id: ID!) { file(id: $id) { filename size digest totalChunks chunks { index offset size } } }`;
    const { file } = await ada.data(query, { id: idOf(final) });
    const digest = createHash("sha256");
    for (const { offset, size } of file.chunks) {
      digest.update(
        createHash("sha256")
          .update(bytes.subarray(offset, offset + size))
          .digest(),
      );
    }
    expect(file).toMatchObject({ filename: "whole.bin", size: bytes.length, digest: digest.digest("hex") });
    expect(file).toMatchObject({ totalChunks: 5, chunks: [{ size: CHUNK }, { size: 1 }, { size: 5 }, {}, {}] });
    const served = Buffer.from(await (await ada.download(idOf(final))).arrayBuffer());
    expect(served.equals(bytes)).toBe(true);
    expect(await filesOnNodes(service.folder)).toEqual(blobs);
    expect(await storage()).toEqual({ usedBytes: bytes.length, reservedBytes: 0 });
    expect(await ada.data("{ files { totalCount } uploadSessions { nodes { id } } }")).toEqual({
      files: { totalCount: 1 },
      uploadSessions: { nodes: [] },
    });

    const head = await tus.send("HEAD", final);
    expect(Object.fromEntries(head.headers)).toMatchObject({
      "upload-concat": `final;${urls.join(" ")}`,
      "upload-metadata": metadata,
      "upload-offset": String(bytes.length),
      "upload-length": String(bytes.length),
    });
    for (const offset of [0, bytes.length]) {
      expect(await tus.append(final, offset, Buffer.from("a"))).toMatchObject({ status: 403 });
    }
    expect((await tus.send("DELETE", final)).status).toBe(204);
    await untilNodesAreEmpty(service.folder);
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: 0 });
  });

  test("the same concatenation again, also at once, is the same file", async () => {
    await signUp();
    const paths = [await part(Buffer.from("hello")), await part(Buffer.from(" world"))];
    const answers = await Promise.all([0, 1, 2, 3].map(() => concatenate(paths)));
    expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201, 201]);
    answers.push(await concatenate(paths));
    expect(new Set(answers.map((answer) => answer.headers.get("location"))).size).toBe(1);
    // What its client finds when the answer got lost, and before it asks again.
    const { status, headers } = await tus.send("HEAD", paths[0] as string);
    expect([status, headers.get("upload-offset"), headers.get("upload-concat")]).toEqual([200, "5", "partial"]);
    expect(await storage()).toEqual({ usedBytes: 11, reservedBytes: 0 });

    expect(await concatenate([...paths].reverse())).toMatchObject({ status: 410 });
    expect(await tus.append(paths[0] as string, 5, Buffer.from("a"))).toMatchObject({ status: 410 });
    expect((await tus.send("DELETE", paths[0] as string)).status).toBe(410);
    const session = "query ($id: ID!) { uploadSession(id: $id) { status kind file { id } } }";
    expect((await ada.data(session, { id: idOf(paths[0] as string) })).uploadSession).toEqual({
      status: "COMPLETED",
      kind: "PART",
      file: null,
    });
    expect(failureOf(await ada.abort(idOf(paths[0] as string)))).toMatchObject({ code: "UPLOAD_CLOSED" });
    await tus.send("DELETE", answers[0]?.headers.get("location") as string);
    expect(await concatenate(paths)).toMatchObject({ status: 410 });
  });

  test("a part is never a file by itself, and is aborted like an upload", async () => {
    await signUp();
    const path = await part(Buffer.from("hello"));
    expect((await ada.data("{ files { totalCount } }")).files.totalCount).toBe(0);
    expect((await ada.data("{ uploadSessions { nodes { id kind } } }")).uploadSessions.nodes).toEqual([
      { id: idOf(path), kind: "PART" },
    ]);
    expect(failureOf(await ada.complete(idOf(path)))).toMatchObject({ code: "BAD_USER_INPUT", field: "uploadId" });
    expect((await ada.download(idOf(path))).status).toBe(404);
    expect((await tus.send("DELETE", path)).status).toBe(204);
    expect(await concatenate([path])).toMatchObject({ status: 410 });
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: 0 });
  });

  test("what can't be concatenated is refused, and the parts stay as they were", async () => {
    await signUp();
    const whole = await part(Buffer.from("hello"));
    const half = await tus.create({ "upload-concat": "partial", "upload-length": "5" }, Buffer.from("he"));
    const upload = await tus.create({ "upload-length": "5" });
    const large = await part(Buffer.alloc(2 ** 20));
    const eve = new TusRequests(await Client.register(service.url));
    const others = await eve.create({ "upload-concat": "partial", "upload-length": "1" }, Buffer.from("e"));
    const planned = await ada.begin({ filename: "f", size: 10 });
    for (const [paths, status, code] of [
      [[whole, half], 409, "UPLOAD_INCOMPLETE"],
      [[whole, upload], 400, "BAD_USER_INPUT"],
      [[whole, whole], 400, "BAD_USER_INPUT"],
      [[whole, large], 413, "FILE_TOO_LARGE"],
      [[whole, others], 404, "NOT_FOUND"],
      [[whole, `/tus/${planned.id}`], 404, "NOT_FOUND"],
      [[whole, "/tus/nonsense"], 404, "NOT_FOUND"],
    ] as const) {
      expect(await concatenate(paths)).toMatchObject({ status, body: { code } });
    }
    const withBytes = { "content-type": "application/offset+octet-stream", "upload-concat": `final;${whole}` };
    expect((await tus.send("POST", "/tus", withBytes, Buffer.from("a"))).status).toBe(400);
    expect((await concatenate([whole])).status).toBe(201);
  });
});
