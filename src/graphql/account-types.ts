import { GraphQLSafeInt } from "graphql-scalars";
import { Field, GraphQLISODateTime, ID, InputType, ObjectType, registerEnumType } from "type-graphql";
import type { SignedIn } from "../access/sessions.ts";
import type { StorageUsage } from "../accounts/quota-service.ts";
import { type Role, roles, type UserRecord } from "../accounts/user-record.ts";
import { connectionOf } from "./page-types.ts";

const RoleEnum = Object.fromEntries(roles.map((role) => [role, role]));
registerEnumType(RoleEnum, { name: "Role" });

@ObjectType("User")
export class UserType {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  username!: string;

  @Field(() => String)
  email!: string;

  @Field(() => RoleEnum)
  role!: string;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime, {
    nullable: true,
    description: "Since when the user is kept out; null where they are not.",
  })
  disabledAt!: Date | null;

  static of({ id, username, email, role, createdAt, disabledAt }: UserRecord): UserType {
    return Object.assign(new UserType(), { id, username, email, role, createdAt, disabledAt: disabledAt ?? null });
  }
}

export const UserConnection = connectionOf("User", UserType, UserType.of);

@ObjectType("UserStorage", { description: "How much a user stores, and how much they may." })
export class UserStorageType {
  @Field(() => GraphQLSafeInt, { description: "Bytes of complete files; a deleted one no longer counts." })
  usedBytes!: number;

  @Field(() => GraphQLSafeInt, {
    description: "Bytes of open uploads: the whole size of each counts until it is completed, aborted or has expired.",
  })
  reservedBytes!: number;

  @Field(() => GraphQLSafeInt, { nullable: true, description: "Bytes that the two may come to; null for no bound." })
  quotaBytes!: number | null;

  static of(usage: StorageUsage): UserStorageType {
    return Object.assign(new UserStorageType(), usage);
  }
}

@ObjectType("AuthPayload")
export class AuthPayload {
  @Field(() => String, { description: "Shown this once. Send it as `Authorization: Bearer <token>`." })
  token!: string;

  @Field(() => GraphQLISODateTime)
  expiresAt!: Date;

  @Field(() => UserType)
  user!: UserType;

  static of({ token, expiresAt, user }: SignedIn): AuthPayload {
    return Object.assign(new AuthPayload(), { token, expiresAt, user: UserType.of(user) });
  }
}

@InputType("RegisterInput")
export class RegisterInput {
  @Field(() => String, {
    description: "3 to 32 letters, digits, `_`, `.` or `-`; unique whatever the case. CONFLICT when taken.",
  })
  username!: string;

  @Field(() => String, { description: "Unique whatever the case. CONFLICT when taken." })
  email!: string;

  @Field(() => String, { description: "8 to 256 characters." })
  password!: string;
}

@InputType("LoginInput")
export class LoginInput {
  @Field(() => String, { description: "A username or an email address." })
  login!: string;

  @Field(() => String)
  password!: string;
}

@InputType("ChangePasswordInput")
export class ChangePasswordInput {
  @Field(() => String)
  currentPassword!: string;

  @Field(() => String, { description: "8 to 256 characters." })
  newPassword!: string;

  @Field(() => Boolean, { defaultValue: false, description: "Whether other sessions and the API keys stay." })
  keepOthers!: boolean;
}

@InputType("CreateUserInput")
export class CreateUserInput extends RegisterInput {
  @Field(() => RoleEnum, { defaultValue: "USER" })
  role!: Role;
}

@InputType("UpdateUserInput", { description: "What is left out stays as it is." })
export class UpdateUserInput {
  @Field(() => RoleEnum, { nullable: true })
  role?: Role | null;

  @Field(() => Boolean, { nullable: true, description: "Keeps the user out at once, with all tokens, keys and links." })
  disabled?: boolean | null;

  @Field(() => GraphQLSafeInt, { nullable: true, description: "Bytes; null for the server's default." })
  quotaBytes?: number | null;
}
