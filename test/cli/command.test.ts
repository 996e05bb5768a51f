import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { Client, fileDigest } from "../support/client.ts";
import { runCommand, startCommand } from "../support/command.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { startService, type TestService } from "../support/service.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { idOf, TusRequests } from "../support/tus-requests.ts";

const CHUNK = 64 * 1024;
const OVERHEAD = 256 * 1024;

let service: TestService;
let ada: Client;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  service = await startService("sqlite", { CHUNK_SIZE: "64KiB" });
  ada = await Client.register(service.url, "ada");
});

afterAll(() => service.stop());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stowage-command-"));
  env = {
    STOWAGE_URL: service.url,
    STOWAGE_TOKEN: ada.token ?? "",
    XDG_CONFIG_HOME: join(folder, "config"),
    TMPDIR: folder,
  };
  return () => rm(folder, { recursive: true, force: true });
});

async function stowage(args: string[], input?: string | Uint8Array) {
  const result = await runCommand(args, env, input);
  expect(result.stderr).toBe("");
  expect(result.code).toBe(0);
  return result.stdout;
}

async function makeFile(name: string, size = 5 * CHUNK + 1): Promise<{ path: string; bytes: Buffer }> {
  const bytes = new PatternedFile(size, name).bytes(0, size);
  const path = join(folder, name);
  await writeFile(path, bytes);
  return { path, bytes };
}

async function startProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(service.url);
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** Once only: a second signal ends the command at once, with no word. */
function signalOnce(
  proxy: TcpProxy,
  command: ReturnType<typeof startCommand>,
  signal: NodeJS.Signals,
  isTime: () => boolean,
): void {
  proxy.onMoved = () => {
    if (!isTime()) return;
    proxy.onMoved = undefined;
    command.process.kill(signal);
  };
}

test("download: a file that came by tus, in requests of odd sizes", async () => {
  const tus = new TusRequests(ada);
  const bytes = new PatternedFile(3 * CHUNK + 100, "tus").bytes(0, 3 * CHUNK + 100);
  const path = await tus.create({ "upload-length": String(bytes.length) }, bytes.subarray(0, 11));
  await tus.append(path, 11, bytes.subarray(11, CHUNK + 20));
  await tus.append(path, CHUNK + 20, bytes.subarray(CHUNK + 20));
  await stowage(["download", idOf(path), "-o", join(folder, "out")]);
  expect(await readFile(join(folder, "out"))).toEqual(bytes);
});

test("login remembers the server and the token for the user alone, logout forgets and revokes it", async () => {
  env = { XDG_CONFIG_HOME: join(folder, "config") };
  const login = ["login", "--url", `${service.url}/`, "--username", "ada", "--password-stdin"];
  expect(await stowage(login, "correct horse\n")).toContain("as ada");
  const path = join(folder, "config/stowage/credentials.json");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "config/stowage"))).mode & 0o777).toBe(0o700);
  expect(await stowage(["whoami"])).toContain(`ada at ${service.url}`);
  const { token } = JSON.parse(await readFile(path, "utf8")).servers[service.url];

  expect(await stowage(["logout"])).toContain("Signed out");
  expect(await readFile(path, "utf8")).not.toContain(token);
  expect((await new Client(service.url, token).data("{ me { id } }")).me).toBeNull();
  expect(await runCommand(["whoami"], env)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("stowage login"),
  });
});

test("a token goes to no server but the one that it was signed in to", async () => {
  env = { XDG_CONFIG_HOME: join(folder, "config") };
  await stowage(["login", "--url", service.url, "--username", "ada", "--password-stdin"], "correct horse");
  const proxy = await startProxy();
  let sent = "";
  proxy.onUp = (data) => {
    sent += data.toString("latin1");
  };
  expect((await runCommand(["whoami", "--url", proxy.url], env)).code).toBe(3);
  expect(sent).toContain("POST /graphql");
  expect(sent.toLowerCase()).not.toContain("authorization");
});

test("login: a wrong password exits with 3, and no terminal with 2", async () => {
  const wrong = await runCommand(["login", "--username", "ada", "--password-stdin"], env, "wrong");
  expect(wrong).toMatchObject({ code: 3, stdout: "" });
  expect(await runCommand(["login"], env)).toMatchObject({ code: 2, stderr: expect.stringContaining("--username") });
});

