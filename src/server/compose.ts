import { existsSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import type { Logger } from "pino";
import { AccountService } from "../accounts/account-service.ts";
import { Passwords } from "../accounts/passwords.ts";
import { QuotaService } from "../accounts/quota-service.ts";
import { distrustAfterAbsence, mayExpire } from "../database/database-clock.ts";
import { DownloadLinkService } from "../files/download-link-service.ts";
import { DownloadService } from "../files/download-service.ts";
import { FileService } from "../files/file-service.ts";
import { forgetClosedFiles, freeClosedFiles } from "../files/freeing.ts";
import { registerGraphQLRoute } from "../graphql/graphql-route.ts";
import { buildGraphQLSchema } from "../graphql/schema.ts";
import { startApollo } from "../graphql/server.ts";
import { buildApp } from "../http/app.ts";
import { connectionLimits } from "../http/connections/connection-limits.ts";
import { PublicUrl } from "../http/public-url.ts";
import type { StoredChunk } from "../metadata/recorded-chunks.ts";
import { clockWatch } from "../runtime/clock-watch.ts";
import { BackgroundJob } from "../setup/background-job.ts";
import type { Config } from "../setup/config.ts";
import { describeDatabase, parseDatabaseUrl } from "../setup/database-setting.ts";
import { placeOf } from "../setup/node-setting.ts";
import { setUpStorage } from "../setup/storage-setup.ts";
import type { NodeReport } from "../storage/cluster/node-health.ts";
import { AppendService } from "../uploads/append-service.ts";
import { MAX_CHUNK_SIZE } from "../uploads/chunk-plan.ts";
import { ChunkService } from "../uploads/chunk-service.ts";
import { ConcatenationService } from "../uploads/concatenation-service.ts";
import { expireUploads } from "../uploads/expiry.ts";
import { UploadService } from "../uploads/upload-service.ts";
import { upkeepJobs } from "./upkeep-jobs.ts";

const SWEEP_INTERVAL_MS = 5_000;
const TIDY_INTERVAL_MS = 3600_000;
/** What an interrupted write left is a leftover once nothing was added to it for this long. */
const LEFTOVER_AGE_MS = 24 * 3600_000;

/** The built web page, beside the compiled service. */
const PAGE_FOLDER = join(import.meta.dirname, "../web");

export interface Service {
  /** Listens at each address of the host. @returns the first one's URL */
  listen(): Promise<string>;
  /** As the start found them. */
  nodes: readonly NodeReport[];
  /** Finishes what is in flight, then lets go of everything. */
  close(): Promise<void>;
}

/** Builds the whole service from its settings, with the database migrated and the background work under way. */
export async function compose(config: Config, log: Logger): Promise<Service> {
  const setting = parseDatabaseUrl(config.databaseUrl);
  const awayMs = setting?.kind === "SQLITE" ? await distrustAfterAbsence(setting.path) : undefined;
  if (awayMs !== undefined) {
    log.info(
      { awayMs },
      "the database was last written to long ago by this clock: nothing expires for good for an hour",
    );
  }
  const setup = await setUpStorage(config, log, () => jobs.wakeRepairs());
  const { database, registry, storage, upkeep, nodes } = setup;
  const jobs = upkeepJobs(upkeep, () => registry.draining, config.scrubPeriodMs, log);

  const sweep = new BackgroundJob("sweep", SWEEP_INTERVAL_MS, sweepOnce, log);
  const freed = () => sweep.wake();
  const accounts = new AccountService(database, await Passwords.open(), {
    registrationOpen: config.registrationOpen,
    tokenExpiryMs: config.tokenExpiryMs,
    maxTokens: config.maxTokens,
    registrationsPerHour: config.registrationsPerHour,
  });
  const quotas = new QuotaService(database, config.defaultQuotaBytes);
  const files = new FileService(database, freed);
  const links = new DownloadLinkService(database, config.maxLinks);
  const downloads = new DownloadService(database, storage, accounts, links);
  const uploadOptions = {
    defaultChunkSize: config.chunkSize,
    maxFileSize: config.maxFileSize,
    expiryMs: config.uploadExpiryMs,
    resumeKeyExpiryMs: config.resumeKeyExpiryMs,
    maxFiles: config.maxFiles,
    maxOpenUploads: config.maxOpenUploads,
  };
  const uploads = new UploadService(database, quotas, uploadOptions, freed);
  const chunks = new ChunkService(database, storage, config.uploadExpiryMs);
  // What the writing told of them may have been given up: there were no such chunks yet.
  const onLateRows = (recorded: readonly StoredChunk[]) => {
    const short = recorded.filter(({ nodes }) => nodes.length < storage.replicas);
    for (const { id } of short) setup.repairs.report(id, "UNDER_REPLICATED");
  };
  const appends = new AppendService(database, storage, quotas, uploads, uploadOptions, onLateRows);
  const concatenations = new ConcatenationService(database, uploadOptions, freed);

  const weakness = await database.weakness();
  if (weakness !== undefined) log.warn(weakness);
  clockWatch.onJump = (ms) =>
    log.error(
      { aheadMs: Math.round(ms) },
      "the clock has jumped: nothing expires for good until it has been even for an hour",
    );
  clockWatch.start();
  async function sweepOnce(signal: AbortSignal): Promise<boolean> {
    if (await mayExpire(database)) await expireUploads(database, signal);
    const failed = (fileId: string, err: unknown) => log.warn({ fileId, err }, "a file's bytes could not be freed yet");
    return freeClosedFiles(database, storage, failed, signal);
  }
  const tidy = new BackgroundJob(
    "tidy",
    TIDY_INTERVAL_MS,
    async () => {
      if (!(await mayExpire(database))) return false;
      await accounts.removeExpiredTokens();
      await forgetClosedFiles(database);
      await storage.removeLeftovers(new Date(Date.now() - LEFTOVER_AGE_MS));
      return false;
    },
    log,
  );

  const schema = buildGraphQLSchema({
    accounts,
    quotas,
    files,
    links,
    uploads,
    chunks,
    nodes,
    requests: upkeep.requests,
  });
  const apollo = await startApollo(schema, { introspection: config.introspection, logger: log });
  const publicUrl = new PublicUrl(config.publicUrl ?? undefined);
  const http = await buildApp({
    logger: log,
    logRequests: config.logRequests,
    corsOrigins: config.corsOrigins,
    trustProxy: config.trustProxy,
    idleTimeoutMs: config.idleTimeoutMs,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
    connectionLimits: connectionLimits(config),
    accounts,
    chunks,
    publicUrl,
    sequential: { uploads, appends, concatenations, files, maxFileSize: config.maxFileSize, publicUrl },
    downloads,
    pageFolder: existsSync(join(PAGE_FOLDER, "assets")) ? PAGE_FOLDER : undefined,
    readiness: { database: () => database.probe(), nodes: () => storage.status() },
    registerGraphQL: (instance) =>
      registerGraphQLRoute(instance, apollo, accounts, { maxFileSize: MAX_CHUNK_SIZE, publicUrl }),
  });
  sweep.start();
  tidy.start();
  jobs.start();

  return {
    listen: () => http.listen(config.host, config.port),
    nodes: await storage.status(),
    async close() {
      await http.close();
      // All at once: each may have to wait until a database that says nothing is given up.
      await Promise.all([sweep.stop(), tidy.stop(), jobs.stop(), setup.stop()]);
      await apollo.stop();
      await setup.close();
      clockWatch.stop();
    },
  };
}

const UNSAFE =
  "  DURABILITY=os: what is acknowledged is lost in a power cut if the operating system had not written it yet.";

/** Where things are, for the person who started the service. */
export function describe(config: Config, address: string, nodeReports: readonly NodeReport[]): string {
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
    ...down.map(({ name, error }) => `  ${name} is DOWN  ${error instanceof Error ? error.message : error}`),
    ...(config.durability === "os" ? [UNSAFE] : []),
    "  Ctrl-C ends it when what is in flight is done; a second one at once.",
  ].join("\n");
}
