import { AsyncLocalStorage } from "node:async_hooks";
import { ApolloServerErrorCode } from "@apollo/server/errors";
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import { ApiError } from "../errors.ts";
import { INTERNAL_ERROR_MESSAGE } from "../http/error-mapping.ts";

/** Codes of errors that Apollo makes of what a client sent. Their messages tell nothing of the inside. */
const clientCodes = new Set<unknown>([...Object.values(ApolloServerErrorCode), "QUERY_TOO_COMPLEX"]);
clientCodes.delete(ApolloServerErrorCode.INTERNAL_SERVER_ERROR);

/** Characters. GraphQL's own messages hold the client's values. */
const MAX_MESSAGE = 1000;

function shortened(message: string): string {
  const half = MAX_MESSAGE / 2;
  return message.length <= MAX_MESSAGE ? message : `${message.slice(0, half)} … ${message.slice(-half)}`;
}

/** The error behind the ones that GraphQL wrapped around it. */
function causeOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? causeOf(error.originalError) : error;
}

/** Which request's error is being formatted: Apollo doesn't tell. */
export const requestIds = new AsyncLocalStorage<string>();

/** The error to log: one that the client is told nothing or little of. */
export function causeToLog(error: GraphQLError): unknown {
  const cause = causeOf(error);
  if (cause instanceof ApiError) return cause.isServerSide ? cause : undefined;
  return clientCodes.has(error.extensions["code"]) ? undefined : cause;
}

/** The input field that GraphQL names in its own words, such as `size` of `… got invalid value -1 at "input.size"`. */
function fieldOf(message: string): string | undefined {
  return (/ at "[^"]*?(\w+)(?:\[\d+\])?"/.exec(message) ?? /^(?:Variable "\$|Argument ")(\w+)"/.exec(message))?.[1];
}

/** @see https://www.apollographql.com/docs/apollo-server/data/errors#for-client-responses */
export function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const cause = causeOf(error);
  const requestId = requestIds.getStore();
  const where = {
    ...(formatted.locations && { locations: formatted.locations }),
    ...(formatted.path && { path: formatted.path }),
  };
  if (cause instanceof ApiError) {
    return { message: cause.message, ...where, extensions: { code: cause.code, ...cause.facts, requestId } };
  }
  const code = formatted.extensions?.["code"];
  if (!clientCodes.has(code)) {
    return { message: INTERNAL_ERROR_MESSAGE, ...where, extensions: { code: "INTERNAL_SERVER_ERROR", requestId } };
  }
  const field = code === "BAD_USER_INPUT" ? fieldOf(formatted.message) : undefined;
  return { message: shortened(formatted.message), ...where, extensions: { code, ...(field && { field }), requestId } };
}

/** Formats errors without GraphQL's suggestions, which name parts of a schema that may not be asked for. */
export function withoutSuggestions(format: typeof formatError): typeof formatError {
  return (formatted, error) => {
    const told = format(formatted, error);
    return { ...told, message: told.message.replace(/ Did you mean .*\?/gs, "") };
  };
}
