import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Client, dataOf, sha256 } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import type { SpawnedServer } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

const KIB = 1024;
const CHUNK_SIZE = 256 * KIB;
const KILLED_AFTER = 12;

/** Two servers that start together on an empty database, and the same user at each. */
async function twoServers() {
  const workspace = await Workspace.create("mysql");
  const servers = (await Promise.all([workspace.start(), workspace.start()])) as [SpawnedServer, SpawnedServer];
  const one = await Client.register(servers[0].url);
  return { workspace, servers, clients: [one, new Client(servers[1].url, one.token)] as const };
}

async function blobs({ folder }: Workspace): Promise<string[]> {
  const nodes = ["node1", "node2"].map((name) => join(folder, name, "blobs"));
  const entries = await Promise.all(nodes.map((node) => readdir(node, { recursive: true, withFileTypes: true })));
  return entries.flat().flatMap((entry) => (entry.isFile() ? entry.name : []));
}

async function bodyDigest(response: Response): Promise<string> {
  expect(response.status).toBe(200);
  return sha256(new Uint8Array(await response.arrayBuffer()));
}

test("an upload that alternates between two instances is completed by one when the other is killed", async () => {
  const { workspace, servers, clients } = await twoServers();
  const [one, two] = clients;
  const file = new PatternedFile(24 * CHUNK_SIZE + 1, "alternating");
  const upload = await one.begin({ filename: "alternating.bin", size: file.size, chunkSize: CHUNK_SIZE });
  const send = (client: Client, index: number) =>
    client.sendChunk(upload.id, index, file.chunk(index, CHUNK_SIZE)).then(dataOf);
  for (let index = 0; index < KILLED_AFTER; index++) await send(clients[index % 2] as Client, index);

  const cutOff = Promise.allSettled([12, 13, 14, 15].map((index) => send(one, index)));
  await Promise.all([servers[0].end("SIGKILL"), send(two, 16)]);
  const acknowledged = (await cutOff).flatMap(({ status }, i) => (status === "fulfilled" ? 12 + i : []));

  const { missing, receivedChunks } = await two.session(upload.id);
  const indexes = missing.flatMap((range: { first: number; last: number }) =>
    Array.from({ length: range.last - range.first + 1 }, (_, i) => range.first + i),
  );
  expect(receivedChunks).toBe(upload.totalChunks - indexes.length);
  for (const index of [...Array(KILLED_AFTER).keys(), ...acknowledged, 16]) expect(indexes).not.toContain(index);
  for (const index of indexes) await send(two, index);
  const digest = file.digest(CHUNK_SIZE);
  expect(dataOf(await two.complete(upload.id, digest)).completeUpload).toMatchObject({ digest });

  const third = new Client((await workspace.start()).url, one.token);
  for (const client of [two, third]) expect(await bodyDigest(await client.download(upload.id))).toBe(file.sha256());
});

test("the same chunk sent to both instances at once is stored once, and both say so", async () => {
  const { workspace, clients } = await twoServers();
  const file = new PatternedFile(12 * CHUNK_SIZE, "at once");
  const upload = await clients[0].begin({ filename: "at-once.bin", size: file.size, chunkSize: CHUNK_SIZE });
  for (let index = 0; index < upload.totalChunks; index++) {
    const bytes = file.chunk(index, CHUNK_SIZE);
    const answers = await Promise.all([0, 1, 0, 1].map((i) => clients[i]?.sendChunk(upload.id, index, bytes)));
    for (const answer of answers) {
      expect(answer?.errors).toBeUndefined();
      expect(answer?.data.uploadChunk).toMatchObject({ receivedChunks: index + 1 });
    }
  }
  expect(await blobs(workspace)).toHaveLength(upload.totalChunks);
  expect(await workspace.temporaryFiles()).toEqual([]);

  const completed = await Promise.all(clients.map((client) => client.complete(upload.id)));
  const [a, b] = completed.map((answer) => dataOf(answer).completeUpload);
  expect(a).toEqual(b);
  for (const client of clients) expect(await bodyDigest(await client.download(upload.id))).toBe(file.sha256());
});

test("different bytes for one chunk sent to both instances at once: one is stored, the other is refused", async () => {
  const { workspace, clients } = await twoServers();
  const files = [new PatternedFile(8 * CHUNK_SIZE, "this"), new PatternedFile(8 * CHUNK_SIZE, "that")] as const;
  const upload = await clients[0].begin({ filename: "either.bin", size: files[0].size, chunkSize: CHUNK_SIZE });
  const stored: Buffer[] = [];
  for (let index = 0; index < upload.totalChunks; index++) {
    const bytes = files.map((file) => file.chunk(index, CHUNK_SIZE));
    const answers = await Promise.all(bytes.map((chunk, i) => clients[i]?.sendChunk(upload.id, index, chunk)));
    const refused = answers.flatMap((answer) => answer?.errors?.[0]?.extensions.code ?? []);
    expect(refused).toEqual(["CHUNK_CONFLICT"]);
    stored.push(bytes[answers.findIndex((answer) => answer?.errors === undefined)] as Buffer);
  }
  expect(await blobs(workspace)).toHaveLength(upload.totalChunks);
  dataOf(await clients[1].complete(upload.id));
  expect(await bodyDigest(await clients[0].download(upload.id))).toBe(sha256(Buffer.concat(stored)));
});

test("the same resumeKey at both instances at once opens one upload", async () => {
  const { clients } = await twoServers();
  for (let round = 0; round < 8; round++) {
    const input = { filename: "key.bin", size: 10, resumeKey: `key ${round}` };
    const uploads = await Promise.all([0, 1, 0, 1].map((i) => clients[i]?.begin(input)));
    expect(new Set(uploads.map((upload) => upload.id)).size).toBe(1);
  }
});
