import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from "type-graphql";
import type { FileOrder, FileService } from "../files/file-service.ts";
import { UserType } from "./account-types.ts";
import { type GraphQLContext, signedIn } from "./context.ts";
import { ChunkType, FileConnection, FileOrderEnum, FileType } from "./file-types.ts";
import { listComplexity, searchComplexity } from "./page-types.ts";

@Resolver(() => FileType)
export class FileResolver {
  readonly #files: FileService;

  constructor(files: FileService) {
    this.#files = files;
  }

  @Query(() => FileType, {
    nullable: true,
    description: "Null when there is no such file, or it is another user's: the two can't be told apart.",
  })
  async file(@Ctx() context: GraphQLContext, @Arg("id", () => ID) id: string): Promise<FileType | null> {
    const file = await this.#files.find(await signedIn(context), id);
    return file && FileType.of(file);
  }

  @Query(() => FileConnection, {
    description: "The caller's complete files. `search` matches a part of the filename, ignoring case.",
    complexity: searchComplexity,
  })
  async files(
    @Ctx() context: GraphQLContext,
    @Arg("first", () => Int, { defaultValue: 50, description: "0 to 500." }) first: number,
    @Arg("after", () => String, { nullable: true, description: "A cursor of the same order." }) after: string | null,
    @Arg("search", () => String, { nullable: true }) search: string | null,
    @Arg("orderBy", () => FileOrderEnum, { defaultValue: "CREATED_AT_DESC" }) orderBy: FileOrder,
  ) {
    return new FileConnection(await this.#files.list(await signedIn(context), { first, after, search, orderBy }));
  }

  @FieldResolver(() => UserType)
  async owner(@Ctx() context: GraphQLContext): Promise<UserType> {
    // Whoever sees a file is its owner.
    return UserType.of((await signedIn(context)).user);
  }

  @FieldResolver(() => [ChunkType], {
    description: "Where its bytes are, in order, from index `from`.",
    complexity: listComplexity,
  })
  async chunks(
    @Root() file: FileType,
    @Arg("first", () => Int, { defaultValue: 100, description: "0 to 1000." }) first: number,
    @Arg("from", () => Int, { defaultValue: 0, description: "Zero-based." }) from: number,
  ): Promise<ChunkType[]> {
    return (await this.#files.chunks(file.stored, from, first)).map(ChunkType.of);
  }

  @Mutation(() => FileType)
  async renameFile(
    @Ctx() context: GraphQLContext,
    @Arg("id", () => ID) id: string,
    @Arg("filename", () => String) filename: string,
  ): Promise<FileType> {
    return FileType.of(await this.#files.rename(await signedIn(context), id, filename));
  }

  @Mutation(() => Boolean, {
    description: "The file is gone when this answers; its bytes are freed in the background. May be repeated.",
  })
  async deleteFile(@Ctx() context: GraphQLContext, @Arg("id", () => ID) id: string): Promise<boolean> {
    await this.#files.delete(await signedIn(context), id);
    return true;
  }
}
