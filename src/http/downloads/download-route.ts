import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { BadUserInputError, NotFoundError } from "../../errors.ts";
import type { DownloadableFile, DownloadService } from "../../files/download-service.ts";
import type { ByteRange } from "../../storage/storage-node.ts";
import { requestAddress } from "../auth/request-address.ts";
import { requestToken } from "../auth/request-token.ts";
import { parseRange } from "./byte-ranges.ts";
import {
  contentTypeOf,
  type Disposition,
  dispositionHeader,
  fileHeaders,
  lacksCharset,
  strongETag,
} from "./download-headers.ts";
import { downloadSchema } from "./download-schema.ts";
import { contentRange, MultipartByteranges } from "./multipart-byteranges.ts";
import { evaluatePreconditions } from "./preconditions.ts";
import { exactly, streamBody, watchClient } from "./stream-body.ts";
import { isUtf8, SAMPLE_BYTES } from "./text-encoding.ts";

/** What the route needs of the DownloadService. */
export type Downloads = Pick<DownloadService, "find" | "read">;

/** A body to stream, with the headers that are its own. */
interface Content {
  status: 200 | 206;
  headers: Record<string, string | number>;
  body(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>;
}

export function registerDownloadRoute(app: FastifyInstance, downloads: Downloads): void {
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { id } = request.params as { id: string };
    const { secret, disposition } = readQuery(request.query as Record<string, unknown>);
    const file = await downloads.find(id, { token: requestToken(request), address: requestAddress(request), secret });
    return answer(downloads, file, disposition, request, reply);
  };
  for (const method of ["HEAD", "GET"] as const) {
    app.route({
      method,
      url: "/files/download/:id",
      exposeHeadRoute: false,
      config: { swagger: { exposeHeadRoute: true } },
      schema: downloadSchema(method),
      // The schema is for the documentation: Ajv would coerce what it gets, and its serializer would filter answers.
      validatorCompiler: () => () => true,
      serializerCompiler: () => (data) => JSON.stringify(data),
      handler,
    });
  }
}

function readQuery(query: Record<string, unknown>): { secret: string | undefined; disposition: Disposition } {
  const { secret, disposition = "attachment" } = query;
  if (secret !== undefined && typeof secret !== "string") throw new BadUserInputError("secret", "Give one secret.");
  if (disposition !== "attachment" && disposition !== "inline") {
    throw new BadUserInputError("disposition", "The disposition is 'attachment' or 'inline'.");
  }
  return { secret, disposition };
}

async function answer(
  downloads: Downloads,
  file: DownloadableFile,
  disposition: Disposition,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const isHead = request.method === "HEAD";
  const validators = { etag: strongETag(file), lastModified: file.completedAt };
  const { outcome, honourRange } = evaluatePreconditions(isHead ? "HEAD" : "GET", request.headers, validators);
  const common = fileHeaders(file, disposition);
  if (outcome === "precondition-failed") return reply.code(412).headers(common).send();
  const headers = { ...common, ...dispositionHeader(file, disposition) };
  if (outcome === "not-modified") return reply.code(304).headers(headers).send();

  const labelled = disposition === "inline" ? await withCharset(downloads, file, request) : file;
  const content = contentFor(downloads, labelled, honourRange ? request.headers.range : undefined);
  if (content === "unsatisfiable") {
    return reply
      .code(416)
      .headers({ ...common, "Content-Range": `bytes */${file.size}` })
      .send();
  }
  Object.assign(headers, content.headers);
  if (isHead || file.size === 0) return reply.code(200).headers(headers).send();
  return stream(content, headers, file, request, reply);
}

/** The file with its encoding said, where it is a text in UTF-8. */
async function withCharset(
  downloads: Downloads,
  file: DownloadableFile,
  request: FastifyRequest,
): Promise<DownloadableFile> {
  if (!lacksCharset(file) || file.size === 0) return file;
  const { gone: signal, stop } = watchClient(request.raw.socket);
  const end = Math.min(file.size, SAMPLE_BYTES);
  const sample: Buffer[] = [];
  // A buffer may be used again when the next is asked for.
  try {
    for await (const piece of downloads.read(file, { start: 0, end }, signal)) sample.push(Buffer.from(piece));
  } finally {
    stop();
  }
  if (!isUtf8(Buffer.concat(sample), end === file.size)) return file;
  return { ...file, contentType: `${file.contentType}; charset=utf-8` };
}

function contentFor(downloads: Downloads, file: DownloadableFile, range?: string): Content | "unsatisfiable" {
  // An empty file has no range; clients that always ask for one get it whole.
  const isWhole = range === undefined || file.size === 0;
  const asked = isWhole ? ({ kind: "ignore" } as const) : parseRange(range, file.size);
  if (asked.kind === "unsatisfiable") return "unsatisfiable";

  const contentType = contentTypeOf(file);
  const read = ({ start, end }: ByteRange, signal: AbortSignal) =>
    exactly(downloads.read(file, { start, end }, signal), end - start);
  if (asked.kind === "ignore") {
    return {
      status: 200,
      headers: { "Content-Type": contentType, "Content-Length": file.size },
      body: (signal) => read({ start: 0, end: file.size }, signal),
    };
  }
  const [only, ...others] = asked.ranges;
  if (only !== undefined && others.length === 0) {
    const headers = { "Content-Type": contentType, "Content-Length": only.end - only.start };
    return {
      status: 206,
      headers: { ...headers, "Content-Range": contentRange(only, file.size) },
      body: (signal) => read(only, signal),
    };
  }
  const multipart = new MultipartByteranges(asked.ranges, file.size, contentType);
  return {
    status: 206,
    headers: { "Content-Type": multipart.contentType, "Content-Length": multipart.length },
    body: (signal) => multipart.body((range) => read(range, signal)),
  };
}

async function stream(
  content: Content,
  headers: Record<string, string | number>,
  file: DownloadableFile,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const client = watchClient(request.raw.socket);
  try {
    await streamBody(reply, content.status, headers, content.body(client.gone), client.gone);
  } catch (err) {
    if (client.gone.aborted) {
      // Nobody is there to be answered. Fastify logs no end of a request whose response didn't finish.
      if (!reply.sent) reply.hijack();
      request.log.info({ err, fileId: file.id }, "the client left before the end of the download");
    } else if (reply.sent && err instanceof NotFoundError) {
      request.log.info({ fileId: file.id }, "the file was deleted before the end of a download");
    } else if (reply.sent) {
      request.log.error({ err, fileId: file.id }, "a download was cut");
    } else {
      throw err;
    }
  } finally {
    client.stop();
  }
  return reply;
}
