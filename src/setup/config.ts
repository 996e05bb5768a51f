import { availableParallelism } from "node:os";
import ms from "ms";
import { z } from "zod";
import { LARGEST_RESERVATION } from "../storage/s3/memory-budget.ts";
import { MAX_CHUNK_SIZE, MAX_CHUNKS, MIN_CHUNK_SIZE } from "../uploads/chunk-plan.ts";
import { ConfigError } from "./config-error.ts";
import { DATABASE_URL_TAKES, parseDatabaseUrl } from "./database-setting.ts";
import { authIssuers, type IssuerConfig } from "./issuer-setting.ts";
import { type NodeConfig, parseStorageNodes, STORAGE_NODES_TAKE } from "./node-setting.ts";
import { trustProxy } from "./proxy-setting.ts";
import { misspelledSettings } from "./setting-names.ts";
import { bytes, choice, duration, durationOrOff, GIB, integer, integerOr, MIB, quota } from "./setting-types.ts";

const storageNodes = z
  .string()
  .default("node1=file:storage/node1,node2=file:storage/node2")
  .transform((text, context) => {
    const nodes = parseStorageNodes(text);
    if (nodes !== undefined) return nodes;
    context.addIssue({ code: "custom", message: STORAGE_NODES_TAKE });
    return z.NEVER;
  });

const databaseUrl = z
  .string()
  .default("sqlite:storage/metadata.sqlite")
  .refine((url) => parseDatabaseUrl(url) !== undefined, { error: DATABASE_URL_TAKES });

const corsOrigins = z
  .string()
  .default("none")
  .transform((text, context) => {
    if (text.trim() === "none") return [];
    const origins = text.split(",").map((origin) => origin.trim());
    if (origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)) return origins;
    context.addIssue({ code: "custom", message: "none, or origins such as https://app.example,http://localhost:5173" });
    return z.NEVER;
  });

const publicUrl = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined) return null;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isHttp = url !== undefined && ["http:", "https:"].includes(url.protocol);
    if (isHttp && url.href.replace(/\/$/, "") === url.origin + url.pathname.replace(/\/$/, "")) return url.href;
    context.addIssue({ code: "custom", message: "an http or https URL, such as https://example.org/stowage" });
    return z.NEVER;
  });

const settings = z.object({
  DATABASE_URL: databaseUrl,
  STORAGE_NODES: storageNodes,
  REPLICAS: integer(1, 16, "1"),
  S3_MEMORY: bytes(LARGEST_RESERVATION, Number.MAX_SAFE_INTEGER, "128MiB"),
  WRITE_QUORUM: z
    .string()
    .default("auto")
    .refine((text) => text === "auto" || /^([1-9]|1[0-6])$/.test(text), { error: "auto, or a number up to REPLICAS" }),
  NODE_TIMEOUT: duration("30s"),
  DURABILITY: choice(["fsync", "os"], "fsync"),
  WORKERS: z
    .string()
    .default("1")
    .refine((text) => text === "auto" || /^[1-9]\d{0,2}$/.test(text), { error: "auto, or a number from 1 to 999" }),
  HOST: z.string().default("127.0.0.1"),
  PORT: integer(0, 65_535, "4000"),
  CHUNK_SIZE: bytes(MIN_CHUNK_SIZE, MAX_CHUNK_SIZE, "8MiB"),
  MAX_FILE_SIZE: bytes(1, MAX_CHUNK_SIZE * MAX_CHUNKS, "5TiB"),
  DEFAULT_QUOTA: quota(),
  UPLOAD_EXPIRY: duration("7d", ms("3650d")),
  RESUME_KEY_EXPIRY: duration("7d", ms("3650d")),
  TOKEN_EXPIRY: duration("30d", ms("3650d")),
  MAX_FILES: integer(1, 1_000_000_000, "1000000"),
  MAX_OPEN_UPLOADS: integer(1, 1_000_000, "10000"),
  MAX_LINKS: integer(1, 1_000_000, "1000"),
  MAX_TOKENS: integer(1, 1_000_000, "1000"),
  REGISTRATIONS_PER_HOUR: integer(1, 1_000_000, "1000"),
  SIGN_INS_PER_MINUTE: integer(1, 1_000_000, "300"),
  SIGN_INS_PER_ACCOUNT: integer(1, 1_000_000, "9"),
  REGISTRATION: choice(["open", "closed"], "open"),
  INTROSPECTION: choice(["on", "off"], "on"),
  IDLE_TIMEOUT: duration("60s"),
  SHUTDOWN_TIMEOUT: duration("20s"),
  MAX_CONNECTIONS: integerOr("auto", 1, 1_000_000),
  MAX_CONNECTIONS_PER_ADDRESS: integerOr("auto", 1, 1_000_000),
  LOG_LEVEL: choice(["fatal", "error", "warn", "info", "debug", "trace", "silent"], "info"),
  LOG_REQUESTS: choice(["on", "off"], "on"),
  REPAIR_RATE: bytes(MIB, 1024 * GIB, "100MiB"),
  SCRUB_PERIOD: durationOrOff("30d", ms("3650d")),
  SCRUB_RATE: bytes(MIB, 1024 * GIB, "50MiB"),
  CORS_ORIGINS: corsOrigins,
  PUBLIC_URL: publicUrl,
  TRUST_PROXY: trustProxy,
  AUTH_ISSUERS: authIssuers,
});

