import { ApiKeys } from "../access/api-keys.ts";
import type { Scope } from "../access/principal.ts";
import { QuotaService } from "../accounts/quota-service.ts";
import { ISSUED_KEY, type Role, type UserRecord } from "../accounts/user-record.ts";
import { Users } from "../accounts/users.ts";
import { parseBytes, parseDuration } from "../setup/setting-types.ts";
import { formatBytes } from "../terminal/format.ts";
import { AdminError } from "./admin-error.ts";
import type { CommandContext } from "./command-context.ts";

const USERS_PER_PAGE = 500;

export async function changeRole({ database, terminal }: CommandContext, login: string, role: Role): Promise<void> {
  const users = new Users(database);
  const user = await find(users, login);
  await users.change(user.id, { role });
  terminal.line(`${user.username} ${role === "ADMIN" ? "is an administrator" : "is no administrator"}.`);
}

export async function setDisabled({ database, terminal }: CommandContext, login: string, disabled: boolean) {
  const users = new Users(database);
  const user = await find(users, login);
  await users.change(user.id, { disabled });
  const told = disabled ? "is disabled: no token, key or link of theirs opens anything" : "may sign in again";
  terminal.line(`${user.username} ${told}.`);
}

/** @param search part of a username or an email address; all where it is left out */
export async function listUsers({ database, terminal }: CommandContext, search: string | undefined): Promise<void> {
  const users = new Users(database);
  for (let after: string | null = null; ; ) {
    const page = await users.list({ first: USERS_PER_PAGE, after, search });
    for (const { node } of page.edges) {
      const { id, username, usernameKey, email, role, usedBytes, disabledAt } = node;
      const facts = [username, email, formatBytes(usedBytes), ...(role === "ADMIN" ? ["administrator"] : [])];
      if (usernameKey.startsWith(ISSUED_KEY)) facts.push(`by an issuer, id ${id}`);
      terminal.line([...facts, ...(disabledAt === null ? [] : ["disabled"])].join("  "));
    }
    after = page.endCursor;
    if (!page.hasNextPage) return;
  }
}

/** @param quota shows the present one where it is left out */
export async function quota({ config, database, terminal }: CommandContext, login: string, quota: string | undefined) {
  const user = await find(new Users(database), login);
  const quotas = new QuotaService(database, config.defaultQuotaBytes);
  if (quota !== undefined) await quotas.setQuota(user.id, parseQuota(quota));
  const { usedBytes, reservedBytes, quotaBytes } = await quotas.usage(user.id);
  const bound = quotaBytes === null ? "no quota" : `${formatBytes(quotaBytes)} quota`;
  const used = `${formatBytes(usedBytes)} used, ${formatBytes(reservedBytes)} reserved`;
  const isDefault = quota === "default" || (quota === undefined && user.quotaBytes === null);
  terminal.line(`${user.username}: ${bound}${isDefault ? " (the default)" : ""}, ${used}`);
}

interface KeyOptions {
  name: string;
  scopes: readonly Scope[];
  /** Such as 90d; for good where it is left out. */
  expires: string | undefined;
}

export async function makeKey({ database, terminal }: CommandContext, login: string, options: KeyOptions) {
  const { name, scopes, expires } = options;
  const user = await find(new Users(database), login);
  const expiresInSeconds = expires === undefined ? null : parseExpiry(expires);
  const { token } = await new ApiKeys(database).createFor(user, { name, scopes, expiresInSeconds });
  terminal.line(token);
}

function parseExpiry(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined && milliseconds >= 1000) return Math.round(milliseconds / 1000);
  throw new AdminError(`--expires ${text} can't be used: it accepts a duration such as 12h or 90d.`, 2);
}

function parseQuota(text: string): number | null | "none" {
  if (text === "none") return "none";
  if (text === "default") return null;
  const bytes = parseBytes(text);
  if (bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new AdminError(
    `The quota ${text} can't be used: it accepts none, default, or bytes such as 500MiB or 1TiB.`,
    2,
  );
}

async function find(users: Users, login: string): Promise<UserRecord> {
  const user = await users.find(login);
  if (user !== null) return user;
  const known = await users.some();
  const names = known.map(({ username }) => username).join(", ");
  throw new AdminError(
    `There is no user ${login}. ${names === "" ? "Nobody has registered yet." : `There are: ${names}`}`,
    2,
  );
}
