import { expect, test } from "vitest";
import { Client, sha256 } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import type { SpawnedServer } from "../support/spawned-server.ts";
import { idOf, TusRequests } from "../support/tus-requests.ts";
import { Workspace } from "../support/workspace.ts";

const CHUNK = 256 * 1024;
/** None of them is a chunk's size. */
const PIECES = [1, CHUNK + 1, 3 * CHUNK - 7, 1000, 2 * CHUNK + 12_345];
const PATIENT = { timeout: 60_000 };

/** Two servers that start together on an empty database, and the same user at each. */
async function twoServers() {
  const workspace = await Workspace.create("mysql", { CHUNK_SIZE: String(CHUNK) });
  const servers = (await Promise.all([workspace.start(), workspace.start()])) as [SpawnedServer, SpawnedServer];
  const ada = await Client.register(servers[0].url);
  const at = (server: SpawnedServer) => new TusRequests(new Client(server.url, ada.token));
  return { servers, tus: [at(servers[0]), at(servers[1])] as const };
}

async function served(tus: TusRequests, path: string): Promise<string> {
  const response = await tus.client.download(idOf(path));
  expect(response.status).toBe(200);
  return sha256(new Uint8Array(await response.arrayBuffer()));
}

test("a tus upload alternates between two instances, and goes on at one when the other is killed in a PATCH", async () => {
  const { servers, tus } = await twoServers();
  const file = new PatternedFile(40 * CHUNK + 99, "two instances");
  const path = await tus[0].create({ "upload-length": String(file.size) });
  let offset = 0;
  for (const [index, size] of PIECES.entries()) {
    const answer = await tus[(index % 2) as 0 | 1].append(path, offset, file.bytes(offset, offset + size));
    expect(answer.status).toBe(204);
    offset += size;
    for (const one of tus) expect(await one.offset(path)).toBe(offset);
  }

  // More than is sent: the request can't end by itself.
  const sent = offset + 10 * CHUNK + 5;
  const cutOff = tus[0].begin(path, offset, file.size - offset, file.bytes(offset, sent));
  await expect.poll(() => tus[1].offset(path), PATIENT).toBeGreaterThanOrEqual(offset + 4 * CHUNK);
  const seen = await tus[1].offset(path);
  await servers[0].end("SIGKILL");
  await cutOff.closed;

  const kept = await tus[1].offset(path);
  expect(kept).toBeGreaterThanOrEqual(seen);
  expect(kept).toBeLessThanOrEqual(sent);
  const rest = await tus[1].append(path, kept, file.bytes(kept, file.size));
  expect({ status: rest.status, offset: rest.headers.get("upload-offset") }).toEqual({
    status: 204,
    offset: String(file.size),
  });
  expect(await served(tus[1], path)).toBe(file.sha256());
});

test("of two PATCHes at the same offset, at two instances at once, one counts and the other is told of it", async () => {
  const { tus } = await twoServers();
  const file = new PatternedFile(12 * (CHUNK + 3), "same offset");
  const path = await tus[0].create({ "upload-length": String(file.size) });
  for (let offset = 0; offset < file.size; offset += CHUNK + 3) {
    const bytes = file.bytes(offset, offset + CHUNK + 3);
    const answers = await Promise.all(tus.map((one) => one.append(path, offset, bytes)));
    // The first chunk of one and the second of the other would be no less right.
    expect(answers.map(({ status }) => status).sort()).toContain(409);
    while ((await tus[0].offset(path)) < offset + bytes.length) {
      const reached = await tus[0].offset(path);
      await tus[1].append(path, reached, bytes.subarray(reached - offset));
    }
    for (const one of tus) expect(await one.offset(path)).toBe(offset + bytes.length);
  }
  expect(await served(tus[1], path)).toBe(file.sha256());
});
