import { connectionFailed, connectionWorks } from "./connection.ts";

/** The server takes the cookie's word only with it: another site's page can't send it. */
const PAGE_HEADER = "stowage-page";

/** fetch() for the page's own server, whose routes are told from where the page is: "graphql". Whether it arrives is what the page knows of the connection. */
export async function pageFetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.set(PAGE_HEADER, "1");
  try {
    const response = await fetch(input, { ...init, headers, credentials: "same-origin" });
    connectionWorks();
    return response;
  } catch (error) {
    if (init.signal?.aborted !== true) connectionFailed();
    throw error;
  }
}
