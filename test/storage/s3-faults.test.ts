import { createServer } from "node:net";
import { v7 } from "uuid";
import { describe, expect, onTestFinished, test } from "vitest";
import { MemoryBudget } from "../../src/storage/s3/memory-budget.ts";
import { S3Node } from "../../src/storage/s3/s3-node.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { freePort } from "../support/mysql-server.ts";
import { testBucket } from "../support/s3-bucket.ts";
import { idsOf, MIB, makeBlob, readAll, readUntilEnd, store, writeBytes } from "./blobs.ts";
import { openS3, type S3HarnessOptions } from "./s3-harness.ts";

const LARGE = 12 * MIB + 7;
const BLOB = /\/blobs\//;

/** A node whose requests go through a proxy. */
async function openBehindProxy(options: S3HarnessOptions = {}) {
  const { endpoint } = await testBucket();
  const proxy = await FaultProxy.start(endpoint);
  const budget = options.budget ?? new MemoryBudget(64 * MIB);
  const harness = await openS3({ ...options, budget, endpoint: proxy.url });
  const puts = () => proxy.requests.filter((line) => /^PUT .*\/blobs\//.test(line)).length;
  return { ...harness, proxy, budget, puts };
}

describe("S3Node, when the store fails", () => {
  test.for([1000, LARGE])("a blob of %i bytes whose answer was lost is stored", async (size) => {
    const { node, proxy } = await openBehindProxy();
    const [method, matches] = size === LARGE ? ["POST", /uploadId=/] : ["PUT", BLOB];
    proxy.faults = [{ method: method as string, matches: matches as RegExp, fault: { lostAnswer: true } }];
    const blob = await store(node, size);
    expect(proxy.requests.filter((line) => line.startsWith("HEAD")).length).toBeGreaterThan(0);
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
  });

  test("another's blob under the id is not taken for ours, even of the same size", async () => {
    const { node, proxy, budget } = await openBehindProxy();
    const blob = await store(node, 1000);
    proxy.faults = [{ method: "PUT", matches: BLOB, fault: { answer: 503, code: "SlowDown" } }];
    const writer = await node.create(blob.id, blob.size);
    await writer.write([Buffer.alloc(1000)]);
    await expect(writer.commit()).rejects.toMatchObject({ name: "BlobExistsError" });
    await writer.abort();
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    expect(budget.held).toBe(0);
  });

  test.for([
    { answer: 503, code: "SlowDown" },
    { answer: 500, code: "InternalError" },
    { answer: 503, code: "ServiceUnavailable" },
  ])("$answer $code is met with a repetition", async (fault) => {
    const { node, proxy, puts } = await openBehindProxy();
    proxy.faults = [
      { method: "PUT", matches: BLOB, times: 2, fault },
      { method: "GET", matches: BLOB, fault },
      { method: "DELETE", matches: BLOB, fault },
    ];
    const blob = await store(node, 1000);
    expect(puts()).toBe(3);
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    await node.remove(blob);
    expect(await idsOf(node)).toEqual(new Set());
  });

  test.for([1000, LARGE])("a store that only fails fails a write of %i bytes, and nothing is left", async (size) => {
    const { node, proxy, budget, keys } = await openBehindProxy({ limits: { attempts: 2 } });
    proxy.faults = [{ method: "PUT", matches: BLOB, times: 99, fault: { answer: 500, code: "InternalError" } }];
    const blob = makeBlob(size);
    const writer = await node.create(blob.id, size);
    const writing = writeBytes(writer, blob.bytes).then(() => writer.commit());
    await expect(writing).rejects.toMatchObject({ name: "S3Error", status: 500, code: "InternalError" });
    await writer.abort();
    expect(await keys()).toEqual(["stowage-node.json"]);
    expect(budget.held).toBe(0);
  });

  test.for([1000, LARGE])(
    "a bit that flips on the way of %i bytes is found by the store, and nothing is left",
    async (size) => {
      const { node, proxy, keys } = await openBehindProxy();
      proxy.faults = [{ method: "PUT", matches: BLOB, fault: { flippedBit: true } }];
      await expect(store(node, size)).rejects.toMatchObject({ name: "S3Error", code: "XAmzContentSHA256Mismatch" });
      expect(await keys()).toEqual(["stowage-node.json"]);
    },
  );

  test("a write that failed although the store has it leaves nothing", async () => {
    const { node, proxy, keys } = await openBehindProxy({ limits: { attempts: 1 } });
    proxy.faults = [{ method: "PUT", matches: BLOB, fault: { lostAnswer: true } }];
    await expect(store(node, 1000)).rejects.toMatchObject({ name: "S3Error", status: null });
    expect(await keys()).toEqual(["stowage-node.json"]);
  });

  test.for([
    { answer: 403, code: "QuotaExceeded" },
    { answer: 507, code: "XMinioStorageFull" },
  ])("$answer $code means that there is no room", async (fault) => {
    const { node, proxy } = await openBehindProxy();
    proxy.faults = [{ method: "PUT", matches: BLOB, times: 99, fault }];
    for (const size of [1000, LARGE]) {
      await expect(store(node, size)).rejects.toMatchObject({ code: "INSUFFICIENT_STORAGE" });
    }
  });

  test("a body that breaks is read on from where it broke", async () => {
    const { node, proxy } = await openBehindProxy();
    const blob = await store(node, 5 * MIB + 7);
    proxy.faults = [0, 1, MIB + 5, 700_000].map((cutAfter) => ({ method: "GET", matches: BLOB, fault: { cutAfter } }));
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    expect(proxy.faults.every(({ times }) => times === 0)).toBe(true);
    const range = { start: MIB + 1, end: 4 * MIB };
    expect((await readAll(node, blob, range)).equals(blob.bytes.subarray(range.start, range.end))).toBe(true);
  });

  test("a body that always breaks gives right bytes, then an error", async () => {
    const { node, proxy } = await openBehindProxy();
    const blob = await store(node, 2 * MIB);
    proxy.faults = [{ method: "GET", matches: BLOB, times: 99, fault: { cutAfter: 1000 } }];
    const { bytes, error } = await readUntilEnd(node, blob);
    expect(error).toMatchObject({ name: "S3Error", node: "s3" });
    expect(bytes.length).toBe(0);
  });

  test("a store that doesn't answer is asked again, and given up in time", async () => {
    const { node, proxy } = await openBehindProxy({ limits: { inactivityMs: 300, deadlineMs: 5_000 } });
    const silence = { silence: true } as const;
    proxy.faults = [
      { method: "PUT", matches: BLOB, fault: silence },
      { method: "GET", matches: BLOB, fault: silence },
    ];
    const blob = await store(node, 1000);
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);

    const hasty = await openBehindProxy({ limits: { deadlineMs: 4_000 } });
    hasty.proxy.faults = [{ method: "GET", times: 99, fault: silence }];
    await expect(hasty.node.probe()).rejects.toThrow("No answer within 4000 ms");
  });

  test("an aborted signal ends a write that waits for memory, and a read that waits for the store", async () => {
    const { node, proxy, budget } = await openBehindProxy({ budget: new MemoryBudget(MIB) });
    const blob = await store(node, 1000);
    await budget.reserve("another", MIB);
    const controller = new AbortController();
    const reason = new Error("the client left");
    const creating = node.create(v7(), 1000, controller.signal);
    proxy.faults = [{ method: "GET", matches: BLOB, times: 99, fault: { silence: true } }];
    const reading = node.read(blob, { start: 0, end: 1000 }, controller.signal)[Symbol.asyncIterator]().next();
    controller.abort(reason);
    await expect(creating).rejects.toBe(reason);
    await expect(reading).rejects.toBe(reason);
    expect(budget.held).toBe(MIB);
  });

  test("connections are used again", async () => {
    const { node, proxy } = await openBehindProxy();
    for (let round = 0; round < 20; round++) {
      const blob = await store(node, 3 * MIB);
      expect((await readAll(node, blob)).length).toBe(blob.size);
    }
    expect(proxy.connections).toBeLessThanOrEqual(3);
  });
});

