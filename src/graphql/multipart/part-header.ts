/** A body that is no multipart/form-data, is malformed, or ends too early. The message is for a person. */
export class MultipartError extends Error {
  override readonly name = "MultipartError";
}

/** What a part's header says. */
export interface PartDescription {
  readonly name: string;
  /** Name without any path, so it may be empty; undefined where the sender gave none, or an empty one. */
  readonly filename: string | undefined;
  /** Lower case, without parameters. */
  readonly contentType: string;
  /** The content transfer encoding in lower case: told, never decoded. */
  readonly encoding: string;
  /** Whether the part has a filename, or is of type application/octet-stream. */
  readonly isFile: boolean;
}

/** The boundary that a request's Content-Type names: 1 to 70 characters of RFC 2046. */
export function boundaryOf(contentType: string | undefined): string {
  const { value, parameters } = parseHeaderValue(contentType ?? "");
  if (value !== "multipart/form-data") {
    throw new MultipartError("The request's Content-Type is not multipart/form-data.");
  }
  const boundary = parameters?.get("boundary");
  if (boundary === undefined) throw new MultipartError("The request's Content-Type names no boundary.");
  if (!/^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/.test(boundary)) {
    throw new MultipartError("The request's Content-Type names an invalid boundary.");
  }
  return boundary;
}

/** Transfer encodings that stand for other bytes; RFC 7578 section 4.7 lets nobody send them. */
const CODED = /^(base64|quoted-printable)$/;

/** @param header from the delimiter's end, so that it begins with padding and the end of that line */
export function describePart(header: string): PartDescription {
  const fields = parseHeader(header);
  const { value, parameters } = parseHeaderValue(fields.get("content-disposition") ?? "");
  const name = parameters?.get("name");
  if (value !== "form-data" || name === undefined) {
    throw new MultipartError('Malformed part header: it needs "Content-Disposition: form-data" with a name.');
  }
  const encoding = fields.get("content-transfer-encoding")?.toLowerCase() ?? "7bit";
  if (CODED.test(encoding) || !/^(identity)?$/i.test(fields.get("content-encoding") ?? "")) {
    throw new MultipartError(
      "Malformed part header: send the bytes as they are, without a Content-Encoding or a transfer encoding.",
    );
  }
  const type = parseHeaderValue(fields.get("content-type") ?? "").value;
  const contentType = /^[^\s/]+\/[^\s/]+$/.test(type) ? type : "text/plain";
  const filename = filenameOf(parameters);
  return {
    name: unescapeFormData(name),
    filename: filename === undefined ? undefined : withoutPath(filename),
    contentType,
    encoding,
    isFile: filename !== undefined || contentType === "application/octet-stream",
  };
}

/** An empty one counts as none, as it does for busboy. */
function filenameOf(parameters: Map<string, string> | undefined): string | undefined {
  const extended = parameters?.get("filename*");
  if (extended) return decodeExtended(extended);
  const given = parameters?.get("filename");
  return given ? unescapeFormData(given) : undefined;
}

/** The first field of each name. A line that begins with white space continues the one before. */
function parseHeader(header: string): Map<string, string> {
  const [padding = "", ...lines] = header.replace(/\r\n(?=[ \t])(?<=[^\r\n]\r\n)/g, "").split("\r\n");
  if (!/^[ \t]*$/.test(padding)) {
    throw new MultipartError("Malformed delimiter: something other than a line's end follows the boundary.");
  }
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || /[\0-\x08\x0a-\x1f\x7f]/.test(line)) {
      throw new MultipartError("Malformed part header.");
    }
    if (!fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}

const PARAMETER = /[ \t]*;[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+)))?/sy;

/** `value; name=value; name="value"`. The value and the names in lower case; no parameters if they are malformed. */
function parseHeaderValue(field: string): { value: string; parameters?: Map<string, string> } {
  const value = (field.split(";", 1)[0] ?? "").trimEnd();
  const parameters = new Map<string, string>();
  const length = field.trimEnd().length;
  let end = value.length;
  while (end < length) {
    PARAMETER.lastIndex = end;
    const match = PARAMETER.exec(field);
    if (match === null) {
      return { value: value.toLowerCase() };
    }
    end = PARAMETER.lastIndex;
    const name = match[1]?.toLowerCase();
    if (name !== undefined && !parameters.has(name)) {
      // A backslash before anything else stands for itself: old browsers sent whole Windows paths.
      parameters.set(name, match[3] ?? (match[2] ?? "").replace(/\\(["\\])/g, "$1"));
    }
  }
  return { value: value.toLowerCase(), parameters };
}

const ESCAPES: Record<string, string> = { "%22": '"', "%0D": "\r", "%0A": "\n" };

/** Undoes the escapes that browsers use in names and filenames (HTML, "multipart/form-data encoding algorithm"). */
function unescapeFormData(value: string): string {
  return value.replace(/%22|%0D|%0A/g, (written) => ESCAPES[written] ?? written);
}

/** RFC 8187: charset'language'percent-encoded. */
function decodeExtended(value: string): string {
  const match = /^([^']+)'[^']*'((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-Fa-f]{2})*)$/.exec(value);
  try {
    const bytes = (match?.[2] ?? "").replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    return new TextDecoder(match?.[1] ?? "none").decode(Buffer.from(bytes, "latin1"));
  } catch (cause) {
    throw new MultipartError("Malformed part header: its filename* is no RFC 8187 value.", { cause });
  }
}

function withoutPath(filename: string): string {
  const name = filename.slice(Math.max(filename.lastIndexOf("/"), filename.lastIndexOf("\\")) + 1);
  return name === "." || name === ".." ? "" : name;
}
