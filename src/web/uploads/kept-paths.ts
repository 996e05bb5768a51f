/** The path of a file within what was dropped, by its upload: the name that it is stored under doesn't tell it. */
const PREFIX = "stowage-path-";

// A private window may have no storage: the file is chosen again with its folder then.

export function keepPath(uploadId: string, path: string): void {
  try {
    if (path.includes("/")) localStorage.setItem(PREFIX + uploadId, path);
  } catch {}
}

export function keptPath(uploadId: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + uploadId) ?? undefined;
  } catch {
    return undefined;
  }
}

export function forgetPath(uploadId: string): void {
  try {
    localStorage.removeItem(PREFIX + uploadId);
  } catch {}
}

export function forgetAllPaths(): void {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {}
}