describe("S3Node says in one line what is wrong with", () => {
  async function probeError(change: { endpoint?: string; keys?: [string | undefined, string | undefined] }) {
    const { endpoint, bucket } = await testBucket();
    const before = { ...process.env };
    onTestFinished(() => void Object.assign(process.env, before));
    process.env["AWS_EC2_METADATA_DISABLED"] = "true";
    process.env["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null";
    for (const [index, name] of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].entries()) {
      const value = change.keys === undefined ? process.env[name] : change.keys[index];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    const place = { bucket, prefix: "p", endpoint: change.endpoint ?? endpoint, region: "us-east-1" };
    const limits = { attempts: 1 };
    const node = new S3Node({ name: "archive", place, budget: new MemoryBudget(MIB), limits });
    const error = await node.probe().then(
      () => undefined,
      (failure: Error) => failure,
    );
    expect(error?.message).not.toContain("\n");
    expect(error?.message).toContain(`bucket ${bucket}`);
    return error?.message;
  }

  test("an unknown key", async () => {
    const said = await probeError({ keys: ["NOBODY", "s3cret"] });
    expect(said).toContain("doesn't accept the credentials (InvalidAccessKeyId)");
    expect(said).not.toContain("s3cret");
  });

  test("a wrong secret", async () => {
    const { AWS_ACCESS_KEY_ID: key } = process.env;
    expect(await probeError({ keys: [key, "s3cret"] })).toContain(
      "doesn't accept the credentials (SignatureDoesNotMatch)",
    );
  });

  test("missing credentials", async () => {
    expect(await probeError({ keys: [undefined, undefined] })).toContain("there are no credentials");
  });

  test("a store that isn't there", async () => {
    expect(await probeError({ endpoint: `http://127.0.0.1:${await freePort()}` })).toContain("ECONNREFUSED");
  });

  test("a server that speaks something else", async () => {
    const server = createServer((socket) => void socket.on("error", () => {}).end("220 mail.example ESMTP\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    expect(await probeError({ endpoint: `http://127.0.0.1:${port}` })).toContain("failed: ");
  });
});
