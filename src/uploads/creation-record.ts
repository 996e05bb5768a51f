import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { FileRecord } from "../metadata/file-record.ts";

/** What the protocol by which an upload came wants to have back of its creation, whichever protocol that was. */
export const CreationRecord = defineEntity({
  name: "CreationRecord",
  tableName: "tus_uploads",
  properties: {
    file: () => p.manyToOne(FileRecord).primary().index(false).updateRule("no action").deleteRule("cascade"),
    /** What was said of the file, as it came; empty for none. */
    metadata: p.text(),
    /** What was said of parts, as it came; empty for none. */
    concat: p.text(),
    /** The file that has the bytes of a part that was concatenated; otherwise empty. */
    finalId: p.string().length(36),
  },
});
export type CreationRecord = InferEntity<typeof CreationRecord>;
