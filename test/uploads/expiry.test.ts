import { expect, test } from "vitest";
import { forgetClosedFiles } from "../../src/files/freeing.ts";
import { FileRecord } from "../../src/metadata/file-record.ts";
import { expireUploads } from "../../src/uploads/expiry.ts";
import { dialects } from "../support/databases.ts";
import { noSignal, Scene } from "../upkeep/scene.ts";

const MANY = 1_100;

test("an upload that can't be closed keeps no other from expiring", async () => {
  const scene = await Scene.open("sqlite");
  const uploads: FileRecord[] = [];
  for (let i = 0; i < 5; i++) uploads.push(await scene.upload());
  const [stuck] = uploads as [FileRecord];
  await scene.database.transaction(async (em) => {
    await em.execute("update files set expires_at = ?", [new Date(1)], "run");
    const trigger = `create trigger stuck before update on files when old.id = '${stuck.id}' and new.status = 'EXPIRED'
      begin select raise(abort, 'stuck'); end`;
    await em.execute(trigger, [], "run");
  });
  const failed: string[] = [];
  await expireUploads(scene.database, (id) => void failed.push(id), noSignal);
  expect(failed).toEqual([stuck.id]);
  const open = await scene.database.read((em) => em.find(FileRecord, { status: "OPEN" }));
  expect(open.map(({ id }) => id)).toEqual([stuck.id]);
});

test.for(dialects)("%s: closed files of long ago are forgotten, however many, and no others", async (dialect) => {
  const scene = await Scene.open(dialect);
  const { id, owner, ...rest } = await scene.upload();
  const old = { ...rest, owner: owner.id, resumeKey: null, status: "DELETED" as const, freedAt: new Date(0) };
  await scene.database.transaction(async (em) => {
    const rows = Array.from({ length: MANY }, (_, i) => ({
      ...old,
      id: `${id.slice(0, -4)}${String(i).padStart(4, "0")}`,
    }));
    await em.insertMany(FileRecord, rows);
  });
  await forgetClosedFiles(scene.database);
  const left = await scene.database.read((em) => em.find(FileRecord, {}));
  expect(left.map(({ status }) => status)).toEqual(["OPEN", "OPEN"]);
});
