import { Arg, Ctx, ID, Int, Mutation, Resolver } from "type-graphql";
import type { DownloadLinkService } from "../files/download-link-service.ts";
import { type GraphQLContext, signedIn } from "./context.ts";
import { DownloadLinkType } from "./file-types.ts";

@Resolver(() => DownloadLinkType)
export class DownloadLinkResolver {
  readonly #links: DownloadLinkService;

  constructor(links: DownloadLinkService) {
    this.#links = links;
  }

  @Mutation(() => DownloadLinkType, {
    description: "A URL that downloads the file with no token, until it expires or is revoked.",
  })
  async createDownloadLink(
    @Ctx() context: GraphQLContext,
    @Arg("fileId", () => ID) fileId: string,
    @Arg("expiresInSeconds", () => Int, { defaultValue: 3600, description: "1 to 31536000, a year." })
    expiresInSeconds: number,
  ): Promise<DownloadLinkType> {
    const created = await this.#links.create(await signedIn(context), fileId, expiresInSeconds);
    return DownloadLinkType.of(created, context.publicUrl);
  }

  @Mutation(() => Boolean, { description: "When this answers, the link opens nothing any more. May be repeated." })
  async revokeDownloadLink(@Ctx() context: GraphQLContext, @Arg("id", () => ID) id: string): Promise<boolean> {
    await this.#links.revoke(await signedIn(context), id);
    return true;
  }
}
