import { pageFetch } from "../connection/page-fetch.ts";
import { asSentence } from "../ui/format.ts";

/** What the server has against it; `field` names the input that it is about. */
export class SessionError extends Error {
  readonly field: string | undefined;

  constructor(message: string, field?: string) {
    super(message);
    this.field = field;
  }
}

async function send(method: "POST" | "DELETE", path: string, input?: Record<string, string>): Promise<void> {
  const body = input === undefined ? null : JSON.stringify(input);
  const headers: HeadersInit = body === null ? {} : { "content-type": "application/json" };
  let response: Response;
  try {
    response = await pageFetch(path, { method, headers, body });
  } catch {
    throw new SessionError("The server can't be reached at the moment. Try again.");
  }
  if (response.ok) return;
  const answer = (await response.json().catch(() => ({}))) as { message?: string; field?: string };
  throw new SessionError(asSentence(answer.message ?? "Something went wrong. Try again."), answer.field);
}

/** Each sets or removes the cookie, which scripts can't see. @throws SessionError */
export const signIn = (login: string, password: string) => send("POST", "session", { login, password });
export const register = (input: { username: string; email: string; password: string }) =>
  send("POST", "registration", input);
export const signOut = () => send("DELETE", "session");
