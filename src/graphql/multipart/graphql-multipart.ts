import type { IncomingMessage } from "node:http";
import { type FileUpload, GRAPHQL_MULTIPART_REQUEST_SPEC_URL as SPEC, Upload } from "graphql-upload-ts";
import { RequestBodyError, tooLarge } from "../../http/body/request-body-error.ts";
import { RequestBytes } from "../../http/body/request-bytes.ts";
import { type MultipartPart, MultipartReader } from "./multipart-reader.ts";
import { boundaryOf, MultipartError } from "./part-header.ts";

/** Bytes; a field or a file of exactly that size is taken. */
export interface MultipartRequestLimits {
  maxFieldSize: number;
  maxFileSize: number;
}

/**
 * What an Upload variable resolves to: a file on its way from the client. It is read as it arrives, so once only: a
 * second reading throws at its start.
 */
export interface StreamedUpload {
  readonly fieldName: string;
  /** Name without any path; may be empty. */
  readonly filename: string;
  readonly mimetype: string;
  readonly encoding: string;
  /**
   * Pulls from the client's connection at the reader's pace. Ends only when the whole file has come; throws
   * RequestBodyError when the client leaves, the body is malformed, the file is too large or another follows. A buffer
   * is the reader's until it asks for the next one.
   */
  readonly bytes: AsyncIterable<Buffer>;
}

export interface MultipartRequest {
  /** One GraphQL operation or a batch, with an `Upload` wherever the map said so. */
  readonly operations: Record<string, unknown> | unknown[];
  /**
   * To be called when GraphQL has answered. Whoever still reads the file then gets an error. Reads what is left of the
   * request and drops it, so that the client comes to read its answer; past `maxFileSize` and a little more, it cuts
   * the connection. May be called more than once; never rejects.
   */
  finish(): Promise<void>;
}

/** Room for what isn't a field's or the file's content: headers, delimiters, stray fields. Bytes. */
const SLACK = 1024 * 1024;

/** Bytes that a whole request may have. */
export function maxRequestSize({ maxFieldSize, maxFileSize }: MultipartRequestLimits): number {
  return maxFileSize + 2 * maxFieldSize + SLACK;
}

/**
 * Reads a GraphQL multipart request up to its map, and resolves before the file arrives: that streams to whoever reads
 * the upload, with no copy on disk. Takes one file a request, which may be mapped to several variables.
 *
 * When it rejects, what is left of the request is read and dropped in the background, as `finish` does.
 * @throws RequestBodyError
 */
export async function processMultipartRequest(
  request: IncomingMessage,
  limits: MultipartRequestLimits,
): Promise<MultipartRequest> {
  const bytes = new RequestBytes(request, maxRequestSize(limits));
  const finish = () => bytes.drop(limits.maxFileSize + SLACK);
  try {
    const reader = new MultipartReader(bytes, boundaryOf(request.headers["content-type"]));
    const operations = parseOperations(await readField(reader, "operations", limits));
    const [file] = parseMap(await readField(reader, "map", limits));
    if (file !== undefined) {
      const upload = new Upload();
      placeUpload(operations, file, upload);
      void receiveFile(reader, file.fieldName, upload, { bytes, maxFileSize: limits.maxFileSize });
    }
    return { operations, finish };
  } catch (error) {
    void finish();
    throw asRequestError(error);
  }
}

/** Fields of other names are passed over. */
async function readField(
  reader: MultipartReader,
  name: "operations" | "map",
  { maxFieldSize }: MultipartRequestLimits,
): Promise<string> {
  for (let part = await reader.nextPart(); part !== null; part = await reader.nextPart()) {
    refuseMisordered(part, name);
    const text = await part.text(maxFieldSize);
    if (text === null) {
      throw new RequestBodyError(
        413,
        `The ‘${part.name}’ multipart field value exceeds the ${maxFieldSize} byte size limit.`,
      );
    }
    if (part.name === name) return text;
  }
  throw new RequestBodyError(400, `Missing multipart field ‘${name}’ (${SPEC}).`);
}

