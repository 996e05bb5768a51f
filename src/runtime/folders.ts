import { mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";

const CANT_BE_SYNCED = new Set(["EACCES", "EPERM", "EINVAL", "EROFS", "ENOTSUP", "ENOSYS"]);

/** Makes the folder with all above it; when it resolves, the entries of those that it made are durable. */
export async function makeFolder(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true });
  for (let made = folder; firstMade !== undefined && made.length >= firstMade.length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
}

/** Makes the folder durably, but nothing above it, lest that be made where a disk should be mounted. */
export async function makeOnlyFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  await syncFolder(dirname(folder));
}

/** Makes durable how the folder is reached from the root: whoever made it and what is above may not have come to that. */
export async function syncWayTo(folder: string): Promise<void> {
  for (let one = resolve(folder); ; one = dirname(one)) {
    // Above a mount point or what isn't ours there is nothing to be done.
    await syncFolder(one).catch((error: NodeJS.ErrnoException) => {
      if (!CANT_BE_SYNCED.has(error.code ?? "")) throw error;
    });
    if (one === dirname(one)) return;
  }
}

/** Makes the folder's entries durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
