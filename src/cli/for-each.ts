import { exitCodeOf, explain } from "./exit-codes.ts";

/** Does the work for each, whether or not it fails for some: failures are told, and the exit code is the highest of theirs. */
export async function forEach(
  names: readonly string[],
  json: boolean,
  work: (name: string) => Promise<void>,
): Promise<void> {
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      const message = explain(error);
      const { code } = error as { code?: string };
      process.stderr.write(json ? `${JSON.stringify({ name, error: { code, message } })}\n` : `stowage: ${message}\n`);
      process.exitCode = Math.max(Number(process.exitCode ?? 0), exitCodeOf(error));
    }
  }
}
