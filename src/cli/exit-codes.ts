import { StowageError } from "../client/node.ts";

/** What scripts may rely on; docs/clients.md has the same list. */
export const exitCodes = {
  /** Failure that won't pass by itself. */
  failed: 1,
  /** The command line is not right. */
  usage: 2,
  /** Sign in first. */
  unauthenticated: 3,
  /** The server or the line to it is away: the same command later may work. */
  unavailable: 4,
  /** Ctrl-C: 128 and the signal's number, as shells have it. */
  interrupted: 130,
} as const;

const away = new Set<string>(["NETWORK_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE", "DATA_UNAVAILABLE", "RATE_LIMITED"]);

/** A wrong command line: its message says what to type instead. */
export class UsageError extends Error {}

/** A name and a password that don't belong together. */
export class SignInError extends Error {}

/** SIGINT or SIGTERM. */
export class Interruption extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("Interrupted.");
    this.exitCode = exitCode;
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interruption) return error.exitCode;
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof SignInError) return exitCodes.unauthenticated;
  if (!(error instanceof StowageError)) return exitCodes.failed;
  if (error.code === "UNAUTHENTICATED") return exitCodes.unauthenticated;
  return away.has(error.code) ? exitCodes.unavailable : exitCodes.failed;
}

/** What happened and what to do about it, for a person. */
export function explain(error: unknown): string {
  if (!(error instanceof StowageError)) return explainLocal(error);
  switch (error.code) {
    case "UNAUTHENTICATED":
      return process.env["STOWAGE_TOKEN"]
        ? "The server doesn't take the token in STOWAGE_TOKEN: it is wrong, was revoked or has expired."
        : "You are not signed in, or no longer. Run 'stowage login'.";
    case "TARGET_EXISTS":
      return `${error.message} Use --force to replace it, or -o to save under another name.`;
    case "QUOTA_EXCEEDED":
      return `${error.message} 'stowage rm' makes room, and 'stowage uploads --abort ID' gives an upload up.`;
    case "NETWORK_ERROR":
    case "TIMEOUT":
    case "SERVICE_UNAVAILABLE":
      return `${error.message} The same command may work later.`;
    default:
      return error.message;
  }
}

/** Explains errors of this machine, mostly its file system's. */
function explainLocal(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  if (path === undefined) return error.message;
  switch (code) {
    case "ENOENT":
      return `There is no such file or folder: ${path}.`;
    case "EACCES":
    case "EPERM":
      return `You may not open ${path}.`;
    case "ENAMETOOLONG":
      return `This name is too long for a file here: ${path}. Use -o to save under another.`;
    case "ENOSPC":
      return `There is no room left for ${path}.`;
    default:
      return error.message;
  }
}
