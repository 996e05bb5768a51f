import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { StowageClient } from "../../src/client/node.ts";
import { Client } from "../support/client.ts";
import { startService } from "../support/service.ts";

const KIB = 1024;
const SIZE = 300 * KIB;

/** Writes a file whose byte in the middle is of its own, all with the same time. */
async function writeAlike(folder: string, name: string, middle: string): Promise<string> {
  const bytes = Buffer.alloc(SIZE, "x");
  bytes.write(middle, SIZE / 2);
  const path = join(folder, name, "same.bin");
  await mkdir(join(folder, name));
  await writeFile(path, bytes);
  await utimes(path, 1_000_000, 1_000_000);
  return path;
}

test("with skipCompleted, the same bytes aren't sent again, and others that look alike are", async () => {
  const service = await startService("sqlite", { CHUNK_SIZE: "64KiB" });
  onTestFinished(() => service.stop());
  const folder = await mkdtemp(join(tmpdir(), "stowage-alike-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const ada = await Client.register(service.url);
  const client = new StowageClient({ url: service.url, token: ada.token });
  const [one, copy, other] = await Promise.all([
    writeAlike(folder, "one", "1"),
    writeAlike(folder, "copy", "1"),
    writeAlike(folder, "other", "2"),
  ]);
  const put = async (path: string) => {
    const seen: number[] = [];
    const upload = client.upload(path, { skipCompleted: true, onProgress: ({ bytes }) => void seen.push(bytes) });
    const { id, digest } = await upload.done;
    expect(seen.at(-1)).toBe(SIZE);
    return { id, digest, wasComplete: upload.wasComplete };
  };
  const first = await put(one);
  expect(first.wasComplete).toBe(false);
  expect(await put(copy)).toEqual({ ...first, wasComplete: true });
  const second = await put(other);
  expect(second.wasComplete).toBe(false);
  expect(second.id).not.toBe(first.id);
  expect(second.digest).not.toBe(first.digest);
  expect(await put(other)).toEqual({ ...second, wasComplete: true });
});
