import { createHash, randomBytes } from "node:crypto";
import { utimes } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { Principal } from "../../src/access/principal.ts";
import { QuotaService } from "../../src/accounts/quota-service.ts";
import { UserRecord } from "../../src/accounts/user-record.ts";
import { Freer, forgetClosedFiles } from "../../src/files/freeing.ts";
import { FileRecord } from "../../src/metadata/file-record.ts";
import { readManifest } from "../../src/metadata/manifests.ts";
import { AppendService } from "../../src/uploads/append-service.ts";
import { ConcatenationService } from "../../src/uploads/concatenation-service.ts";
import { UploadService } from "../../src/uploads/upload-service.ts";
import { idsOf, readAll } from "../storage/blobs.ts";
import { type Dialect, dialects } from "../support/databases.ts";
import { sessionOf } from "../support/principal.ts";
import { noSignal, type Running, Scene } from "./scene.ts";

const DAY_MS = 24 * 3600_000;
const CHUNK = 65_536;
const none = { metadata: "", concat: "" };

async function* bufferOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What takes tus uploads in, over a scene's disks. */
class Intake {
  readonly scene: Scene;
  readonly running: Running;
  readonly principal: Principal;
  readonly uploads: UploadService;
  readonly appends: AppendService;
  readonly concatenations: ConcatenationService;

  private constructor(scene: Scene, user: UserRecord) {
    const { database } = scene;
    const running = scene.start();
    const quotas = new QuotaService(database, null);
    const options = { expiryMs: 3600_000, resumeKeyExpiryMs: 3600_000, defaultChunkSize: CHUNK, maxFileSize: 1e9 };
    this.scene = scene;
    this.running = running;
    this.principal = sessionOf(user);
    this.uploads = new UploadService(database, quotas, options, () => {});
    this.appends = new AppendService(database, running.storage, quotas, this.uploads, options, (chunks) => {
      for (const { id } of chunks.filter(({ nodes }) => nodes.length < 2)) running.queue.report(id, "UNDER_REPLICATED");
    });
    this.concatenations = new ConcatenationService(database, options, () => {});
  }

  static async open(dialect: Dialect): Promise<Intake> {
    const scene = await Scene.open(dialect, { nodes: 3 });
    return new Intake(
      scene,
      await scene.database.read((em) => em.findOneOrFail(UserRecord, { username: { $ne: "" } })),
    );
  }

  /** Sends pieces of these sizes, each in a request of its own. */
  async send(sizes: readonly number[], { size, isPart = false }: { size: number | null; isPart?: boolean }) {
    let upload = await this.uploads.begin(this.principal, { filename: "f", isSequential: true, isPart, size }, none);
    const pieces = sizes.map((bytes) => randomBytes(bytes));
    for (const bytes of pieces) {
      upload = await this.appends.append(this.principal, upload, {
        offset: upload.receivedBytes,
        bytes: bufferOf(bytes),
      });
    }
    return { id: upload.id, bytes: Buffer.concat(pieces) };
  }

  part(sizes: readonly number[]) {
    return this.send(sizes, { isPart: true, size: sizes.reduce((sum, size) => sum + size, 0) });
  }

  async concatenate(parts: readonly { id: string; bytes: Buffer }[]) {
    const concat = { metadata: "", concat: `final;${parts.map(({ id }) => id).join(" ")}` };
    const request = { filename: "whole", partIds: parts.map(({ id }) => id) };
    const { id } = await this.concatenations.concatenate(this.principal, request, concat);
    return { id, bytes: Buffer.concat(parts.map(({ bytes }) => bytes)) };
  }

  chunks(id: string) {
    return this.scene.database.read((em) => readManifest(em, id, 0, 1000));
  }

  async expectWhole({ id, bytes }: { id: string; bytes: Buffer }): Promise<void> {
    const chunks = await this.chunks(id);
    const pieces: Buffer[] = [];
    for (const { blob } of chunks) pieces.push(await readAll(this.running.storage, blob));
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    for (const { blob } of chunks) expect(await this.scene.rows(blob.id)).toHaveLength(2);
  }

  /** Makes it three days ago that all of it was stored, and that what was freed was. */
  async age(): Promise<void> {
    const time = new Date(Date.now() - 3 * DAY_MS);
    await this.scene.database.transaction(async (em) => {
      await em.execute("update chunks set created_at = ?", [time], "run");
      await em.execute("update files set freed_at = ? where freed_at is not null", [new Date(0)], "run");
    });
    for (const { node, pathOf } of this.scene.locals.values()) {
      for (const id of await idsOf(node)) await utimes(pathOf({ id }), time, time);
    }
  }

  /** All that removes something, once. */
  async tidy(): Promise<void> {
    const { database } = this.scene;
    const warn = (facts: object) => {
      throw new Error("A file was not freed", { cause: facts });
    };
    await new Freer(database, this.running.storage, { warn }).run(noSignal);
    await forgetClosedFiles(database);
    await this.running.upkeep.sweeper.run(noSignal);
    await this.running.upkeep.repairer.run(noSignal);
  }
}