test("upload: several files and folders at once, each told on a line", async () => {
  const one = await makeFile("one.txt");
  await mkdir(join(folder, "tree/below"), { recursive: true });
  await makeFile("tree/two.bin");
  await makeFile("tree/below/three.png", 0);
  await symlink(one.path, join(folder, "tree/link"));
  const uploaded = await runCommand(["upload", "--recursive", one.path, join(folder, "tree")], env);
  expect(uploaded).toMatchObject({ code: 0, stderr: expect.stringContaining("link: It is a link, and passed over.") });
  const lines = uploaded.stdout.trim().split("\n");
  expect(lines.map((line) => line.split("  ")[1]).sort()).toEqual(["one.txt", "three.png", "two.bin"]);
  const id = lines.find((line) => line.includes("one.txt"))?.split("  ")[0] ?? "";
  expect(Buffer.from(await (await ada.download(id)).arrayBuffer())).toEqual(one.bytes);
  const png = JSON.parse(await stowage(["ls", "three.png", "--json"]));
  expect(png).toMatchObject({ contentType: "image/png", size: 0 });
});

test("upload: files that differ only in their folder are files of their own", async () => {
  for (const name of ["a", "b"]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "same.txt"), name);
  }
  const lines = (await stowage(["upload", "-r", join(folder, "a"), join(folder, "b")])).trim().split("\n");
  expect(new Set(lines.map((line) => line.split("  ")[0])).size).toBe(2);
});

test("upload: a folder without --recursive is refused", async () => {
  expect(await runCommand(["upload", folder], env)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--recursive"),
  });
});

test("upload: what isn't there is told of, and doesn't stop the others", async () => {
  const { path } = await makeFile("is there");
  const missing = join(folder, "nothing");
  const { code, stdout, stderr } = await runCommand(["upload", missing, path], env);
  expect(code).toBe(1);
  expect(stderr).toContain(`There is no such file or folder: ${missing}.`);
  expect(stdout).toContain("is there");
});

test("download: a folder that isn't there is named", async () => {
  const { path } = await makeFile("for no folder");
  await stowage(["upload", path]);
  const result = await runCommand(["download", "for no folder", "-o", join(folder, "no/copy")], env);
  expect(result).toMatchObject({ code: 2, stderr: `stowage: There is no folder ${join(folder, "no")} to save in.\n` });
});

test("upload: standard input, under a name", async () => {
  const { bytes } = await makeFile("input", 3 * CHUNK + 5);
  const { path, file } = JSON.parse(await stowage(["upload", "-", "--name", "x.tar", "--json"], bytes));
  expect(path).toBe("-");
  expect(file).toMatchObject({ filename: "x.tar", contentType: "application/x-tar", digest: fileDigest(bytes, CHUNK) });
  expect(await readdir(folder)).toEqual(["input"]);
  expect((await runCommand(["upload", "input", "-"], env)).code).toBe(2);
  expect(await runCommand(["upload", "-"], env)).toMatchObject({ code: 2, stderr: expect.stringContaining("--name") });
});

test("upload: Ctrl-C leaves what the same command continues, and kill -9 too", async () => {
  const { path, bytes } = await makeFile("interrupted.bin", 200 * CHUNK);
  const proxy = await startProxy();
  const interrupt = async (signal: NodeJS.Signals, at: number) => {
    const command = startCommand(["upload", path], { ...env, STOWAGE_URL: proxy.url });
    signalOnce(proxy, command, signal, () => proxy.bytesUp > at);
    return command.result;
  };
  expect(await interrupt("SIGINT", 60 * CHUNK)).toMatchObject({
    code: 130,
    stdout: "",
    stderr: expect.stringContaining("The same command continues"),
  });
  const open = JSON.parse(await stowage(["uploads", "--json"]));
  expect(open).toMatchObject({ filename: "interrupted.bin" });
  expect(open.receivedBytes).toBeGreaterThan(0);
  expect(await interrupt("SIGKILL", 120 * CHUNK)).toMatchObject({ signal: "SIGKILL" });

  const proxied = await runCommand(["upload", path, "--json"], { ...env, STOWAGE_URL: proxy.url });
  const { file } = JSON.parse(proxied.stdout);
  expect(file).toMatchObject({ id: open.id, digest: fileDigest(bytes, CHUNK) });
  // Eight at once, lost twice.
  expect(proxy.bytesUp).toBeLessThan(bytes.length + 2 * 8 * CHUNK + OVERHEAD);
});

test("uploads: --abort gives one up", async () => {
  const { id } = await ada.begin({ filename: "given up", size: 10 });
  expect(await stowage(["uploads"])).toContain("given up");
  await stowage(["uploads", "--abort", id]);
  expect(await stowage(["uploads"])).not.toContain("given up");
});

