/**
 * Runs the README's first commands as on a fresh machine, with each Node and npm that is promised, in a copy of the
 * project: `npm run test:install`. The Nodes and npms come from npm's registry.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { delimiter, join, relative, resolve, sep } from "node:path";

const NODES = ["20", "22", "24"];
const NPMS = ["10", "11"];
/** A few tests show that all of them can run. */
const SOME_TESTS = "test/metadata/filename.test.ts";
const START_MS = 120_000;

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): string {
  try {
    return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
  }
}

function expect(text: string, pattern: RegExp, isThere = true): void {
  if (pattern.test(text) !== isThere) {
    throw new Error(`${isThere ? "No" : "A"} ${pattern} in what was printed:\n${text}`);
  }
}

/** What a clone has: nothing that was installed, built or stored. */
function isOfProject(path: string): boolean {
  const [top = ""] = relative(resolve("."), path).split(sep);
  return (
    ![".git", ".test-build", "dist", "node_modules", "storage"].includes(top) &&
    !path.includes(`${sep}node_modules${sep}`)
  );
}

/** Only what comes with the system, this Node and this npm. */
async function tools(folder: string, node: string, npm: string): Promise<NodeJS.ProcessEnv> {
  const packages = [`node@npm:node-linux-${arch()}@${node}`, `npm@${npm}`];
  run("npm", ["install", "--prefix", folder, "--no-save", "--ignore-scripts", ...packages], folder, process.env);
  const bin = join(folder, "bin");
  await mkdir(bin);
  await symlink(join(folder, "node_modules/node/bin/node"), join(bin, "node"));
  for (const name of ["npm", "npx"]) {
    await symlink(join(folder, `node_modules/npm/bin/${name}-cli.js`), join(bin, name));
  }
  const kept = ["HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"];
  const settings = Object.entries(process.env).filter(
    ([name]) => kept.includes(name) || /^npm_config_(registry|cafile|cache)$/i.test(name),
  );
  return { ...Object.fromEntries(settings), PATH: [bin, "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter) };
}

async function startAndRegister(project: string, env: NodeJS.ProcessEnv): Promise<string> {
  const npm = spawn("npm", ["start"], { cwd: project, env: { ...env, PORT: "0" }, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(npm, "exit");
  let output = "";
  try {
    const url = await new Promise<string>((found, failed) => {
      const fail = () => failed(new Error(`npm start did not start the server:\n${output}`));
      setTimeout(fail, START_MS).unref();
      npm.once("exit", fail);
      for (const stream of [npm.stdout, npm.stderr]) {
        stream.on("data", (data) => {
          output += data;
          const [, listening] = /Stowage listens at (http:\S+)/.exec(output) ?? [];
          if (listening !== undefined) found(listening);
        });
      }
    });
    const input = '{username: "ada", email: "ada@example.org", password: "correct horse"}';
    const answer = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: `mutation { register(input: ${input}) { token } }` }),
    });
    expect(await answer.text(), /"token":"stw_/);
  } finally {
    npm.kill("SIGTERM");
    const [code] = await exited;
    if (code !== 0) output += `\nnpm start ended with ${code}`;
  }
  expect(output, /npm start ended with/, false);
  return output;
}

async function tryOut(node: string, npm: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stowage-install-"));
  try {
    const env = await tools(folder, node, npm);
    const project = join(folder, "project");
    await cp(resolve("."), project, { recursive: true, filter: isOfProject });
    expect(run("node", ["--version"], project, env), new RegExp(`^v${node}\\.`));
    expect(run("npm", ["--version"], project, env), new RegExp(`^${npm}\\.`));
    expect(run("npm", ["ci"], project, env), /EBADENGINE|Unsupported engine/, false);
    await startAndRegister(project, env);
    expect(run("npx", ["stowage", "--version"], project, env), /^\d+\.\d+\.\d+$/m);
    expect(run("npm", ["test", "--", SOME_TESTS], project, env), /passed/);
    const again = await startAndRegister(project, env).catch((error: Error) => error.message);
    expect(again, /Building|tsc/, false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

for (const node of NODES) {
  for (const npm of NPMS) {
    await tryOut(node, npm);
    console.log(`Node ${node} with npm ${npm}: npm ci, npm start, npx stowage and npm test work`);
  }
}
