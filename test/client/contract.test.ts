import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { generate } from "@graphql-codegen/cli";
import { expect, expectTypeOf, test } from "vitest";
import { StowageClient } from "../../src/client/browser.ts";
import type { ServerErrorCode } from "../../src/client/errors.ts";
import type { ErrorCode } from "../../src/errors.ts";

const root = "src/client";

/** The specifiers of what a module imports at run time or for its types. */
function importsOf(path: string): string[] {
  return Array.from(
    readFileSync(path, "utf8").matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g),
    (match) => match[1] ?? "",
  );
}

/** All modules that this one needs, itself first, and what they import from elsewhere. */
function reach(path: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(path)) return seen;
  const imports = importsOf(path);
  seen.set(
    path,
    imports.filter((name) => !name.startsWith(".")),
  );
  for (const name of imports) if (name.startsWith(".")) reach(join(dirname(path), name), seen);
  return seen;
}

/** The hash for pages without WebCrypto, and types. */
const PACKAGES = ["@graphql-typed-document-node/core", "@noble/hashes/sha2.js"];

test("the browser's entry needs the platform, one hash, and nothing of the server", () => {
  const modules = reach(join(root, "browser.ts"));
  expect([...modules.values()].flat().sort()).toEqual(PACKAGES);
  expect([...modules.keys()].filter((path) => relative(root, path).startsWith(".."))).toEqual([]);
  expect([...modules.keys()]).toContain(join(root, "upload.ts"));
  // Nothing of this package is there at run time.
  expect(readFileSync(join(root, "operations.ts"), "utf8")).toContain("import type { DocumentTypeDecoration }");
});

test("Node's entry needs Node's own modules beside it", () => {
  const foreign = [...reach(join(root, "node.ts")).values()].flat();
  expect(foreign.filter((name) => !name.startsWith("node:")).sort()).toEqual(PACKAGES);
});

test("every file of the library is reached from an entry", () => {
  // The last one is a thread's.
  const entries = ["browser.ts", "node.ts", "node/hash-thread.ts"];
  const reached = new Set(entries.flatMap((entry) => [...reach(join(root, entry)).keys()]));
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  expect(files.filter((name) => !reached.has(join(root, name)))).toEqual([]);
});

test("each operations.ts is what schema.graphql and its operations.graphql give", async () => {
  const config = JSON.parse(readFileSync("codegen.json", "utf8"));
  // They come in the order in which they were ready.
  const generated = (await generate({ ...config, silent: true }, false)) as { filename: string; content: string }[];
  expect(generated.map(({ filename }) => filename).sort()).toEqual(Object.keys(config.generates).sort());
  for (const { filename, content } of generated) expect(content, filename).toBe(readFileSync(filename, "utf8"));
});

test("the client knows the server's error codes", () => {
  expectTypeOf<ServerErrorCode>().toEqualTypeOf<ErrorCode | "INTERNAL_SERVER_ERROR">();
});

test("the browser's client uploads and downloads", () => {
  const client = new StowageClient({ url: "http://127.0.0.1:1/below/" });
  expectTypeOf(client.upload).parameter(0).toEqualTypeOf<Blob>();
  expect(() => new StowageClient({ url: "nowhere" })).toThrow("URL");
});
