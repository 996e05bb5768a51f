import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import {
  type $Command,
  S3Client,
  type S3ClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { isUuid } from "../../runtime/uuid.ts";
import { S3Error } from "./s3-error.ts";

/** The place of a node's objects. Credentials come by the usual chain: the environment, the profile, the machine's role. */
export interface S3Place {
  bucket: string;
  /** Prefix of every key, without the slash that ends it; empty for the whole bucket. */
  prefix: string;
  /** Null for AWS's own, which goes by the region. */
  endpoint: string | null;
  /** Null where the environment says it. */
  region: string | null;
}

export interface S3Limits {
  connectMs: number;
  /** No byte moves for so long: the request is given up and repeated. */
  inactivityMs: number;
  /** A request with all its repetitions, until its answer begins. */
  deadlineMs: number;
  /** Tries of each request, with exponential backoff and jitter between them. */
  attempts: number;
}

export const S3_LIMITS: S3Limits = { connectMs: 5_000, inactivityMs: 20_000, deadlineMs: 120_000, attempts: 5 };

/**
 * Connections for reads are apart: many slow downloads must not stand in the way of writes and probes. Nor in that of other
 * reads, so there is no bound on them here: each belongs to a download, and those are bounded by the server's connections.
 */
const READ_CONNECTIONS = Number.POSITIVE_INFINITY;
const OTHER_CONNECTIONS = 64;

type S3Command<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = $Command<
  Input,
  Output,
  S3ClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>;

/** A prefix in a bucket, with requests that end in time and errors that say where they come from. */
export class S3Bucket {
  readonly node: string;
  readonly name: string;
  readonly limits: S3Limits;
  readonly #prefix: string;
  readonly #where: string;
  readonly #reads: S3Client;
  readonly #others: S3Client;

  constructor(node: string, place: S3Place, limits: S3Limits) {
    this.node = node;
    this.name = place.bucket;
    this.limits = limits;
    this.#prefix = place.prefix === "" ? "" : `${place.prefix}/`;
    this.#where = `${place.endpoint ?? "AWS"}, bucket ${place.bucket}`;
    // A download that its client takes slowly leaves the socket idle: the reader has a timer of its own.
    this.#reads = createClient(place, limits, READ_CONNECTIONS, { requestTimeout: limits.inactivityMs });
    this.#others = createClient(place, limits, OTHER_CONNECTIONS, { socketTimeout: limits.inactivityMs });
  }

  key(name: string): string {
    return this.#prefix + name;
  }

  /** @throws TypeError for what isn't a blob's id */
  blobKey(folder: "blobs" | "aside", id: string): string {
    if (!isUuid(id)) throw new TypeError(`Not a blob id: ${JSON.stringify(id)}`);
    return this.key(`${folder}/${id}`);
  }

  /** @throws S3Error; the signal's reason when it aborts, also in a pause between two tries */
  send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    signal?: AbortSignal,
    deadlineMs: number = this.limits.deadlineMs,
  ): Promise<Output> {
    return this.#send(this.#others, command, signal, deadlineMs);
  }

  /** Client for answers with a long body, on connections of their own. */
  get<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    signal?: AbortSignal,
  ): Promise<Output> {
    return this.#send(this.#reads, command, signal, this.limits.deadlineMs);
  }

  error(operation: string, cause: unknown): S3Error {
    return new S3Error(this.node, this.#where, operation, cause);
  }

  async #send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    client: S3Client,
    command: S3Command<Input, Output>,
    signal: AbortSignal | undefined,
    deadlineMs: number,
  ): Promise<Output> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const onAbort = () => stop.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = setTimeout(() => stop.abort(new Error(`No answer within ${deadlineMs} ms`)), deadlineMs);
    try {
      return await client.send(command, { abortSignal: stop.signal });
    } catch (error) {
      signal?.throwIfAborted();
      const operation = command.constructor.name.replace(/Command$/, "");
      throw this.error(operation, stop.signal.aborted ? stop.signal.reason : error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

function createClient(
  { endpoint, region }: S3Place,
  { connectMs, attempts }: S3Limits,
  maxSockets: number,
  timeouts: { requestTimeout?: number; socketTimeout?: number },
): S3Client {
  const agentOptions = { keepAlive: true, maxSockets };
  return new S3Client({
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    ...(region === null ? {} : { region }),
    maxAttempts: attempts,
    retryMode: "standard",
    // The signed SHA-256 of each body does the same and more; not every store knows the newer checksums.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // With it, every large request would open a connection of its own.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectMs,
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent(agentOptions),
      ...timeouts,
    }),
  });
}
