import { once } from "node:events";
import { rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Client } from "../support/client.ts";
import { startService } from "../support/service.ts";

const MIB = 1024 ** 2;
const NODES = "{ storageNodes { name state failures } }";

test("a file that is deleted during its download is no failure of a node", async () => {
  const service = await startService("sqlite");
  onTestFinished(() => service.stop());
  const [client, admin] = [await Client.register(service.url), await service.administrator()];
  const { id } = await client.upload("film", Buffer.alloc(64 * MIB, 1), { chunkSize: MIB });
  const downloads = Array.from({ length: 4 }, async () => {
    const request = get(`${service.url}/files/download/${id}`, { headers: client.authorization });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.pause().on("error", () => {});
    return response;
  });
  const responses = await Promise.all(downloads);
  await client.data("mutation ($id: ID!) { deleteFile(id: $id) }", { id });
  await expect
    .poll(() => service.database((em) => em.execute("select count(*) as number from chunks")))
    .toEqual([{ number: 0 }]);
  await Promise.all(responses.map((response) => new Promise((resolve) => response.once("close", resolve).resume())));
  const { storageNodes } = await admin.data(NODES);
  expect(storageNodes).toMatchObject([{ failures: 0 }, { failures: 0 }]);
  const told = () => service.log.filter(({ msg }) => String(msg).includes("deleted before the end of a download"));
  await expect.poll(() => told().length).toBe(4);
  expect(service.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});

test("a node whose tmp folder somebody removed goes on by itself", async () => {
  const service = await startService("sqlite", { REPLICAS: "2", WRITE_QUORUM: "2" });
  onTestFinished(() => service.stop());
  const client = await Client.register(service.url);
  await client.upload("before", Buffer.from("1"));
  for (const name of ["tmp", "aside"]) await rm(join(service.folder, "node1", name), { recursive: true });
  await expect
    .poll(async () => {
      const upload = await client.begin({ filename: "after", size: 1 });
      return (await client.sendChunk(upload.id, 0, Buffer.from("2"))).errors;
    })
    .toBeUndefined();
  const { storageNodes } = await (await service.administrator()).data(NODES);
  expect(storageNodes).toMatchObject([{ state: "UP" }, { state: "UP" }]);
});
