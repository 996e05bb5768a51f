import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Authenticator } from "../access/authenticator.ts";
import type { NodeReport } from "../storage/node-report.ts";
import { NODE_KINDS } from "../storage/storage-node.ts";
import { requestAddress } from "./auth/request-address.ts";
import { requestToken } from "./auth/request-token.ts";

export interface Readiness {
  /** Rejects when the database doesn't answer. */
  database(): Promise<void>;
  nodes(): Promise<NodeReport[]>;
}

const liveSchema = {
  summary: "Whether the process answers",
  tags: ["health"],
  response: {
    200: { description: "It does.", type: "object", properties: { status: { type: "string", enum: ["ok"] } } },
  },
};

const readySchema = {
  summary: "Whether uploads and downloads can be served: the database answers and a storage node is up",
  tags: ["health"],
  response: Object.fromEntries(
    [
      ["200", "They can."],
      ["503", "They can't; `database` and `nodes` tell why."],
    ].map(([status, description]) => [
      status,
      {
        description,
        type: "object",
        properties: {
          status: { type: "string", enum: ["ok", "unavailable"] },
          database: { type: "string", enum: ["up", "down"] },
          nodes: {
            type: "array",
            description: "Each node; what is more than its state is for administrators, with their token",
            items: {
              type: "object",
              properties: {
                name: { type: "string" },
                kind: { type: "string", enum: NODE_KINDS },
                state: { type: "string", enum: ["UP", "DRAINING", "DOWN"] },
                freeBytes: { type: ["integer", "null"] },
                failures: { type: "integer", description: "Reads and writes that failed on it since the start" },
              },
            },
          },
        },
      },
    ]),
  ),
};

export function registerHealthRoutes(app: FastifyInstance, authenticator: Authenticator, readiness: Readiness): void {
  async function isAdministrator(request: FastifyRequest): Promise<boolean> {
    const token = requestToken(request);
    if (token === undefined) return false;
    const principal = await authenticator.authenticate(token, requestAddress(request)).catch(() => null);
    return principal?.scopes.has("ADMIN") === true;
  }

  app.get("/health/live", { schema: liveSchema, logLevel: "warn" }, async () => ({ status: "ok" }));

  app.get("/health/ready", { schema: readySchema, logLevel: "warn" }, async (request, reply) => {
    const [database, nodes] = await Promise.all([
      readiness.database().then(
        () => "up",
        (error) => {
          request.log.warn({ err: error }, "the database doesn't answer");
          return "down";
        },
      ),
      readiness.nodes(),
    ]);
    const ready = database === "up" && nodes.some(({ state }) => state !== "DOWN");
    return reply.code(ready ? 200 : 503).send({
      status: ready ? "ok" : "unavailable",
      database,
      nodes:
        database === "up" && (await isAdministrator(request))
          ? nodes.map(({ name, kind, state, freeBytes, failures }) => ({ name, kind, state, freeBytes, failures }))
          : nodes.map(({ state }) => ({ state })),
    });
  });
}
