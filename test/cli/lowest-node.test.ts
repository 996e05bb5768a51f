import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Client } from "../support/client.ts";
import { lowestNode } from "../support/lowest-node.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  service = await startService("sqlite");
  const ada = await Client.register(service.url, "ada");
  folder = await mkdtemp(join(tmpdir(), "stowage-lowest-"));
  env = { STOWAGE_URL: service.url, STOWAGE_TOKEN: ada.token ?? "", XDG_CONFIG_HOME: folder };
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

async function stowage(...args: string[]): Promise<string> {
  const main = resolve(inject("buildFolder"), "programs/command.js");
  const child = spawn(lowestNode(), [main, ...args], { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data;
    });
  }
  expect(await once(child, "close"), output).toEqual([0, null]);
  return output;
}

test("the command takes and brings large files on the lowest Node that is promised", async () => {
  const bytes = new PatternedFile(20 * 1024 ** 2 + 1, "large").bytes(0, 20 * 1024 ** 2 + 1);
  await writeFile(join(folder, "large.bin"), bytes);
  expect(await stowage("upload", "large.bin")).toContain("large.bin");
  await stowage("download", "large.bin", "-o", "back.bin");
  expect((await readFile(join(folder, "back.bin"))).equals(bytes)).toBe(true);
  expect(await stowage("ls")).toContain("large.bin");
  await stowage("mv", "large.bin", "moved.bin");
  expect(await stowage("link", "moved.bin")).toContain("secret=");
  await stowage("rm", "moved.bin");
});

test("the library does so too", async () => {
  const script = join(folder, "script.mjs");
  const library = resolve(inject("buildFolder"), "client/node.js");
  await writeFile(
    script,
    `import { StowageClient } from ${JSON.stringify(library)};
    const client = new StowageClient({ url: process.env.STOWAGE_URL, token: process.env.STOWAGE_TOKEN });
    const file = await client.upload(new Blob(["x".repeat(9_000_000)]), { filename: "blob.bin" }).done;
    const { stream } = await client.download(file.id);
    let size = 0;
    for await (const piece of stream) size += piece.length;
    console.log(size);`,
  );
  expect(execFileSync(lowestNode(), ["--version"], { encoding: "utf8" })).toContain("v20.19.0");
  const child = spawn(lowestNode(), [script], { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  expect(await once(child, "close")).toEqual([0, null]);
  expect(output.trim()).toBe("9000000");
});
