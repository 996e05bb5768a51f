export const OCTET_STREAM = "application/octet-stream";

const MAX_LENGTH = 255;
/** RFC 9110 section 8.3.1, without comments; quoted parameters are taken as they are. */
const MEDIA_TYPE =
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[ \t]*;[ \t]*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/;

export function isMediaType(text: string): boolean {
  return text.length <= MAX_LENGTH && MEDIA_TYPE.test(text);
}

/** What a file is kept as: its label where that says something. */
export function mediaTypeOf(label: string | null | undefined): string {
  return label != null && isMediaType(label) ? label : OCTET_STREAM;
}
