import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureInstalled, find } from "./debian-packages.ts";
import { freePort } from "./mysql-server.ts";

/** An nginx before a server, on a port of its own. @returns its URL, and what ends it */
export async function startNginx(location: string): Promise<{ url: string; stop: () => Promise<void> }> {
  ensureInstalled({
    programs: ["nginx"],
    packages: ["nginx-light"],
    purpose: "the tests behind a reverse proxy",
    advice: "The tests need nginx: install nginx-light (Debian), or your system's nginx.",
  });
  const folder = await mkdtemp(join(tmpdir(), "stowage-nginx-"));
  const port = await freePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${join(folder, kind)};`,
  );
  await writeFile(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${join(folder, "pid")}; error_log stderr;
    events {}
    http { access_log off; ${paths.join(" ")} server { listen 127.0.0.1:${port}; ${location} } }`,
  );
  const program = [find("nginx") as string, "-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")];
  // setpriv ends it with the test run, however that ends.
  const child = spawn("setpriv", ["--pdeathsig=KILL", ...program], { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (data: Buffer) => {
    errors += data;
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(url).then(Boolean, () => false))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${errors}`);
    await sleep(20);
  }
  return {
    url,
    async stop() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
