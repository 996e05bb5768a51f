import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { ensureInstalled } from "../support/debian-packages.ts";
import { MySqlServer } from "../support/mysql-server.ts";
import { failToStart } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

let server: MySqlServer;
let folder: string;
let socket: string;

/** An authority's certificate, and a server's for localhost that it signed. */
function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca");
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", ...name);
  openssl(
    "x509",
    "-req",
    "-in",
    "server.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-copy_extensions",
    "copy",
    "-out",
    "server.pem",
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stowage-tls-"));
  ensureInstalled({
    programs: ["openssl"],
    packages: ["openssl"],
    purpose: "the test of TLS to MySQL",
    advice: "The test of TLS to MySQL needs openssl: install it.",
  });
  makeCertificates();
  server = await MySqlServer.start();
  await server.end("SIGTERM");
  socket = join(folder, "mysql.sock");
  const [cert, key] = [join(folder, "server.pem"), join(folder, "server.key")];
  await server.startAgain([
    `--ssl-cert=${cert}`,
    `--ssl-key=${key}`,
    "--require-secure-transport=ON",
    `--socket=${socket}`,
  ]);
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const at = (host: string, options: string) => `${server.url.replace("127.0.0.1", host)}/stowage?${options}`;

async function register(url: string): Promise<string> {
  const workspace = await Workspace.create("sqlite", { DATABASE_URL: url });
  const started = await workspace.start();
  await Client.register(started.url);
  const output = started.output();
  expect(await started.end("SIGTERM")).toBe(0);
  return output;
}

test("a server that demands TLS is used, verified or not, and by its socket", async () => {
  expect(await register(at("localhost", `ssl-ca=${join(folder, "ca.pem")}`))).toContain("TLS (VERIFY_IDENTITY)");
  await register(at("127.0.0.1", `ssl-ca=${join(folder, "ca.pem")}&ssl-mode=VERIFY_CA`));
  await register(at("127.0.0.1", "ssl-mode=REQUIRED"));
  expect(await register(at("nowhere.invalid", `socketPath=${socket}`))).toContain(`MySQL at ${socket}`);
});

test.each([
  ["no TLS", "ssl=false", "database"],
  ["an authority that nobody trusts", "ssl=true", "certificate"],
  ["a file of certificates that isn't there", "ssl-ca=/nowhere.pem", "ENOENT"],
])("%s stops the start with one line", async (_name, options, says) => {
  const { settings } = await Workspace.create("sqlite", { LOG_LEVEL: "fatal", DATABASE_URL: at("localhost", options) });
  const { code, stderr } = await failToStart({ ...settings });
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr).toContain(says);
  expect(code).toBe(1);
});
