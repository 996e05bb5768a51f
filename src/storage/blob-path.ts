import { join } from "node:path";
import { isUuid } from "../runtime/uuid.ts";

/**
 * Where a blob lies under the `blobs` folder. The folders are named by the end of the id: a UUIDv7 begins with the
 * time, so its beginning would put all new blobs into one folder.
 */
export function blobPath(blobsFolder: string, id: string): string {
  if (!isUuid(id)) throw new TypeError(`Not a blob id: ${JSON.stringify(id)}`);
  return join(blobsFolder, id.slice(-4, -2), id.slice(-2), id);
}
