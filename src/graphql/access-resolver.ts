import { Arg, Ctx, ID, Int, Mutation, Query, Resolver } from "type-graphql";
import type { ApiKeys } from "../access/api-keys.ts";
import type { Sessions } from "../access/sessions.ts";
import { ApiKeyType, CreateApiKeyInput, CreatedApiKeyType, SessionType } from "./access-types.ts";
import { type GraphQLContext, signedIn } from "./context.ts";
import { READ_COST } from "./page-types.ts";

const NOT_BY_KEY = "Not by an API key: FORBIDDEN (`needed: SESSION`).";

@Resolver()
export class AccessResolver {
  readonly #sessions: Sessions;
  readonly #keys: ApiKeys;

  constructor(sessions: Sessions, keys: ApiKeys) {
    this.#sessions = sessions;
    this.#keys = keys;
  }

  @Query(() => [SessionType], {
    complexity: READ_COST,
    description: `Where the user is signed in, the latest first. ${NOT_BY_KEY}`,
  })
  async sessions(@Ctx() context: GraphQLContext): Promise<SessionType[]> {
    const principal = await signedIn(context);
    return (await this.#sessions.list(principal)).map((session) => SessionType.of(session, principal));
  }

  @Query(() => [ApiKeyType], {
    complexity: READ_COST,
    description: `The user's API keys, the latest first, expired ones too. ${NOT_BY_KEY}`,
  })
  async apiKeys(@Ctx() context: GraphQLContext): Promise<ApiKeyType[]> {
    return (await this.#keys.list(await signedIn(context))).map((key) => ApiKeyType.of(key));
  }

  @Mutation(() => Boolean, {
    description: `The session's token opens nothing any more. May be repeated. ${NOT_BY_KEY}`,
  })
  async revokeSession(@Ctx() context: GraphQLContext, @Arg("id", () => ID) id: string): Promise<boolean> {
    await this.#sessions.revoke(await signedIn(context), id);
    return true;
  }

  @Mutation(() => Int, { description: `Ends all sessions but the one that asks; answers how many. ${NOT_BY_KEY}` })
  async revokeOtherSessions(@Ctx() context: GraphQLContext): Promise<number> {
    return this.#sessions.revokeOthers(await signedIn(context));
  }

  @Mutation(() => CreatedApiKeyType, {
    description: `Makes a token for a program. QUOTA_EXCEEDED beyond 100. Asked again, it makes another. ${NOT_BY_KEY}`,
  })
  async createApiKey(
    @Ctx() context: GraphQLContext,
    @Arg("input", () => CreateApiKeyInput) input: CreateApiKeyInput,
  ): Promise<CreatedApiKeyType> {
    return CreatedApiKeyType.of(await this.#keys.create(await signedIn(context), input));
  }

  @Mutation(() => Boolean, { description: `The key opens nothing any more. May be repeated. ${NOT_BY_KEY}` })
  async revokeApiKey(@Ctx() context: GraphQLContext, @Arg("id", () => ID) id: string): Promise<boolean> {
    await this.#keys.revoke(await signedIn(context), id);
    return true;
  }
}
