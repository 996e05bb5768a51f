import { Client, dataOf, type GraphQLAnswer, sha256 } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { type Cluster, QUOTA_BYTES } from "./cluster.ts";
import { type KnownFile, Model } from "./model.ts";
import type { Report } from "./report.ts";
import { RefusedError, Requests, Violation } from "./requests.ts";

const CHUNK_SIZE = 64 * 1024;
const MAX_CHUNKS = 8;
const OPEN_AT_ONCE = 3;
const AT_ONCE = 3;
const LONGEST_REQUEST_MS = 60_000;

/** A user who does this and that, keeps book of what was acknowledged, and compares all that is served with it. */
export class FaultClient {
  readonly model = new Model(QUOTA_BYTES);
  readonly #requests: Requests;
  readonly #random: SeededRandom;
  readonly #report: Report;
  readonly #name: string;
  readonly #client: Client;
  #names = 0;

  private constructor(requests: Requests, random: SeededRandom, report: Report, name: string, client: Client) {
    this.#requests = requests;
    this.#random = random;
    this.#report = report;
    this.#name = name;
    this.#client = client;
  }

  static async register(cluster: Cluster, random: SeededRandom, report: Report, name: string): Promise<FaultClient> {
    const requests = new Requests(cluster.troubles, report);
    const client = await requests.insist("register", () => Client.register(cluster.url, name));
    return new FaultClient(requests, random, report, name, client);
  }

