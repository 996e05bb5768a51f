import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PACKAGES = ["mariadb-server-core", "mariadb-client-core"];
const START_TIMEOUT_MS = 60_000;

export interface MySqlServer {
  /** `mysql://root@127.0.0.1:<port>`, with no database named. */
  url: string;
  stop(): Promise<void>;
}

function find(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/bin"];
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

/** Installs MariaDB from Debian's packages where it is missing and that can be done. */
function ensureInstalled(): { mariadbd: string; installDb: string } {
  if (find("mariadbd") === undefined || find("mariadb-install-db") === undefined) {
    const advice = `The tests need MariaDB's server: install ${PACKAGES.join(" and ")} (Debian), or your system's MariaDB or MySQL server and set TEST_DATABASE_URL=mysql://user:password@host:port to it.`;
    const isRoot = process.getuid?.() === 0;
    const sudo = isRoot ? [] : ["sudo", "-n"];
    if (find("apt-get") === undefined || (!isRoot && find("sudo") === undefined)) throw new Error(advice);
    console.log(`Installing ${PACKAGES.join(" and ")} with apt-get, for the tests on MySQL`);
    const aptGet = (...args: string[]) => {
      const [command = "", ...rest] = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
      execFileSync(command, rest, { stdio: ["ignore", "ignore", "inherit"] });
    };
    try {
      aptGet("update", "-qq");
      aptGet("install", "-y", "-qq", "--no-install-recommends", ...PACKAGES);
    } catch (cause) {
      throw new Error(advice, { cause });
    }
  }
  const [mariadbd, installDb] = [find("mariadbd"), find("mariadb-install-db")];
  if (mariadbd === undefined || installDb === undefined) throw new Error("MariaDB was installed but is not found.");
  return { mariadbd, installDb };
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
  const { mariadbd, installDb } = ensureInstalled();
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
