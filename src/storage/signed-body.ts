import { createHash } from "node:crypto";
import type { PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";

/**
 * A request's body, filled bit by bit and hashed on the way: hashing all of it when it is sent would stop everything
 * else meanwhile. The store refuses the body where the SHA-256 that was signed doesn't hold.
 */
export class SignedBody {
  readonly memory: Buffer;
  #filled = 0;
  #hash = createHash("sha256");

  constructor(memory: Buffer) {
    this.memory = memory;
  }

  get bytes(): Buffer {
    return this.memory.subarray(0, this.#filled);
  }

  get isFull(): boolean {
    return this.#filled === this.memory.length;
  }

  /** Copies as much as there is room for. @returns the number of bytes */
  append(buffer: Uint8Array): number {
    const part = buffer.subarray(0, this.memory.length - this.#filled);
    this.memory.set(part, this.#filled);
    this.#filled += part.length;
    this.#hash.update(part);
    return part.length;
  }

  /** Adds the SHA-256 to the request that sends the bytes. Once only, until `clear`. */
  sign<Command extends PutObjectCommand | UploadPartCommand>(command: Command): Command {
    const sha256 = this.#hash.digest("hex");
    (command as PutObjectCommand).middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers["x-amz-content-sha256"] = sha256;
        return next(args);
      },
      { step: "build", name: "bodySha256" },
    );
    return command;
  }

  clear(): void {
    this.#filled = 0;
    this.#hash = createHash("sha256");
  }
}
