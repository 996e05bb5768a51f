import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { plainSha256 } from "../../src/client/plain-sha256.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("plainSha256 says what OpenSSL says, whatever the length", () => {
  const bytes = randomBytes(100_000);
  for (const length of [...Array(200).keys(), 4096, 65_537, bytes.length]) {
    // Beginning at any byte of its buffer.
    const part = bytes.subarray(bytes.length - length);
    expect(hex(plainSha256(part)), `${length} bytes`).toBe(createHash("sha256").update(part).digest("hex"));
  }
});
