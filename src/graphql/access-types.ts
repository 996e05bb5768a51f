import { Field, GraphQLISODateTime, ID, InputType, Int, ObjectType, registerEnumType } from "type-graphql";
import type { ApiKeyRecord } from "../access/api-key-record.ts";
import type { CreatedApiKey } from "../access/api-keys.ts";
import { type Principal, SCOPES, type Scope } from "../access/principal.ts";
import type { SessionRecord } from "../access/session-record.ts";

const ScopeEnum = Object.fromEntries(SCOPES.map((scope) => [scope, scope])) as { [S in Scope]: S };
registerEnumType(ScopeEnum, {
  name: "Scope",
  description: "What a token may be used for. A session has all that its user may.",
  valuesConfig: {
    FILES_READ: { description: "Lists and downloads files, and sees uploads." },
    FILES_WRITE: { description: "Uploads, renames and deletes, and makes download links." },
    ADMIN: { description: "Sees users, and sees to storage nodes; for administrators only." },
  },
});

@ObjectType("Session", { description: "A sign-in." })
export class SessionType {
  @Field(() => ID)
  id!: string;

  @Field(() => Boolean, { description: "Whether the request came with its token." })
  isCurrent!: boolean;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime)
  expiresAt!: Date;

  @Field(() => GraphQLISODateTime, { nullable: true, description: "Exact to a minute." })
  lastUsedAt!: Date | null;

  @Field(() => String, { nullable: true, description: "IP address of the last use." })
  lastUsedFrom!: string | null;

  @Field(() => String, { nullable: true, description: "The User-Agent header of who signed in." })
  userAgent!: string | null;

  static of(session: SessionRecord, { credential }: Principal): SessionType {
    const { id, createdAt, expiresAt, lastUsedAt, lastUsedFrom, userAgent } = session;
    const facts = { id, createdAt, expiresAt, lastUsedAt, lastUsedFrom, userAgent };
    return Object.assign(new SessionType(), facts, { isCurrent: id === credential.id });
  }
}

@ObjectType("ApiKey", { description: "A token for a program." })
export class ApiKeyType {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  name!: string;

  @Field(() => [ScopeEnum])
  scopes!: Scope[];

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime, { nullable: true, description: "Null for a key without an end." })
  expiresAt!: Date | null;

  @Field(() => GraphQLISODateTime, { nullable: true, description: "Exact to a minute." })
  lastUsedAt!: Date | null;

  @Field(() => String, { nullable: true, description: "IP address of the last use." })
  lastUsedFrom!: string | null;

  static of({ id, name, scopes, createdAt, expiresAt, lastUsedAt, lastUsedFrom }: ApiKeyRecord): ApiKeyType {
    const facts = { id, name, createdAt, expiresAt, lastUsedAt, lastUsedFrom };
    return Object.assign(new ApiKeyType(), facts, { scopes: scopes.split(" ") });
  }
}

@ObjectType("CreatedApiKey")
export class CreatedApiKeyType {
  @Field(() => String, { description: "Shown this once. Send it as `Authorization: Bearer <token>`." })
  token!: string;

  @Field(() => ApiKeyType)
  apiKey!: ApiKeyType;

  static of({ token, key }: CreatedApiKey): CreatedApiKeyType {
    return Object.assign(new CreatedApiKeyType(), { token, apiKey: ApiKeyType.of(key) });
  }
}

@InputType("CreateApiKeyInput")
export class CreateApiKeyInput {
  @Field(() => String, { description: "1 to 100 characters." })
  name!: string;

  @Field(() => [ScopeEnum], { description: "At least one. FORBIDDEN (`needed`) for one that you don't have yourself." })
  scopes!: Scope[];

  @Field(() => Int, { nullable: true, description: "1 to 315360000, ten years; no end when left out." })
  expiresInSeconds?: number | null;
}
