import { expect } from "vitest";
import { Client, dataOf, type GraphQLAnswer, sha256 } from "./client.ts";
import type { KilledServer } from "./killed-server.ts";
import { PatternedFile } from "./patterned-file.ts";
import type { SeededRandom } from "./seeded-random.ts";

const CHUNK_SIZE = 64 * 1024;
const MAX_CHUNKS = 8;
const OPEN_AT_ONCE = 3;
const AT_ONCE = 3;

/** What the client knows of a file by the answers that it got. */
interface TrackedFile {
  id: string;
  content: PatternedFile;
  totalChunks: number;
  /** Indexes. */
  acknowledged: Set<number>;
  state: "open" | "complete" | "gone";
  /** The completion, or the deletion or abortion, was asked for and never answered: it may have happened. */
  maybeComplete: boolean;
  maybeGone: boolean;
  /** One of these; several after renamings that were never answered. */
  filenames: Set<string>;
}

/** A user who does this and that, and keeps book of what was acknowledged. */
export class FaultClient {
  readonly #server: KilledServer;
  readonly #random: SeededRandom;
  readonly #name: string;
  readonly #token: string;
  readonly #files: TrackedFile[] = [];
  #names = 0;
  acknowledgements = 0;

  private constructor(server: KilledServer, random: SeededRandom, name: string, token: string) {
    this.#server = server;
    this.#random = random;
    this.#name = name;
    this.#token = token;
  }

  static async register(server: KilledServer, random: SeededRandom, name: string): Promise<FaultClient> {
    const { token } = await server.insist((url) => Client.register(url, name));
    return new FaultClient(server, random, name, token as string);
  }