test("download: by name or id, to a path, a folder or standard output; never over a file", async () => {
  const { path, bytes } = await makeFile("down.bin");
  const { file } = JSON.parse(await stowage(["upload", path, "--json"]));
  const out = join(folder, "out.bin");
  expect(await stowage(["download", "down.bin", "-o", out])).toContain(out);
  expect(await readFile(out)).toEqual(bytes);
  expect(await runCommand(["download", file.id, "-o", out], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("--force"),
  });
  await writeFile(out, "old");
  await stowage(["download", file.id, "-o", out, "--force"]);
  expect(await readFile(out)).toEqual(bytes);
  await mkdir(join(folder, "into"));
  await stowage(["download", file.id, "-o", join(folder, "into")]);
  expect(await readdir(join(folder, "into"))).toEqual(["down.bin"]);
  const ascii = "text\n".repeat(20_000);
  await stowage(["upload", "-", "--name", "text"], ascii);
  expect(await stowage(["download", "text", "-o", "-"])).toBe(ascii);
});

test("download: an interrupted one is continued", async () => {
  const { path, bytes } = await makeFile("continued.bin", 200 * CHUNK);
  await stowage(["upload", path]);
  const out = join(folder, "out");
  const proxy = await startProxy();
  const args = ["download", "continued.bin", "-o", out];
  const command = startCommand(args, { ...env, STOWAGE_URL: proxy.url });
  signalOnce(proxy, command, "SIGINT", () => proxy.bytesDown > 150 * CHUNK);
  expect(await command.result).toMatchObject({ code: 130, stderr: expect.stringContaining("continues") });
  const before = proxy.bytesDown;
  expect((await runCommand(args, { ...env, STOWAGE_URL: proxy.url })).code).toBe(0);
  expect(await readFile(out)).toEqual(bytes);
  // Less than the whole; how much less depends on what was still on its way to the disk.
  expect(proxy.bytesDown - before).toBeLessThan(bytes.length);
});

test("mv, link and rm: a name that several files have is refused", async () => {
  const { path } = await makeFile("twice.txt");
  const first = JSON.parse(await stowage(["upload", path, "--json"])).file;
  expect(await stowage(["mv", "twice.txt", "once.txt"])).toContain("once.txt");
  const link = (await stowage(["link", "once.txt", "--expires", "2h"])).trim();
  expect((await fetch(link)).status).toBe(200);
  const second = JSON.parse(await stowage(["upload", path, "--json", "--name", "once.txt"])).file;
  const refused = await runCommand(["rm", "once.txt"], env);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(first.id);
  await stowage(["rm", first.id, second.id]);
  expect(await stowage(["ls", "once.txt", "--json"])).toBe("");
});

test("rm: a file that isn't there keeps no other from being deleted", async () => {
  const uploaded = async (name: string) =>
    JSON.parse(await stowage(["upload", (await makeFile(name)).path, "--json"])).file;
  const [first, last] = [await uploaded("among-a.txt"), await uploaded("among-z.txt")];
  const removed = await runCommand(["rm", first.id, "nothing", last.id], env);
  expect(removed.code).toBe(1);
  expect(removed.stderr).toContain("nothing");
  expect(removed.stdout.match(/Deleted/g)).toHaveLength(2);
});

test("errors: --json has the code, and the exit code tells what to do", async () => {
  const gone = await runCommand(["rm", "nothing", "--json"], env);
  expect(gone.code).toBe(1);
  expect(JSON.parse(gone.stderr).error).toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringContaining("nothing"),
  });
  const unknown = await runCommand(["frobnicate"], env);
  expect(unknown).toMatchObject({ code: 2, stderr: "stowage: Unknown command: frobnicate\n" });
  const { path } = await makeFile("unsigned");
  const unsigned = await runCommand(["upload", path, "--json"], { ...env, STOWAGE_TOKEN: "wrong" });
  expect(unsigned.code).toBe(3);
  const { error } = JSON.parse(unsigned.stdout);
  // Where the variable is set, signing in wouldn't help.
  expect(error).toMatchObject({ code: "UNAUTHENTICATED", message: expect.stringContaining("STOWAGE_TOKEN") });
});

test("help and completion come from the argument library", async () => {
  expect(await stowage(["--help"])).toContain("Exit codes");
  expect(await stowage(["completion"])).toContain("complete");
  const completed = (await stowage(["--get-yargs-completions", "stowage", "upload", "--"])).split("\n");
  expect(completed).toContain("--recursive");
});
