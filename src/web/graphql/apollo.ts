import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache } from "@apollo/client";
import { ErrorLink } from "@apollo/client/link/error";
import { pageFetch } from "../connection/page-fetch.ts";
import { asSentence } from "../ui/format.ts";
import { filePages } from "./file-pages.ts";
import { MeDocument } from "./operations.ts";

/** The stable code that the server gives an error; undefined for one that is not the server's. */
export function errorCode(error: unknown): string | undefined {
  if (!CombinedGraphQLErrors.is(error)) return undefined;
  const code = error.errors[0]?.extensions?.["code"];
  return typeof code === "string" ? code : undefined;
}

/** Text of an error for a person: the server's messages are written for one. */
export function errorMessage(error: unknown): string {
  if (CombinedGraphQLErrors.is(error)) return asSentence(error.errors[0]?.message ?? "The server refused it.");
  return "The server can't be reached at the moment.";
}

export function createApollo(): ApolloClient {
  const cache = new InMemoryCache({
    typePolicies: {
      Query: { fields: { files: filePages } },
      User: { fields: { storage: { merge: true } } },
    },
  });
  // A session that has ended leads back to signing in, whichever request notices it.
  const watchSession = new ErrorLink(({ error }) => {
    if (errorCode(error) === "UNAUTHENTICATED") cache.writeQuery({ query: MeDocument, data: { me: null } });
  });
  const http = new HttpLink({ uri: "graphql", fetch: pageFetch });
  return new ApolloClient({ cache, link: watchSession.concat(http) });
}
