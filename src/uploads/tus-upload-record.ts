import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { StoredFile } from "../metadata/file-record.ts";

/** What tus wants an upload to remember of its creation. */
export const TusUpload = defineEntity({
  name: "TusUpload",
  tableName: "tus_uploads",
  properties: {
    file: () => p.manyToOne(StoredFile).primary().index(false).updateRule("no action").deleteRule("cascade"),
    /** The Upload-Metadata header, as it came; empty for none. */
    metadata: p.text(),
    /** The Upload-Concat header, as it came; empty for none. */
    concat: p.text(),
    /** Of a part that was concatenated, the file that has its bytes; otherwise empty. */
    finalId: p.string().length(36),
  },
});
export type TusUpload = InferEntity<typeof TusUpload>;