  /** Retries after a lost answer as most clients would, and gives up as some do. @returns whether it was answered */
  async #change(kind: string, call: () => Promise<GraphQLAnswer>): Promise<boolean> {
    const ask = async () => dataOf(await call());
    if ((await this.#requests.try(kind, ask)) !== null) return true;
    if (this.#random.chance(0.4)) return false;
    await this.#requests.insist(kind, ask);
    return true;
  }

  /** Does one thing. */
  async act(): Promise<void> {
    const { model } = this;
    const open = model.pick(this.#random, "open");
    const complete = model.pick(this.#random, "complete");
    const chosen = this.#random.integer(1, 100);
    if (complete !== undefined && chosen <= 15) return this.#download(complete);
    if (complete !== undefined && chosen <= 28) return this.#downloadRange(complete);
    if (complete !== undefined && chosen <= 36) return this.#rename(complete);
    if (complete !== undefined && chosen <= 39) return this.#delete(complete);
    if (open === undefined || (chosen <= 50 && model.count("open") < OPEN_AT_ONCE)) return this.#begin();
    if (chosen <= 58) return void (await this.#checkMissing(open));
    if (chosen <= 60) return this.#abort(open);
    if (open.acknowledged.size < open.totalChunks) return this.#send(open);
    return this.#complete(open);
  }

  async #begin(): Promise<void> {
    const filename = `${this.#name}-${this.#names++}`;
    const size = this.#random.chance(0.1) ? 0 : this.#random.integer(1, MAX_CHUNKS * CHUNK_SIZE);
    const room = this.model.hasRoom(size);
    const input = { filename, size, chunkSize: CHUNK_SIZE, resumeKey: filename };
    try {
      const { id, totalChunks } = await this.#requests.insist("beginUpload", () => this.#client.begin(input));
      if (room === "no") throw new Violation(`An upload of ${size} bytes was begun beyond the quota`);
      this.model.add({ id, content: new PatternedFile(size, filename), totalChunks }, filename);
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== "QUOTA_EXCEEDED") throw error;
      if (room === "yes") throw new Violation(`An upload of ${size} bytes was refused within the quota`);
      const file = this.model.pick(this.#random, "complete");
      if (file !== undefined) await this.#delete(file);
    }
  }

  async #send(file: KnownFile): Promise<void> {
    const all = this.#random.shuffle([...Array(file.totalChunks).keys()]);
    const unsent = all.filter((index) => !file.acknowledged.has(index));
    const again = this.#random.chance(0.1) ? [...file.acknowledged].slice(0, 1) : [];
    const chosen = [...unsent.slice(0, AT_ONCE), ...again].map((index) => {
      return { index, byPut: this.#random.chance(0.5), named: this.#random.chance(0.5) };
    });
    await Promise.all(chosen.map((one) => this.#sendChunk(file, one)));
  }

  async #sendChunk(file: KnownFile, { index, byPut, named }: { index: number; byPut: boolean; named: boolean }) {
    const bytes = file.content.chunk(index, CHUNK_SIZE);
    const digest = named ? sha256(bytes) : undefined;
    const answer = byPut
      ? await this.#requests.try("PUT chunk", () => this.#put(file.id, index, bytes, digest))
      : await this.#requests.try("uploadChunk", async () =>
          dataOf(await this.#client.sendChunk(file.id, index, bytes, digest)),
        );
    if (answer === null) return;
    file.acknowledged.add(index);
    this.#report.add("bytes acknowledged", bytes.length);
  }

  async #put(id: string, index: number, bytes: Buffer, digest: string | undefined): Promise<Response> {
    const named = digest && { "content-digest": `sha-256=:${Buffer.from(digest, "hex").toString("base64")}:` };
    const response = await fetch(`${this.#client.url}/uploads/${id}/chunks/${index}`, {
      method: "PUT",
      headers: { ...this.#client.authorization, ...(named || {}) },
      body: bytes as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.timeout(LONGEST_REQUEST_MS),
    });
    if (!response.ok) throw await RefusedError.of(response);
    await response.arrayBuffer();
    return response;
  }

  async #complete(file: KnownFile): Promise<void> {
    const digest = file.content.digest(CHUNK_SIZE);
    if (await this.#change("completeUpload", () => this.#client.complete(file.id, digest))) file.state = "complete";
    else file.maybeComplete = true;
  }

  async #rename(file: KnownFile): Promise<void> {
    const filename = `${this.#name}-renamed-${this.#names++}`;
    const query = "mutation ($id: ID!, $filename: String!) { renameFile(id: $id, filename: $filename) { id } }";
    const renamed = await this.#change("renameFile", () => this.#client.send(query, { id: file.id, filename }));
    if (renamed) file.filenames.clear();
    file.filenames.add(filename);
  }

  async #delete(file: KnownFile): Promise<void> {
    if (await this.#change("deleteFile", () => this.#client.deleteFile(file.id))) file.state = "gone";
    else file.maybeGone = true;
  }

  async #abort(file: KnownFile): Promise<void> {
    // An upload that may be complete can't be aborted for certain.
    if (file.maybeComplete) return;
    if (await this.#change("abortUpload", () => this.#client.abort(file.id))) file.state = "gone";
    else file.maybeGone = true;
  }

  async #checkMissing(file: KnownFile): Promise<number[]> {
    const acknowledged = new Set(file.acknowledged);
    const session = await this.#requests.insist("uploadSession", () => this.#client.session(file.id));
    const missing: number[] = session.missing.flatMap((range: { first: number; last: number }) =>
      Array.from({ length: range.last - range.first + 1 }, (_, i) => range.first + i),
    );
    const lost = missing.filter((index) => acknowledged.has(index));
    if (lost.length > 0) throw new Violation(`Acknowledged chunks ${lost} of ${file.id} are missing`);
    if (session.receivedChunks !== file.totalChunks - missing.length) {
      throw new Violation(`${file.id} counts ${session.receivedChunks} chunks and misses ${missing.length}`);
    }
    return missing;
  }

  #download(file: KnownFile): Promise<void> {
    return this.#compare("download", file, 0, file.content.size);
  }

  async #downloadRange(file: KnownFile): Promise<void> {
    const { size } = file.content;
    if (size === 0) return;
    const start = this.#random.integer(0, size - 1);
    await this.#compare("download of a range", file, start, this.#random.integer(start + 1, size));
  }

  /** All of it, or the part that came before the connection was cut, must be right. @param end exclusive */
  async #compare(kind: string, file: KnownFile, start: number, end: number): Promise<void> {
    const isRange = kind !== "download";
    const received: Uint8Array[] = [];
    const whole = await this.#requests.try(kind, async () => {
      received.length = 0;
      const response = await fetch(`${this.#client.url}/files/download/${file.id}`, {
        headers: { ...this.#client.authorization, ...(isRange && { range: `bytes=${start}-${end - 1}` }) },
        signal: AbortSignal.timeout(LONGEST_REQUEST_MS),
      });
      if (!response.ok) throw await RefusedError.of(response);
      if (response.status !== (isRange ? 206 : 200)) throw new Violation(`${kind}: status ${response.status}`);
      for await (const buffer of response.body ?? []) received.push(buffer);
      return true;
    });
    const bytes = Buffer.concat(received);
    this.#report.add("bytes served and compared", bytes.length);
    const isRight = bytes.equals(file.content.bytes(start, start + bytes.length));
    if (!isRight) throw new Violation(`Wrong bytes of ${file.id} were served, from ${start}, ${bytes.length} of them`);
    if (whole && bytes.length !== end - start) {
      throw new Violation(`${bytes.length} bytes of ${file.id} were served, not ${end - start}`);
    }
  }

  /**
   * While nothing is harmed: everything acknowledged is there, all that is served is right, and what was never answered
   * is found to have happened or not.
   */
  async checkAll(): Promise<void> {
    const query = "{ files(first: 500) { totalCount nodes { id filename size digest } } }";
    const { files } = await this.#requests.insist("files", () => this.#client.data(query));
    if (files.totalCount !== files.nodes.length) throw new Violation(`${files.totalCount} files are counted`);
    const listed = new Map<string, Listed>(files.nodes.map((node: Listed) => [node.id, node]));
    for (const file of this.model.files) {
      await this.#check(file, listed.get(file.id));
      listed.delete(file.id);
    }
    if (listed.size > 0) throw new Violation(`Files are listed that nobody has: ${[...listed.keys()]}`);
    this.model.forgetGone();
  }

  /** Sends what open uploads still miss, and completes them. */
  async finishAll(): Promise<void> {
    for (const file of this.model.files.filter(({ state }) => state === "open")) {
      for (const index of await this.#checkMissing(file)) {
        await this.#sendChunk(file, { index, byPut: true, named: true });
      }
      await this.#complete(file);
    }
  }

  async #check(file: KnownFile, node: Listed | undefined): Promise<void> {
    const mustBe = file.state === "complete" && !file.maybeGone;
    const mustNotBe = file.state === "gone" || (file.state === "open" && !file.maybeComplete);
    if (mustBe && node === undefined) throw new Violation(`Complete file ${file.id} is missing`);
    if (mustNotBe && node !== undefined) throw new Violation(`File ${file.id} is listed, and should not be`);
    this.#report.add(`files checked: ${file.state}`, 1);
    if (node !== undefined) {
      const isRight = node.size === file.content.size && node.digest === file.content.digest(CHUNK_SIZE);
      if (!isRight || !file.filenames.has(node.filename)) throw new Violation(`File ${file.id} is described wrongly`);
      await this.#download(file);
      this.model.settle(file, "complete", node.filename);
      return;
    }
    const { status } = await this.#client.download(file.id);
    if (status !== 404) throw new Violation(`Download of ${file.id}, which isn't there: ${status}`);
    const isOpen = file.state === "open" && (await this.#client.session(file.id)).status === "OPEN";
    if (file.state === "open" && !file.maybeGone && !isOpen) throw new Violation(`Open upload ${file.id} is closed`);
    if (isOpen) await this.#checkMissing(file);
    this.model.settle(file, isOpen ? "open" : "gone");
  }
}

interface Listed {
  id: string;
  filename: string;
  size: number;
  digest: string;
}
