import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inject } from "vitest";
import { type CephServer, type S3Access, startCephServer } from "./ceph-server.ts";

export interface S3OnDemand {
  /** Where tests ask for the store. */
  url: string;
  stop(): Promise<void>;
}

function fromEnvironment(): S3Access | undefined {
  const given = process.env["TEST_S3"];
  if (!given) return undefined;
  const { origin, username, password } = new URL(given);
  return {
    endpoint: origin,
    accessKeyId: decodeURIComponent(username),
    secretAccessKey: decodeURIComponent(password),
  };
}

/** One store for the whole test run, which starts when the first test asks for it. */
export async function offerS3(): Promise<S3OnDemand> {
  const given = fromEnvironment();
  let ceph: Promise<CephServer> | undefined;
  const server = createServer(async (_request, response) => {
    try {
      ceph ??= given === undefined ? startCephServer() : undefined;
      const { endpoint, accessKeyId, secretAccessKey } = given ?? ((await ceph) as CephServer);
      response.end(JSON.stringify({ endpoint, accessKeyId, secretAccessKey }));
    } catch (error) {
      response.writeHead(500).end((error as Error).message);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await (await ceph?.catch(() => undefined))?.stop();
    },
  };
}

/** For tests: the store, once it answers. Rejects with one line that says what to install where it can't be had. */
export async function s3Access(): Promise<S3Access> {
  const response = await fetch(inject("s3Url"));
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as S3Access;
}
