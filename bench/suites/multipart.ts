import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { Busboy } from "@fastify/busboy";
import { MultipartReader } from "../../src/graphql/multipart/multipart-reader.ts";
import { printTable } from "../compare.ts";
import { median } from "../measure.ts";

const MIB = 2 ** 20;
const FILE = 8 * MIB;
const READ = 64 * 1024;
const BODIES = 64;
const BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW7";

/** A chunk's multipart request, cut as a socket's reads are. */
function body(): Buffer[] {
  const part = (headers: string, content: Uint8Array) =>
    Buffer.concat([
      Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${headers}\r\n\r\n`),
      content,
      Buffer.from("\r\n"),
    ]);
  const whole = Buffer.concat([
    part('name="operations"', Buffer.from('{"query":"mutation"}')),
    part('name="map"', Buffer.from('{"0":["variables.chunk"]}')),
    part('name="0"; filename="chunk"', randomBytes(FILE)),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
  return Array.from({ length: Math.ceil(whole.length / READ) }, (_, i) => whole.subarray(i * READ, (i + 1) * READ));
}

async function byReader(reads: readonly Buffer[]): Promise<number> {
  let bytes = 0;
  const reader = new MultipartReader(Readable.from(reads), BOUNDARY);
  for (let part = await reader.nextPart(); part !== null; part = await reader.nextPart()) {
    for await (const piece of part.bytes) bytes += piece.length;
  }
  return bytes;
}

async function byBusboy(reads: readonly Buffer[]): Promise<number> {
  const parser = new Busboy({ headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` } });
  let bytes = 0;
  const read = new Promise<void>((resolve, reject) => {
    parser.on("file", async (_name: string, stream: AsyncIterable<Buffer>) => {
      for await (const piece of stream) bytes += piece.length;
    });
    parser.on("finish", resolve).on("error", reject);
  });
  Readable.from(reads).pipe(parser);
  await read;
  return bytes;
}

/** What it costs to find the parts of multipart bodies: our reader beside busboy, by turns, in CPU seconds for each GiB. */
export async function multipartSuite(_folder: string, rounds: number): Promise<object[]> {
  const contestants = { "our reader": byReader, "@fastify/busboy": byBusboy };
  const seconds = new Map<string, number[]>(Object.keys(contestants).map((name) => [name, []]));
  const reads = body();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, parse] of Object.entries(contestants)) {
      const before = process.cpuUsage();
      for (let index = 0; index < BODIES; index++) {
        if ((await parse(reads)) < FILE) throw new Error(`${name} lost bytes`);
      }
      const { user, system } = process.cpuUsage(before);
      // The first turn only warms up.
      if (round > 0) seconds.get(name)?.push(((user + system) / 1e6 / (BODIES * FILE)) * 2 ** 30);
    }
  }
  const rows = [...seconds].map(([name, all]) => ({ name, cpuSecondsPerGiB: median(all) }));
  console.log("\n## Multipart bodies with a file of 8 MiB, in reads of 64 KiB\n");
  printTable(
    ["", "CPU s/GiB"],
    rows.map(({ name, cpuSecondsPerGiB }) => [name, cpuSecondsPerGiB.toFixed(3)]),
  );
  return rows.map((row) => ({ suite: "multipart", ...row }));
}
