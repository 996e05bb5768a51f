import { ApolloServerErrorCode } from "@apollo/server/errors";
import { type DocumentNode, GraphQLError, parse } from "graphql";
import { repeatsTooMuch } from "./repetition.ts";

/** Tokens of a query's text; a full introspection has about 250. */
export const MAX_TOKENS = 2000;
/** Characters of a query's text. */
const MAX_QUERY_LENGTH = 65_536;
/** Keys, entries and values in the variables, and characters of their texts and keys. */
const MAX_VALUES = 1000;
const MAX_CHARACTERS = 262_144;

function refusal(code: string, message: string, limit: number): GraphQLError {
  return new GraphQLError(message, { extensions: { code, limit, http: { status: 400 } } });
}

function parsed(query: string): DocumentNode | undefined {
  try {
    return parse(query, { maxTokens: MAX_TOKENS, noLocation: true });
  } catch {
    // What is wrong with it is told by whoever runs it.
    return undefined;
  }
}

/** Why a query's text may not be validated: that takes time which can grow with the square of its length. */
export function faultOfQuery(query: unknown): GraphQLError | undefined {
  if (typeof query !== "string") return undefined;
  if (query.length > MAX_QUERY_LENGTH) {
    const message = `A query has at most ${MAX_QUERY_LENGTH} characters. Put values into variables.`;
    return refusal(ApolloServerErrorCode.GRAPHQL_PARSE_FAILED, message, MAX_QUERY_LENGTH);
  }
  const document = parsed(query);
  if (document === undefined || !repeatsTooMuch(document)) return undefined;
  const message = "This query asks for the same fields too often, or in too many fragments. Ask for each once.";
  return new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX", http: { status: 400 } } });
}

/** Why variables are too large to be looked at. It gives up where the limit is reached. */
export function faultOfVariables(variables: unknown): GraphQLError | undefined {
  const rest: unknown[] = [variables];
  let values = 0;
  let characters = 0;
  const add = (value: unknown, key = "") => {
    values++;
    characters += key.length + (typeof value === "string" ? value.length : 0);
    if (typeof value === "object" && value !== null && !(value instanceof Promise)) rest.push(value);
    return values <= MAX_VALUES && characters <= MAX_CHARACTERS;
  };
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    for (const key in value as object) {
      if (add((value as Record<string, unknown>)[key], key)) continue;
      const message = `Variables hold at most ${MAX_VALUES} values and ${MAX_CHARACTERS} characters.`;
      return refusal(ApolloServerErrorCode.BAD_USER_INPUT, message, values > MAX_VALUES ? MAX_VALUES : MAX_CHARACTERS);
    }
  }
  return undefined;
}