describe.each(dialects)("upkeep of sequential uploads on %s", (dialect) => {
  test("nothing is swept that an upload, a part or a concatenated file needs", async () => {
    const intake = await Intake.open(dialect);
    const parts = [await intake.part([1, CHUNK + 5, 7]), await intake.part([2 * CHUNK])];
    const kept = [
      await intake.send([3, CHUNK, 100], { size: CHUNK + 103 }),
      await intake.send([3, CHUNK, 100], { size: 1e6 }),
      await intake.send([CHUNK + 1, 9], { size: null }),
      await intake.part([5, 70_000]),
      await intake.concatenate(parts),
    ];
    const aborted = await intake.send([10, CHUNK], { size: null });
    await intake.uploads.abort(intake.principal, aborted.id);
    for (let round = 0; round < 3; round++) {
      await intake.age();
      await intake.tidy();
    }
    for (const file of kept) await intake.expectWhole(file);
    const gone = parts.map(({ id }) => id);
    const left = await intake.scene.database.read((em) => em.find(FileRecord, { id: { $in: [...gone, aborted.id] } }));
    expect(left).toEqual([]);
    const blobs = new Set<string>();
    for (const { node } of intake.scene.locals.values()) for (const id of await idsOf(node)) blobs.add(id);
    const chunks = (await Promise.all(kept.map(({ id }) => intake.chunks(id)))).flat();
    expect(blobs).toEqual(new Set(chunks.map(({ blob }) => blob.id)));
  });

  test("concatenation and upkeep at once lose nothing", async () => {
    const intake = await Intake.open(dialect);
    const files: { id: string; bytes: Buffer }[] = [];
    for (let round = 0; round < 8; round++) {
      const parts = [await intake.part([10, CHUNK]), await intake.part([CHUNK + 1, 20])];
      await intake.age();
      const [file] = await Promise.all([intake.concatenate(parts), intake.tidy(), intake.tidy()]);
      files.push(file);
    }
    await intake.age();
    await intake.tidy();
    for (const file of files) await intake.expectWhole(file);
  });

  test("chunks of any size are restored, also those that a file has of its parts", async () => {
    const intake = await Intake.open(dialect);
    const { scene, running } = intake;
    const file = await intake.concatenate([await intake.part([1, CHUNK + 5]), await intake.part([12_345])]);
    const open = await intake.send([77, 1000], { size: null });
    const blobs = [...(await intake.chunks(file.id)), ...(await intake.chunks(open.id))].map(({ blob }) => blob);
    expect(blobs.map(({ size }) => size)).toEqual([1, CHUNK, 5, 12_345, 77, 1000]);
    for (const blob of blobs) await scene.local(blob.nodes[0] as string).lose(blob);
    await running.queue.add(blobs.map(({ id }) => [id, "MISSING"] as const));
    await running.upkeep.repairer.run(noSignal);
    expect(await scene.queued()).toEqual([]);
    for (const { nodes, ...blob } of blobs) {
      for (const name of await scene.rows(blob.id)) await readAll(scene.local(name).node, { ...blob, nodes });
    }
    await intake.expectWhole(file);
    await intake.expectWhole(open);
  });

  test("a chunk that got too few copies is queued", async () => {
    const intake = await Intake.open(dialect);
    for (const name of ["node1", "node2"]) intake.scene.disk(name).fail.commit = new Error("EIO");
    for (const name of ["node1", "node2"]) intake.scene.disk(name).fail.create = new Error("EIO");
    const open = await intake.send([77], { size: null });
    const [chunk] = await intake.chunks(open.id);
    expect(chunk?.blob.nodes).toEqual(["node3"]);
    await intake.running.queue.flush();
    expect((await intake.scene.queued()).map(({ chunkId }) => chunkId)).toEqual([chunk?.blob.id]);
  });

  test("one whose checksum came hours later is queued again, and nothing of it is removed meanwhile", async () => {
    const intake = await Intake.open(dialect);
    const { scene, running, principal } = intake;
    for (const name of ["node1", "node2"]) scene.disk(name).fail.create = new Error("EIO");
    const bytes = randomBytes(CHUNK + 10);
    const upload = await intake.uploads.begin(
      principal,
      { filename: "f", isSequential: true, size: bytes.length },
      none,
    );
    async function* slowly() {
      yield bytes.subarray(0, CHUNK);
      yield bytes.subarray(CHUNK, CHUNK + 1);
      // The first chunk is stored by now, and its row isn't there.
      await running.queue.flush();
      await scene.database.transaction((em) => em.execute("update repairs set created_at = ?", [new Date(0)], "run"));
      await scene.hurry();
      await running.upkeep.repairer.run(noSignal);
      expect(await scene.queued()).toEqual([]);
      await running.upkeep.sweeper.run(noSignal);
      yield bytes.subarray(CHUNK + 1);
    }
    const checksum = { algorithm: "sha256" as const, digest: createHash("sha256").update(bytes).digest() };
    await intake.appends.append(principal, upload, { offset: 0, bytes: slowly(), checksum });
    await running.queue.flush();
    const chunks = await intake.chunks(upload.id);
    expect(chunks.map(({ blob }) => blob.size)).toEqual([CHUNK, 10]);
    expect(new Set((await scene.queued()).map(({ chunkId }) => chunkId))).toEqual(
      new Set(chunks.map((c) => c.blob.id)),
    );
    for (const name of ["node1", "node2"]) delete scene.disk(name).fail.create;
    await running.storage.probe();
    await scene.hurry();
    await running.upkeep.repairer.run(noSignal);
    await intake.expectWhole({ id: upload.id, bytes });
  });
});
