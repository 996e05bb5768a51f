import { createHash, randomBytes } from "node:crypto";

const BYTES = 32;

/** Makes a token that nobody guesses. @param prefix such as `stw_`, which tells of what kind it is; empty for a link's secret */
export function newToken(prefix: string): string {
  return prefix + randomBytes(BYTES).toString("base64url");
}

/** What is kept of a token: as it is random, nobody finds it by its hash. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
