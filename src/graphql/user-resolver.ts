import { Arg, Ctx, ID, Int, Mutation, Query, Resolver } from "type-graphql";
import type { UserAdministration } from "../access/user-administration.ts";
import { CreateUserInput, UpdateUserInput, UserConnection, UserType } from "./account-types.ts";
import { type GraphQLContext, signedIn } from "./context.ts";
import { searchComplexity } from "./page-types.ts";

@Resolver(() => UserType)
export class UserResolver {
  readonly #users: UserAdministration;

  constructor(users: UserAdministration) {
    this.#users = users;
  }

  @Query(() => UserConnection, {
    description:
      "Users by name. `search` matches a part of the username or email address, ignoring case. For administrators.",
    complexity: searchComplexity,
  })
  async users(
    @Ctx() context: GraphQLContext,
    @Arg("first", () => Int, { defaultValue: 50, description: "0 to 500." }) first: number,
    @Arg("after", () => String, { nullable: true }) after: string | null,
    @Arg("search", () => String, { nullable: true }) search: string | null,
  ) {
    return new UserConnection(await this.#users.list(await signedIn(context), { first, after, search }));
  }

  @Mutation(() => UserType, {
    description:
      "Makes an account for somebody, also while registration is closed. CONFLICT (`field`) when username or email is taken. For administrators who are signed in by a session.",
  })
  async createUser(
    @Ctx() context: GraphQLContext,
    @Arg("input", () => CreateUserInput) { role, ...input }: CreateUserInput,
  ): Promise<UserType> {
    return UserType.of(await this.#users.create(await signedIn(context), input, role, context.caller));
  }

  @Mutation(() => UserType, {
    description:
      "CONFLICT for the last administrator, who can't be disabled or made a plain user. For administrators who are signed in by a session.",
  })
  async updateUser(
    @Ctx() context: GraphQLContext,
    @Arg("id", () => ID) id: string,
    @Arg("input", () => UpdateUserInput) input: UpdateUserInput,
  ): Promise<UserType> {
    const { role, disabled, quotaBytes } = input;
    const change = { role: role ?? undefined, disabled: disabled ?? undefined, quotaBytes };
    return UserType.of(await this.#users.update(await signedIn(context), id, change));
  }
}
