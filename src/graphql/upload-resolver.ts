import { GraphQLUpload } from "graphql-upload-ts";
import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from "type-graphql";
import type { ChunkService } from "../uploads/chunk-service.ts";
import type { UploadService } from "../uploads/upload-service.ts";
import { type GraphQLContext, signedIn } from "./context.ts";
import { FileType } from "./file-types.ts";
import type { StreamedUpload } from "./multipart/graphql-multipart.ts";
import { listComplexity, READ_COST } from "./page-types.ts";
import { BeginUploadInput, ChunkRangeType, UploadSessionConnection, UploadSessionType } from "./upload-types.ts";

@Resolver(() => UploadSessionType)
export class UploadResolver {
  readonly #uploads: UploadService;
  readonly #chunks: ChunkService;

  constructor(uploads: UploadService, chunks: ChunkService) {
    this.#uploads = uploads;
    this.#chunks = chunks;
  }

  @Query(() => UploadSessionType, {
    nullable: true,
    description: "An upload of the caller's, in whatever state; null as for `file`.",
  })
  async uploadSession(@Ctx() context: GraphQLContext, @Arg("id", () => ID) id: string) {
    const upload = await this.#uploads.find(await signedIn(context), id);
    return upload && UploadSessionType.of(upload);
  }

  @Query(() => UploadSessionConnection, {
    description: "The caller's open uploads, newest first: what a client can resume.",
    complexity: listComplexity,
  })
  async uploadSessions(
    @Ctx() context: GraphQLContext,
    @Arg("first", () => Int, { defaultValue: 50, description: "0 to 500." }) first: number,
    @Arg("after", () => String, { nullable: true }) after: string | null,
  ) {
    return new UploadSessionConnection(await this.#uploads.listOpen(await signedIn(context), { first, after }));
  }

  @FieldResolver(() => [ChunkRangeType], {
    description: "What is still to be sent, as inclusive ranges of chunk indexes in order.",
    complexity: READ_COST,
  })
  missing(@Root() session: UploadSessionType): Promise<ChunkRangeType[]> {
    return this.#uploads.missing(session.stored);
  }

  @Mutation(() => UploadSessionType, {
    description:
      "Opens an upload, whose whole size counts in the caller's quota from now on. With a `resumeKey` that an open upload of the caller's already has, returns that one. QUOTA_EXCEEDED (`quotaBytes`, `usedBytes`, `reservedBytes`, `requested`), FILE_TOO_LARGE.",
  })
  async beginUpload(@Ctx() context: GraphQLContext, @Arg("input", () => BeginUploadInput) input: BeginUploadInput) {
    return UploadSessionType.of(await this.#uploads.begin(await signedIn(context), input));
  }

  @Mutation(() => UploadSessionType, {
    description:
      "Stores one chunk. Chunks come in any order, several at once, and as often as a client likes: the same bytes again change nothing and succeed. Returns only when the chunk would survive a power cut. CHUNK_SIZE_MISMATCH, CHUNK_DIGEST_MISMATCH, CHUNK_CONFLICT and UPLOAD_CLOSED say what was wrong with it.",
  })
  async uploadChunk(
    @Ctx() context: GraphQLContext,
    @Arg("uploadId", () => ID) uploadId: string,
    @Arg("index", () => Int, { description: "Zero-based." }) index: number,
    @Arg("chunk", () => GraphQLUpload, { description: "The bytes, as a file part of a GraphQL multipart request." })
    chunk: Promise<StreamedUpload>,
    @Arg("sha256", () => String, { nullable: true, description: "Hex; what the bytes must hash to." })
    sha256: string | null,
  ): Promise<UploadSessionType> {
    const principal = await signedIn(context);
    const open = async () => (await chunk).bytes;
    return UploadSessionType.of(await this.#chunks.store(principal, uploadId, { index, open, sha256 }));
  }

  @Mutation(() => FileType, {
    description:
      "Makes the file visible. Again on a completed upload: the same file. UPLOAD_INCOMPLETE (`missing`) while chunks are to be sent, DIGEST_MISMATCH when `digest` is not `File.digest`.",
  })
  async completeUpload(
    @Ctx() context: GraphQLContext,
    @Arg("uploadId", () => ID) uploadId: string,
    @Arg("digest", () => String, { nullable: true }) digest: string | null,
  ): Promise<FileType> {
    return FileType.of(await this.#uploads.complete(await signedIn(context), uploadId, digest));
  }

  @Mutation(() => Boolean, {
    description: "Gives an open upload up; what it holds is freed in the background. May be repeated.",
  })
  async abortUpload(@Ctx() context: GraphQLContext, @Arg("uploadId", () => ID) uploadId: string): Promise<boolean> {
    await this.#uploads.abort(await signedIn(context), uploadId);
    return true;
  }
}
