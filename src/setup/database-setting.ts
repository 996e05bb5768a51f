import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { ConfigError } from "./config-error.ts";

export interface SqliteSetting {
  kind: "SQLITE";
  path: string;
}

/** MySQL's own names for what is demanded of TLS; the last two verify the certificate, and the last its name. */
const tlsModes = ["DISABLED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"] as const;
export type TlsMode = (typeof tlsModes)[number];

export interface MySqlSetting {
  kind: "MYSQL";
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** A Unix socket's path, which goes before host and port; null for none. */
  socketPath: string | null;
  tls: TlsMode;
  /** A file of certificates, PEM; null for those that the system trusts. */
  caFile: string | null;
  /** Connections of each process. */
  connectionLimit: number;
}

export type DatabaseSetting = SqliteSetting | MySqlSetting;

/** Connections of an instance to a MySQL server, where nothing else is said. */
const CONNECTION_LIMIT = 16;
/** A migration needs one beside the one that holds its lock. */
const FEWEST_CONNECTIONS = 2;
const MOST_CONNECTIONS = 1_000;
const MYSQL_PORT = 3306;

export const DATABASE_URL_TAKES =
  "sqlite:<path of a file, without ? and #> or mysql://user:password@host:port/database with, after a ?, any of ssl-mode=DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY (which takes a host's name, not its address), ssl=true (VERIFY_IDENTITY) or false, ssl-ca=<file>, socketPath=<path> and connectionLimit=<number, from 2>";

/** A `%` that begins no code is itself. */
function decode(text: string): string {
  return decodeURIComponent(text.replace(/%(?![\da-f]{2})/gi, "%25"));
}

/** @returns undefined where it isn't such a URL */
export function parseDatabaseUrl(url: string): DatabaseSetting | undefined {
  const path = /^sqlite:([^?#]+)$/.exec(url)?.[1];
  if (path !== undefined) return { kind: "SQLITE", path };
  if (!url.startsWith("mysql://") || !URL.canParse(url)) return undefined;
  const { hostname, port, username, password, pathname, search, hash } = new URL(url);
  const named = /^\/([^/]+)$/.exec(pathname)?.[1];
  const options = parseOptions(search);
  if (named === undefined || hash !== "" || options === undefined) return undefined;
  if (hostname === "" && options.socketPath === null) return undefined;
  try {
    const host = decode(hostname).replace(/^\[(.*)\]$/, "$1");
    // The driver would compare the certificate with `localhost`.
    if (options.tls === "VERIFY_IDENTITY" && isIP(host) !== 0) return undefined;
    return {
      kind: "MYSQL",
      host,
      port: port === "" ? MYSQL_PORT : Number(port),
      user: decode(username),
      password: decode(password),
      database: decode(named),
      ...options,
    };
  } catch {
    // Codes that are no UTF-8.
    return undefined;
  }
}

type Options = Pick<MySqlSetting, "socketPath" | "tls" | "caFile" | "connectionLimit">;

function parseOptions(search: string): Options | undefined {
  const options: Options = { socketPath: null, tls: "DISABLED", caFile: null, connectionLimit: CONNECTION_LIMIT };
  let mode: string | undefined;
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(search)) {
    const option = name === "socket" ? "socketPath" : name === "ssl" ? "ssl-mode" : name;
    if (seen.has(option) || value === "") return undefined;
    seen.add(option);
    if (name === "ssl") mode = value === "true" ? "VERIFY_IDENTITY" : value === "false" ? "DISABLED" : "";
    else if (option === "ssl-mode") mode = value.toUpperCase();
    else if (option === "ssl-ca") options.caFile = value;
    else if (option === "socketPath") options.socketPath = value;
    else if (option === "connectionLimit" && /^\d{1,4}$/.test(value)) options.connectionLimit = Number(value);
    else return undefined;
  }
  // A file of certificates is for verifying.
  mode ??= options.caFile === null ? "DISABLED" : "VERIFY_IDENTITY";
  const tls = tlsModes.find((known) => known === mode);
  const isLimit = options.connectionLimit >= FEWEST_CONNECTIONS && options.connectionLimit <= MOST_CONNECTIONS;
  const caIsUsed = options.caFile === null || tls?.startsWith("VERIFY") === true;
  return tls !== undefined && isLimit && caIsUsed ? { ...options, tls } : undefined;
}

/** What mysql2 takes as `ssl`. @throws ConfigError where the file of certificates can't be read */
export function tlsOptions({ tls, caFile }: MySqlSetting) {
  if (tls === "DISABLED") return undefined;
  const verified = tls !== "REQUIRED";
  return {
    rejectUnauthorized: verified,
    verifyIdentity: tls === "VERIFY_IDENTITY",
    ...(caFile === null ? {} : { ca: readCertificates(caFile) }),
  };
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`DATABASE_URL can't be used: its ssl-ca can't be read (${(error as Error).message}).`);
  }
}

/** Tells a person where the database is: no user, password or option. */
export function describeDatabase(setting: MySqlSetting): string {
  const host = setting.host.includes(":") ? `[${setting.host}]` : setting.host;
  const place = setting.socketPath ?? `${host}:${setting.port}`;
  const tls = setting.tls === "DISABLED" ? "" : `, TLS (${setting.tls})`;
  return `MySQL at ${place}, database ${setting.database}${tls}`;
}
