import type { FastifyReply, FastifyRequest } from "fastify";
import { continueBody } from "../connections/expectation.ts";

/** How long a body that is parsed whole may take to come: it is small, and nobody resumes it. */
const BODY_TIME_MS = 30_000;

/** A hook for routes whose bodies Fastify parses: asks for the body, and refuses one that doesn't come in time. */
export async function expectBody(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { raw } = request;
  continueBody(raw);
  if (raw.complete) return;
  const timer = setTimeout(() => {
    const message = `The request's body took longer than ${BODY_TIME_MS / 1000} seconds to arrive.`;
    void reply.header("connection", "close").code(408);
    void reply.send({ code: "BAD_USER_INPUT", message, requestId: request.id });
    reply.raw.once("finish", () => raw.destroy());
  }, BODY_TIME_MS);
  raw.once("end", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}

/** Cuts the connection where the beginning of a body, which is parsed, doesn't come in time. */
export async function inTimeOrCut<T>({ raw }: FastifyRequest, parsing: Promise<T>): Promise<T> {
  const timer = setTimeout(() => raw.destroy(), BODY_TIME_MS);
  return await parsing.finally(() => clearTimeout(timer));
}
