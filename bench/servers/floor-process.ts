// The least that Node can do with a PUT: drop the body, hash it, or hash it and write it to a file in batches.
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const [folder = "", port = "0", mode = "drop"] = process.argv.slice(2);
const BATCH = 1024 * 1024;
let count = 0;

createServer(async (request, response) => {
  if (request.method !== "PUT") return void response.end();
  const hash = mode === "drop" ? undefined : createHash("sha256");
  const file: FileHandle | undefined = mode === "write" ? await open(join(folder, String(count++)), "wx") : undefined;
  let batch: Buffer[] = [];
  let bytes = 0;
  let writing: Promise<unknown> | undefined;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash?.update(chunk);
    if (file === undefined) continue;
    batch.push(chunk);
    bytes += chunk.length;
    if (bytes < BATCH) continue;
    await writing;
    writing = file.writev(batch);
    batch = [];
    bytes = 0;
  }
  await writing;
  if (batch.length > 0) await file?.writev(batch);
  await file?.close();
  const text = hash?.digest("hex") ?? "";
  response.writeHead(200, { "content-length": text.length }).end(text);
}).listen(Number(port), "127.0.0.1");
