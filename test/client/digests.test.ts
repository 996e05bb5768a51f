import { createHash, randomBytes } from "node:crypto";
import { expect, test, vi } from "vitest";
import { sha256, toHex } from "../../src/client/digests.ts";

test("where a page has no WebCrypto, a digest is what OpenSSL says, whatever the length", async () => {
  vi.stubGlobal("crypto", {});
  try {
    const bytes = randomBytes(100_000);
    for (const length of [...Array(200).keys(), 1000, 65_535, 65_536, 100_000]) {
      const part = bytes.subarray(0, length);
      const expected = createHash("sha256").update(part).digest("hex");
      expect(toHex(await sha256(part)), `${length} bytes`).toBe(expected);
    }
  } finally {
    vi.unstubAllGlobals();
  }
});
