import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/setup/config.ts";
import { ConfigError } from "../../src/setup/config-error.ts";
import { describeDatabase, type MySqlSetting, parseDatabaseUrl } from "../../src/setup/database-setting.ts";

const MIB = 1024 ** 2;
const DAY_MS = 86_400_000;

function message(environment: Record<string, string>): string {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error(`${JSON.stringify(environment)} was taken`);
}

describe("readConfig", () => {
  test("needs nothing to be set", () => {
    expect(readConfig({})).toMatchObject({
      databaseUrl: "sqlite:storage/metadata.sqlite",
      storageNodes: [
        { name: "node1", directory: "storage/node1" },
        { name: "node2", directory: "storage/node2" },
      ],
      replicas: 1,
      writeQuorum: null,
      nodeTimeoutMs: 30_000,
      host: "127.0.0.1",
      port: 4000,
      chunkSize: 8 * MIB,
      maxFileSize: 5 * 1024 ** 4,
      defaultQuotaBytes: null,
      uploadExpiryMs: 7 * DAY_MS,
      tokenExpiryMs: 30 * DAY_MS,
      idleTimeoutMs: 60_000,
      repairRate: 100 * MIB,
      scrubRate: 50 * MIB,
      scrubPeriodMs: 30 * DAY_MS,
      registrationOpen: true,
      introspection: true,
      logLevel: "info",
      corsOrigins: [],
      trustProxy: false,
    });
  });

  test("takes an empty variable for one that is not set, and passes others over", () => {
    const empty = { DATABASE_URL: "", STORAGE_NODES: "", REPLICAS: "", PORT: "", CHUNK_SIZE: "", REGISTRATION: "" };
    expect(readConfig({ ...empty, PATH: "/bin", UNKNOWN: "x" })).toEqual(readConfig({}));
    expect(readConfig({ PORT: undefined })).toEqual(readConfig({}));
  });

  test.each([
    ["65536", 65_536],
    ["64KiB", 65_536],
    ["64 kb", 65_536],
    ["64k", 65_536],
    ["65536B", 65_536],
    ["8MiB", 8 * MIB],
    [" 1.5 MiB ", 1.5 * MIB],
    ["0.0625GiB", 64 * MIB],
  ])("CHUNK_SIZE=%s is %d bytes", (text, bytes) => {
    expect(readConfig({ CHUNK_SIZE: text }).chunkSize).toBe(bytes);
  });

  test.each([
    ["1s", 1000],
    ["1500ms", 1500],
    ["1.5h", 5_400_000],
    ["2 d", 2 * DAY_MS],
    ["1w", 7 * DAY_MS],
    ["3650d", 3650 * DAY_MS],
  ])("UPLOAD_EXPIRY=%s is %d ms", (text, expiryMs) => {
    expect(readConfig({ UPLOAD_EXPIRY: text }).uploadExpiryMs).toBe(expiryMs);
  });

  test.each([
    ["none", null],
    ["0", 0],
    ["500 MiB", 500 * MIB],
    ["2TiB", 2 * 1024 ** 4],
  ])("DEFAULT_QUOTA=%s is %s bytes", (text, bytes) => {
    expect(readConfig({ DEFAULT_QUOTA: text }).defaultQuotaBytes).toBe(bytes);
  });

  test.each([
    ["30d", 30 * DAY_MS],
    ["2s", 2000],
    ["off", null],
  ])("SCRUB_PERIOD=%s is %j ms", (text, scrubPeriodMs) => {
    expect(readConfig({ SCRUB_PERIOD: text })).toMatchObject({ scrubPeriodMs });
  });

  test("takes other nodes, origins and databases", () => {
    const config = readConfig({
      STORAGE_NODES: "a=file:/mnt/a, b-2=file:relative/b,c=file:/with=and:signs",
      REPLICAS: "3",
      WRITE_QUORUM: "2",
      NODE_TIMEOUT: "5s",
      CORS_ORIGINS: "https://app.example, http://localhost:5173",
      DATABASE_URL: "mysql://stowage:p%40ss@db.example:3307/files",
      PORT: "0",
      REGISTRATION: "closed",
      INTROSPECTION: "off",
      TRUST_PROXY: "on",
    });
    expect(config).toMatchObject({
      storageNodes: [
        { name: "a", directory: "/mnt/a" },
        { name: "b-2", directory: "relative/b" },
        { name: "c", directory: "/with=and:signs" },
      ],
      replicas: 3,
      writeQuorum: 2,
      nodeTimeoutMs: 5000,
      corsOrigins: ["https://app.example", "http://localhost:5173"],
      databaseUrl: "mysql://stowage:p%40ss@db.example:3307/files",
      port: 0,
      registrationOpen: false,
      introspection: false,
      trustProxy: true,
    });
  });

  test.each([
    ["DATABASE_URL", "postgres://db/files", "sqlite:"],
    ["DATABASE_URL", "sqlite:", "sqlite:"],
    ["DATABASE_URL", "sqlite:storage/x.sqlite?mode=ro", "without ? and #"],
    ["DATABASE_URL", "mysql://db.example", "mysql://"],
    ["STORAGE_NODES", "node1", "node1=file:storage/node1"],
    ["STORAGE_NODES", "Node1=file:a", "node1=file:storage/node1"],
    ["STORAGE_NODES", "a=file:", "node1=file:storage/node1"],
    ["STORAGE_NODES", "a=file:x,a=file:y", "each name and place once"],
    ["STORAGE_NODES", "a=file:x,b=file:x", "each name and place once"],
    ["STORAGE_NODES", "a=file:x,", "node1=file:storage/node1"],
    ["STORAGE_NODES", "a=s3:bucket", "archive=s3://bucket/prefix"],
    ["STORAGE_NODES", "a=s3://B", "archive=s3://bucket/prefix"],
    ["STORAGE_NODES", "a=s3://bucket/x/../y", "archive=s3://bucket/prefix"],
    ["STORAGE_NODES", "a=s3://bucket/x//y", "archive=s3://bucket/prefix"],
    ["STORAGE_NODES", "a=s3://bucket?endpoint=ftp://host", "archive=s3://bucket/prefix"],
    ["STORAGE_NODES", "a=s3://bucket?endpoint=http://host/path", "archive=s3://bucket/prefix"],
    ["STORAGE_NODES", "a=s3://bucket?region=", "archive=s3://bucket/prefix"],
    ["STORAGE_NODES", "a=s3://bucket/x,b=s3://bucket/x/", "each name and place once"],
    ["S3_MEMORY", "9MiB", "bytes, such as"],
    ["REPLICAS", "0", "a whole number from 1 to 16"],
    ["REPLICAS", "1.5", "a whole number from 1 to 16"],
    ["REPLICAS", "3", "at most the number of STORAGE_NODES, 2"],
    ["WRITE_QUORUM", "0", "auto, or a number up to REPLICAS"],
    ["WRITE_QUORUM", "17", "auto, or a number up to REPLICAS"],
    ["WRITE_QUORUM", "2", "auto, or a number up to REPLICAS, 1"],
    ["NODE_TIMEOUT", "500ms", "a duration from 1s to 25d"],
    ["PORT", "65536", "a whole number from 0 to 65535"],
    ["PORT", "http", "a whole number from 0 to 65535"],
    ["PORT", "-1", "a whole number from 0 to 65535"],
    ["CHUNK_SIZE", "65535", "from 65536 to 67108864"],
    ["CHUNK_SIZE", "65MiB", "from 65536 to 67108864"],
    ["CHUNK_SIZE", "8 megabytes", "bytes, such as"],
    ["MAX_FILE_SIZE", "0", "from 1 to"],
    ["MAX_FILE_SIZE", "-5", "from 1 to"],
    ["MAX_FILE_SIZE", "65TiB", "from 1 to"],
    ["UPLOAD_EXPIRY", "999ms", "a duration from 1s to 3650d"],
    ["UPLOAD_EXPIRY", "7", "a duration from 1s to 3650d"],
    ["UPLOAD_EXPIRY", "forever", "a duration from 1s to 3650d"],
    ["TOKEN_EXPIRY", "3651d", "a duration from 1s to 3650d"],
    ["IDLE_TIMEOUT", "30d", "a duration from 1s to 25d"],
    ["SCRUB_PERIOD", "never", "off, or a duration from 1s to 3650d"],
    ["SCRUB_RATE", "0", "from 1048576 to"],
    ["REPAIR_RATE", "1KiB", "from 1048576 to"],
    ["REGISTRATION", "shut", "open or closed"],
    ["INTROSPECTION", "yes", "on or off"],
    ["AUTH_ISSUERS", "https://id.example.org", "a JSON array"],
    ["AUTH_ISSUERS", '[{"issuer":"a","audience":"b","secret":"too short"}]', "a JSON array"],
    ["AUTH_ISSUERS", '[{"issuer":"a","audience":"b","jwks":"file:/nowhere"}]', "a JSON array"],
    ["AUTH_ISSUERS", '[{"issuer":"a","audience":"b","key":"x"}]', "a JSON array"],
    ["AUTH_ISSUERS", '[{"issuer":"a","audience":"b"},{"issuer":"a","audience":"c"}]', "a JSON array"],
    ["TRUST_PROXY", "true", "off, on, or addresses"],
    ["TRUST_PROXY", "10.0.0.0/33", "off, on, or addresses"],
    ["TRUST_PROXY", "10.0.0.1,", "off, on, or addresses"],
    ["LOG_LEVEL", "loud", "info"],
    ["DEFAULT_QUOTA", "much", "none, or bytes"],
    ["DEFAULT_QUOTA", "9000TiB", "none, or bytes"],
    ["CORS_ORIGINS", "*", "none, or origins"],
    ["CORS_ORIGINS", "https://app.example/", "none, or origins"],
    ["CORS_ORIGINS", "app.example", "none, or origins"],
  ])("%s=%s stops the start with one line that says what it takes", (name, value, takes) => {
    const text = message({ [name]: value });
    const isSecret = ["DATABASE_URL", "STORAGE_NODES", "CORS_ORIGINS", "AUTH_ISSUERS"].includes(name);
    expect(text).toContain(isSecret ? `${name} can't be used` : `${name}=${value} can't be used`);
    expect(text).toContain(takes);
    expect(text).not.toContain("\n");
  });

  test("takes folders and buckets in one list", () => {
    const nodes =
      "a=file:/mnt/a,b=s3://bucket,c=s3://my.bucket/some/prefix/?endpoint=http://127.0.0.1:9000&region=eu-1,d=s3://bucket?endpoint=https://s3.example/,e=s3://bucket-2?region=eu-west-1";
    expect(readConfig({ STORAGE_NODES: nodes }).storageNodes).toEqual(
      [
        { kind: "LOCAL", name: "a", directory: "/mnt/a" },
        { kind: "S3", name: "b", bucket: "bucket", prefix: "", endpoint: null, region: null },
        {
          kind: "S3",
          name: "c",
          bucket: "my.bucket",
          prefix: "some/prefix",
          endpoint: "http://127.0.0.1:9000",
          region: "eu-1",
        },
        { kind: "S3", name: "d", bucket: "bucket", prefix: "", endpoint: "https://s3.example", region: "us-east-1" },
        { kind: "S3", name: "e", bucket: "bucket-2", prefix: "", endpoint: null, region: "eu-west-1" },
      ].map((node) => expect.objectContaining(node)),
    );
  });

  test("S3_MEMORY has to suffice for all copies of a chunk on S3 nodes", () => {
    const settings = { STORAGE_NODES: "a=s3://one,b=s3://two,c=file:c", REPLICAS: "2" };
    expect(readConfig({ ...settings, S3_MEMORY: "20MiB" }).s3Memory).toBe(20 * MIB);
    expect(message({ ...settings, S3_MEMORY: "19MiB" })).toContain("S3_MEMORY=19MiB can't be used");
  });

  test.each([
    "a=s3://key:s3cret@bucket",
    "a=file:x,b=s3://key:s3/cr/et@bucket/prefix,c=s3://key:s3cret@other",
    "a=s3://bucket?endpoint=http://key:s3cret@host:9000",
    "a=s3://bucket?endpoint=http://host&secretAccessKey=s3cret&region=x",
  ])("STORAGE_NODES=%s is refused, and no secret is shown", (nodes) => {
    const text = message({ STORAGE_NODES: nodes });
    expect(text).not.toMatch(/s3cret|cr\/et/);
  });

  test.each([
    "mysql://stowage:s3cret@db.example",
    "stowage:s3cret@tcp(db.example)/files",
    "mysql://stowage:s3@cret@db.example/files?sslmode=on",
    "mysql:stowage:s3cret@db.example/files",
    "Server=db.example;Uid=stowage;Pwd=s3cret",
    "s3cret",
  ])("DATABASE_URL=%s is refused, and nothing of it is shown", (url) => {
    const text = message({ DATABASE_URL: url });
    expect(text).toMatch(/^DATABASE_URL can't be used: it accepts sqlite:/);
    expect(text).not.toMatch(/s3@?cret|db\.example/);
  });
});

describe("DATABASE_URL", () => {
  const plain = {
    kind: "MYSQL",
    host: "db.example",
    port: 3306,
    user: "stowage",
    password: "",
    database: "files",
    socketPath: null,
    tls: "DISABLED",
    caFile: null,
    connectionLimit: 16,
  };
  test.each<[string, object]>([
    ["mysql://stowage@db.example/files", {}],
    ["mysql://stowage:p%40ss@db.example:3307/files", { password: "p@ss", port: 3307 }],
    ["mysql://stowage:50%off@db.example/files", { password: "50%off" }],
    ["mysql://stowage:s3cr@tpw@db.example/files", { password: "s3cr@tpw" }],
    ["mysql://stowage@[::1]:3306/files", { host: "::1" }],
    ["mysql://stowage@db.example/files?ssl=true", { tls: "VERIFY_IDENTITY" }],
    ["mysql://stowage@db.example/files?ssl-mode=required", { tls: "REQUIRED" }],
    ["mysql://stowage@db.example/files?ssl-ca=/etc/ca.pem", { tls: "VERIFY_IDENTITY", caFile: "/etc/ca.pem" }],
    ["mysql://stowage@localhost/files?socketPath=/run/db.sock", { host: "localhost", socketPath: "/run/db.sock" }],
    ["mysql://stowage@db.example/files?connectionLimit=5", { connectionLimit: 5 }],
  ])("%s", (url, parts) => {
    expect(parseDatabaseUrl(url)).toEqual({ ...plain, ...parts });
    expect(readConfig({ DATABASE_URL: url }).databaseUrl).toBe(url);
  });

  test.each([
    "?ssl-mode=PREFERRED",
    "?sslmode=on",
    "?ssl=yes",
    "?ssl=true&ssl-mode=DISABLED",
    "?ssl-ca=/etc/ca.pem&ssl-mode=REQUIRED",
    "?connectionLimit=0",
    "?connectionLimit=1",
    "?connectionLimit=1001",
    "?charset=utf8",
    "?socketPath=",
    "#fragment",
  ])("mysql://stowage@db.example/files%s is refused: no option is passed over", (options) => {
    expect(message({ DATABASE_URL: `mysql://stowage@db.example/files${options}` })).toContain("ssl-mode=DISABLED");
  });

  test.each(["127.0.0.1", "[::1]"])("a certificate's name can't be verified at %s", (host) => {
    expect(message({ DATABASE_URL: `mysql://stowage@${host}/files?ssl=true` })).toContain("takes a host's name");
  });

  test("is shown without user, password and options", () => {
    const shown = (url: string) => describeDatabase(parseDatabaseUrl(url) as MySqlSetting);
    expect(shown("mysql://at:s3cr@tpw@db.example/files")).toBe("MySQL at db.example:3306, database files");
    expect(shown("mysql://u:p@[::1]:3307/files?ssl-mode=REQUIRED")).toBe(
      "MySQL at [::1]:3307, database files, TLS (REQUIRED)",
    );
  });
});

describe("a variable that looks as if it was meant to be a setting", () => {
  test.each([
    ["PORTT", "PORT"],
    ["PROT", "PORT"],
    ["port", "PORT"],
    ["STOWAGE_REPLICAS", "REPLICAS"],
    ["CORS_ORIGIN", "CORS_ORIGINS"],
    ["STORAGE_NODE", "STORAGE_NODES"],
    ["DATABSE_URL", "DATABASE_URL"],
  ])("%s is told, with %s", (name, setting) => {
    expect(readConfig({ [name]: "1" }).misspelled).toEqual([
      `${name} is not a setting of Stowage; did you mean ${setting}?`,
    ]);
  });

  test.each(["HOME", "PATH", "PWD", "HOSTNAME", "LOGNAME", "AWS_REGION", "STOWAGE_TOKEN", "TERM", "PS1"])(
    "%s is somebody else's",
    (name) => expect(readConfig({ [name]: "1" }).misspelled).toEqual([]),
  );
});
