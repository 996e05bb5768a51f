import { isAbsolute, resolve } from "node:path";
import type { Config } from "../setup/config.ts";
import { describeDatabase, parseDatabaseUrl } from "../setup/database-setting.ts";
import { placeOf } from "../setup/node-setting.ts";
import { downReason, type NodeReport } from "../storage/node-report.ts";

const UNSAFE =
  "  DURABILITY=os: what is acknowledged is lost in a power cut if the operating system had not written it yet.";

/** Tells where things are, for the person who started the service. */
export function banner(config: Config, address: string, nodeReports: readonly NodeReport[]): string {
  const path = (text: string) => (isAbsolute(text) ? text : resolve(text));
  const setting = parseDatabaseUrl(config.databaseUrl);
  const database =
    setting?.kind === "MYSQL" ? describeDatabase(setting) : `embedded SQLite, ${path(setting?.path ?? "")}`;
  const nodes = config.storageNodes.map(
    (node) => `${node.name} ${node.kind === "LOCAL" ? path(node.directory) : placeOf(node)}`,
  );
  const down = nodeReports.filter(({ state }) => state === "DOWN");
  return [
    `Stowage listens at ${address}`,
    `  web page    ${address}/`,
    `  playground  ${address}/graphql`,
    `  API docs    ${address}/docs`,
    `  health      ${address}/health/ready`,
    ...(config.publicUrl === null ? [] : [`  public URL  ${config.publicUrl}`]),
    `  storage     ${nodes.join(", ")} (${config.replicas === 1 ? "1 copy" : `${config.replicas} copies`} of each chunk)`,
    `  database    ${database}`,
    ...down.map((node) => `  ${node.name} is DOWN  ${downReason(node)}`),
    ...(config.durability === "os" ? [UNSAFE] : []),
    "  Ctrl-C ends it when what is in flight is done; a second one at once.",
  ].join("\n");
}
