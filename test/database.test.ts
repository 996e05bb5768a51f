import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseOptions } from "../mikro-orm.config.ts";
import { User } from "../src/accounts/user.ts";
import { Database } from "../src/database.ts";
import { ServiceUnavailableError } from "../src/errors.ts";
import { mysqlMigrations } from "../src/migrations/mysql/index.ts";
import { dialects, newDatabaseUrl } from "./support/databases.ts";
import { freePort } from "./support/mysql-server.ts";

const ada = {
  id: "01234567-89ab-7def-8123-456789abcdef",
  username: "Ada",
  usernameKey: "ada",
  email: "ada@example.org",
  emailKey: "ada@example.org",
  passwordHash: "none",
  role: "USER" as const,
  createdAt: new Date("2026-03-29T02:30:00.123Z"),
  fileCount: 0,
};

describe.each(dialects)("the database on %s", (dialect) => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "stowage-database-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const newUrl = () => newDatabaseUrl(dialect, join(folder, Math.random().toString(36).slice(2)));

  test("migrations make what the entities describe", async () => {
    const database = await Database.open(databaseOptions(newUrl()));
    try {
      expect(await database.orm.schema.getUpdateSchemaSQL()).toBe("");
      expect(await database.orm.migrator.getPending()).toEqual([]);
    } finally {
      await database.close();
    }
  });

  test("a database opened again has what was in it", async () => {
    const url = newUrl();
    for (let time = 0; time < 3; time++) {
      const database = await Database.open(databaseOptions(url));
      if (time === 0) await database.transaction((em) => em.insert(User, ada));
      expect(await database.read((em) => em.findOne(User, { id: ada.id }))).toMatchObject(ada);
      expect(await database.orm.migrator.getExecuted()).toHaveLength(mysqlMigrations.length);
      await database.probe();
      await database.close();
    }
  });

  test("times are kept in UTC, wherever the server is", async () => {
    const url = newUrl();
    const zone = process.env["TZ"];
    const times: string[] = [];
    const offsets = new Set<number>();
    try {
      // In Berlin that instant is an hour which the clocks skip, read as local time.
      for (const name of ["Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]) {
        process.env["TZ"] = name;
        offsets.add(ada.createdAt.getTimezoneOffset());
        const database = await Database.open(databaseOptions(url));
        const found = await database.read((em) => em.findOne(User, { id: ada.id }));
        if (found === null) await database.transaction((em) => em.insert(User, ada));
        times.push((await database.read((em) => em.findOneOrFail(User, { id: ada.id }))).createdAt.toISOString());
        await database.close();
      }
    } finally {
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
    expect(offsets.size).toBe(3);
    expect(times).toEqual(Array(3).fill(ada.createdAt.toISOString()));
  });

  test("a transaction that throws leaves nothing", async () => {
    const database = await Database.open(databaseOptions(newUrl()));
    try {
      const failing = database.transaction(async (em) => {
        await em.insert(User, ada);
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(await database.read((em) => em.count(User))).toBe(0);
    } finally {
      await database.close();
    }
  });

  test("transactions at once don't lose one another's work", async () => {
    const database = await Database.open(databaseOptions(newUrl()));
    try {
      const inserting = Array.from({ length: 40 }, (_, i) => {
        const key = `user${i}`;
        const user = { ...ada, id: ada.id.replace(/..$/, String(i).padStart(2, "0")), usernameKey: key, emailKey: key };
        return database.transaction((em) => em.insert(User, user));
      });
      await Promise.all(inserting);
      expect(await database.read((em) => em.count(User))).toBe(40);
    } finally {
      await database.close();
    }
  });
});

test("instances that start together on an empty MySQL database all succeed", async () => {
  for (let round = 0; round < 3; round++) {
    const url = newDatabaseUrl("mysql", "");
    const all = await Promise.all(Array.from({ length: 5 }, () => Database.open(databaseOptions(url))));
    for (const database of all) await database.probe();
    expect(await all[0]?.orm.migrator.getExecuted()).toHaveLength(mysqlMigrations.length);
    expect(await all[0]?.orm.schema.getUpdateSchemaSQL()).toBe("");
    await Promise.all(all.map((database) => database.close()));
  }
});

test("a MySQL server that is away is SERVICE_UNAVAILABLE", async () => {
  const opening = Database.open(databaseOptions(`mysql://root@127.0.0.1:${await freePort()}/stowage`));
  await expect(opening).rejects.toBeInstanceOf(ServiceUnavailableError);
});
