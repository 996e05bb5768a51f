import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";

const PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d+)?$/;

/**
 * Tells the IP address that a request came from. Behind a trusted proxy it is what its headers name: without the port that some
 * add, and if it is an address at all.
 */
export function requestAddress({ ip, socket }: Pick<FastifyRequest, "ip" | "socket">): string {
  const match = PORT.exec(ip);
  const named = match?.[1] ?? match?.[2] ?? ip;
  return isIP(named) === 0 || named.includes("%") ? (socket.remoteAddress ?? "") : named;
}
