import { randomBytes } from "node:crypto";
import { open, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../runtime/errno.ts";
import { syncFolder } from "../../runtime/folders.ts";
import { linkFile } from "../../runtime/place-file.ts";
import { IDENTITY_FILE, parseIdentity, writtenIdentity } from "../node-identity.ts";
import type { NodeIdentity } from "../storage-node.ts";

/** @returns null where there is no identity file, or no such folder */
export async function readIdentity(node: string, root: string): Promise<NodeIdentity | null> {
  try {
    return parseIdentity(node, await readFile(join(root, IDENTITY_FILE), "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** Writes the identity file in one step, durably; one that is there already stays. @param tmp a folder beside it */
export async function writeIdentity(root: string, tmp: string, identity: NodeIdentity): Promise<void> {
  const path = join(root, IDENTITY_FILE);
  const temporary = join(tmp, `${IDENTITY_FILE}.${randomBytes(8).toString("hex")}`);
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(writtenIdentity(identity));
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // Nobody may ever read an empty identity, so where there are no hard links the last one wins.
    if (!(await linkFile(temporary, path))) await rename(temporary, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    await unlink(temporary).catch(() => {});
  }
  await syncFolder(root);
}

/** Makes an identity file durable that somebody wrote who may not have come to that. */
export async function syncIdentity(root: string): Promise<void> {
  const file = await open(join(root, IDENTITY_FILE), "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
