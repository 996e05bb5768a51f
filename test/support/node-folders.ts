import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";

/** What is called by a blob's id lies under its node's folder at this path. */
export function blobFile(folder: string, node: string, name: string): string {
  return join(folder, node, "blobs", name.slice(-4, -2), name.slice(-2), name);
}

/** Every file that the nodes hold for their blobs, half-written ones too, as `<node>/<name>` in order. */
export async function filesOnNodes(folder: string, nodes: readonly string[] = ["node1", "node2"]): Promise<string[]> {
  const found = nodes.map(async (node) => {
    const entries = await readdir(join(folder, node), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && entry.name !== "stowage-node.json");
    return files.map((entry) => `${node}/${entry.name}`);
  });
  return (await Promise.all(found)).flat().sort();
}

/** Waits for the background work to have removed every blob. */
export async function untilNodesAreEmpty(folder: string): Promise<void> {
  // Not by expect.poll, which belongs to one test: others may run at the same time.
  await vi.waitFor(async () => expect(await filesOnNodes(folder)).toEqual([]), { timeout: 90_000, interval: 50 });
}
