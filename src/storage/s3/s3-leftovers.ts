import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type MultipartUpload,
} from "@aws-sdk/client-s3";
import type { S3Bucket } from "./s3-bucket.ts";
import { S3Error } from "./s3-error.ts";

/** Removes the parts of uploads that were never completed, where the last part came before `olderThan`. */
export async function removeOldUploads(bucket: S3Bucket, olderThan: Date): Promise<void> {
  for await (const { Key, UploadId, Initiated } of uploads(bucket)) {
    if (Initiated === undefined || Initiated >= olderThan) continue;
    const upload = { Bucket: bucket.name, Key, UploadId };
    try {
      // A blob has few parts: they fit a page.
      const { Parts = [] } = await bucket.send(new ListPartsCommand(upload));
      if (Parts.some(({ LastModified }) => LastModified !== undefined && LastModified >= olderThan)) continue;
      await bucket.send(new AbortMultipartUploadCommand(upload));
    } catch (error) {
      if (!(error instanceof S3Error) || error.code !== "NoSuchUpload") throw error;
    }
  }
}

async function* uploads(bucket: S3Bucket): AsyncGenerator<MultipartUpload, void, void> {
  let from: { KeyMarker: string | undefined; UploadIdMarker: string | undefined } | undefined;
  do {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket.name, Prefix: bucket.key("blobs/"), ...from });
    const page = await bucket.send(command);
    yield* page.Uploads ?? [];
    from = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
  } while (from !== undefined);
}
