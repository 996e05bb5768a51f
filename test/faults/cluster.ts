import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { type Dialect, newDatabaseUrl } from "../support/databases.ts";
import { MySqlServer } from "../support/mysql-server.ts";
import { RoundRobin } from "../support/round-robin.ts";
import { type SpawnedServer, spawnServer } from "../support/spawned-server.ts";
import { LocalVictim } from "./local-victim.ts";
import type { Shape } from "./plan.ts";
import { S3Victim } from "./s3-victim.ts";
import { Troubles } from "./troubles.ts";
import type { Victim } from "./victim.ts";

export const REPLICAS = 2;
export const QUOTA_BYTES = 4 * 1024 ** 2;
const SETTINGS = {
  REPLICAS: String(REPLICAS),
  DEFAULT_QUOTA: String(QUOTA_BYTES),
  NODE_TIMEOUT: "3s",
  SCRUB_PERIOD: "1s",
  SCRUB_RATE: "1GiB",
  REPAIR_RATE: "1GiB",
  LOG_LEVEL: "warn",
};
/** After the database is back: until no connection is left that broke. */
const AFTERMATH_MS = 1_000;
const READY_MS = 30_000;

export type OnFinished = (cleanUp: () => Promise<void> | void) => void;

/** Instances behind a plain proxy, with a database and nodes that may be harmed. */
export class Cluster {
  readonly nodes: ReadonlyMap<string, Victim>;
  readonly shape: Shape;
  readonly troubles = new Troubles();
  readonly #folder: string;
  readonly #settings: Record<string, string>;
  readonly #mysql: MySqlServer | undefined;
  readonly #proxy: RoundRobin;
  readonly #servers: SpawnedServer[] = [];
  /** Logs of servers that are gone. */
  #output = "";
  /** Our own connection. */
  #database: Database | undefined;

  private constructor(
    folder: string,
    nodes: readonly Victim[],
    mysql: MySqlServer | undefined,
    settings: Record<string, string>,
    proxy: RoundRobin,
  ) {
    this.#folder = folder;
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.#mysql = mysql;
    this.#settings = settings;
    this.#proxy = proxy;
    this.shape = {
      nodes: nodes.map(({ name, kind }) => ({ name, kind })),
      servers: mysql === undefined ? 1 : 2,
      hasDatabaseServer: mysql !== undefined,
    };
  }

  /** It goes, with all that belongs to it, when the test is finished. */
  static async create(dialect: Dialect, withS3: boolean, onFinished: OnFinished): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), "stowage-faults-"));
    onFinished(() => rm(folder, { recursive: true, force: true }));
    const nodes: Victim[] = [];
    for (const name of ["node1", "node2", "node3"]) nodes.push(await LocalVictim.create(folder, name, onFinished));
    const s3 = withS3 ? await S3Victim.create("archive", onFinished) : undefined;
    const mysql = dialect === "mysql" ? await MySqlServer.start() : undefined;
    if (mysql !== undefined) onFinished(() => mysql.stop());
    const all = [...nodes, ...(s3 === undefined ? [] : [s3])];
    const settings = {
      ...SETTINGS,
      ...s3?.environment,
      // There are many starts.
      NODE_COMPILE_CACHE: join(folder, "compiled"),
      STORAGE_NODES: all.map(({ setting }) => setting).join(","),
      DATABASE_URL:
        mysql === undefined
          ? newDatabaseUrl(dialect, folder)
          : `${mysql.url}/stowage_${randomBytes(4).toString("hex")}`,
    };
    const proxy = await RoundRobin.start([]);
    onFinished(() => proxy.stop());
    const cluster = new Cluster(folder, all, mysql, settings, proxy);
    onFinished(() => cluster.#end());
    // One after the other: the first has a database to migrate.
    for (let index = 0; index < cluster.shape.servers; index++) await cluster.#start(index);
    cluster.#database = await Database.open(databaseOptions(settings.DATABASE_URL));
    return cluster;
  }

  get url(): string {
    return this.#proxy.url;
  }

  /** A connection of our own. */
  get database(): Database {
    if (this.#database === undefined) throw new Error("The cluster has not started");
    return this.#database;
  }

  /** kill -9, and a new server in its place. */
  async killServer(index: number): Promise<void> {
    await this.troubles.during(async () => {
      await this.#kill(index);
      await this.#start(index);
    });
  }

  /** kill -9 of all at once, and new ones in their place. */
  async killAllServers(): Promise<void> {
    await this.troubles.during(async () => {
      await Promise.all(this.#servers.map((_, index) => this.#kill(index)));
      // Nobody who could hold one is alive: as if their time was up.
      await this.database.transaction((em) => em.execute("delete from leases", [], "run"));
      await Promise.all(this.#servers.map((_, index) => this.#start(index)));
    });
  }

  async killDatabase(): Promise<void> {
    await this.#withoutDatabase(async (mysql) => {
      await mysql.end("SIGKILL");
      await mysql.startAgain();
    });
  }

  async pauseDatabase(ms: number): Promise<void> {
    await this.#withoutDatabase(async (mysql) => {
      mysql.pause();
      await sleep(ms);
      mysql.resume();
    });
  }

  async #withoutDatabase(work: (mysql: MySqlServer) => Promise<void>): Promise<void> {
    const mysql = this.#mysql;
    if (mysql === undefined) throw new Error("There is no database server");
    await this.troubles.during(async () => {
      await work(mysql);
      for (const { url } of this.#servers) await untilReady(url);
      await sleep(AFTERMATH_MS);
      // Ours broke as well.
      await this.database.probe().catch(() => {});
    });
  }

  async #start(index: number): Promise<void> {
    const server = await spawnServer(this.#settings);
    this.#servers[index] = server;
    this.#proxy.targets[index] = server.url;
  }

  async #kill(index: number): Promise<void> {
    const server = this.#servers[index] as SpawnedServer;
    await server.end("SIGKILL");
    this.#output += `--- server ${index}, killed\n${server.output()}`;
  }

  /** Keeps what the servers said. @returns where */
  async keepOutput(): Promise<string> {
    const path = `${this.#folder}.log`;
    const live = this.#servers.map((server, index) => `--- server ${index}, at the end\n${server.output()}`);
    await writeFile(path, this.#output + live.join(""));
    return path;
  }

  async #end(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.end("SIGKILL")));
    await this.#database?.close();
  }
}

async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok) return;
    await sleep(50);
  }
  throw new Error(`${url} has not become ready within ${READY_MS} ms`);
}
