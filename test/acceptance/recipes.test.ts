import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, inject, test } from "vitest";
import { Client } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { startService } from "../support/service.ts";

const CHUNK = 64 * 1024;

/** The first example under a heading of docs/clients.md. */
function recipe(heading: string, language: string): string {
  const [, section = ""] = readFileSync("docs/clients.md", "utf8").split(`## ${heading}\n`);
  const found = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(section)?.[1];
  if (found === undefined) throw new Error(`There is no example under ${heading}.`);
  return found;
}

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [[code], stdout, stderr] = await Promise.all([once(child, "exit"), text(child.stdout), text(child.stderr)]);
  // curl shows its progress there.
  expect(code, stderr).toBe(0);
  return stdout;
}

test("docs/clients.md: the library's example uploads, and downloads what it uploaded", async () => {
  const service = await startService("sqlite", { CHUNK_SIZE: "64KiB" });
  try {
    const { token } = await Client.register(service.url);
    const bytes = new PatternedFile(3 * CHUNK, "library").bytes(0, 3 * CHUNK);
    await writeFile(join(service.folder, "film"), bytes);
    const example = recipe("The library", "js")
      .replace("stowage/client", resolve(inject("buildFolder"), "client/node.js"))
      .replace("https://files.example.org", service.url)
      .replace("copy.bin", join(service.folder, "copy.bin"));
    const given = { token, file: join(service.folder, "film") };
    const path = join(service.folder, "library.mjs");
    await writeFile(path, `const { token, file } = ${JSON.stringify(given)};\n${example}`);
    await run(process.execPath, [path]);
    expect(await readFile(join(service.folder, "copy.bin"))).toEqual(bytes);
  } finally {
    await service.stop();
  }
});

test("docs/clients.md: the lines for curl tell what is missing, send it, and download", async () => {
  const service = await startService("sqlite", { CHUNK_SIZE: "64KiB" });
  try {
    const ada = await Client.register(service.url);
    const bytes = new PatternedFile(2 * CHUNK + 5, "curl").bytes(0, 2 * CHUNK + 5);
    const file = join(service.folder, "film");
    await writeFile(file, bytes);
    const { id } = await ada.begin({ filename: "film", size: bytes.length });
    const lines = recipe("curl", "sh");
    const graphql = /^graphql\(\).*$/m.exec(readFileSync("README.md", "utf8"))?.[0] ?? "";
    const env = { S: service.url, TOKEN: ada.token ?? "", ID: id, FILE: file, CHUNK: String(CHUNK) };
    const send = (index: number) => run("bash", ["-c", `set -eo pipefail\n${graphql}\ni=${index}\n${lines}`], env);
    expect(await send(1)).toContain('"missing":[{"first":0,"last":2}]');
    expect(await send(0)).toContain('"missing":[{"first":0,"last":0},{"first":2,"last":2}]');
    expect(await send(2)).toContain('"missing":[{"first":2,"last":2}]');
    await ada.complete(id);

    const download = /`(curl -C - [^`]*)`/.exec(readFileSync("docs/clients.md", "utf8"))?.[1] ?? "";
    const copy = join(service.folder, "copy");
    await writeFile(copy, bytes.subarray(0, CHUNK));
    await run("bash", ["-c", download.replace("curl", "curl --silent")], { ...env, COPY: copy });
    expect(await readFile(copy)).toEqual(bytes);
  } finally {
    await service.stop();
  }
});
