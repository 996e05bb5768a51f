import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { UserRecord } from "../../src/accounts/user-record.ts";
import { Database, type EntityManager } from "../../src/database/database.ts";
import { mysqlMigrations } from "../../src/database/migrations/mysql/index.ts";
import { sqliteMigrations } from "../../src/database/migrations/sqlite/index.ts";
import { ServiceUnavailableError } from "../../src/errors.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";
import { freePort } from "../support/mysql-server.ts";

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

const migrations = { mysql: mysqlMigrations, sqlite: sqliteMigrations };

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
      if (time === 0) await database.transaction((em) => em.insert(UserRecord, ada));
      expect(await database.read((em) => em.findOne(UserRecord, { id: ada.id }))).toMatchObject(ada);
      expect(await database.orm.migrator.getExecuted()).toHaveLength(migrations[dialect].length);
      await database.probe();
      await database.close();
    }
  });

  test("the migration to quotas counts what is stored already, and may run again", async () => {
    const url = newUrl();
    const [initial] = migrations[dialect];
    const before = { ...databaseOptions(url), migrations: { migrationsList: [initial], snapshot: false } };
    const old = await Database.open(before as ReturnType<typeof databaseOptions>);
    const time = "2026-11-22 00:00:00.000";
    const users = ["a", "b"];
    for (const user of users) {
      await old.transaction((em) =>
        em.execute("insert into users values (?, ?, ?, ?, ?, 'none', 'USER', 0, ?)", [...Array(5).fill(user), time]),
      );
    }
    const sizes = { COMPLETE: [1, 20], OPEN: [300], ABORTED: [4_000], EXPIRED: [50_000], DELETED: [600_000] };
    for (const [status, size] of Object.entries(sizes).flatMap(([status, all]) => all.map((size) => [status, size]))) {
      const values = [`${status} ${size}`, size, status, time, time];
      await old.transaction((em) =>
        em.execute(
          `insert into files values (?, 'a', 'f', 'f', 'text/plain', ?, 65536, ?, 0, 0, null, null, ?, null, ?, null)`,
          values,
        ),
      );
    }
    await old.close();
    for (let time = 0; time < 2; time++) {
      const database = await Database.open(databaseOptions(url));
      const found = await database.read((em) => em.find(UserRecord, {}, { orderBy: { id: "asc" } }));
      expect(found).toMatchObject([
        { id: "a", usedBytes: 21, reservedBytes: 300, quotaBytes: null },
        { id: "b", usedBytes: 0, reservedBytes: 0, quotaBytes: null },
      ]);
      // As where the start was killed when MySQL had altered the table.
      if (dialect === "mysql") {
        await database.transaction((em) => em.execute("delete from mikro_orm_migrations where name like '%Quotas'"));
      }
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
        const found = await database.read((em) => em.findOne(UserRecord, { id: ada.id }));
        if (found === null) await database.transaction((em) => em.insert(UserRecord, ada));
        times.push((await database.read((em) => em.findOneOrFail(UserRecord, { id: ada.id }))).createdAt.toISOString());
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
        await em.insert(UserRecord, ada);
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(await database.read((em) => em.count(UserRecord))).toBe(0);
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
        return database.transaction((em) => em.insert(UserRecord, user));
      });
      await Promise.all(inserting);
      expect(await database.read((em) => em.count(UserRecord))).toBe(40);
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

describe("transactions that wait for each other on MySQL", () => {
  let database: Database;
  const [one, two] = ["1", "2"].map((end) => ({ ...ada, id: ada.id.replace(/.$/, end), username: end })) as [
    typeof ada,
    typeof ada,
  ];

  beforeAll(async () => {
    database = await Database.open(databaseOptions(newDatabaseUrl("mysql", "")));
    for (const user of [one, two]) {
      const keys = { usernameKey: user.username, emailKey: user.username };
      await database.transaction((em) => em.insert(UserRecord, { ...user, ...keys }));
    }
  });
  afterAll(() => database.close());

  const count = (em: EntityManager, user: typeof ada) =>
    em.execute("update users set file_count = file_count + 1 where id = ?", [user.id], "run");
  const counts = async () => (await database.read((em) => em.find(UserRecord, {}))).map((user) => user.fileCount);

  test("a deadlock is tried again inside, and each counts once", async () => {
    const before = await counts();
    let attempts = 0;
    let held = 0;
    const meeting = Promise.withResolvers<void>();
    const cross = (first: typeof ada, second: typeof ada) =>
      database.transaction(async (em) => {
        attempts++;
        await count(em, first);
        held++;
        // Both hold their first row now, and want the other's.
        if (held >= 2) meeting.resolve();
        await meeting.promise;
        await count(em, second);
      });
    await Promise.all([cross(one, two), cross(two, one)]);
    expect(attempts).toBe(3);
    expect(await counts()).toEqual(before.map((fileCount) => fileCount + 2));
  });

  test("a lock is waited for, in several attempts where it is held for long, but not for ever", async () => {
    const [before = 0] = await counts();
    let attempts = 0;
    const waiting = () =>
      database.transaction(async (em) => {
        attempts++;
        await count(em, one);
      });
    const hold = async (until: () => Promise<unknown>) => {
      const held = Promise.withResolvers<void>();
      const holding = database.transaction(async (em) => {
        await count(em, one);
        held.resolve();
        // A transaction that does nothing for long would be cut.
        const busy = setInterval(() => em.execute("select 1").catch(() => {}), 500);
        await until().finally(() => clearInterval(busy));
      });
      await held.promise;
      return holding;
    };

    let waiter: Promise<void> | undefined;
    await hold(async () => {
      waiter = waiting();
      await expect.poll(() => attempts, { timeout: 10_000 }).toBe(2);
    });
    await waiter;
    expect((await counts())[0]).toBe(before + 2);

    await hold(async () => {
      await expect(waiting()).rejects.toBeInstanceOf(ServiceUnavailableError);
    });
    expect((await counts())[0]).toBe(before + 3);
  });
});

test("a MySQL server that is away is SERVICE_UNAVAILABLE", async () => {
  const opening = Database.open(databaseOptions(`mysql://root@127.0.0.1:${await freePort()}/stowage`));
  await expect(opening).rejects.toBeInstanceOf(ServiceUnavailableError);
});
