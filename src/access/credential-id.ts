import { BadUserInputError } from "../errors.ts";
import { isUuid } from "../runtime/uuid.ts";

/**
 * Reads the id of a session or a key, in any case: a name in its place must not pass for one that is gone.
 * @throws BadUserInputError
 */
export function credentialId(id: string): string {
  const lower = id.toLowerCase();
  if (!isUuid(lower)) throw new BadUserInputError("id", "id accepts an id as it is listed.");
  return lower;
}
