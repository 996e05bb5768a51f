import { dictionary } from "@zxcvbn-ts/language-common";
import { BadUserInputError } from "../errors.ts";

/** The most common of passwords that were found in leaks; none of them may be chosen (NIST SP 800-63B section 5.1.1.2). */
const common = new Set(dictionary["passwords-common"].slice(0, 10_000));

const MIN_LENGTH = 8;
const MAX_LENGTH = 256;

/** RFC 8265 section 4.2.2, the OpaqueString profile: any space is a space, and characters are composed. Controls are refused where one is chosen. */
export function prepare(password: string): string {
  return password.replace(/\p{Zs}/gu, " ").normalize("NFC");
}

/** The forms that hashes from before passwords were prepared may be of. */
export function candidates(password: string): string[] {
  return [...new Set([prepare(password), password, password.normalize("NFD")])];
}

/**
 * @returns the password as it is hashed
 * @throws BadUserInputError for one that may not be chosen
 */
export function checkChosen(password: string, { username, email }: { username: string; email: string }): string {
  const prepared = prepare(checkForm(password, MIN_LENGTH));
  if (/\p{Cc}/u.test(prepared)) {
    throw new BadUserInputError("password", "password accepts no control characters, such as tabs.");
  }
  const refuse = (why: string) => {
    throw new BadUserInputError("password", `password accepts one that others don't guess: ${why}.`);
  };
  const folded = prepared.toLowerCase().trim();
  if (folded === "") refuse("this one has spaces only");
  const [mailbox = ""] = email.toLowerCase().split("@");
  if ([username.toLowerCase(), email.toLowerCase(), mailbox].includes(folded)) {
    refuse("this one is your name or address");
  }
  if (common.has(folded)) refuse("this is one of the most common passwords");
  return prepared;
}

/** @throws BadUserInputError for what can't be anybody's password */
export function checkAttempt(password: string): void {
  checkForm(password, 0);
}

/** Counted in characters, as a person does: an emoji is one. */
function checkForm(password: string, min: number): string {
  const { length } = [...prepare(password)];
  if (length < min || length > MAX_LENGTH) {
    const takes = min === 0 ? `at most ${MAX_LENGTH}` : `${min} to ${MAX_LENGTH}`;
    throw new BadUserInputError("password", `password accepts ${takes} characters; this one has ${length}.`);
  }
  if (!password.isWellFormed()) throw new BadUserInputError("password", "password accepts well-formed Unicode.");
  return password;
}
