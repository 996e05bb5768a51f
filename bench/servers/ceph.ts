import { randomUUID } from "node:crypto";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { startCephServer } from "../../test/support/ceph-server.ts";
import type { LoadRequest } from "../load/generator.ts";
import { CHUNK, deal, type Server } from "./server.ts";

const Bucket = "bench";
const REGION = "us-east-1";

export interface Ceph {
  pids: readonly number[];
  /** The gateway itself, asked by signed URLs with nothing between. */
  plain: Server;
  /** Settings of a Stowage that keeps its chunks there. */
  settings: Record<string, string>;
  /** Stores objects of a chunk's size. @returns the requests that get them */
  objects(count: number): Promise<LoadRequest[]>;
  stop(): Promise<void>;
}

export async function startCeph(): Promise<Ceph> {
  const ceph = await startCephServer();
  const { endpoint, accessKeyId, secretAccessKey } = ceph;
  const client = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  await client.send(new CreateBucketCommand({ Bucket }));

  async function signed(method: "GET" | "PUT", command: GetObjectCommand | PutObjectCommand): Promise<LoadRequest> {
    const { pathname, search, host } = new URL(await getSignedUrl(client, command, { expiresIn: 3600 }));
    const head = `${method} ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n`;
    return { head, ...(method === "PUT" && { payload: CHUNK }), expect: [200] };
  }

  return {
    pids: ceph.pids,
    plain: {
      name: "Ceph itself",
      port: Number(new URL(endpoint).port),
      pid: ceph.pids.at(-1) as number,
      stop: async () => {},
      async uploads(connections, chunks) {
        const puts = Array.from({ length: chunks }, () =>
          signed("PUT", new PutObjectCommand({ Bucket, Key: `plain/${randomUUID()}` })),
        );
        return deal(await Promise.all(puts), connections);
      },
    },
    settings: {
      STORAGE_NODES: `ceph=s3://${Bucket}/stowage?endpoint=${endpoint}&region=${REGION}`,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    async objects(count) {
      const Body = Buffer.alloc(CHUNK, "stowage ");
      const requests: LoadRequest[] = [];
      for (let index = 0; index < count; index++) {
        const Key = `kept/${index}`;
        await client.send(new PutObjectCommand({ Bucket, Key, Body }));
        requests.push(await signed("GET", new GetObjectCommand({ Bucket, Key })));
      }
      return requests;
    },
    stop: ceph.stop,
  };
}
