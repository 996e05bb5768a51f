import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";

const hexPort = (port: number | undefined) => (port ?? 0).toString(16).toUpperCase().padStart(4, "0");

/**
 * Bytes that the system has taken from us and the client has not acknowledged: when it changes, the client takes
 * something, though perhaps too little for the system to ask us for more. Null where the system doesn't tell (only Linux
 * does).
 * @see proc_net_tcp in the Linux kernel's documentation
 */
export async function unacknowledgedBytes({ localPort, remotePort }: Socket): Promise<string | null> {
  const ports = new RegExp(`:${hexPort(localPort)} [0-9A-F]+:${hexPort(remotePort)} [0-9A-F]{2} ([0-9A-F]{8}):`, "g");
  let queues: string | null = null;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(table, "latin1").catch(() => "");
    // Another address may have the same ports; then a change of either counts.
    for (const [, queue] of text.matchAll(ports)) queues = `${queues ?? ""} ${queue}`;
  }
  return queues;
}
