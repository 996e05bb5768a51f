export interface Piece {
  bytes: Uint8Array<ArrayBuffer>;
  sha256: Uint8Array;
}

/** The bytes of an upload, which stay the same while it is open. */
export interface Source {
  /** Bytes. */
  readonly size: number;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  /** The same for the same file in the same state, so that its upload is found again; undefined where nothing tells. */
  fingerprint(): Promise<string | undefined>;
  /**
   * Exactly the bytes from `start` up to `end`, hashed in another thread where there is much to hash and the platform
   * can; may be called several times at once.
   * @throws SourceChangedError when they are not, or may not be, what was there when the source was opened
   */
  read(start: number, end: number): Promise<Piece>;
  /** Takes back the bytes that `read` gave, once nobody looks at it any more: its memory may be used for the next read. */
  release(bytes: Uint8Array<ArrayBuffer>): void;
  /** @throws SourceChangedError when something changed since the source was opened, as far as the platform tells */
  verify(): Promise<void>;
  /** May be called twice. */
  close(): Promise<void>;
}

/** What differs between a browser and Node. */
export interface Platform<S> {
  /** Opens what an application names as a source. @throws TypeError for something that is none */
  openSource(source: S): Promise<Source>;
  /** The standard's `fetch`, at least for what a Transport sends. */
  readonly fetch: typeof globalThis.fetch;
  /** How many requests at once the platform's fetch makes good use of. */
  readonly maxParallel: number;
}
