import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type AdminRun, runAdmin } from "./admin-command.ts";
import { type Dialect, newDatabaseUrl } from "./databases.ts";
import { type SpawnedServer, spawnServer } from "./spawned-server.ts";

const NODES = ["node1", "node2"];

/** STORAGE_NODES for folders of these names. */
export function storageNodes(folder: string, names: readonly string[]): string {
  return names.map((name) => `${name}=file:${join(folder, name)}`).join(",");
}

/** What outlives a server: two node folders and a database. Several servers, after or beside each other, may use it. */
export class Workspace {
  readonly folder: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly #servers: SpawnedServer[] = [];
  readonly #runs: AdminRun[] = [];

  private constructor(folder: string, settings: Record<string, string>) {
    this.folder = folder;
    this.settings = settings;
  }

  /**
   * It goes, with the servers on it, when the test is finished.
   * @param onFinished of the test's own context, where tests run side by side
   */
  static async create(
    dialect: Dialect,
    settings: Record<string, string> = {},
    onFinished: (cleanUp: () => Promise<void>) => void = onTestFinished,
  ): Promise<Workspace> {
    const folder = await mkdtemp(join(tmpdir(), "stowage-acceptance-"));
    const workspace = new Workspace(folder, {
      DATABASE_URL: newDatabaseUrl(dialect, folder),
      STORAGE_NODES: storageNodes(folder, NODES),
      ...settings,
    });
    onFinished(() => workspace.#remove());
    return workspace;
  }

  /** Starts a server on it, on a port of its own. */
  async start(nodeOptions: readonly string[] = []): Promise<SpawnedServer> {
    const server = await spawnServer({ ...this.settings }, nodeOptions);
    this.#servers.push(server);
    return server;
  }

  /** Starts `stowage-admin` on it. @param settings that it has besides */
  admin(args: readonly string[], settings: Record<string, string> = {}): AdminRun {
    const run = runAdmin(args, { ...this.settings, ...settings });
    this.#runs.push(run);
    return run;
  }

  /** The paths of what is being written, or was left by somebody who didn't finish. */
  async temporaryFiles(): Promise<string[]> {
    const folders = NODES.map((name) => join(this.folder, name, "tmp"));
    const names = await Promise.all(folders.map(async (folder) => (await readdir(folder)).map((n) => join(folder, n))));
    return names.flat();
  }

  async #remove(): Promise<void> {
    for (const { process } of this.#runs) process.kill("SIGKILL");
    await Promise.all([...this.#servers.map((server) => server.end("SIGKILL")), ...this.#runs.map((run) => run.ended)]);
    await rm(this.folder, { recursive: true, force: true });
  }
}
