import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ChunkTraffic } from "../support/chunk-traffic.ts";
import { Client } from "../support/client.ts";
import { startCommand } from "../support/command.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Workspace } from "../support/workspace.ts";

const MIB = 2 ** 20;
/** So many kills and as many cuts; `npm run test:client-faults` takes 100 of each, on 10 GiB. */
const FAULTS = Number(process.env["STOWAGE_TEST_CLIENT_FAULTS"] ?? 5);
const SIZE = Number(process.env["STOWAGE_TEST_CLIENT_MIB"] ?? 160) * MIB + 12_345;
const CHUNK = SIZE > 1024 * MIB ? 8 * MIB : MIB;
const MOST_AT_ONCE = 8;

test(`stowage upload: ${FAULTS} kills of the server and ${FAULTS} cut connections cost no more than what was under way`, {
  timeout: 120_000 + FAULTS * 20_000 + SIZE / 10_000,
}, async ({ onTestFinished }) => {
  const folder = await mkdtemp(join(tmpdir(), "stowage-command-faults-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const pattern = new PatternedFile(SIZE, "faults");
  const path = join(folder, "large.bin");
  for (let at = 0; at < SIZE; at += 8 * MIB) await appendFile(path, pattern.bytes(at, Math.min(at + 8 * MIB, SIZE)));

  const workspace = await Workspace.create("sqlite", { CHUNK_SIZE: String(CHUNK) }, onTestFinished);
  let server = await workspace.start();
  const proxy = await TcpProxy.start(server.url);
  onTestFinished(() => proxy.stop());
  const traffic = new ChunkTraffic(proxy);
  const { token = "" } = await Client.register(server.url);

  // Spread over the upload, by turns.
  const faults = Array.from({ length: 2 * FAULTS }, (_, index) => ((index + 0.5) / (2 * FAULTS)) * SIZE);
  let [kills, cuts] = [0, 0];
  let restarting: Promise<void> | undefined;
  proxy.onMoved = () => {
    if (restarting !== undefined || faults[0] === undefined || proxy.bytesUp < faults[0]) return;
    faults.shift();
    if (cuts < kills) {
      cuts++;
      proxy.cut();
      return;
    }
    kills++;
    restarting = (async () => {
      await server.end("SIGKILL");
      server = await workspace.start();
      proxy.target = server.url;
      restarting = undefined;
    })();
  };
  const env = { STOWAGE_URL: proxy.url, STOWAGE_TOKEN: token };
  const { code, stdout, stderr } = await startCommand(["upload", path, "--json"], env).result;
  await restarting;

  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect({ kills, cuts }).toEqual({ kills: FAULTS, cuts: FAULTS });
  const { file } = JSON.parse(stdout);
  expect(file).toMatchObject({ size: SIZE, digest: pattern.digest(CHUNK) });
  const chunks = Math.ceil(SIZE / CHUNK);
  console.log(`${chunks} chunks, ${traffic.lost} lost under way, ${traffic.sentAgain} sent again`);
  expect(traffic.sent.size).toBe(chunks);
  expect(traffic.sentAgain).toBeLessThanOrEqual(traffic.lost);
  expect(traffic.lost).toBeLessThanOrEqual(2 * FAULTS * MOST_AT_ONCE);
});
