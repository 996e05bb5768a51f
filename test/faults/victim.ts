import type { PhysicalNode } from "../../src/storage/storage-node.ts";

/** A storage node as somebody sees it who stands beside the service: to harm it, and to look what is there. */
export interface Victim {
  readonly name: string;
  readonly kind: "LOCAL" | "S3";
  /** As STORAGE_NODES has it. */
  readonly setting: string;
  /** The ids of the blobs, in order. */
  blobs(): Promise<string[]>;
  /** Names of what was set aside or left half-written. */
  leftovers(): Promise<string[]>;
  /** Null where there is no such blob. */
  bytes(id: string): Promise<Buffer | null>;
  /** These do nothing where the blob went meanwhile. @returns whether it was harmed */
  lose(id: string): Promise<boolean>;
  flip(id: string, bit: number): Promise<boolean>;
  vanish(): Promise<void>;
  fill(): Promise<void>;
  /** Undoes what can be undone: it is back, has room, and answers as it should. */
  relieve(): Promise<void>;
  /** The node itself, past all faults but those of its blobs. */
  open(): Promise<PhysicalNode>;
}

/** Flips one bit; the number may be any. */
export function flipBit(bytes: Buffer, bit: number): void {
  const at = bit % (bytes.length * 8);
  const byte = Math.floor(at / 8);
  bytes.writeUInt8(bytes.readUInt8(byte) ^ (1 << (at % 8)), byte);
}
