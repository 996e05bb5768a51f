import { Arg, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from "type-graphql";
import { allowSession } from "../access/principal.ts";
import type { Sessions } from "../access/sessions.ts";
import type { SignInService } from "../access/sign-in-service.ts";
import type { QuotaService } from "../accounts/quota-service.ts";
import { UnauthenticatedError } from "../errors.ts";
import {
  AuthPayload,
  ChangePasswordInput,
  LoginInput,
  RegisterInput,
  UserStorageType,
  UserType,
} from "./account-types.ts";
import { type GraphQLContext, signedIn } from "./context.ts";
import { READ_COST } from "./page-types.ts";

@Resolver(() => UserType)
export class AccountResolver {
  readonly #signIn: SignInService;
  readonly #sessions: Sessions;
  readonly #quotas: QuotaService;

  constructor(signIn: SignInService, sessions: Sessions, quotas: QuotaService) {
    this.#signIn = signIn;
    this.#sessions = sessions;
    this.#quotas = quotas;
  }

  @Query(() => UserType, { nullable: true, description: "The signed-in user; null without a valid token." })
  async me(@Ctx() context: GraphQLContext): Promise<UserType | null> {
    const principal = await context.principal();
    return principal && UserType.of(principal.user);
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
    return AuthPayload.of(await this.#signIn.register(input, context.caller));
  }

  @Mutation(() => AuthPayload, { description: "UNAUTHENTICATED when login and password don't belong together." })
  async login(@Ctx() context: GraphQLContext, @Arg("input", () => LoginInput) input: LoginInput): Promise<AuthPayload> {
    return AuthPayload.of(await this.#signIn.login(input.login, input.password, context.caller));
  }

  @Mutation(() => Boolean, {
    description:
      "Ends all other sessions and all API keys, unless `keepOthers`. BAD_USER_INPUT (`currentPassword`, `newPassword`). May be repeated. Not by an API key.",
  })
  async changePassword(
    @Ctx() context: GraphQLContext,
    @Arg("input", () => ChangePasswordInput) input: ChangePasswordInput,
  ): Promise<boolean> {
    await this.#signIn.changePassword(await signedIn(context), input, context.caller);
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      "Ends the session that the request came by; again, it stays ended. Not by an API key: FORBIDDEN (`needed: SESSION`).",
  })
  async logout(@Ctx() context: GraphQLContext): Promise<boolean> {
    if (context.token === undefined) throw new UnauthenticatedError();
    const principal = await context.principal();
    if (principal !== null) allowSession(principal);
    await this.#sessions.end(context.token);
    return true;
  }
}
