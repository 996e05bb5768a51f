import { join } from "node:path";

const BLOB_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isBlobId(text: string): boolean {
  return BLOB_ID.test(text);
}

/**
 * Where a blob lies under the `blobs` folder. The folders are named by the end of the id: a UUIDv7 begins with the
 * time, so its beginning would put all new blobs into one folder.
 */
export function blobPath(blobsFolder: string, id: string): string {
  if (!isBlobId(id)) throw new TypeError(`Not a blob id: ${JSON.stringify(id)}`);
  return join(blobsFolder, id.slice(-4, -2), id.slice(-2), id);
}
