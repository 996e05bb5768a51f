import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { ApiKeys } from "../access/api-keys.ts";
import { Authenticator } from "../access/authenticator.ts";
import { Issuers } from "../access/issuers.ts";
import { Sessions } from "../access/sessions.ts";
import { SignInService } from "../access/sign-in-service.ts";
import { UserAdministration } from "../access/user-administration.ts";
import { Passwords } from "../accounts/password-hashing.ts";
import { QuotaService } from "../accounts/quota-service.ts";
import { Users } from "../accounts/users.ts";
import { distrustAfterAbsence, refuseOtherClock } from "../database/database-clock.ts";
import { DownloadLinkService } from "../files/download-link-service.ts";
import { DownloadService } from "../files/download-service.ts";
import { FileService } from "../files/file-service.ts";
import { registerGraphQLRoute } from "../graphql/graphql-route.ts";
import { buildGraphQLSchema } from "../graphql/schema.ts";
import { startApollo } from "../graphql/server.ts";
import { buildApp } from "../http/app.ts";
import { connectionLimits } from "../http/connections/connection-limits.ts";
import { PublicUrl } from "../http/public-url.ts";
import type { WrittenChunk } from "../metadata/record-chunks.ts";
import { clockWatch } from "../runtime/clock-watch.ts";
import type { Config } from "../setup/config.ts";
import { parseDatabaseUrl } from "../setup/database-setting.ts";
import { JobRunner } from "../setup/job-runner.ts";
import { setUpStorage } from "../setup/storage-setup.ts";
import type { NodeReport } from "../storage/node-report.ts";
import { AppendService } from "../uploads/append-service.ts";
import { MAX_CHUNK_SIZE } from "../uploads/chunk-plan.ts";
import { ChunkService } from "../uploads/chunk-service.ts";
import { ConcatenationService } from "../uploads/concatenation-service.ts";
import { UploadService } from "../uploads/upload-service.ts";
import { backgroundJobs } from "./background-jobs.ts";

/** The built web page, beside the compiled service. */
const PAGE_FOLDER = join(import.meta.dirname, "../web");

export interface Service {
  /** Listens at each address of the host. @returns the first one's URL */
  listen(): Promise<string>;
  /** The nodes as they were found at the start. */
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
  const passwords = await Passwords.open();
  const setup = await setUpStorage(config, log, () => jobs.wake("repair"));
  const { database, storage, upkeep, nodes } = setup;
  await refuseOtherClock(database);
  const onFreeable = () => jobs.wake("free");
  const { tokenExpiryMs, maxTokens, registrationOpen, registrationsPerHour, signIns } = config;
  const sessions = new Sessions(database, { tokenExpiryMs, maxTokens });
  const keys = new ApiKeys(database);
  const issuers = new Issuers(config.issuers, (issuer, err) =>
    log.warn({ issuer, err }, "the keys of an issuer can't be read; it is tried again"),
  );
  const authenticator = new Authenticator(database, issuers);
  const signIn = new SignInService(
    database,
    passwords,
    { sessions, keys },
    { registrationOpen, registrationsPerHour, signIns },
  );
  const { scrubPeriodMs } = config;
  const jobs = new JobRunner(backgroundJobs({ setup, sessions, scrubPeriodMs, log }), log);
  const quotas = new QuotaService(database, config.defaultQuotaBytes);
  const files = new FileService(database, onFreeable);
  const links = new DownloadLinkService(database, config.maxLinks);
  const downloads = new DownloadService(database, storage, authenticator, links);
  const uploadOptions = {
    defaultChunkSize: config.chunkSize,
    maxFileSize: config.maxFileSize,
    expiryMs: config.uploadExpiryMs,
    resumeKeyExpiryMs: config.resumeKeyExpiryMs,
    maxFiles: config.maxFiles,
    maxOpenUploads: config.maxOpenUploads,
  };
  const uploads = new UploadService(database, quotas, uploadOptions, onFreeable);
  const chunks = new ChunkService(database, storage, config.uploadExpiryMs);
  // What the writing told of them may have been given up: there were no such chunks yet.
  const onLateRows = (recorded: readonly WrittenChunk[]) => {
    const short = recorded.filter(({ nodes }) => nodes.length < storage.replicas);
    for (const { id } of short) setup.repairs.report(id, "UNDER_REPLICATED");
  };
  const appends = new AppendService(database, storage, quotas, uploads, uploadOptions, onLateRows);
  const concatenations = new ConcatenationService(database, uploadOptions, onFreeable);

  const weakness = await database.weakness();
  if (weakness !== undefined) log.warn(weakness);
  clockWatch.onJump = (ms) =>
    log.error(
      { aheadMs: Math.round(ms) },
      "the clock has jumped: nothing expires for good until it has been even for an hour",
    );
  clockWatch.start();
  const schema = buildGraphQLSchema({
    signIn,
    sessions,
    keys,
    users: new UserAdministration(new Users(database), passwords),
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
    authenticator,
    signIn,
    sessions,
    chunks,
    publicUrl,
    sequential: { uploads, appends, concatenations, files, maxFileSize: config.maxFileSize, publicUrl },
    downloads,
    pageFolder: existsSync(join(PAGE_FOLDER, "assets")) ? PAGE_FOLDER : undefined,
    readiness: { database: () => database.probe(), nodes: () => storage.reports() },
    registerGraphQL: (instance) =>
      registerGraphQLRoute(instance, apollo, authenticator, { maxFileSize: MAX_CHUNK_SIZE, publicUrl }),
  });
  jobs.start();

  return {
    listen: () => http.listen(config.host, config.port),
    nodes: await storage.reports(),
    async close() {
      await http.close();
      await jobs.stop();
      await apollo.stop();
      await setup.close();
      clockWatch.stop();
    },
  };
}
