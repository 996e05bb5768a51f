import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, failureOf, fileDigest } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;
const TIB = 1024 ** 4;
const BEGIN = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";
const OPEN =
  "query ($first: Int! = 50, $after: String) { uploadSessions(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } totalCount } }";

interface Page {
  nodes: { id: string }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  totalCount: number;
}

describe.each(dialects)("uploads on %s", (dialect) => {
  let service: TestService;
  let ada: Client;

  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url);
  });
  afterAll(() => service.stop());

  const begin = (input: object = {}) => ada.begin({ filename: "a.bin", size: 3 * CHUNK, chunkSize: CHUNK, ...input });
  const refusal = (input: object) => ada.failure(BEGIN, { input: { filename: "a.bin", size: 1, ...input } });

  describe("beginUpload", () => {
    test("opens an upload that lacks everything", async () => {
      const session = await begin({ size: 2 * CHUNK + 1 });
      expect(session).toEqual({
        id: session.id,
        status: "OPEN",
        receivedChunks: 0,
        receivedBytes: 0,
        totalChunks: 3,
        chunkSize: CHUNK,
        size: 2 * CHUNK + 1,
        missing: [{ first: 0, last: 2 }],
      });
      expect(await ada.session(session.id)).toEqual(session);
    });

    test("names the media type and the chunk size where the client leaves them out", async () => {
      const query = `mutation { beginUpload(input: { filename: "a", size: 9000000 }) { contentType chunkSize totalChunks
        createdAt expiresAt } }`;
      const { beginUpload } = await ada.data(query);
      expect(beginUpload).toMatchObject({
        contentType: "application/octet-stream",
        chunkSize: 8_388_608,
        totalChunks: 2,
      });
      expect(Date.parse(beginUpload.expiresAt) - Date.parse(beginUpload.createdAt)).toBe(7 * 86_400_000);
    });

    test("keeps what the program calls itself, for whoever lists the uploads", async () => {
      const { id } = await begin({ client: "my-app" });
      const { uploadSession } = await ada.data(`{ uploadSession(id: "${id}") { client } }`);
      expect(uploadSession.client).toBe("my-app");
      const unnamed = await begin();
      expect((await ada.data(`{ uploadSession(id: "${unnamed.id}") { client } }`)).uploadSession.client).toBe(null);
      for (const client of ["", "x".repeat(65), "\ud800", "\u001b[2J"]) {
        expect(await refusal({ client })).toMatchObject({ code: "BAD_USER_INPUT", field: "client" });
      }
    });

    test("takes the largest file there may be, and no byte more", async () => {
      expect((await ada.begin({ filename: "a", size: 5 * TIB })).totalChunks).toBe(655_360);
      const failure = await refusal({ size: 5 * TIB + 1 });
      expect(failure).toMatchObject({ code: "FILE_TOO_LARGE", field: "size", maxFileSize: 5 * TIB });
    });

    test("takes a million chunks, and no more", async () => {
      expect(await begin({ size: 1e6 * CHUNK })).toMatchObject({
        totalChunks: 1e6,
        missing: [{ first: 0, last: 999_999 }],
      });
      const failure = await refusal({ size: 1e6 * CHUNK + 1, chunkSize: CHUNK });
      expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field: "chunkSize" });
    });

    test.each([
      ["size", -1],
      ["size", 1.5],
      ["size", 2 ** 53],
      ["size", "1"],
      ["size", null],
      ["chunkSize", 0],
      ["chunkSize", -CHUNK],
      ["chunkSize", CHUNK - 1],
      ["chunkSize", 64 * 1024 * 1024 + 1],
      ["chunkSize", 2 ** 31],
      ["resumeKey", ""],
      ["resumeKey", "k".repeat(1025)],
      ["filename", ""],
      ["filename", " \t "],
      ["filename", "x".repeat(256)],
      ["filename", "."],
      ["filename", ".."],
      ["filename", "../etc/passwd"],
      ["filename", "a/b"],
      ["filename", "C:\\boot.ini"],
      ["filename", "a\0.txt"],
      ["filename", "a\nb"],
      ["filename", "a\u007f"],
      ["filename", "a\u0085b"],
      ["filename", "a\u2028b"],
      ["filename", "fdp.\u202eexe"],
      ["filename", "\ud800"],
    ])("refuses the %s %j", async (field, value) => {
      expect(await refusal({ [field]: value })).toMatchObject({ code: "BAD_USER_INPUT", field });
    });

    test.each([
      "日本語のファイル.txt",
      "ملف.pdf",
      "हिन्दी.md",
      "Zoë's “résumé” (1).tar.gz",
      "e\u0301 decomposed",
      "👩‍👩‍👧.png",
      " spaces stay ",
      "...",
      "%00%2f..&?#;'\"`$(x)<b>",
      "C:con.txt",
      "😀".repeat(255),
      "x".repeat(255),
    ])("takes the name %j and gives it back unchanged", async (filename) => {
      const query = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id filename } }";
      const { beginUpload } = await ada.data(query, { input: { filename, size: 0 } });
      expect(beginUpload.filename).toBe(filename);
      expect(dataOf(await ada.complete(beginUpload.id)).completeUpload.filename).toBe(filename);
    });
  });

  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1])(
    "a file of %d bytes comes back as it was",
    async (size) => {
      const bytes = randomBytes(size);
      const file = await ada.upload("a.bin", bytes, { chunkSize: CHUNK, contentType: "video/mp4" });
      const totalChunks = Math.ceil(size / CHUNK);
      expect(file).toMatchObject({ size, totalChunks, contentType: "video/mp4", digest: fileDigest(bytes, CHUNK) });
      expect(file.downloadUrl).toBe(`/files/download/${file.id}`);
      const response = await ada.download(file.id);
      expect(response.headers.get("content-length")).toBe(String(size));
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    },
  );

  test("an empty file has no chunks to send, and the digest of nothing", async () => {
    const session = await begin({ size: 0 });
    expect(session).toMatchObject({ totalChunks: 0, missing: [] });
    expect(failureOf(await ada.sendChunk(session.id, 0, Buffer.alloc(0)))).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "index",
    });
    const digest = createHash("sha256").digest("hex");
    expect(dataOf(await ada.complete(session.id, digest)).completeUpload).toMatchObject({ size: 0, digest });
  });

  describe("completeUpload", () => {
    test("tells what is missing, and the upload stays open", async () => {
      const session = await begin({ size: 5 * CHUNK });
      for (const index of [0, 3]) dataOf(await ada.sendChunk(session.id, index, randomBytes(CHUNK)));
      const missing = [
        { first: 1, last: 2 },
        { first: 4, last: 4 },
      ];
      expect(failureOf(await ada.complete(session.id))).toMatchObject({ code: "UPLOAD_INCOMPLETE", missing });
      expect(await ada.session(session.id)).toMatchObject({ status: "OPEN", receivedChunks: 2, missing });
    });

    test("with another digest is refused, and the upload stays open", async () => {
      const bytes = randomBytes(CHUNK + 5);
      const session = await begin({ size: bytes.length });
      dataOf(await ada.sendChunk(session.id, 0, bytes.subarray(0, CHUNK)));
      dataOf(await ada.sendChunk(session.id, 1, bytes.subarray(CHUNK)));
      const [expected, actual] = ["0".repeat(64), fileDigest(bytes, CHUNK)];
      expect(failureOf(await ada.complete(session.id, expected))).toMatchObject({
        code: "DIGEST_MISMATCH",
        expected,
        actual,
      });
      expect((await ada.session(session.id)).status).toBe("OPEN");
      const malformed = failureOf(await ada.complete(session.id, "abc"));
      expect(malformed).toMatchObject({ code: "BAD_USER_INPUT", field: "digest" });
      expect(dataOf(await ada.complete(session.id, actual.toUpperCase())).completeUpload.digest).toBe(actual);
      expect(failureOf(await ada.complete(session.id, expected))).toMatchObject({ code: "DIGEST_MISMATCH" });
    });

    test("again gives the same file", async () => {
      const file = await ada.upload("a.bin", randomBytes(10));
      expect(dataOf(await ada.complete(file.id)).completeUpload).toEqual(file);
      const query = `query ($id: ID!) { uploadSession(id: $id) { status missing { first } file { id digest } } }`;
      const { uploadSession } = await ada.data(query, { id: file.id });
      expect(uploadSession).toEqual({ status: "COMPLETED", missing: [], file: { id: file.id, digest: file.digest } });
    });

    test("is NOT_FOUND once the file was deleted", async () => {
      const file = await ada.upload("a.bin", randomBytes(10));
      dataOf(await ada.deleteFile(file.id));
      expect(failureOf(await ada.complete(file.id)).code).toBe("NOT_FOUND");
      expect(await ada.session(file.id)).toBeNull();
    });
  });

  test("uploadSessions: lists the caller's open uploads, newest first, page by page", async () => {
    const bob = await Client.register(service.url);
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.unshift((await bob.begin({ filename: `${i}`, size: i })).id);
    const [aborted, completed] = [ids.splice(2, 1)[0] as string, ids.splice(-1, 1)[0] as string];
    dataOf(await bob.abort(aborted));
    dataOf(await bob.complete(completed));
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const page: Page = (await bob.data(OPEN, { first: 2, after })).uploadSessions;
      const { nodes, pageInfo, totalCount } = page;
      expect(totalCount).toBe(5);
      seen.push(...nodes.map(({ id }) => id));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(seen).toEqual(ids);
    expect(await bob.failure(OPEN, { first: 501 })).toMatchObject({ code: "BAD_USER_INPUT", field: "first" });
    expect(await bob.failure(OPEN, { after: "nonsense" })).toMatchObject({ code: "BAD_USER_INPUT", field: "after" });
  });
});
