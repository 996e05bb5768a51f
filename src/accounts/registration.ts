import { BadUserInputError } from "../errors.ts";
import { checkChosen } from "./password-rules.ts";

export interface Registration {
  username: string;
  email: string;
  password: string;
}

const USERNAME = /^[A-Za-z0-9_.-]{3,32}$/;
/** What HTML's `<input type=email>` takes, with a dot in the domain. https://html.spec.whatwg.org/#valid-e-mail-address */
const EMAIL =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$/;

export function isEmail(text: string): boolean {
  return text.length <= 254 && EMAIL.test(text);
}

/**
 * @returns the keys by which username and email are unique
 * @throws BadUserInputError
 */
export function checkRegistration({ username, email, password }: Registration): {
  usernameKey: string;
  emailKey: string;
} {
  if (!USERNAME.test(username)) {
    throw new BadUserInputError(
      "username",
      "username accepts 3 to 32 of the letters a-z and A-Z, digits, '_', '.' and '-'.",
    );
  }
  if (!isEmail(email)) {
    throw new BadUserInputError(
      "email",
      "email accepts an address such as ada@example.org, at most 254 characters long.",
    );
  }
  checkChosen(password, { username, email });
  return { usernameKey: username.toLowerCase(), emailKey: email.toLowerCase() };
}
