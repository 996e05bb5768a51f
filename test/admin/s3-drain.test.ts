import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { expect, test, vi } from "vitest";
import { Client } from "../support/client.ts";
import { testBucket } from "../support/s3-bucket.ts";
import { Workspace } from "../support/workspace.ts";
import { blobsOn, StoredFiles } from "./stored-files.ts";

// A command is a process each time.
vi.setConfig({ testTimeout: 240_000 });

test("an S3 node is drained to a local one", async () => {
  const { client: s3, bucket, endpoint, environment } = await testBucket();
  const prefix = `drain/${randomUUID()}`;
  const archive = `archive=s3://${bucket}/${prefix}?endpoint=${endpoint}`;
  const workspace = await Workspace.create("sqlite", { LOG_LEVEL: "error", ...environment, STORAGE_NODES: archive });
  const server = await workspace.start();
  const client = await Client.register(server.url);
  const files = new StoredFiles();
  await files.upload(client, "file", 40);
  await server.end("SIGTERM");
  const local = `node1=file:${join(workspace.folder, "node1")}`;
  Object.assign(workspace.settings, { STORAGE_NODES: `${archive},${local}` });
  expect(await workspace.admin(["drain", "archive"]).ended).toMatchObject({ code: 0, stderr: "" });
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/blobs/` }));
  expect(Contents).toEqual([]);
  expect(await blobsOn(workspace.folder, "node1")).toHaveLength(40);
  Object.assign(workspace.settings, { STORAGE_NODES: local });
  const again = await workspace.start();
  await files.checkAll(new Client(again.url, client.token));
});
