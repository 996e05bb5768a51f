import { GraphQLSafeInt } from "graphql-scalars";
import { Ctx, Field, GraphQLISODateTime, ID, InputType, Int, ObjectType, registerEnumType } from "type-graphql";
import type { FileRecord } from "../metadata/file-record.ts";
import { chunksInAll } from "../uploads/chunk-plan.ts";
import type { GraphQLContext } from "./context.ts";
import { FileType } from "./file-types.ts";
import { connectionOf } from "./page-types.ts";

enum UploadStatus {
  OPEN = "OPEN",
  COMPLETED = "COMPLETED",
  ABORTED = "ABORTED",
  EXPIRED = "EXPIRED",
}
registerEnumType(UploadStatus, { name: "UploadStatus" });

enum UploadKind {
  PLANNED = "PLANNED",
  SEQUENTIAL = "SEQUENTIAL",
  PART = "PART",
}
registerEnumType(UploadKind, {
  name: "UploadKind",
  description: "How an upload's bytes come.",
  valuesConfig: {
    PLANNED: { description: "Chunks of `chunkSize`, in any order, by `uploadChunk`." },
    SEQUENTIAL: {
      description:
        "Each byte after the last, in chunks of any size: by tus at `/tus/<id>`, or at `/uploads/resumable/<id>`.",
    },
    PART: { description: "A part that tus concatenates to a file: it is never one by itself." },
  },
});

function kindOf({ isPart, isSequential }: FileRecord): UploadKind {
  if (isPart) return UploadKind.PART;
  return isSequential ? UploadKind.SEQUENTIAL : UploadKind.PLANNED;
}

function statusOf(upload: FileRecord): UploadStatus {
  if (["COMPLETE", "DELETED", "CONCATENATED"].includes(upload.status)) return UploadStatus.COMPLETED;
  if (upload.status === "ABORTED") return UploadStatus.ABORTED;
  return upload.status === "OPEN" ? UploadStatus.OPEN : UploadStatus.EXPIRED;
}

@InputType("BeginUploadInput")
export class BeginUploadInput {
  @Field(() => String, { description: "A name without a path, 1 to 255 characters of any script." })
  filename!: string;

  @Field(() => GraphQLSafeInt, { description: "Bytes; 0 is a file like any other." })
  size!: number;

  @Field(() => String, { nullable: true, description: "A media type; `application/octet-stream` when left out." })
  contentType?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: "Bytes, 65536 to 67108864; the server's default, 8 MiB, when left out.",
  })
  chunkSize?: number | null;

  @Field(() => String, {
    nullable: true,
    description: "The client's own name for this upload, such as a fingerprint of path, size and time.",
  })
  resumeKey?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "What the program that uploads calls itself, 1 to 64 characters: others see by it whether they can continue the upload.",
  })
  client?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    description:
      "Returns the completed upload with the same `resumeKey`, name and size, if there is one of lately whose file is still there, instead of opening another.",
  })
  skipCompleted?: boolean | null;
}

@ObjectType("ChunkRange", { description: "Zero-based chunk indexes, both ends inclusive." })
export class ChunkRangeType {
  @Field(() => Int)
  first!: number;

  @Field(() => Int)
  last!: number;
}

@ObjectType("UploadSession", { description: "An upload: a file that is not complete yet." })
export class UploadSessionType {
  readonly stored: FileRecord;

  @Field(() => ID, { description: "The id of the file that it becomes." })
  id!: string;

  @Field(() => String)
  filename!: string;

  @Field(() => String)
  contentType!: string;

  @Field(() => UploadKind)
  kind!: UploadKind;

  @Field(() => GraphQLSafeInt, { description: "Bytes; while `sizeKnown` is false, those that have come." })
  size!: number;

  @Field(() => Boolean, {
    description: "False while the client of a sequential upload hasn't said how much it will send.",
  })
  sizeKnown!: boolean;

  @Field(() => Int, { description: "Bytes." })
  chunkSize!: number;

  @Field(() => Int, {
    description:
      "ceil(size / chunkSize): chunk i holds bytes i * chunkSize up to the next chunk or the end. Where `kind` isn't PLANNED, chunks may be smaller, and this is what they come to if those to be sent are not.",
  })
  totalChunks!: number;

  @Field(() => Int)
  receivedChunks!: number;

  @Field(() => GraphQLSafeInt)
  receivedBytes!: number;

  @Field(() => UploadStatus)
  status!: UploadStatus;

  @Field(() => String, { nullable: true, description: "What the program that began it calls itself, if it said so." })
  client!: string | null;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime, { description: "Each chunk that is stored puts it off." })
  expiresAt!: Date;

  constructor(stored: FileRecord) {
    this.stored = stored;
  }

  static of(stored: FileRecord): UploadSessionType {
    const { id, filename, contentType, size, sizeKnown, chunkSize } = stored;
    const { receivedChunks, receivedBytes, client, createdAt, expiresAt } = stored;
    return Object.assign(new UploadSessionType(stored), {
      id,
      filename,
      contentType,
      kind: kindOf(stored),
      size,
      sizeKnown,
      chunkSize,
      totalChunks: chunksInAll(stored),
      receivedChunks,
      receivedBytes,
      status: statusOf(stored),
      client,
      createdAt,
      expiresAt,
    });
  }

  @Field(() => FileType, { nullable: true, description: "Once completed; null for a token without FILES_READ." })
  async file(@Ctx() context: GraphQLContext): Promise<FileType | null> {
    const principal = await context.principal();
    const mayRead = principal?.scopes.has("FILES_READ") === true;
    return mayRead && this.stored.status === "COMPLETE" ? FileType.of(this.stored) : null;
  }
}

export const UploadSessionConnection = connectionOf("UploadSession", UploadSessionType, UploadSessionType.of);