export interface Config {
  databaseUrl: string;
  storageNodes: NodeConfig[];
  replicas: number;
  /** Bytes that uploads on their way to S3 nodes may hold, in each process. */
  s3Memory: number;
  /** Copies without which a chunk is refused; null for as many as can be had. */
  writeQuorum: number | null;
  /** How long a node may take for a step before another takes its place. */
  nodeTimeoutMs: number;
  /** Whether what is acknowledged was synced to disk, or left to the operating system to write. */
  durability: "fsync" | "os";
  /** Processes that share the port. */
  workers: number;
  host: string;
  port: number;
  /** Bytes, as every size here. */
  chunkSize: number;
  maxFileSize: number;
  /** What each user may store; null for no bound. */
  defaultQuotaBytes: number | null;
  /** Milliseconds, as every duration here. */
  uploadExpiryMs: number;
  /** How long a complete upload is recognised by its resume key. */
  resumeKeyExpiryMs: number;
  tokenExpiryMs: number;
  idleTimeoutMs: number;
  /** What requests in flight get when the service ends. */
  shutdownTimeoutMs: number;
  /** Null for what the system's limit on open files allows. */
  maxConnections: number | null;
  maxConnectionsPerAddress: number | null;
  /** Bytes a second. */
  repairRate: number;
  scrubRate: number;
  /** Null for never. */
  scrubPeriodMs: number | null;
  /** A user's bounds. */
  maxFiles: number;
  maxOpenUploads: number;
  /** A file's bound. */
  maxLinks: number;
  /** A user's bound. */
  maxTokens: number;
  /** An address's bound. */
  registrationsPerHour: number;
  /** Tries to sign in within a minute, of an address and at an account. */
  signIns: { perAddress: number; perAccount: number };
  registrationOpen: boolean;
  introspection: boolean;
  logLevel: string;
  logRequests: boolean;
  corsOrigins: string[];
  /** URL at which clients find the service; null where that is the one it listens at. */
  publicUrl: string | null;
  /** Whether the headers of proxies are believed; of which, where not of all. */
  trustProxy: boolean | string[];
  /** Whose tokens sign people in, besides our own. */
  issuers: IssuerConfig[];
  /** A line for each variable that looks as if it was meant to be a setting. */
  misspelled: string[];
}

/** The embedded database has one connection, in one process. */
function workerCount(workers: string, databaseUrl: string): number {
  if (databaseUrl.startsWith("mysql:")) return workers === "auto" ? availableParallelism() : Number(workers);
  if (workers === "auto" || workers === "1") return 1;
  throw new ConfigError(
    `WORKERS=${workers} can't be used with the embedded database: it accepts 1, or more with DATABASE_URL=mysql://….`,
  );
}

