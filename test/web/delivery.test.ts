import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, inject, test } from "vitest";
import { servePage } from "./page-suite.ts";

/** Bytes, of all scripts compressed. */
const SCRIPTS_BOUND = 200_000;
const at = servePage();

test("its scripts stay under 200 kB compressed, and nothing comes from elsewhere", async () => {
  const { person } = at;
  const assets = join(resolve(inject("buildFolder")), "web/assets");
  const scripts = (await readdir(assets)).filter((name) => name.endsWith(".js"));
  const sizes = await Promise.all(scripts.map(async (name) => gzipSync(await readFile(join(assets, name))).length));
  expect(sizes.length).toBeGreaterThan(0);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(SCRIPTS_BOUND);

  const origins = new Set<string>();
  person.page.on("request", (request) => origins.add(new URL(request.url()).origin));
  await person.page.reload();
  await person.page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect([...origins]).toEqual([at.server.url]);
});

test("it is served with a strict policy, its assets for ever, itself fresh", async () => {
  const page = await fetch(at.server.url);
  const policy = page.headers.get("content-security-policy");
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toContain("unsafe");
  expect(page.headers.get("cache-control")).toBe("no-cache");
  const [, script] = /src="([^"]+\.js)"/.exec(await page.text()) ?? [];
  const asset = await fetch(new URL(script as string, at.server.url));
  expect(asset.headers.get("cache-control")).toContain("immutable");
  expect(asset.headers.get("content-encoding")).toBe("gzip");
});
