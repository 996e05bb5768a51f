import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import envPaths from "env-paths";

/** Tokens by server. */
export interface Credentials {
  /** URL of the server that is used when none is named. */
  current?: string;
  /** Tokens by URL: none goes to another server. */
  servers: Record<string, { token: string; username: string }>;
}

const folder = envPaths("stowage", { suffix: "" }).config;
const path = join(folder, "credentials.json");

export function normalizeUrl(url: string): string {
  return new URL(url).href.replace(/\/+$/, "");
}

export async function readCredentials(): Promise<Credentials> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { servers: {} };
    throw new Error(`${path} can't be read: ${(error as Error).message}`);
  }
}

/** Writes a file for the user's own eyes, whole or not at all. */
export async function writeCredentials(credentials: Credentials): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}
