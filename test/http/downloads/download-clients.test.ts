import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  app,
  bytes,
  downloads,
  errors,
  FakeDownloads,
  GIB,
  get,
  json,
  KERNEL_BUFFERS,
  logged,
  MIB,
  open,
  port,
  rawGet,
  responses,
  retainedBytes,
  SLOW_CLIENT,
  STEP,
  serve,
  untilQuiet,
} from "./download-server.ts";

describe("bytes that can't be had", () => {
  test("at the first one: 503 as JSON, and the connection lives on", async () => {
    downloads.brokenFrom = 0;
    const answer = await get();
    expect([answer.status, json(answer).code]).toEqual([503, "DATA_UNAVAILABLE"]);
    expect(answer.headers["content-type"]).toContain("application/json");
    for (const name of ["etag", "content-disposition", "accept-ranges", "last-modified"]) {
      expect(answer.headers[name]).toBeUndefined();
    }
    expect(Number(answer.headers["content-length"])).toBe(answer.body.length);
    expect(responses).toEqual([503]);
  });

  test("in mid-stream: the client gets an error, never a short success, and the log the cause", async () => {
    downloads.brokenFrom = 200_000;
    const message = await open();
    expect(message.statusCode).toBe(200);
    const received: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of message) received.push(chunk);
    })();
    await expect(reading).rejects.toThrow(/aborted|reset/i);
    const start = Buffer.concat(received);
    expect(start.length).toBeLessThanOrEqual(200_000);
    expect(start.equals(bytes.subarray(0, start.length))).toBe(true);
    await vi.waitFor(() => expect(errors()).toHaveLength(1));
    expect(errors()[0]).toMatchObject({ fileId: "f1", err: { code: "DATA_UNAVAILABLE" } });
    expect(downloads.closed).toBe(1);
  });

  test("fetch sees an error too", async () => {
    downloads.brokenFrom = 299_999;
    const response = await fetch(`http://127.0.0.1:${port}/files/download/f1?secret=secret`);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  test.each([-1, -100_000, 1, 100_000])(
    "a source that is wrong by %i bytes cuts the connection",
    async (lengthError) => {
      downloads.lengthError = lengthError;
      await expect(get()).rejects.toThrow(/aborted|reset/i);
      await vi.waitFor(() => expect(errors()).toHaveLength(1));
    },
  );

  test("a source with nothing at all is a 500 and not an empty 200", async () => {
    downloads.lengthError = -300_000;
    expect((await get()).status).toBe(500);
  });
});

describe("clients", () => {
  const pattern = (target: Buffer, offset: number) => target.fill((offset / STEP) % 251);

  test("a slow one keeps memory flat, and the source isn't pulled ahead", async () => {
    await serve(new FakeDownloads(GIB, pattern, "d"));
    const client = spawn(process.execPath, ["-e", SLOW_CLIENT, String(port)], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void client.kill("SIGKILL"));
    await vi.waitFor(() => expect(downloads.pulled).toBeGreaterThan(0), { timeout: 30_000 });
    await untilQuiet();
    expect(downloads.pulled).toBeLessThan(KERNEL_BUFFERS);
    const before = retainedBytes();
    let received = 0;
    client.stdin.write("go\n");
    for await (const line of createInterface(client.stdout)) {
      received = Number(line);
      await untilQuiet();
      expect(downloads.pulled - received).toBeLessThan(KERNEL_BUFFERS);
      expect(retainedBytes() - before).toBeLessThan(16 * MIB);
      client.stdin.write("go\n");
    }
    expect(received).toBe(GIB);
    expect(errors()).toEqual([]);
  });

  test("one that leaves stops the source at once", async () => {
    await serve(new FakeDownloads(GIB, pattern, "d"));
    const socket = rawGet();
    await once(socket, "data");
    socket.pause();
    await untilQuiet();
    expect(downloads.closed).toBe(0);
    socket.destroy();
    await vi.waitFor(() => expect(downloads.closed).toBe(1), { timeout: 1000, interval: 5 });
    expect(downloads.signals[0]?.aborted).toBe(true);
    expect(errors()).toEqual([]);
    expect(logged.some((line) => line["fileId"] === "f1" && line["level"] === 30)).toBe(true);
  });

  test.each([
    ["before the first byte", 0],
    ["while the source is busy", 2 * STEP],
  ])("one that leaves %s stops it too", async (_, stallAt) => {
    downloads.stallAt = stallAt;
    const socket = rawGet().resume();
    await vi.waitFor(() => expect([downloads.reads.length, downloads.pulled]).toEqual([1, stallAt]));
    await sleep(50);
    socket.destroy();
    await vi.waitFor(() => expect(downloads.closed).toBe(1), { timeout: 1000, interval: 5 });
    await sleep(20);
    expect(errors()).toEqual([]);
  });

  test("one whose request waits behind another on the connection leaves no reader behind", async () => {
    await serve(new FakeDownloads(GIB, pattern, "d"));
    const socket = rawGet();
    socket.write("GET /files/download/f1?secret=secret HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    await untilQuiet();
    expect(downloads.reads).toHaveLength(2);
    socket.destroy();
    await vi.waitFor(() => expect(downloads.closed).toBe(2), { timeout: 1000, interval: 5 });
  });

  test("a kept connection gathers no listeners", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    for (let i = 0; i < 30; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/files/download/f1?secret=secret`);
      expect((await response.bytes()).length).toBe(300_000);
    }
    await sleep(10);
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});

test("inject sees what a socket sees", async () => {
  const answer = await app.inject({ url: "/files/download/f1?secret=secret", headers: { range: "bytes=1-3" } });
  expect([answer.statusCode, answer.rawPayload.equals(bytes.subarray(1, 4))]).toEqual([206, true]);
});
