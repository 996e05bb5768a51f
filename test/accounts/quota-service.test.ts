import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { QuotaService } from "../../src/accounts/quota-service.ts";
import { countCompleted } from "../../src/accounts/storage-counters.ts";
import { UserRecord } from "../../src/accounts/user-record.ts";
import { Database } from "../../src/database/database.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";

describe.each(dialects)("QuotaService on %s", (dialect) => {
  let folder: string;
  let database: Database;
  let users = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "stowage-quota-"));
    database = await Database.open(databaseOptions(newDatabaseUrl(dialect, folder)));
  });
  afterAll(async () => {
    await database.close();
    await rm(folder, { recursive: true });
  });

  async function newUser(): Promise<string> {
    const id = `01234567-89ab-7def-8123-${String(users++).padStart(12, "0")}`;
    const name = id.slice(-12);
    const user = { id, username: name, usernameKey: name, email: name, emailKey: name, passwordHash: "none" };
    await database.transaction((em) => em.insert(UserRecord, { ...user, role: "USER", createdAt: new Date() }));
    return id;
  }

  const reserve = (quotas: QuotaService, user: string, bytes: number) =>
    database.transaction((em) => quotas.reserve(em, user, bytes));

  test("a user without a quota has the default, and without a default no bound", async () => {
    const user = await newUser();
    const empty = { usedBytes: 0, reservedBytes: 0 };
    expect(await new QuotaService(database, 100).usage(user)).toEqual({ ...empty, quotaBytes: 100 });
    expect(await new QuotaService(database, null).usage(user)).toEqual({ ...empty, quotaBytes: null });
  });

  test("a user's own quota goes before the default; null takes it away, and none is no bound", async () => {
    const user = await newUser();
    const quotas = new QuotaService(database, 100);
    const quota = async () => (await quotas.usage(user)).quotaBytes;
    for (const [set, is] of [[7, 7] as const, [0, 0] as const, ["none", null] as const, [null, 100] as const]) {
      for (let time = 0; time < 2; time++) await quotas.setQuota(user, set);
      expect(await quota()).toBe(is);
    }
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 53])("the quota %d is refused", async (quota) => {
    const setting = new QuotaService(database, null).setQuota(await newUser(), quota);
    await expect(setting).rejects.toMatchObject({ code: "BAD_USER_INPUT", facts: { field: "quota" } });
  });

  test("the quota of nobody is NOT_FOUND", async () => {
    const setting = new QuotaService(database, null).setQuota("nobody", 1);
    await expect(setting).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a reservation fits to the last byte, and one byte more doesn't", async () => {
    const user = await newUser();
    const quotas = new QuotaService(database, 100);
    await reserve(quotas, user, 40);
    await database.transaction((em) => countCompleted(em, user, 40));
    await reserve(quotas, user, 60);
    await reserve(quotas, user, 0);
    await expect(reserve(quotas, user, 1)).rejects.toMatchObject({
      code: "QUOTA_EXCEEDED",
      facts: { quotaBytes: 100, usedBytes: 40, reservedBytes: 60, requested: 1 },
    });
    expect(await quotas.usage(user)).toEqual({ usedBytes: 40, reservedBytes: 60, quotaBytes: 100 });
  });

  test("a quota below what is stored lets nothing more in", async () => {
    const user = await newUser();
    const quotas = new QuotaService(database, 100);
    await reserve(quotas, user, 100);
    await quotas.setQuota(user, 50);
    await expect(reserve(quotas, user, 0)).rejects.toMatchObject({ code: "QUOTA_EXCEEDED" });
  });

  test("without a bound, counters stay numbers that are exact", async () => {
    const user = await newUser();
    const quotas = new QuotaService(database, null);
    await reserve(quotas, user, Number.MAX_SAFE_INTEGER - 1);
    await reserve(quotas, user, 1);
    await expect(reserve(quotas, user, 1)).rejects.toMatchObject({ code: "QUOTA_EXCEEDED" });
    expect(await quotas.usage(user)).toMatchObject({ reservedBytes: Number.MAX_SAFE_INTEGER, quotaBytes: null });
  });
});
