import { connectionFailed, connectionWorks } from "./connection.ts";
import { countedRequest } from "./counted-request.ts";

/** The server takes the cookie's word only with it: another site's page can't send it. */
const PAGE_HEADER = "stowage-page";

interface PageInit extends RequestInit {
  onSent?: ((bytes: number) => void) | undefined;
}

/** fetch() for the page's own server, whose routes are told from where the page is: "graphql". Whether it arrives is what the page knows of the connection. */
export async function pageFetch(input: RequestInfo | URL, init: PageInit = {}): Promise<Response> {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.set(PAGE_HEADER, "1");
  try {
    const response = await send(input, { ...init, headers });
    connectionWorks();
    return response;
  } catch (error) {
    if (init.signal?.aborted !== true) connectionFailed();
    throw error;
  }
}

function send(input: RequestInfo | URL, init: PageInit & { headers: Headers }): Promise<Response> {
  const { onSent, method = "GET", headers, body, signal } = init;
  if (onSent === undefined || !(body instanceof Uint8Array)) {
    return fetch(input, { ...init, credentials: "same-origin" });
  }
  return countedRequest(String(input), { method, headers, body: body as Uint8Array<ArrayBuffer>, signal, onSent });
}
