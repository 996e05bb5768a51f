import { Arg, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from "type-graphql";
import type { AccountService } from "../access/sign-in-service.ts";
import type { QuotaService } from "../accounts/quota-service.ts";
import { UnauthenticatedError } from "../errors.ts";
import { AuthPayload, LoginInput, RegisterInput, UserStorageType, UserType } from "./account-types.ts";
import type { GraphQLContext } from "./context.ts";
import { READ_COST } from "./page-types.ts";

@Resolver(() => UserType)
export class AccountResolver {
  readonly #accounts: AccountService;
  readonly #quotas: QuotaService;

  constructor(accounts: AccountService, quotas: QuotaService) {
    this.#accounts = accounts;
    this.#quotas = quotas;
  }

  @Query(() => UserType, { nullable: true, description: "The signed-in user; null without a valid token." })
  async me(@Ctx() context: GraphQLContext): Promise<UserType | null> {
    const user = await context.user();
    return user && UserType.of(user);
  }

  @FieldResolver(() => UserStorageType, { complexity: READ_COST })
  async storage(@Root() user: UserType): Promise<UserStorageType> {
    return UserStorageType.of(await this.#quotas.usage(user.id));
  }

  @Mutation(() => AuthPayload, {
    description:
      "Makes an account and signs in. The same registration again, password and all, signs in. CONFLICT (`field`) when username or email is taken, FORBIDDEN while registration is closed.",
  })
  async register(
    @Ctx() context: GraphQLContext,
    @Arg("input", () => RegisterInput) input: RegisterInput,
  ): Promise<AuthPayload> {
    return AuthPayload.of(await this.#accounts.register(input, context.client));
  }

  @Mutation(() => AuthPayload, { description: "UNAUTHENTICATED when login and password don't belong together." })
  async login(@Ctx() context: GraphQLContext, @Arg("input", () => LoginInput) input: LoginInput): Promise<AuthPayload> {
    return AuthPayload.of(await this.#accounts.login(input.login, input.password, context.client));
  }

  @Mutation(() => Boolean, { description: "Revokes the token that the request came with; again, it stays revoked." })
  async logout(@Ctx() context: GraphQLContext): Promise<boolean> {
    if (context.token === undefined) throw new UnauthenticatedError();
    await this.#accounts.logout(context.token);
    return true;
  }
}
