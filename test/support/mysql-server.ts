import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureInstalled, find } from "./debian-packages.ts";

const PACKAGES = ["mariadb-server-core", "mariadb-client-core"];
const START_TIMEOUT_MS = 60_000;
const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];

/** Installs MariaDB from Debian's packages where it is missing and that can be done. */
function programs(): { mariadbd: string; installDb: string } {
  ensureInstalled({
    programs: ["mariadbd", "mariadb-install-db"],
    packages: PACKAGES,
    purpose: "the tests on MySQL",
    advice: `The tests need MariaDB's server: install ${PACKAGES.join(" and ")} (Debian), or your system's MariaDB or MySQL server and set TEST_DATABASE_URL=mysql://user:password@host:port to it.`,
  });
  return { mariadbd: find("mariadbd") as string, installDb: find("mariadb-install-db") as string };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A server on a random port with a data folder of its own. */
export class MySqlServer {
  /** `mysql://root@127.0.0.1:<port>`, with no database named. */
  readonly url: string;
  readonly #folder: string;
  readonly #arguments: readonly string[];
  readonly #log: string;
  #child: ChildProcess | undefined;

  private constructor(mariadbd: string, folder: string, port: number) {
    this.url = `mysql://root@127.0.0.1:${port}`;
    this.#folder = folder;
    this.#log = join(folder, "server.log");
    this.#arguments = [
      // setpriv ends the server with the test run, however that ends.
      "--pdeathsig=KILL",
      mariadbd,
      "--no-defaults",
      `--datadir=${join(folder, "data")}`,
      // Its own: each server removes what it finds of temporary tables when it starts.
      `--tmpdir=${join(folder, "tmp")}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(folder, "socket")}`,
      `--log-error=${this.#log}`,
      "--max-connections=500",
      "--innodb-buffer-pool-size=128M",
      ...asRoot,
    ];
  }

  static async start(): Promise<MySqlServer> {
    const { mariadbd, installDb } = programs();
    const folder = await mkdtemp(join(tmpdir(), "stowage-mysql-"));
    await mkdir(join(folder, "tmp"));
    const places = [`--datadir=${join(folder, "data")}`, `--tmpdir=${join(folder, "tmp")}`];
    const install = [
      "--no-defaults",
      ...places,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      ...asRoot,
    ];
    execFileSync(installDb, install, { stdio: "ignore" });
    const server = new MySqlServer(mariadbd, folder, await freePort());
    await server.startAgain();
    return server;
  }

  /** On the same port and data, with these options besides. */
  async startAgain(options: readonly string[] = []): Promise<void> {
    const before = (await this.#text()).length;
    const child = spawn("setpriv", [...this.#arguments, ...options], { stdio: "ignore" });
    this.#child = child;
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < deadline) {
      const text = (await this.#text()).slice(before);
      if (text.includes("ready for connections")) return;
      if (child.exitCode !== null) throw new Error(`MariaDB did not start:\n${text}`);
      await sleep(50);
    }
    throw new Error(`MariaDB did not start within ${START_TIMEOUT_MS} ms`);
  }

  /** SIGTERM shuts it down in order; SIGKILL is a crash. Resolves when it has ended; its data stay. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** Runs statements as root. @returns what they print, a line a row */
  execute(sql: string): string {
    const { port } = new URL(this.url);
    const where = ["--no-defaults", "--host=127.0.0.1", `--port=${port}`, "--user=root", "--skip-column-names"];
    return execFileSync("mariadb", [...where, "--execute", sql], { encoding: "utf8" });
  }

  /** Connections stay open, and nothing is answered. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Its data go with it. */
  async stop(): Promise<void> {
    await this.end("SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  #text(): Promise<string> {
    return readFile(this.#log, "utf8").catch(() => "");
  }
}
