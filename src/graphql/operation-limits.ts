import type { ApolloServerPlugin } from "@apollo/server";
import { ApolloServerErrorCode } from "@apollo/server/errors";
import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import {
  GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  type OperationDefinitionNode,
  type ValidationContext,
  type ValidationRule,
} from "graphql";
import { fieldExtensionsEstimator, getComplexity, simpleEstimator } from "graphql-query-complexity";
import type { GraphQLContext } from "./context.ts";
import { faultOfVariables } from "./request-limits.ts";

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
  maxDepthRule({ n: MAX_DEPTH, ignoreIntrospection: true, flattenFragments: true, ...reported }),
  maxAliasesRule({ n: MAX_ALIASES, ...reported }),
];

/**
 * Refuses variables that are too large or don't fit, at the first that doesn't: who comes later goes on to the last one,
 * and puts the whole value into each error's text.
 */
function checkVariables(schema: GraphQLSchema, operation: OperationDefinitionNode, variables: object): void {
  const tooLarge = faultOfVariables(variables);
  if (tooLarge !== undefined) throw tooLarge;
  const definitions = operation.variableDefinitions ?? [];
  const { errors } = getVariableValues(schema, definitions, variables as Record<string, unknown>, { maxErrors: 1 });
  if (errors?.[0] !== undefined) throw badInput(errors[0]);
}

/** Refuses operations such as subscriptions, where the schema has none: validation lets them pass. */
function checkOperation(schema: GraphQLSchema, operation: OperationDefinitionNode): void {
  if (schema.getRootType(operation.operation) != null) return;
  throw new GraphQLError(`This API has no ${operation.operation}s.`, {
    nodes: operation,
    extensions: { code: ApolloServerErrorCode.OPERATION_RESOLUTION_FAILURE, http: { status: 400 } },
  });
}

function badInput({ message, nodes }: GraphQLError): GraphQLError {
  const extensions = { code: ApolloServerErrorCode.BAD_USER_INPUT, http: { status: 400 } };
  return new GraphQLError(message, { nodes, extensions });
}

/** Reckons before anything runs, so that it is the first to meet arguments that don't fit. */
function complexityOf(options: Parameters<typeof getComplexity>[0]): number {
  try {
    return getComplexity(options);
  } catch (error) {
    // The library counts so many nodes, with all their fragments, and no more.
    if (error instanceof Error && /maximum allowed number of nodes/.test(error.message)) {
      return Number.POSITIVE_INFINITY;
    }
    if (!(error instanceof GraphQLError)) throw error;
    throw badInput(error);
  }
}

/** Refuses a query whose lists multiply beyond bounds before any of it is run. */
export const complexityLimit: ApolloServerPlugin<GraphQLContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ schema, document, operation, operationName, request }) {
        // Named, but not there: executing it says so.
        if (operation === undefined) return;
        checkOperation(schema, operation);
        checkVariables(schema, operation, request.variables ?? {});
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
