import { randomBytes } from "node:crypto";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { s3Access } from "./s3-on-demand.ts";

/** A bucket of the test file's own, and a client for what a node wouldn't do. */
export interface TestBucket {
  client: S3Client;
  endpoint: string;
  bucket: string;
  /** Credentials, as a server's environment has them. */
  environment: Record<string, string>;
}

let made: Promise<TestBucket> | undefined;

/** Also sets the credentials where the usual chain looks first. */
export function testBucket(): Promise<TestBucket> {
  made ??= (async () => {
    const { endpoint, accessKeyId, secretAccessKey } = await s3Access();
    const environment = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    Object.assign(process.env, environment);
    const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true });
    const bucket = `stowage-${randomBytes(8).toString("hex")}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    return { client, endpoint, bucket, environment };
  })();
  return made;
}
