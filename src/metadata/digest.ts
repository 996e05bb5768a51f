import { createHash } from "node:crypto";
import { BadUserInputError } from "../errors.ts";

export function sha256(data: string | Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}

/** @throws BadUserInputError naming `field` when it isn't 64 hex digits, in either case */
export function parseDigest(field: string, hex: string | null | undefined): Buffer | null {
  if (hex == null) return null;
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw new BadUserInputError(field, `${field} accepts a SHA-256 as 64 hex digits.`);
  return Buffer.from(hex, "hex");
}