function refuseMisordered(part: MultipartPart, wanted: "operations" | "map"): void {
  if (part.isFile) {
    throw new RequestBodyError(400, `Misordered multipart fields; files should follow ‘map’ (${SPEC}).`);
  }
  if (part.name === "map" && wanted === "operations") {
    throw new RequestBodyError(400, `Misordered multipart fields; ‘map’ should follow ‘operations’ (${SPEC}).`);
  }
  if (part.name === "operations" && wanted === "map") {
    throw new RequestBodyError(400, `There is more than one multipart field ‘operations’ (${SPEC}).`);
  }
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RequestBodyError(400, `Invalid JSON in the ‘${name}’ multipart field (${SPEC}).`, { cause });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function parseOperations(text: string): Record<string, unknown> | unknown[] {
  const operations = parseJson(text, "operations");
  if (!isObject(operations)) {
    throw new RequestBodyError(
      400,
      `Invalid type for the ‘operations’ multipart field: it accepts an object, or an array of them (${SPEC}).`,
    );
  }
  return operations;
}

interface MappedFile {
  fieldName: string;
  paths: string[];
}

/** Reads the map: it names no file or one. */
function parseMap(text: string): MappedFile[] {
  const map = parseJson(text, "map");
  if (!isObject(map) || Array.isArray(map)) {
    throw new RequestBodyError(
      400,
      `Invalid type for the ‘map’ multipart field: it accepts an object such as {"0":["variables.chunk"]} (${SPEC}).`,
    );
  }
  const entries = Object.entries(map);
  if (entries.length > 1) throw tooManyFiles();
  return entries.map(([fieldName, paths]) => {
    const entry = `the ‘map’ multipart field entry key ‘${fieldName}’ array`;
    if (!Array.isArray(paths)) {
      throw new RequestBodyError(400, `Invalid type for ${entry} (${SPEC}).`);
    }
    const stray = paths.findIndex((path) => typeof path !== "string");
    if (stray !== -1) {
      throw new RequestBodyError(400, `Invalid type for ${entry} index ‘${stray}’ value (${SPEC}).`);
    }
    return { fieldName, paths };
  });
}

function placeUpload(operations: object, { fieldName, paths }: MappedFile, upload: Upload): void {
  for (const [index, path] of paths.entries()) {
    if (!replaceNull(operations, path.split("."), upload)) {
      throw new RequestBodyError(
        400,
        `Invalid object path for the ‘map’ multipart field entry key ‘${fieldName}’ array index ‘${index}’ value ` +
          `‘${path}’ (${SPEC}).`,
      );
    }
  }
}

/** Goes by own properties only, and writes only where a null is, so that no prototype is ever reached. */
function replaceNull(root: object, keys: string[], upload: Upload): boolean {
  let holder: unknown = root;
  for (const [index, key] of keys.entries()) {
    if (!isObject(holder) || key === "__proto__" || !Object.hasOwn(holder, key)) return false;
    if (index < keys.length - 1) {
      holder = holder[key];
    } else if (holder[key] === null) {
      holder[key] = upload;
      return true;
    }
  }
  return false;
}

/** Settles the upload once the file's header is there, or can't come any more. Never rejects. */
async function receiveFile(
  reader: MultipartReader,
  fieldName: string,
  upload: Upload,
  options: { bytes: RequestBytes; maxFileSize: number },
): Promise<void> {
  try {
    let others = 0;
    for (let part = await reader.nextPart(); part !== null; part = await reader.nextPart()) {
      if (part.isFile && others > 0) throw tooManyFiles();
      if (part.isFile && part.name === fieldName) {
        // The class is the stock library's, whose files lie on disk; what it hands on is ours.
        upload.resolve(openUpload(reader, part, options) as unknown as FileUpload);
        return;
      }
      others += part.isFile ? 1 : 0;
    }
    throw new RequestBodyError(400, "File missing in the request.");
  } catch (error) {
    upload.reject(asRequestError(error));
  }
}

function openUpload(
  reader: MultipartReader,
  part: MultipartPart,
  { bytes, maxFileSize }: { bytes: RequestBytes; maxFileSize: number },
): StreamedUpload {
  let opened = false;
  const open = () => {
    if (bytes.failure !== undefined) throw bytes.failure;
    if (opened) {
      const message = `The uploaded file ‘${part.name}’ streams from the client: it can be read only once.`;
      throw new RequestBodyError(400, message);
    }
    opened = true;
    return readFile(reader, part, maxFileSize);
  };
  return {
    fieldName: part.name,
    filename: part.filename ?? "",
    mimetype: part.contentType,
    encoding: part.encoding,
    bytes: { [Symbol.asyncIterator]: open },
  };
}

/** Looks past the file's end before it ends, so that no reader takes for good what came with a second file. */
async function* readFile(
  reader: MultipartReader,
  part: MultipartPart,
  maxFileSize: number,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    let size = 0;
    for await (const piece of part.bytes) {
      size += piece.length;
      if (size > maxFileSize) {
        throw tooLarge(`The file exceeds the ${maxFileSize} byte size limit.`);
      }
      yield piece;
    }
    for (let next = await reader.nextPart(); next !== null; next = await reader.nextPart()) {
      if (next.isFile) throw tooManyFiles();
    }
  } catch (error) {
    throw asRequestError(error);
  }
}

function asRequestError(cause: unknown): Error {
  if (cause instanceof MultipartError) {
    return new RequestBodyError(400, cause.message, { cause });
  }
  return cause instanceof Error ? cause : new Error("Reading the request failed.", { cause });
}

function tooManyFiles(): RequestBodyError {
  return new RequestBodyError(413, "1 max file uploads exceeded: send one file in a request.");
}
