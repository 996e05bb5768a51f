import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { StowageClient } from "../../src/client/node.ts";
import { Client } from "../support/client.ts";
import { runCommand, startCommand } from "../support/command.ts";
import { startService, type TestService } from "../support/service.ts";

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
  const [url, token] = [service.url, ada.token ?? ""];
  env = { STOWAGE_URL: url, STOWAGE_TOKEN: token, XDG_CONFIG_HOME: join(folder, "config"), TMPDIR: folder };
  return () => rm(folder, { recursive: true, force: true });
});

const names = async (search: string) => {
  const query = "query ($search: String) { files(search: $search, first: 500) { nodes { filename } } }";
  const { files } = await ada.data(query, { search });
  return files.nodes.map(({ filename }: { filename: string }) => filename).sort() as string[];
};

describe("a folder", () => {
  test("that was interrupted goes on where it was, and what is complete isn't sent again", async () => {
    const many = Array.from({ length: 60 }, (_, i) => `many-${i}.bin`);
    for (const name of many) await writeFile(join(folder, name), name);
    await mkdir(join(folder, "config"));
    const args = ["upload", "--recursive", folder];
    const first = startCommand(args, env);
    await expect.poll(() => names("many-").then(({ length }) => length), { interval: 5 }).toBeGreaterThan(10);
    first.process.kill("SIGINT");
    expect((await first.result).code).toBe(130);
    const again = await runCommand(args, env);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("there already") });
    expect(await names("many-")).toEqual(many.sort());
    const anew = await runCommand([...args, "--again"], env);
    expect(anew.stdout).not.toContain("there already");
    expect(await names("many-")).toHaveLength(120);
  });

  test("tells what it passes over, and what can't be read stops nothing else", async () => {
    await writeFile(join(folder, "odd-1.txt"), "1");
    await mkdir(join(folder, "closed"));
    await mkdir(join(folder, "empty"));
    await symlink("odd-1.txt", join(folder, "odd-link"));
    execFileSync("mkfifo", [join(folder, "odd-pipe")]);
    await writeFile(Buffer.concat([Buffer.from(`${folder}/odd-`), Buffer.from([0xff])]), "x");
    await writeFile(join(folder, "odd-2.txt"), "2");
    await chmod(join(folder, "closed"), 0);
    const { stderr, code } = await runCommand(["upload", "-r", folder], env);
    expect(stderr).toContain("odd-link: It is a link, and passed over.");
    expect(stderr).toContain("odd-pipe: It is no file, and passed over.");
    expect(stderr).toContain("empty: It is an empty folder.");
    expect(stderr).toContain("Its name is no UTF-8.");
    expect(code).toBe(1);
    expect(await names("odd-")).toEqual(["odd-1.txt", "odd-2.txt"]);
  });
});

