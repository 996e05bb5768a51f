import { createHash } from "node:crypto";
import type { PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";

/** A request's body, filled bit by bit. The store refuses it where the SHA-256 that was signed doesn't hold. */
export class SignedBody {
  readonly memory: Buffer;
  readonly #isPart: boolean;
  #filled = 0;
  #hash = createHash("sha256");

  /** @param isPart whether nobody else has its SHA-256: then it is hashed on the way */
  constructor(memory: Buffer, { isPart }: { isPart: boolean }) {
    this.memory = memory;
    this.#isPart = isPart;
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
    if (this.#isPart) this.#hash.update(part);
    return part.length;
  }

  /**
   * Adds the SHA-256 to the request that sends the bytes. Once only, until `clear`.
   * @param known that of the bytes as they were sent to us; where it is left out, that of what came
   */
  sign<Command extends PutObjectCommand | UploadPartCommand>(command: Command, known?: Uint8Array): Command {
    if (known === undefined && !this.#isPart) this.#hash.update(this.bytes);
    const sha256 = known === undefined ? this.#hash.digest("hex") : Buffer.from(known).toString("hex");
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
