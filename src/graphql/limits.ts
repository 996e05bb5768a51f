import { createRequire } from "node:module";
import type { ApolloServerPlugin } from "@apollo/server";
import { ApolloServerErrorCode } from "@apollo/server/errors";
import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import { GraphQLError, type ValidationContext, type ValidationRule } from "graphql";
import type { GraphQLContext } from "./context.ts";

// Its ESM build loads graphql's other build, whose types don't recognize ours.
const { fieldExtensionsEstimator, getComplexity, simpleEstimator } = createRequire(import.meta.url)(
  "graphql-query-complexity",
) as typeof import("graphql-query-complexity");

/** Tokens of a query's text; a full introspection has about 250. */
export const MAX_TOKENS = 2000;
const MAX_DEPTH = 12;
const MAX_ALIASES = 20;
/** Fields of an answer, were every list as long as asked for. */
const MAX_COMPLEXITY = 100_000;

// An error that a rule throws, as these do when left alone, counts as the server's; one that it reports, as the query's.
const reported = {
  propagateOnRejection: false,
  exposeLimits: true,
  onReject: [(context: ValidationContext | null, error: GraphQLError) => context?.reportError(error)],
};

export const validationRules: ValidationRule[] = [
  maxDepthRule({ n: MAX_DEPTH, ignoreIntrospection: true, ...reported }),
  maxAliasesRule({ n: MAX_ALIASES, ...reported }),
];

/** Reckons before anything runs, so that it is the first to meet variables and arguments that don't fit. */
function complexityOf(options: Parameters<typeof getComplexity>[0]): number {
  try {
    return getComplexity(options);
  } catch (error) {
    // The library counts so many nodes, with all their fragments, and no more.
    if (error instanceof Error && /maximum allowed number of nodes/.test(error.message))
      return Number.POSITIVE_INFINITY;
    if (!(error instanceof GraphQLError)) throw error;
    const extensions = { code: ApolloServerErrorCode.BAD_USER_INPUT, http: { status: 400 } };
    throw new GraphQLError(error.message, { nodes: error.nodes, extensions });
  }
}

/** Refuses a query whose lists multiply beyond bounds before any of it is run. */
export const complexityLimit: ApolloServerPlugin<GraphQLContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ schema, document, operationName, request }) {
        const complexity = complexityOf({
          schema,
          query: document,
          ...(operationName && { operationName }),
          variables: request.variables ?? {},
          estimators: [fieldExtensionsEstimator(), simpleEstimator({ defaultComplexity: 1 })],
        });
        if (complexity <= MAX_COMPLEXITY) return;
        throw new GraphQLError(`This query asks for more than ${MAX_COMPLEXITY} fields. Ask for shorter lists.`, {
          extensions: { code: "QUERY_TOO_COMPLEX", limit: MAX_COMPLEXITY, http: { status: 400 } },
        });
      },
    };
  },
};
