import type { Upload } from "../../client/browser.ts";

/**
 * `needs-file`: begun before a reload, or elsewhere, and to be continued with the same file. `needs-permission`: the
 * file is known, and the browser wants to be asked whether the page may read it. `elsewhere`: begun by a program
 * that alone can continue it.
 */
export type UploadItemState =
  | "waiting"
  | "running"
  | "paused"
  | "needs-file"
  | "needs-permission"
  | "elsewhere"
  | "failed";

export interface UploadItem {
  readonly key: string;
  readonly filename: string;
  /** Bytes, as all here. */
  readonly size: number;
  /** Acknowledged by the server. */
  readonly storedBytes: number;
  /** Acknowledged or on its way. */
  readonly sentBytes: number;
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | undefined;
  readonly state: UploadItemState;
  /** Whether the last try failed, and another follows by itself. */
  readonly retrying: boolean;
  /** Why it failed, or why a chosen file won't do. */
  readonly problem: string | undefined;
}

/** An item, and what its upload consists of. */
export interface UploadEntry {
  item: UploadItem;
  uploadId?: string | undefined;
  /** Path within what was dropped or chosen. */
  path?: string | undefined;
  file?: File | undefined;
  handle?: FileSystemFileHandle | undefined;
  /** Key of `file` at `path`. */
  resumeKey?: string | undefined;
  upload?: Upload | undefined;
  /** Whether the server has said, for this `upload`, which one it is. */
  identified?: boolean;
  /** Stops it here; on the server it stays open. */
  stop?: AbortController | undefined;
}

/** A browser has six connections to a server: one stays free for everything else. */
export const CONNECTIONS = 5;
const LARGE = 32 * 1024 * 1024;
const CONNECTIONS_FOR_LARGE = 4;

export function connectionsFor({ item }: UploadEntry): number {
  return item.size > LARGE ? CONNECTIONS_FOR_LARGE : 1;
}

export function newEntry(key: string, filename: string, size: number, state: UploadItemState): UploadEntry {
  const progress = { storedBytes: 0, sentBytes: 0, bytesPerSecond: 0, secondsLeft: undefined };
  return { item: { key, filename, size, state, ...progress, retrying: false, problem: undefined } };
}
