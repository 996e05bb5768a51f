import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { cephConfig } from "./ceph-config.ts";
import { ensureInstalled } from "./debian-packages.ts";
import { freePort } from "./mysql-server.ts";

const PACKAGES = ["ceph-mon", "ceph-osd", "radosgw", "ceph-common"];
const START_TIMEOUT_MS = 90_000;
const run = promisify(execFile);

/** An S3 store and who may use it. */
export interface S3Access {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface CephServer extends S3Access {
  /** The process that answers S3 requests comes last. */
  pids: number[];
  stop(): Promise<void>;
}

/** Starts a Ceph with an S3 gateway on random ports, with a folder of its own that goes when it is stopped. */
export async function startCephServer(): Promise<CephServer> {
  ensureInstalled({
    programs: ["ceph-mon", "ceph-osd", "radosgw", "ceph", "radosgw-admin", "ceph-authtool", "monmaptool"],
    packages: PACKAGES,
    purpose: "the tests on S3",
    advice: `The tests on S3 need Ceph: install ${PACKAGES.join(", ")} (Debian), or set TEST_S3=http://accessKey:secretKey@host:port to an S3 store of yours.`,
  });
  const folder = await mkdtemp(join(tmpdir(), "stowage-ceph-"));
  const daemons: ChildProcess[] = [];
  try {
    return { ...(await start(folder, daemons)), stop };
  } catch (error) {
    await stop();
    throw error;
  }

  async function stop(): Promise<void> {
    for (const daemon of daemons.reverse()) {
      const ended = once(daemon, "exit");
      daemon.kill("SIGKILL");
      if (daemon.exitCode === null && daemon.signalCode === null) await ended;
    }
    await rm(folder, { recursive: true, force: true });
  }
}

async function start(folder: string, daemons: ChildProcess[]): Promise<Omit<CephServer, "stop">> {
  const [monitorPort, gatewayPort] = [await freePort(), await freePort()];
  // Below the ports that systems give out by themselves; the daemon passes over those that are taken.
  const firstStoragePort = randomInt(10_000, 32_000);
  const config = join(folder, "ceph.conf");
  const keyring = join(folder, "keyring");
  const map = join(folder, "monmap");
  await writeFile(config, cephConfig({ folder, monitorPort, gatewayPort, firstStoragePort }));
  for (const name of ["mon", "osd", "gateway"]) await mkdir(join(folder, name));

  // setpriv ends the daemon with the test run, however that ends.
  const daemon = (program: string, name: string): ChildProcess => {
    const output = openSync(join(folder, `${name}.out`), "w");
    const command = ["--pdeathsig=KILL", program, "-c", config, ...(name === "gateway" ? ["-n", "client.rgw"] : [])];
    const id = { mon: ["-i", "a"], osd: ["-i", "0"] }[name] ?? [];
    const child = spawn("setpriv", [...command, ...id, "-f"], { stdio: ["ignore", output, output] });
    daemons.push(child);
    return child;
  };
  const ceph = (program: string, ...args: string[]) =>
    run(program, ["-c", config, ...args], { timeout: START_TIMEOUT_MS });
  const key = (name: string, ...caps: string[]) =>
    run("ceph-authtool", [keyring, "--gen-key", "-n", name, ...caps.flatMap((who) => ["--cap", who, "allow *"])]);

  await run("ceph-authtool", ["--create-keyring", keyring]);
  await key("mon.", "mon");
  await key("client.admin", "mon", "osd", "mgr", "mds");
  await key("client.rgw", "mon", "osd", "mgr");
  await key("osd.0", "mon", "osd", "mgr");
  const fsid = /fsid = (\S+)/.exec(await readFile(config, "utf8"))?.[1] as string;
  await run("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", `[v2:127.0.0.1:${monitorPort}]`, map]);
  await ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", map, "--keyring", keyring);
  await listening(daemon("ceph-mon", "mon"), monitorPort, join(folder, "mon.out"));

  const storageId = randomUUID();
  await ceph("ceph", "osd", "new", storageId, "0");
  await ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", storageId);
  daemon("ceph-osd", "osd");

  const access = {
    endpoint: `http://127.0.0.1:${gatewayPort}`,
    accessKeyId: randomBytes(10).toString("hex").toUpperCase(),
    secretAccessKey: randomBytes(20).toString("hex"),
  };
  const keys = ["--access-key", access.accessKeyId, "--secret-key", access.secretAccessKey];
  // Waits until the storage daemon takes objects.
  await ceph("radosgw-admin", "user", "create", "--uid=tests", "--display-name=tests", ...keys);
  const gateway = daemon("radosgw", "gateway");
  await listening(gateway, gatewayPort, join(folder, "gateway.out"));
  return { ...access, pids: daemons.map(({ pid }) => pid as number) };
}

async function listening(daemon: ChildProcess, port: number, output: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (daemon.exitCode !== null) throw new Error(`Ceph did not start:\n${await readFile(output, "utf8")}`);
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error(`Ceph did not start within ${START_TIMEOUT_MS} ms`);
}
