import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { startService } from "../support/service.ts";

/** The README's snippet, as a module for this server and this token. */
async function readmeUpload(folder: string, url: string, token: string) {
  const snippet = /```js\n([\s\S]*?)```/.exec(readFileSync("README.md", "utf8"))?.[1] ?? "";
  const module = snippet
    .replace("http://127.0.0.1:4000", url)
    .replace('localStorage.getItem("token")', JSON.stringify(token));
  const path = join(folder, "upload.mjs");
  await writeFile(
    path,
    module.replace(/from "([^"]+)"/g, (_, name) => `from "${import.meta.resolve(name)}"`),
  );
  return ((await import(/* @vite-ignore */ path)) as { upload(file: File): Promise<{ id: string }> }).upload;
}

test("the README's Apollo Client snippet uploads a file, and again sends only what is missing", async () => {
  const service = await startService("sqlite", { CHUNK_SIZE: "64KiB" });
  try {
    const ada = await Client.register(service.url);
    const upload = await readmeUpload(service.folder, service.url, ada.token ?? "");
    const bytes = Buffer.alloc(200_000, "apollo ");
    const file = new File([bytes], "moon.bin", { lastModified: 7 });

    const session = await ada.begin({ filename: "moon.bin", size: bytes.length, resumeKey: "moon.bin:200000:7" });
    await ada.sendChunk(session.id, 1, bytes.subarray(65_536, 131_072));
    const { id } = await upload(file);
    expect(id).toBe(session.id);
    expect(Buffer.from(await (await ada.download(id)).arrayBuffer())).toEqual(bytes);
  } finally {
    await service.stop();
  }
});
