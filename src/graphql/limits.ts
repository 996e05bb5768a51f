import { createRequire } from "node:module";
import type { ApolloServerPlugin } from "@apollo/server";
import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import { GraphQLError, type ValidationRule } from "graphql";
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

const silent = { propagateOnRejection: true, exposeLimits: true } as const;

export const validationRules: ValidationRule[] = [
  maxDepthRule({ n: MAX_DEPTH, ignoreIntrospection: true, ...silent }),
  maxAliasesRule({ n: MAX_ALIASES, ...silent }),
];

/** Refuses a query whose lists multiply beyond bounds before any of it is run. */
export const complexityLimit: ApolloServerPlugin<GraphQLContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ schema, document, operationName, request }) {
        const complexity = getComplexity({
          schema,
          query: document,
          ...(operationName && { operationName }),
          variables: request.variables ?? {},
          estimators: [fieldExtensionsEstimator(), simpleEstimator({ defaultComplexity: 1 })],
        });
        if (complexity <= MAX_COMPLEXITY) return;
        const message = `This query asks for up to ${complexity} fields; at most ${MAX_COMPLEXITY} are allowed. Ask for shorter lists.`;
        throw new GraphQLError(message, {
          extensions: { code: "QUERY_TOO_COMPLEX", complexity, limit: MAX_COMPLEXITY, http: { status: 400 } },
        });
      },
    };
  },
};