/** Settings that may hold passwords and keys, in whatever form they were given. */
const SECRET_SETTINGS = ["DATABASE_URL", "STORAGE_NODES", "CORS_ORIGINS", "PUBLIC_URL", "AUTH_ISSUERS"];

/** @throws ConfigError */
export function readConfig(environment: Record<string, string | undefined>): Config {
  // An empty variable is a variable that was not set: that is how Compose files and shells leave one out.
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = settings.safeParse(set);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0]);
    const shown = SECRET_SETTINGS.includes(name) ? name : `${name}=${set[name] ?? ""}`;
    throw new ConfigError(`${shown} can't be used: it accepts ${issue?.message}.`);
  }
  const { data } = parsed;
  if (data.REPLICAS > data.STORAGE_NODES.length) {
    throw new ConfigError(
      `REPLICAS=${data.REPLICAS} can't be used: it accepts at most the number of STORAGE_NODES, ${data.STORAGE_NODES.length}.`,
    );
  }
  const s3Copies = Math.min(data.REPLICAS, data.STORAGE_NODES.filter(({ kind }) => kind === "S3").length);
  if (data.S3_MEMORY < s3Copies * LARGEST_RESERVATION) {
    throw new ConfigError(
      `S3_MEMORY=${set["S3_MEMORY"] ?? data.S3_MEMORY} can't be used: it accepts at least ${LARGEST_RESERVATION} bytes for each copy on an S3 node, so ${s3Copies * LARGEST_RESERVATION}.`,
    );
  }
  const writeQuorum = data.WRITE_QUORUM === "auto" ? null : Number(data.WRITE_QUORUM);
  if (writeQuorum !== null && writeQuorum > data.REPLICAS) {
    throw new ConfigError(
      `WRITE_QUORUM=${writeQuorum} can't be used: it accepts auto, or a number up to REPLICAS, ${data.REPLICAS}.`,
    );
  }
  return {
    databaseUrl: data.DATABASE_URL,
    storageNodes: data.STORAGE_NODES,
    replicas: data.REPLICAS,
    s3Memory: data.S3_MEMORY,
    writeQuorum,
    nodeTimeoutMs: data.NODE_TIMEOUT,
    durability: data.DURABILITY,
    workers: workerCount(data.WORKERS, data.DATABASE_URL),
    host: data.HOST,
    port: data.PORT,
    chunkSize: data.CHUNK_SIZE,
    maxFileSize: data.MAX_FILE_SIZE,
    defaultQuotaBytes: data.DEFAULT_QUOTA,
    uploadExpiryMs: data.UPLOAD_EXPIRY,
    resumeKeyExpiryMs: data.RESUME_KEY_EXPIRY,
    tokenExpiryMs: data.TOKEN_EXPIRY,
    idleTimeoutMs: data.IDLE_TIMEOUT,
    shutdownTimeoutMs: data.SHUTDOWN_TIMEOUT,
    maxConnections: data.MAX_CONNECTIONS,
    maxConnectionsPerAddress: data.MAX_CONNECTIONS_PER_ADDRESS,
    repairRate: data.REPAIR_RATE,
    scrubRate: data.SCRUB_RATE,
    scrubPeriodMs: data.SCRUB_PERIOD,
    maxFiles: data.MAX_FILES,
    maxOpenUploads: data.MAX_OPEN_UPLOADS,
    maxLinks: data.MAX_LINKS,
    maxTokens: data.MAX_TOKENS,
    registrationsPerHour: data.REGISTRATIONS_PER_HOUR,
    signIns: { perAddress: data.SIGN_INS_PER_MINUTE, perAccount: data.SIGN_INS_PER_ACCOUNT },
    registrationOpen: data.REGISTRATION === "open",
    introspection: data.INTROSPECTION === "on",
    logLevel: data.LOG_LEVEL,
    logRequests: data.LOG_REQUESTS === "on",
    corsOrigins: data.CORS_ORIGINS,
    publicUrl: data.PUBLIC_URL,
    trustProxy: data.TRUST_PROXY,
    issuers: data.AUTH_ISSUERS,
    misspelled: misspelledSettings(Object.keys(set), Object.keys(settings.shape)),
  };
}
