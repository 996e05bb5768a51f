import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { expect, onTestFinished, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { Client, sha256 } from "../support/client.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { startService } from "../support/service.ts";

const MIB = 1024 * 1024;
const SIZE = 24 * MIB + 777;
/** Past these, two connections are cut. */
const CUTS = [5 * MIB + 1, 9 * MIB + 3] as const;

/** An application's page, at an origin of its own. */
async function servePage(): Promise<string> {
  const entry = join(import.meta.dirname, "uppy-page.ts");
  const built = await build({
    configFile: false,
    logLevel: "warn",
    define: { "process.env.NODE_ENV": '"production"' },
    build: { write: false, lib: { entry, formats: ["iife"], name: "uppyPage" } },
  });
  const [output] = built as { output: { code?: string }[] }[];
  const script = output?.output[0]?.code ?? "";
  const page = "<!doctype html><title>ready</title><input type=file><script src=/uppy.js></script>";
  const server = createServer((request, response) => {
    const isScript = request.url === "/uppy.js";
    response.setHeader("content-type", isScript ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8");
    response.end(isScript ? script : page);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("Uppy in a browser, on another origin, finishes an upload over a line that is cut", {
  timeout: 400_000,
}, async () => {
  const origin = await servePage();
  const service = await startService("sqlite", { CORS_ORIGINS: origin, CHUNK_SIZE: "1MiB" });
  onTestFinished(() => service.stop());
  const ada = await Client.register(service.url);
  const proxy = await CuttingProxy.start(service.url, () => CUTS[proxy.cuts] ?? Number.POSITIVE_INFINITY);
  onTestFinished(() => proxy.stop());
  const folder = await mkdtemp(join(tmpdir(), "stowage-uppy-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = new PatternedFile(SIZE, "uppy");
  const path = join(folder, "sea – größer.jpg");
  await writeFile(path, file.bytes(0, SIZE));

  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(origin);
  const script = `uploadPicked(${JSON.stringify(`${proxy.url}/tus`)}, ${JSON.stringify(ada.token)})`;
  await page.evaluate(script);
  await page.locator("input").setInputFiles(path);
  await expect.poll(() => page.title(), { timeout: 120_000 }).toMatch(/^(done|failed): /);
  const title = await page.title();
  expect(title).toMatch(/^done: /);
  expect(proxy.cuts).toBe(CUTS.length);
  // What was kept isn't sent again by Uppy; a request whose connection was reset is sometimes repeated by Chromium.
  expect(proxy.sent).toBeLessThan(SIZE + CUTS[0] + CUTS[1] - MIB);

  const id = title.split("/").at(-1) as string;
  const query = "query ($id: ID!) { file(id: $id) { filename contentType size } }";
  expect(await ada.data(query, { id })).toEqual({
    file: { filename: "sea – größer.jpg", contentType: "image/jpeg", size: SIZE },
  });
  const served = Buffer.from(await (await ada.download(id)).arrayBuffer());
  expect(sha256(served)).toBe(file.sha256());
});
