import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { StoredFile } from "../files/file.ts";

/** What tus wants an upload to remember of its creation. */
export const TusUpload = defineEntity({
  name: "TusUpload",
  tableName: "tus_uploads",
  properties: {
    file: () => p.manyToOne(StoredFile).primary().index(false).deleteRule("cascade"),
    /** The Upload-Metadata header, as it came. */
    metadata: p.text().nullable(),
    /** The Upload-Concat header, as it came. */
    concat: p.text().nullable(),
    /** Of a part that was concatenated: the file that has its bytes. */
    finalId: p.uuid().nullable(),
  },
});
export type TusUpload = InferEntity<typeof TusUpload>;
