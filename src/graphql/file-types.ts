import { GraphQLSafeInt } from "graphql-scalars";
import { Ctx, Field, GraphQLISODateTime, ID, Int, ObjectType, registerEnumType } from "type-graphql";
import type { CreatedLink } from "../files/download-link-service.ts";
import { fileOrders, type ListedChunk } from "../files/file-service.ts";
import { downloadPath } from "../http/downloads/download-path.ts";
import type { PublicUrl } from "../http/public-url.ts";
import type { FileRecord } from "../metadata/file-record.ts";
import { chunksInAll } from "../uploads/chunk-plan.ts";
import type { GraphQLContext } from "./context.ts";
import { connectionOf } from "./page-types.ts";

export const FileOrderEnum = Object.fromEntries(Object.keys(fileOrders).map((order) => [order, order]));
registerEnumType(FileOrderEnum, { name: "FileOrder", description: "Filenames are ordered ignoring case." });

@ObjectType("File", { description: "A complete file." })
export class FileType {
  readonly stored: FileRecord;

  @Field(() => ID)
  id!: string;

  @Field(() => String)
  filename!: string;

  @Field(() => String)
  contentType!: string;

  @Field(() => GraphQLSafeInt, { description: "Bytes." })
  size!: number;

  @Field(() => String, {
    description:
      "Hex SHA-256 over the chunks' raw SHA-256 digests, in order: a client can compute it without the server.",
  })
  digest!: string;

  @Field(() => Int, {
    description: "Bytes of each chunk but the last; of a file that came by tus, what each has at most: see `chunks`.",
  })
  chunkSize!: number;

  @Field(() => Int)
  totalChunks!: number;

  @Field(() => GraphQLISODateTime, { description: "When its upload began." })
  createdAt!: Date;

  @Field(() => GraphQLISODateTime)
  completedAt!: Date;

  constructor(stored: FileRecord) {
    this.stored = stored;
  }

  static of(stored: FileRecord): FileType {
    const { id, filename, contentType, size, chunkSize, createdAt, completedAt } = stored;
    if (stored.digest == null || completedAt == null) throw new Error(`File ${id} is not complete.`);
    const digest = Buffer.from(stored.digest).toString("hex");
    const fields = { id, filename, contentType, size, digest, chunkSize, createdAt, completedAt };
    return Object.assign(new FileType(stored), fields, { totalChunks: chunksInAll(stored) });
  }

  @Field(() => String, { description: "The REST route that streams it, as an absolute path." })
  downloadUrl(@Ctx() { publicUrl }: GraphQLContext): string {
    return publicUrl.path(downloadPath(this.id));
  }
}

@ObjectType("Chunk", { description: "One stored part of a file." })
export class ChunkType {
  @Field(() => Int, { description: "Zero-based." })
  index!: number;

  @Field(() => GraphQLSafeInt, { description: "Of its first byte in the file." })
  offset!: number;

  @Field(() => Int, { description: "Bytes." })
  size!: number;

  @Field(() => String, { description: "Hex." })
  sha256!: string;

  @Field(() => String, { description: "What it is called on its storage nodes." })
  name!: string;

  @Field(() => [String], { description: "The names of the nodes that hold a copy." })
  storageNodes!: string[];

  static of({ index, offset, sha256: digest, blob }: ListedChunk): ChunkType {
    const sha256 = Buffer.from(digest).toString("hex");
    return Object.assign(new ChunkType(), {
      index,
      offset,
      size: blob.size,
      sha256,
      name: blob.id,
      storageNodes: [...blob.nodes],
    });
  }
}

export const FileConnection = connectionOf("File", FileType, FileType.of);

@ObjectType("DownloadLink")
export class DownloadLinkType {
  @Field(() => ID)
  id!: string;

  @Field(() => String, {
    description:
      "With the link's secret in its query; shown this once. A whole URL where the server knows its own (PUBLIC_URL), an absolute path elsewhere.",
  })
  url!: string;

  @Field(() => GraphQLISODateTime)
  expiresAt!: Date;

  static of({ link, fileId, secret }: CreatedLink, publicUrl: PublicUrl): DownloadLinkType {
    const url = publicUrl.url(downloadPath(fileId, secret));
    return Object.assign(new DownloadLinkType(), { id: link.id, url, expiresAt: link.expiresAt });
  }
}
