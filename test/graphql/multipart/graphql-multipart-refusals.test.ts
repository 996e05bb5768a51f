import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { processMultipartRequest } from "../../../src/graphql/multipart/graphql-multipart.ts";
import {
  BOUNDARY,
  copies,
  FIELDS,
  FILE_HEAD,
  file,
  fileOf,
  form,
  LIMITS,
  refused,
  SPEC,
  serve,
} from "./multipart-exchange.ts";

describe("refused requests, each with its reason", () => {
  const operations = { variables: { file: null } };
  const map = { f1: ["variables.file"] };

  test.each<[string, FormData, string]>([
    [
      "map before operations",
      form({ map, operations, f1: file() }),
      "Misordered multipart fields; ‘map’ should follow ‘operations’",
    ],
    [
      "file before map",
      (() => {
        const body = new FormData();
        body.append("operations", JSON.stringify(operations));
        body.append("a", file());
        body.append("map", JSON.stringify(map));
        return body;
      })(),
      "Misordered multipart fields; files should follow ‘map’",
    ],
    ["no map", form({ operations }), "Missing multipart field ‘map’"],
    ["no field at all", new FormData(), "Missing multipart field ‘operations’"],
    [
      "operations that are no JSON",
      form({ operations: "{ x }", map, f1: file() }),
      "Invalid JSON in the ‘operations’ multipart field",
    ],
    [
      "the same with a large file",
      form({ operations: "{ x }", map, f1: file("a".repeat(7_000_000)) }),
      "Invalid JSON in the ‘operations’ multipart field",
    ],
    ...[null, true, ""].map((value): [string, FormData, string] => [
      `operations ${JSON.stringify(value)}`,
      form({ operations: JSON.stringify(value), map, f1: file() }),
      "Invalid type for the ‘operations’ multipart field: it accepts an object, or an array of them",
    ]),
    [
      "a map that is no JSON",
      form({ operations, map: "{ x }", f1: file() }),
      "Invalid JSON in the ‘map’ multipart field",
    ],
    ...[null, [], true, ""].map((value): [string, FormData, string] => [
      `map ${JSON.stringify(value)}`,
      form({ operations, map: JSON.stringify(value), f1: file() }),
      'Invalid type for the ‘map’ multipart field: it accepts an object such as {"0":["variables.chunk"]}',
    ]),
    [
      "a map entry that is no array",
      form({ operations, map: { f1: null } }),
      "Invalid type for the ‘map’ multipart field entry key ‘f1’ array",
    ],
    [
      "a map entry's item that is no string",
      form({ operations, map: { f1: [null] } }),
      "Invalid type for the ‘map’ multipart field entry key ‘f1’ array index ‘0’ value",
    ],
    [
      "a path into a string",
      form({ operations: { variables: "" }, map }),
      "Invalid object path for the ‘map’ multipart field entry key ‘f1’ array index ‘0’ value ‘variables.file’",
    ],
  ])("%s", async (_, body, message) => {
    expect(await refused(body)).toMatchObject({
      status: 400,
      code: "BAD_USER_INPUT",
      message: `${message} (${SPEC}).`,
    });
  });

  test("operations twice", async () => {
    const body = new FormData();
    body.append("operations", JSON.stringify({ query: "{ a }" }));
    body.append("operations", JSON.stringify({ query: "{ b }" }));
    body.append("map", "{}");
    expect(await refused(body)).toMatchObject({ status: 400, message: expect.stringContaining("more than one") });
  });

  test.each([
    ["a value that is not null", { variables: { file: "x" } }, "variables.file"],
    ["a variable that isn't there", { variables: {} }, "variables.file"],
    ["an array's index beyond its end", { variables: { files: [null] } }, "variables.files.1"],
    ["an array's length", { variables: { files: [null] } }, "variables.files.length"],
    ["an empty path", { variables: { file: null } }, ""],
    ["the prototype", { variables: {} }, "__proto__.polluted"],
    ["a prototype deeper down", { variables: {} }, "variables.__proto__.polluted"],
    ["an own property called __proto__", JSON.parse('{ "variables": { "__proto__": null } }'), "variables.__proto__"],
    ["the constructor's prototype", { variables: {} }, "constructor.prototype.polluted"],
    ["an inherited property", { variables: {} }, "variables.toString"],
  ])("a path to %s", async (_, target, path) => {
    const body = form({ operations: JSON.stringify(target), map: { f1: [path] }, f1: file() });
    expect((await refused(body)).message).toBe(
      `Invalid object path for the ‘map’ multipart field entry key ‘f1’ array index ‘0’ value ‘${path}’ (${SPEC}).`,
    );
    expect(Object.prototype).not.toHaveProperty("polluted");
  });

  test("the same path twice", async () => {
    const body = form({ operations, map: { f1: ["variables.file", "variables.file"] }, f1: file() });
    expect((await refused(body)).message).toContain("array index ‘1’ value ‘variables.file’");
  });

  test.each([
    ["a truncated header", `--${BOUNDARY}\r\nContent-Disposition`, "ends before its closing delimiter"],
    ["a malformed header", `--${BOUNDARY}\r\n Content-Disposition: form-data;\r\n\r\n`, "Malformed part header"],
    ["an empty body", "", "ends before its closing delimiter"],
  ])("%s", async (_, body, message) => {
    const { url, outcome } = await serve((request) => processMultipartRequest(request, LIMITS));
    await fetch(url, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
      body,
    });
    await expect(outcome).rejects.toMatchObject({
      name: "RequestBodyError",
      status: 400,
      code: "BAD_USER_INPUT",
      message: expect.stringContaining(message),
    });
  });

  test("a file truncated by its sender: the upload's body throws", async () => {
    const { url, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      return buffer(copies(await fileOf(multipart)));
    });
    const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
    await fetch(url, { method: "POST", headers, body: `${FIELDS}${FILE_HEAD}abc\r\n--${BOUNDARY.slice(0, 4)}` });
    await expect(outcome).rejects.toMatchObject({ status: 400, message: expect.stringContaining("closing delimiter") });
  });

  test("another Content-Type", async () => {
    const { url, outcome } = await serve((request) => processMultipartRequest(request, LIMITS));
    await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    await expect(outcome).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("multipart/form-data"),
    });
  });
});
