import { rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { blobsOn, StoredFiles } from "../admin/stored-files.ts";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService } from "../support/service.ts";

const CHUNKS = 20;
const DAY_MS = 24 * 3600_000;

test.for(dialects)("%s: healing begins when a node is back, however long it was away", async (dialect) => {
  const service = await startService(dialect, { REPLICAS: "2", SCRUB_PERIOD: "off", REPAIR_RATE: "1GiB" });
  onTestFinished(() => service.stop());
  const client = await Client.register(service.url);
  const [node, away] = [join(service.folder, "node2"), join(service.folder, "away")];
  await rename(node, away);
  const files = new StoredFiles();
  await files.upload(client, "file", CHUNKS);
  const queued = () =>
    service.database((em) => em.execute("select count(*) as number from repairs where attempts > 0"));
  await expect.poll(queued).toEqual([{ number: CHUNKS }]);
  // As if it had been away for days, with each attempt put off for longer.
  const later = new Date(Date.now() + DAY_MS);
  await service.database((em) => em.execute("update repairs set attempts = 12, next_attempt_at = ?", [later], "run"));
  await rename(away, node);
  const ids = await blobsOn(service.folder, "node1");
  expect(ids).toHaveLength(CHUNKS);
  await expect.poll(() => blobsOn(service.folder, "node2"), { timeout: 90_000 }).toEqual(ids);
  await expect
    .poll(() => service.database((em) => em.execute("select count(*) as number from repairs")))
    .toEqual([{ number: 0 }]);
  await files.checkAll(client);
});
