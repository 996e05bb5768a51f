const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether this can be an id at all: what is not is looked up nowhere. */
export function isId(text: string): boolean {
  return UUID.test(text);
}