describe("a source that isn't what it says", () => {
  test.each([
    ["a pipe", "pipe", "is not a regular file"],
    ["a file that the system makes up", "/proc/cpuinfo", "more bytes than its size says"],
    ["a device", "/dev/zero", "is not a regular file"],
  ])("%s is refused, with nothing stored", async (_name, path, says) => {
    if (path === "pipe") execFileSync("mkfifo", [join(folder, path)]);
    const { code, stderr } = await runCommand(["upload", path.startsWith("/") ? path : join(folder, path)], env);
    expect(stderr).toContain(says);
    expect(code).toBe(1);
    expect(await names(path.replace(/.*\//, ""))).toEqual([]);
  });
});

test("an upload that goes on has the name and type that are asked for now", async () => {
  const path = join(folder, "named.bin");
  await writeFile(path, Buffer.alloc(3 * 65_536));
  const client = new StowageClient({ url: service.url, token: ada.token ?? "" });
  const controller = new AbortController();
  const options = { resumeKey: "the same", signal: controller.signal, onProgress: () => controller.abort() };
  await client.upload(path, { ...options, filename: "first.bin" }).done.catch(() => {});
  const file = await client.upload(path, { resumeKey: "the same", filename: "second.bin", contentType: "video/mp4" })
    .done;
  expect(file).toMatchObject({ filename: "second.bin", contentType: "video/mp4" });
});

test("who says 200 to everything ends an upload, with a word", async () => {
  let puts = 0;
  const middlebox = createServer(async (request, response) => {
    const body: Buffer[] = [];
    for await (const piece of request) body.push(piece);
    if (request.method === "PUT") {
      puts++;
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome to the hotel</h1>");
      return;
    }
    const { authorization = "", "content-type": type = "" } = request.headers;
    const answer = await fetch(service.url + request.url, {
      method: request.method as string,
      headers: { authorization, "content-type": type },
      body: Buffer.concat(body),
    });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void middlebox.close());
  await once(middlebox, "listening");
  await writeFile(join(folder, "film.bin"), Buffer.alloc(5 * 65_536));
  const url = `http://127.0.0.1:${(middlebox.address() as AddressInfo).port}`;
  const { code, stderr } = await runCommand(["upload", join(folder, "film.bin")], { ...env, STOWAGE_URL: url });
  expect(code).toBe(1);
  expect(stderr).toContain("an answer that this client doesn't know: 200");
  expect(puts).toBeLessThan(20);
});

test("a name that is too long for a file is cut before its extension, or refused before the download", async () => {
  const name = `${"漢".repeat(184)}.txt`;
  await ada.upload(name, Buffer.from("long"));
  const run = (args: string[]) => runCommand(args, env);
  expect((await run(["download", name, "-o", folder])).code).toBe(0);
  const [saved = ""] = (await readdir(folder)).filter((one) => one.startsWith("漢"));
  expect(saved).toMatch(/^漢+\.txt$/);
  expect(await readFile(join(folder, saved), "utf8")).toBe("long");
  const refused = await run(["download", name, "-o", join(folder, `x${name}`)]);
  expect(refused.stderr).toContain("too long");
  const emoji = "😀".repeat(130);
  await ada.upload(emoji, Buffer.from("smile"));
  expect((await run(["mv", emoji, "smile.txt"])).code).toBe(0);
});

describe("the command line", () => {
  test("-- ends the options", async () => {
    const path = join(folder, "-rf");
    await writeFile(path, "dashes");
    expect((await runCommand(["upload", path], env)).code).toBe(0);
    const removed = await runCommand(["rm", "--", "-rf"], env);
    expect(removed).toMatchObject({ code: 0, stdout: expect.stringContaining("Deleted -rf") });
  });

  test.each([
    [["download", "a", "b"], "There is no place for b: it is 'stowage download <file>'"],
    [["download"], "Something is missing: it is 'stowage download <file>'"],
    [["rm"], "it is 'stowage rm <files..>'"],
    [["ls", "--jsn"], "There is no option --jsn: it is 'stowage ls"],
    [["link", "a", "--expires", "-1d"], "There is no option -1d: it is 'stowage link"],
    [["ls", "--url", "ftp://files.example"], "is no URL of a server"],
    [["mv", "a"], "it is 'stowage mv <file> <name>'"],
    [["link", "a", "--expires", "99y"], "--expires accepts a duration of a second to a year"],
  ])("%j is told what it takes", async (args, says) => {
    const { code, stderr } = await runCommand(args, env);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  test("a token that is wrong is told of in the command's own words", async () => {
    const { code, stderr } = await runCommand(["ls"], { ...env, STOWAGE_TOKEN: "wrong" });
    expect(code).toBe(3);
    expect(stderr).not.toMatch(/Authorization|Bearer|header/);
    expect(stderr).toContain("STOWAGE_TOKEN");
  });

  test("ls --json is a file a line", async () => {
    for (const name of ["line-1", "line-2"]) await ada.upload(name, Buffer.from(name));
    const lines = (await runCommand(["ls", "line-", "--json"], env)).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).filename).sort()).toEqual(["line-1", "line-2"]);
  });
});

test("a server's id is no path", async () => {
  const hostile = createServer((_request, response) => {
    const file = { id: "../../evil", filename: "f", size: 0, contentType: "a/b", digest: "", downloadUrl: "/x" };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ data: { file } }));
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void hostile.close());
  await once(hostile, "listening");
  const client = new StowageClient({ url: `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`, token: "t" });
  await mkdir(join(folder, "a/b"), { recursive: true });
  await expect(client.downloadTo(join(folder, "a/b/f"), "id")).rejects.toMatchObject({ code: "UNEXPECTED_ANSWER" });
  expect(await readdir(folder)).toEqual(["a"]);
});
