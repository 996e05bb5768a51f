import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { Client, dataOf } from "../support/client.ts";
import type { Dialect } from "../support/databases.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { SpawnedServer } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

const MIB = 1024 * 1024;
const HEAP = ["--max-old-space-size=64"];
const PEAK_RSS_BOUND = 256 * MIB;
const AT_ONCE = 4;
const KILLS = 4;
const RANGES = 20;

const SIZE = Number(process.env["STOWAGE_TEST_LARGE_MIB"] ?? 96) * MIB + 12_345;
const cases: [Dialect, number][] = [
  ["sqlite", SIZE],
  ["mysql", Math.floor(SIZE / 2)],
];

/** Bytes; the most that the process ever held. */
async function peakMemory(server: SpawnedServer): Promise<number> {
  const status = await readFile(`/proc/${server.process.pid}/status`, "utf8");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1024;
}

interface ChunkRange {
  first: number;
  last: number;
}

function indexes(ranges: ChunkRange[]): number[] {
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

/**
 * Sends these chunks, several at once, and calls `enough` after each that was acknowledged; stops when it says so.
 * @returns once nothing is under way any more
 */
async function sendChunks(
  client: Client,
  upload: { id: string; chunkSize: number },
  file: PatternedFile,
  queue: number[],
  enough: (index: number) => boolean,
): Promise<void> {
  let stopped = false;
  const sender = async () => {
    for (let index = queue.pop(); index !== undefined && !stopped; index = queue.pop()) {
      try {
        dataOf(await client.sendChunk(upload.id, index, file.chunk(index, upload.chunkSize)));
      } catch (error) {
        if (stopped) return;
        throw error;
      }
      if (enough(index)) stopped = true;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
}

async function hashOf(response: Response): Promise<string> {
  const hash = createHash("sha256");
  for await (const buffer of response.body as ReadableStream<Uint8Array>) hash.update(buffer);
  return hash.digest("hex");
}

test.each(cases)(
  "%s: an upload of %i bytes outlives kill -9, in flat memory",
  { timeout: 180_000 },
  async (dialect, size) => {
    const random = seededRandom(size);
    const file = new PatternedFile(size, dialect);
    const workspace = await Workspace.create(dialect);
    let server = await workspace.start(HEAP);
    let client = await Client.register(server.url);
    const input = { filename: "large.bin", size, resumeKey: "large" };
    const upload = await client.begin(input);
    const total = upload.totalChunks;
    expect(total).toBe(Math.ceil(size / upload.chunkSize));
    const acknowledged = new Set<number>();
    const peaks: number[] = [];
    const restart = async () => {
      peaks.push(await peakMemory(server));
      await server.end("SIGKILL");
      server = await workspace.start(HEAP);
      client = new Client(server.url, client.token);
    };

    for (let round = 1; round <= KILLS; round++) {
      const { id, missing, receivedChunks } = await client.begin(input);
      expect(id).toBe(upload.id);
      const toSend = indexes(missing);
      expect(toSend.filter((index) => acknowledged.has(index))).toEqual([]);
      expect(receivedChunks).toBe(total - toSend.length);
      let killed: Promise<void> | undefined;
      await sendChunks(client, upload, file, random.shuffle(toSend), (index) => {
        acknowledged.add(index);
        if (acknowledged.size < (total * round) / (KILLS + 1)) return false;
        // The other senders are in the middle of theirs.
        killed ??= restart();
        return true;
      });
      await killed;
    }

    const rest = indexes((await client.session(upload.id)).missing);
    expect(rest.filter((index) => acknowledged.has(index))).toEqual([]);
    await sendChunks(client, upload, file, random.shuffle(rest), () => false);
    const digest = file.digest(upload.chunkSize);
    const completed = dataOf(await client.complete(upload.id, digest)).completeUpload;
    expect(completed).toMatchObject({ id: upload.id, size, digest, totalChunks: total });
    await restart();

    const whole = await client.download(upload.id);
    expect([whole.status, whole.headers.get("content-length")]).toEqual([200, String(size)]);
    expect(await hashOf(whole)).toBe(file.sha256());
    for (let i = 0; i < RANGES; i++) {
      const start = random.integer(0, size - 1);
      const end = Math.min(size, start + random.integer(1, 10 ** random.integer(1, 7)));
      const part = await client.download(upload.id, { range: `bytes=${start}-${end - 1}` });
      expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes ${start}-${end - 1}/${size}`]);
      expect(await hashOf(part)).toBe(file.sha256(start, end));
    }

    peaks.push(await peakMemory(server));
    console.log(
      `${dialect}: ${size} bytes, peak RSS of each server ${peaks.map((peak) => Math.round(peak / MIB))} MiB`,
    );
    for (const peak of peaks) expect(peak).toBeLessThan(PEAK_RSS_BOUND);
  },
);
