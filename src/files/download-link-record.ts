import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { FileRecord } from "../metadata/file-record.ts";

export const DownloadLinkRecord = defineEntity({
  name: "DownloadLinkRecord",
  tableName: "download_links",
  properties: {
    id: p.uuid().primary(),
    file: () => p.manyToOne(FileRecord).deleteRule("cascade"),
    /** SHA-256 of the link's secret, which itself is kept nowhere. */
    secretHash: p.blob().columnType("binary(32)"),
    createdAt: p.datetime(3),
    expiresAt: p.datetime(3).index(),
    /** Whether it was revoked: for good, whatever the clock says. */
    revoked: p.boolean().defaultRaw("false"),
  },
});
export type DownloadLinkRecord = InferEntity<typeof DownloadLinkRecord>;
