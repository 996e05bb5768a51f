import { StowageClient } from "../client/node.ts";
import { onEndSignal } from "../terminal/end-signals.ts";
import { normalizeUrl, readCredentials } from "./credentials.ts";
import { Interruption, UsageError } from "./exit-codes.ts";

export interface GlobalArguments {
  url?: string | undefined;
  json: boolean;
}

/** @throws UsageError when no server is named and none was signed in to */
export async function chooseUrl({ url }: GlobalArguments): Promise<string> {
  const named = url ?? (process.env["STOWAGE_URL"] || (await readCredentials()).current);
  if (named === undefined) throw new UsageError("Which server? Run 'stowage login --url URL', or set STOWAGE_URL.");
  if (!URL.canParse(named) || !/^https?:$/.test(new URL(named).protocol)) {
    throw new UsageError(`${named} is no URL of a server, such as https://files.example.org.`);
  }
  return normalizeUrl(named);
}

/** Patience where somebody waits for the answer. Transfers take longer anyway, and have the library's own patience. */
const SHORT = { giveUpAfterMs: 10_000 };

export function clientAt(url: string, token?: string, { patient = false } = {}): StowageClient {
  return new StowageClient({ url, token, retry: patient ? {} : SHORT });
}

/** Makes a client for the chosen server, with STOWAGE_TOKEN or the token from `stowage login` to that server. */
export async function openClient(args: GlobalArguments, options?: { patient: boolean }): Promise<StowageClient> {
  const url = await chooseUrl(args);
  const token = process.env["STOWAGE_TOKEN"] || (await readCredentials()).servers[url]?.token;
  return clientAt(url, token, options);
}

/** Aborted with an Interruption by Ctrl-C or SIGTERM; a second one ends the process at once. */
export function interruptible(): AbortSignal {
  const controller = new AbortController();
  onEndSignal((_signal, exitCode) => controller.abort(new Interruption(exitCode)));
  return controller.signal;
}
