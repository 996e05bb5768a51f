import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureInstalled, find } from "./debian-packages.ts";

const PACKAGES = ["mariadb-server-core", "mariadb-client-core"];
const START_TIMEOUT_MS = 60_000;

export interface MySqlServer {
  /** `mysql://root@127.0.0.1:<port>`, with no database named. */
  url: string;
  stop(): Promise<void>;
}

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

async function ready(child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const text = await readFile(log, "utf8").catch(() => "");
    if (text.includes("ready for connections")) return;
    if (child.exitCode !== null) throw new Error(`MariaDB did not start:\n${text}`);
    await sleep(50);
  }
  throw new Error(`MariaDB did not start within ${START_TIMEOUT_MS} ms`);
}

/** Starts a server on a random port with a data folder of its own, which goes when the server is stopped. */
export async function startMySqlServer(): Promise<MySqlServer> {
  const { mariadbd, installDb } = programs();
  const folder = await mkdtemp(join(tmpdir(), "stowage-mysql-"));
  const port = await freePort();
  const log = join(folder, "server.log");
  const user = process.getuid?.() === 0 ? ["--user=root"] : [];
  const data = `--datadir=${join(folder, "data")}`;
  execFileSync(
    installDb,
    ["--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db", ...user],
    {
      stdio: "ignore",
    },
  );
  // setpriv ends the server with the test run, however that ends.
  const child = spawn(
    "setpriv",
    [
      "--pdeathsig=KILL",
      mariadbd,
      "--no-defaults",
      data,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(folder, "socket")}`,
      `--log-error=${log}`,
      "--max-connections=500",
      "--innodb-buffer-pool-size=128M",
      ...user,
    ],
    { stdio: "ignore" },
  );
  await ready(child, log);
  return {
    url: `mysql://root@127.0.0.1:${port}`,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
