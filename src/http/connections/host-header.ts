import type { FastifyRequest } from "fastify";
import { BadUserInputError } from "../../errors.ts";

/** RFC 3986 section 3.2.2 and 3.2.3: a name, an IPv4 address or one of IPv6 in brackets, and a port. */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d{0,5})?$/i;

/** @throws BadUserInputError where RFC 9112 section 3.2 demands 400: no Host, several, or one that is no host */
export function checkHost(request: FastifyRequest): void {
  const { raw } = request;
  const hosts = raw.headersDistinct["host"] ?? [];
  const isLeftOut = hosts.length === 0 && raw.httpVersion === "1.0";
  const isGiven = hosts.length === 1 && HOST.test(hosts[0] as string);
  if (!isLeftOut && !isGiven) {
    throw new BadUserInputError(
      "host",
      "Send one Host header with a host's name or address, such as 'Host: files.example'.",
    );
  }
}