  #as = (call: (client: Client) => Promise<GraphQLAnswer>) => async (url: string) => {
    const data = dataOf(await call(new Client(url, this.#token)));
    this.acknowledgements++;
    return data;
  };

  /** Retries after a lost answer as most clients would, and gives up as some do. @returns whether it was answered */
  async #change(call: (client: Client) => Promise<GraphQLAnswer>): Promise<boolean> {
    if ((await this.#server.try(this.#as(call))) !== null) return true;
    if (this.#random.chance(0.4)) return false;
    await this.#server.insist(this.#as(call));
    return true;
  }

  #pick(state: TrackedFile["state"]): TrackedFile | undefined {
    const files = this.#files.filter((file) => file.state === state && !file.maybeGone);
    return files[this.#random.integer(0, files.length - 1)];
  }

  /** Does one thing. */
  async act(): Promise<void> {
    const open = this.#pick("open");
    if (open === undefined || (this.#random.chance(0.2) && this.#openCount() < OPEN_AT_ONCE)) return this.#begin();
    const complete = this.#pick("complete");
    const chosen = this.#random.integer(1, 100);
    if (chosen <= 2) return this.#abort(open);
    if (chosen <= 12) return void (await this.#checkMissing(open));
    if (complete !== undefined && chosen <= 22) return this.#rename(complete);
    if (complete !== undefined && chosen <= 26) return this.#delete(complete);
    if (complete !== undefined && chosen <= 36) return this.#checkServed(complete);
    if (open.acknowledged.size < open.totalChunks) return this.#send(open);
    return this.#complete(open);
  }

  #openCount(): number {
    return this.#files.filter((file) => file.state === "open").length;
  }

  async #begin(): Promise<void> {
    const filename = `${this.#name}-${this.#names++}`;
    const size = this.#random.chance(0.1) ? 0 : this.#random.integer(1, MAX_CHUNKS * CHUNK_SIZE);
    const input = { filename, size, chunkSize: CHUNK_SIZE, resumeKey: filename };
    const { id, totalChunks } = await this.#server.insist((url) => new Client(url, this.#token).begin(input));
    const content = new PatternedFile(size, filename);
    const facts = { acknowledged: new Set<number>(), maybeComplete: false, maybeGone: false };
    this.#files.push({ id, content, totalChunks, ...facts, state: "open", filenames: new Set([filename]) });
  }

  async #send(file: TrackedFile): Promise<void> {
    const all = this.#random.shuffle([...Array(file.totalChunks).keys()]);
    const unsent = all.filter((index) => !file.acknowledged.has(index));
    const again = this.#random.chance(0.1) ? [...file.acknowledged].slice(0, 1) : [];
    await Promise.all([...unsent.slice(0, AT_ONCE), ...again].map((index) => this.#sendChunk(file, index)));
  }

  async #sendChunk(file: TrackedFile, index: number): Promise<void> {
    const bytes = file.content.chunk(index, CHUNK_SIZE);
    const named = this.#random.chance(0.5) ? sha256(bytes) : undefined;
    const answer = await this.#server.try(this.#as((client) => client.sendChunk(file.id, index, bytes, named)));
    if (answer !== null) file.acknowledged.add(index);
  }

  async #complete(file: TrackedFile): Promise<void> {
    const digest = file.content.digest(CHUNK_SIZE);
    if (await this.#change((client) => client.complete(file.id, digest))) file.state = "complete";
    else file.maybeComplete = true;
  }

  async #rename(file: TrackedFile): Promise<void> {
    const filename = `${this.#name}-renamed-${this.#names++}`;
    const query = "mutation ($id: ID!, $filename: String!) { renameFile(id: $id, filename: $filename) { id } }";
    if (await this.#change((client) => client.send(query, { id: file.id, filename }))) file.filenames.clear();
    file.filenames.add(filename);
  }

  async #delete(file: TrackedFile): Promise<void> {
    if (await this.#change((client) => client.deleteFile(file.id))) file.state = "gone";
    else file.maybeGone = true;
  }

  async #abort(file: TrackedFile): Promise<void> {
    // An upload that may be complete can't be aborted for certain.
    if (file.maybeComplete) return;
    if (await this.#change((client) => client.abort(file.id))) file.state = "gone";
    else file.maybeGone = true;
  }

  async #checkMissing(file: TrackedFile): Promise<number[]> {
    const session = await this.#server.insist((url) => new Client(url, this.#token).session(file.id));
    const missing: number[] = session.missing.flatMap((range: { first: number; last: number }) =>
      Array.from({ length: range.last - range.first + 1 }, (_, i) => range.first + i),
    );
    expect(missing.filter((index) => file.acknowledged.has(index))).toEqual([]);
    expect(session.receivedChunks).toBe(file.totalChunks - missing.length);
    return missing;
  }

  /** The whole file, or the part that came before a kill. */
  async #checkServed(file: TrackedFile): Promise<void> {
    const received: Uint8Array[] = [];
    const whole = await this.#server.try(async (url) => {
      const response = await new Client(url, this.#token).download(file.id);
      expect(response.status).toBe(200);
      for await (const buffer of response.body ?? []) received.push(buffer);
      return true;
    });
    const bytes = Buffer.concat(received);
    if (whole) expect(bytes.length).toBe(file.content.size);
    expect(sha256(bytes)).toBe(file.content.sha256(0, bytes.length));
  }

  /** With no more kills: everything acknowledged is there, all that is served is right, and what is open goes on. */
  async checkAll(): Promise<{ complete: number; open: number; gone: number }> {
    const query = "{ files(first: 500) { totalCount nodes { id filename size digest } } }";
    const { files } = await this.#server.insist(this.#as((client) => client.send(query)));
    expect(files.totalCount).toBe(files.nodes.length);
    const listed = new Map<string, { filename: string }>(files.nodes.map((node: { id: string }) => [node.id, node]));
    const counts = { complete: 0, open: 0, gone: 0 };
    for (const file of this.#files) {
      const node = listed.get(file.id);
      listed.delete(file.id);
      counts[file.state]++;
      if (file.state === "complete" && !file.maybeGone) expect(node).toBeDefined();
      if (file.state === "gone" || (file.state === "open" && !file.maybeComplete)) expect(node).toBeUndefined();
      if (node !== undefined) {
        expect(node).toMatchObject({ size: file.content.size, digest: file.content.digest(CHUNK_SIZE) });
        expect(file.filenames).toContain(node.filename);
        await this.#checkServed(file);
      } else {
        const response = await this.#server.insist((url) => new Client(url, this.#token).download(file.id));
        expect(response.status).toBe(404);
      }
      if (file.state === "open" && !file.maybeGone) await this.#finish(file);
    }
    expect([...listed.keys()]).toEqual([]);
    await this.#checkStorage();
    return counts;
  }

  async #checkStorage(): Promise<void> {
    const query = `{
      me { storage { usedBytes reservedBytes } }
      files(first: 500) { nodes { size } }
      uploadSessions(first: 500) { nodes { size } }
    }`;
    const { me, files, uploadSessions } = await this.#server.insist(this.#as((client) => client.send(query)));
    const sum = (nodes: { size: number }[]) => nodes.reduce((total, { size }) => total + size, 0);
    expect(me.storage).toEqual({ usedBytes: sum(files.nodes), reservedBytes: sum(uploadSessions.nodes) });
  }

  async #finish(file: TrackedFile): Promise<void> {
    for (const index of await this.#checkMissing(file)) await this.#sendChunk(file, index);
    const digest = file.content.digest(CHUNK_SIZE);
    await this.#server.insist(this.#as((client) => client.complete(file.id, digest)));
    await this.#checkServed(file);
  }
}
