const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID in lower case: what is not is no id of ours, and is looked up nowhere. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
